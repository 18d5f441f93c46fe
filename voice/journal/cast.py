"""Who plays in a replay: the config's engines on a virtual clock, tools that answer as recorded."""

import asyncio
import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from agents.conversation import Agent
from agents.llm.engine import Delta, Engine, Request
from agents.tools import Tool, ToolError, ToolResult, ToolTimeout
from voice.config import Config
from voice.engines import Engines, llm_name
from voice.journal.clock import working
from voice.journal.record import Recorded
from voice.journal.world import World
from voice.lane import Lane, Priority
from voice.listen.listener import Ears
from voice.responder import Conversation
from voice.speak.mouth import Mouth

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cast:
    ears: Ears
    conversation: Conversation
    mouth: Mouth
    greeting: str = ""
    languages: tuple[str, ...] = ("en",)


class WorkingLane(Lane):
    """A Lane whose work the virtual clock waits for."""

    async def run(
        self,
        work: Callable[[], T],
        priority: Priority = Priority.FINAL,
        *,
        call: Hashable = None,
        since: float | None = None,
        due: float = float("inf"),
    ) -> T:
        with working():
            # the schedule's clock is the world's, `since` and `due` are the replay's
            return await super().run(work, priority, call=call)


class WorkingEngine:
    """An Engine of the world, whose work the virtual clock waits for."""

    def __init__(self, engine: Engine, world: World) -> None:
        self._engine = engine
        self._world = world
        self.name = engine.name
        self.grammars = engine.grammars
        self.native_tools = engine.native_tools

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        stream = self._engine.stream(request)
        try:
            while (delta := await self._world.run(_next(stream))) is not None:
                yield delta
        finally:
            if isinstance(stream, AsyncGenerator):
                await self._world.run(_close(stream))

    async def warm_up(self, request: Request) -> None:
        await self._world.run(self._engine.warm_up(request))

    async def prepare(self, request: Request, *, whole: bool = False) -> None:
        await self._world.run(self._engine.prepare(request, whole=whole))

    async def close(self) -> None:
        await self._world.run(self._engine.close())


async def _next(stream: AsyncIterator[Delta]) -> Delta | None:
    return await anext(stream, None)


async def _close(stream: AsyncGenerator[Delta, None]) -> None:
    await stream.aclose()


@contextlib.asynccontextmanager
async def casting(config: Config, folder: Path, call: Recorded) -> AsyncGenerator[Cast]:
    """The engines that `config` names, loaded, with the call's agent, LLM and voice.

    Raises the errors of a bad set-up: ConfigError, ModelError, DefinitionError, EngineError.
    """
    with World() as world:
        engines = Engines(config, folder)
        lanes = [WorkingLane(name) for name in ("transcriber", "end of turn", "synthesizer")]
        hear, judge, speak = lanes
        try:
            await world.run(engines.load())
            offered = [llm_name(llm) for llm, _ in engines.llms()]
            llm = str(call.header["llm"])
            agent = await world.run(
                engines.agent(str(call.header["agent"]), llm if llm in offered else "")
            )
            voices = {voice.name for _, _, known in engines.voices() for voice in known}
            voice = str(call.header["voice"])
            mouth = await world.run(
                engines.mouth_of(agent.definition, voice if voice in voices else "")
            )
            path = engines.agent_path(str(call.header["agent"]))
            thinks, *others = [
                WorkingEngine(engine, world) for engine in (agent.engine, *agent.stand_ins)
            ]
            actor = Agent.load(path, thinks, others)
            for spoken in actor.languages.values():
                spoken.today = lambda: call.began.date()
                for name, tool in spoken.tools.items():
                    spoken.tools[name] = as_recorded(tool, call, world)
            yield Cast(
                replace(engines.ears, transcribing=hear, judging=judge),
                actor.conversation(),
                mouth.on(speak),
                actor.definition.greeting,
                actor.definition.languages,
            )
            await actor.close()
        finally:
            for lane in lanes:
                await asyncio.to_thread(lane.close)
            await world.run(engines.close())


def as_recorded(tool: Tool, call: Recorded, world: World) -> Tool:
    """The tool, answering what it answered in the call, in the time that it took; its check too.

    Asked something else, it runs if it only reads, and its check runs; an action never runs in a
    replay.
    """
    calls = [
        (line.data, started.data["arguments"])
        for line in call.of("tool.ended")
        for started in call.of("tool.started")
        if started.data["id"] == line.data["id"] and line.data["name"] == tool.name
    ]
    checks = [line.data for line in call.of("tool.checked") if line.data["tool"] == tool.name]
    check = tool.check

    async def answer(**given: Any) -> Any:
        arguments = {key: value for key, value in given.items() if key != tool.context_parameter}
        for ended, asked in calls:
            if _same(asked, arguments):
                await asyncio.sleep(float(ended["seconds"]))
                _raise_as_recorded(ended)
                return ToolResult(ended["result"], str(ended.get("say", "")))
        if not tool.policy.read_only:
            raise ToolError(f"{tool.name} is an action, and was not called so in the recorded call")
        return await _really(tool.function, given, world)

    if check is None:
        return replace(tool, function=answer)

    @functools.wraps(check)  # its parameters say what it is given
    async def settle(**given: Any) -> Any:
        for checked in checks:
            if _same({key: checked["arguments"].get(key) for key in given}, given):
                _raise_as_recorded(checked)
                return checked["settled"]
        return await _really(check, given, world)

    return replace(tool, function=answer, check=settle)


async def _really(function: Callable[..., Any], given: Mapping[str, Any], world: World) -> Any:
    if inspect.iscoroutinefunction(function):
        return await world.run(function(**given))
    return await asyncio.to_thread(function, **given)


def _raise_as_recorded(line: Mapping[str, Any]) -> None:
    match line["error"]:
        case None:
            return
        case "slow":
            raise ToolTimeout("it took too long in the recorded call")
        case "failed":
            raise RuntimeError("it failed in the recorded call")
        case why:
            raise ToolError(str(why), str(line.get("slot", "")), line.get("options", ()))


def _same(asked: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return {k: str(v) for k, v in asked.items()} == {k: str(v) for k, v in given.items()}
