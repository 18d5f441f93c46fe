"""One call of a caller with an agent, in text, and the record of it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, assert_never

from agents.conversation import Agent
from agents.evals.caller import Caller
from agents.events import Finished, Quoted, Say, ToolEnded, ToolStarted
from agents.llm.engine import Delta, Done, Engine, Request

_TURNS = 20  # of the caller; a call that is not over by then has failed
Hear = Callable[[str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that was called: what came back, or why nothing did."""

    tool: str
    arguments: Mapping[str, Any]
    result: Any
    error: str | None
    say: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A line of the caller and what the agent made of it. Times in seconds.

    `heard` is the line as the agent got it. `wait` runs to the first word that answers (no filler),
    None where nothing was said.
    """

    caller: str
    answers: str
    heard: str
    agent: str
    calls: tuple[Call, ...]
    wait: float | None
    seconds: float
    requests: int
    prompt_tokens: int
    tokens: int
    plain_wait: float | None = None  # of the model alone, where that was measured


@dataclass(slots=True)
class Counted:
    """An engine that counts what is asked of it."""

    engine: Engine
    requests: int = 0
    prompt_tokens: int = 0  # new ones, that were in no cache
    tokens: int = 0
    name: str = field(init=False)
    grammars: bool = field(init=False)
    native_tools: bool = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.engine.name
        self.grammars = self.engine.grammars
        self.native_tools = self.engine.native_tools

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        self.requests += 1
        deltas = self.engine.stream(request)
        try:
            async for delta in deltas:
                if isinstance(delta, Done):
                    self.prompt_tokens += delta.prompt_tokens - delta.cached_tokens
                    self.tokens += delta.completion_tokens
                yield delta
        finally:
            if isinstance(deltas, AsyncGenerator):
                await deltas.aclose()

    async def warm_up(self, request: Request) -> None:
        await self.engine.warm_up(request)

    async def prepare(self, request: Request, *, whole: bool = False) -> None:
        await self.engine.prepare(request, whole=whole)

    async def close(self) -> None:
        await self.engine.close()


async def talk(
    agent: Agent, caller: Caller, engine: Counted, hear: Hear | None = None
) -> list[Exchange]:
    """A whole call. `hear` turns a line into what the agent gets of it; it gets the line itself."""
    conversation = agent.conversation()
    phrases = {*agent.language.waits.first, *agent.language.waits.more}
    phrases |= {tool.policy.filler for tool in agent.tools.values()}
    exchanges: list[Exchange] = []
    said = agent.definition.greeting
    if said:
        conversation.heard(said)
    try:
        while len(exchanges) < _TURNS and (reply := await caller.reply(said)) is not None:
            heard = await hear(reply.line) if hear else reply.line
            before = engine.requests, engine.prompt_tokens, engine.tokens
            started, wait = time.monotonic(), None
            pieces: list[str] = []
            begun: dict[str, ToolStarted] = {}
            calls: list[Call] = []
            hangs_up = False
            committed = asyncio.Event()
            committed.set()
            async with aclosing(conversation.turn(heard, committed)) as events:
                async for event in events:
                    match event:
                        case Say(text):
                            if wait is None and text.strip() and text not in phrases:
                                wait = time.monotonic() - started
                            if text not in phrases:
                                pieces.append(text + " " * event.complete)
                        case ToolStarted():
                            begun[event.id] = event
                        case ToolEnded():
                            start = begun[event.id]
                            calls.append(
                                Call(
                                    event.name,
                                    start.arguments,
                                    event.result,
                                    event.error,
                                    event.say,
                                )
                            )
                        case Quoted():
                            pass
                        case Finished(hang_up):
                            hangs_up = hang_up
                        case _:
                            assert_never(event)
            said = " ".join("".join(pieces).split())
            conversation.heard(said)
            after = engine.requests, engine.prompt_tokens, engine.tokens
            used = [b - a for a, b in zip(before, after, strict=True)]
            seconds = time.monotonic() - started
            exchanges.append(
                Exchange(reply.line, reply.answers, heard, said, tuple(calls), wait, seconds, *used)
            )
            if hangs_up:
                break
    finally:
        await conversation.close()
    return exchanges
