"""Who plays in a replay: the config's engines on a virtual clock, tools that answer as recorded."""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from agents.conversation import Agent
from agents.llm.engine import Delta, Engine, Request
from agents.tools import Tool, ToolError, ToolResult
from voice.config import Config
from voice.engines import Engines, llm_name
from voice.journal.clock import VirtualLoop
from voice.journal.record import Recorded
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
    """An Engine whose work the virtual clock waits for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name = engine.name
        self.grammars = engine.grammars
        self.native_tools = engine.native_tools

    @property
    def idle(self) -> bool:
        return False  # a guess would be waited for

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        stream = self._engine.stream(request)
        try:
            while True:
                with working():
                    delta = await anext(stream, None)
                if delta is None:
                    return
                yield delta
        finally:
            if isinstance(stream, AsyncGenerator):
                with working():
                    await stream.aclose()

    async def warm_up(self, request: Request) -> None:
        with working():
            await self._engine.warm_up(request)

    async def prepare(self, request: Request) -> None:
        with working():
            await self._engine.prepare(request)

    async def close(self) -> None:
        with working():
            await self._engine.close()


def working() -> contextlib.AbstractContextManager[None]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop), "replays run on a VirtualLoop"
    return loop.working()


@contextlib.asynccontextmanager
async def casting(config: Config, folder: Path, call: Recorded) -> AsyncGenerator[Cast]:
    """The engines that `config` names, loaded, with the call's agent, LLM and voice.

    Raises the errors of a bad set-up: ConfigError, ModelError, DefinitionError, EngineError.
    """
    engines = Engines(config, folder)
    lanes = [WorkingLane(name) for name in ("transcriber", "end of turn", "synthesizer")]
    hear, judge, speak = lanes
    try:
        with working():
            await engines.load()
            offered = [llm_name(llm) for llm, _ in engines.llms()]
            llm = str(call.header["llm"])
            agent = await engines.agent(str(call.header["agent"]), llm if llm in offered else "")
            voices = {voice.name for _, _, known in engines.voices() for voice in known}
            voice = str(call.header["voice"])
            mouth = await engines.mouth(
                voice if voice in voices else agent.definition.voice, agent.definition.language
            )
        path = engines.agent_path(str(call.header["agent"]))
        actor = Agent.load(path, WorkingEngine(agent.engine))
        actor.today = lambda: call.began.date()
        for name, tool in actor.tools.items():
            actor.tools[name] = as_recorded(tool, call)
        yield Cast(
            replace(engines.ears, transcribing=hear, judging=judge),
            actor.conversation(),
            replace(mouth, synthesizing=speak),
            actor.definition.greeting,
        )
        await actor.close()
    finally:
        for lane in lanes:
            await asyncio.to_thread(lane.close)
        with working():
            await engines.close()


def as_recorded(tool: Tool, call: Recorded) -> Tool:
    """The tool, answering what it answered in the call, in the time that it took.

    Asked something else, it runs if it only reads; an action never runs in a replay.
    """
    known = [
        (line.data, started.data["arguments"])
        for line in call.of("tool.ended")
        for started in call.of("tool.started")
        if started.data["id"] == line.data["id"] and line.data["name"] == tool.name
    ]
    real = tool.function

    async def answer(**given: Any) -> Any:
        arguments = {key: value for key, value in given.items() if key != tool.context_parameter}
        for ended, asked in known:
            if _same(asked, arguments):
                await asyncio.sleep(float(ended["seconds"]))
                if ended["error"] is not None:
                    raise ToolError(str(ended["error"]))
                return ToolResult(ended["result"], str(ended.get("say", "")))
        if not tool.policy.read_only:
            raise ToolError(f"{tool.name} is an action, and was not called so in the recorded call")
        if inspect.iscoroutinefunction(real):
            return await real(**given)
        return await asyncio.to_thread(real, **given)

    return replace(tool, function=answer)


def _same(asked: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return {k: str(v) for k, v in asked.items()} == {k: str(v) for k, v in given.items()}
