"""Running one tool inside a turn: its events, its time, its failures."""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from loguru import logger

from agents.events import Event, Say, ToolEnded, ToolStarted
from agents.tools import CallContext, Tool, ToolError, ToolResult, ToolTimeout

FILLER_AFTER = 0.7  # s; a shorter silence sounds like thinking, a longer one like a dead line


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a tool ended: with a result, a refusal in the tool's own words, or a problem."""

    result: ToolResult | None = None
    refusal: ToolError | None = None
    problem: Literal["", "failed", "slow"] = ""


@dataclass(slots=True)
class Acts:
    """The tools of one call: numbers them, and keeps those that must run to their end."""

    call_id: str
    context: CallContext
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    running: "set[asyncio.Task[Outcome]]" = field(default_factory=set["asyncio.Task[Outcome]"])

    async def settled(self) -> None:
        """Wait for actions that went on when their turn was interrupted."""
        if self.running:
            await asyncio.wait(self.running)


class Act:
    """One tool call. Iterate `events()` to its end, then look at `outcome`.

    An action that has begun is not undone by hanging up or interrupting: it runs to its end, and
    `settle(outcome)` tells what became of it also when nobody listens any more.
    """

    def __init__(
        self,
        acts: Acts,
        tool: Tool,
        arguments: Mapping[str, Any],
        seconds: float,
        settle: Callable[[Outcome, ToolEnded], None],
    ) -> None:
        self._acts = acts
        self._tool = tool
        self._arguments = dict(arguments)
        self._seconds = seconds
        self._settle = settle
        self._id = f"{acts.call_id}-{next(acts.numbers)}"
        self.outcome = Outcome()

    async def events(self) -> AsyncGenerator[Event, None]:
        task = asyncio.create_task(self._run(), name=f"tool {self._tool.name}")
        if not self._tool.policy.read_only:
            self._acts.running.add(task)
            task.add_done_callback(self._acts.running.discard)
        try:
            yield ToolStarted(self._id, self._tool.name, self._arguments)
            if self._tool.policy.filler:
                await asyncio.wait((task,), timeout=FILLER_AFTER)
                if not task.done():
                    yield Say(self._tool.policy.filler, complete=True)
            self.outcome = await asyncio.shield(task)
            yield self._ended
        finally:
            if self._tool.policy.read_only and not task.done():
                task.cancel()

    async def _run(self) -> Outcome:
        started = time.monotonic()
        outcome = await outcome_of(
            self._tool.run(self._arguments, self._acts.context, self._seconds), self._tool.name
        )
        if outcome.result is not None:
            found, error = dict(outcome.result.data), None
        else:
            found, error = None, str(outcome.refusal or outcome.problem)
        seconds = time.monotonic() - started
        self._ended = ToolEnded(self._id, self._tool.name, found, error, seconds)
        self._settle(outcome, self._ended)
        return outcome


async def outcome_of(call: Awaitable[ToolResult], name: str) -> Outcome:
    """Await a tool or its check; what goes wrong is an outcome, never an exception."""
    try:
        return Outcome(result=await call)
    except ToolError as exc:
        return Outcome(refusal=exc)
    except ToolTimeout as exc:
        logger.warning(f"tool {exc}")
        return Outcome(problem="slow")
    except Exception:  # noqa: BLE001 - the edge of a tool call: its owner's code may raise anything
        logger.exception(f"tool {name} failed")
        return Outcome(problem="failed")
