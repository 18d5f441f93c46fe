"""What the model is asked for: what the caller wants, and words. Code does everything else."""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from agents.documents import Passage
from agents.frame import State
from agents.llm.engine import Delta, Done, Engine, EngineError, Message, Request
from agents.notes import Notes, Writing, unread
from agents.tools import Tool

QUESTION, REPLY, STOP, CHAT = "question", "reply", "stop", "chat"
HELLO, THANKS, NO_MORE, GOODBYE = "hello", "thanks", "no more", "goodbye"
UNKNOWN, NOTHING, MACHINE, MORE = "unknown", "nothing", "machine", "more"


STALLED = 2.5  # s between two tokens: speech has run out by then, and another call never costs it


class OutOfBudget(Exception):
    """The turn used up its steps or its time."""


class CallSpent(OutOfBudget):
    """The whole call used up what it may cost."""


@dataclass(slots=True)
class Spending:
    """What a call may still cost."""

    steps: int
    seconds: float
    tokens: int
    clock: Callable[[], float] = time.monotonic
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def step(self) -> None:
        """Raises CallSpent."""
        self.steps -= 1
        late = self.clock() - self.started > self.seconds
        if self.steps < 0 or self.tokens < 0 or late:
            raise CallSpent

    def used(self, done: Done) -> None:
        self.tokens -= done.prompt_tokens - done.cached_tokens + done.completion_tokens


@dataclass(slots=True)
class Budget:
    """Steps and seconds of one turn; waiting for the caller's turn to be confirmed is free."""

    steps: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    notes: Notes = unread
    call: Spending | None = None
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def left(self) -> float:
        """Seconds."""
        return self.seconds - (self.clock() - self.started)

    def step(self) -> None:
        """Before a model request or a tool. Raises OutOfBudget, CallSpent."""
        if self.call:
            self.call.step()
        self.steps -= 1
        if self.steps < 0 or self.left <= 0:
            raise OutOfBudget

    @asynccontextmanager
    async def paused(self) -> AsyncGenerator[None]:
        """Time that does not count: the caller's, not ours."""
        began = self.clock()
        try:
            yield
        finally:
            self.seconds += self.clock() - began

    async def request(self, engine: Engine, request: Request) -> AsyncGenerator[Delta, None]:
        """One step: stream a request, in time. Closing it frees the model.

        Raises EngineError, OutOfBudget.
        """
        self.step()
        writing = Writing(engine.name, request.slot, self.clock)
        stream = engine.stream(request)
        limit = self.left
        try:
            while True:
                async with asyncio.timeout(max(limit, 0.0)):
                    try:
                        delta = await anext(stream)
                    except StopAsyncIteration:
                        return
                writing.take(delta)
                if self.call and isinstance(delta, Done):
                    self.call.used(delta)
                yield delta
                limit = min(self.left, STALLED)
        except TimeoutError as exc:
            if self.left > 0:
                raise EngineError(f"{engine.name}: stalled in mid-answer") from exc
            raise OutOfBudget from exc
        finally:
            self.notes(writing.note())
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()


@dataclass(frozen=True, slots=True)
class View:
    """What a mind may look at: the turn's copy of the state, and the call so far as heard."""

    state: State
    history: Sequence[Message]
    exchanges: Sequence[Message]  # the tool calls of this turn and their results
    question: str  # the agent's open question alone, or ""
    today: dt.date
    budget: Budget
    passages: Sequence[Passage] = ()  # of the documents, that may answer the line: data
    said: str = ""  # words of the answer that was asked for, spoken by an engine that then failed


def _nothing() -> "list[Want]":
    return []


@dataclass(frozen=True, slots=True)
class Speech:
    """Words of a model, unchecked. `then` is what it proposes besides, known when they end.

    `trusted` words need not rest on a known fact, and are passed on as they come; their numbers
    and claims are checked all the same.
    """

    words: AsyncGenerator[str, None]
    then: "Callable[[], list[Want]]" = _nothing
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class Want:
    """One thing that a line asks for: a tool's name, or one of the constants above.

    `values` are grounded: said by the caller, or chosen from a closed list. `speech` is an answer
    that the engine has begun already. `probability` is how sure the engine is, 0 where it does not
    tell.
    """

    name: str
    line: str
    values: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    chosen: frozenset[str] = frozenset()  # the values that the model chose from a closed list
    speech: Speech | None = None
    probability: float = 0.0


class Mind(Protocol):
    """One per agent, shared by its calls. Every method raises EngineError and OutOfBudget."""

    async def warm_up(self) -> None: ...

    async def prepare(self, view: View, line: str, chosen: str) -> None:
        """The caller has said `line` so far: read it into the engine's cache.

        `chosen` is QUESTION where code knows that much already, else "". Never raises.
        """
        ...

    async def wants(self, view: View, line: str) -> list[Want]:
        """What the line asks for, in order; never empty."""
        ...

    def answer(self, view: View, line: str, chat: bool) -> Speech:
        """Words that answer a question, or (chat) small talk."""
        ...

    def tell(self, view: View, line: str, tool: Tool, arguments: Mapping[str, str]) -> Speech:
        """Words that tell the result of a tool; `view.state.findings` holds it."""
        ...
