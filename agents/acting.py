"""Running one tool inside a turn: its events, its time, its failures."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from loguru import logger

from agents.after.record import Act
from agents.events import Event, ToolEnded, ToolStarted
from agents.mind import Spending
from agents.notes import Checked, Notes, unread
from agents.tools import CallContext, Tool, ToolError, ToolFailed, ToolResult, ToolTimeout


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a tool ended: with a result, a refusal in the tool's own words, or a problem."""

    result: ToolResult | None = None
    refusal: ToolError | None = None
    problem: Literal["", "failed", "slow"] = ""

    @property
    def error(self) -> str | None:
        return None if self.result else str(self.refusal or self.problem)

    @property
    def helps(self) -> tuple[str, tuple[str, ...]]:
        """The slot that a refusal asks again, and what would do."""
        return (self.refusal.slot, self.refusal.options) if self.refusal else ("", ())


Settle = Callable[[Outcome, ToolEnded], None]


@dataclass(slots=True)
class Acts:
    """The tools of one call: numbers them, and keeps those that must run to their end."""

    context: CallContext
    notes: Notes = unread
    spending: Spending | None = None
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    running: "set[asyncio.Task[Outcome]]" = field(default_factory=set["asyncio.Task[Outcome]"])
    ended: list[Act] = field(default_factory=list[Act])

    async def run(
        self,
        tool: Tool,
        arguments: Mapping[str, Any],
        seconds: float,
        emit: Callable[[Event], None],
        settle: Settle,
    ) -> Outcome:
        """Call a tool; its events go to `emit`, its end to `settle`. Never raises for the tool.

        Cancelling stops waiting for it. An action that has begun is not undone by that: it runs to
        its end, and `settle` is called also when nobody waits any more.
        """
        call = ToolStarted(
            f"{self.context.call_id}-{next(self.numbers)}", tool.name, dict(arguments)
        )
        emit(call)
        task = asyncio.create_task(self._run(tool, call, seconds, settle), name=f"tool {tool.name}")
        if not tool.policy.read_only:
            self.running.add(task)
            task.add_done_callback(self.running.discard)
        try:
            return await asyncio.shield(task)
        finally:
            if tool.policy.read_only:
                task.cancel()

    async def _run(self, tool: Tool, call: ToolStarted, seconds: float, settle: Settle) -> Outcome:
        started = time.monotonic()
        outcome = await outcome_of(tool.run(call.arguments, self.context, seconds), tool.name)
        result = dict(outcome.result.data) if outcome.result else None
        seconds = time.monotonic() - started
        say = outcome.result.say if outcome.result else ""
        slot, options = outcome.helps
        ended = ToolEnded(
            call.id, tool.name, result, outcome.error, seconds, say, slot=slot, options=options
        )
        settle(outcome, ended)
        policy = tool.policy
        act = Act(tool.name, call.arguments, result, outcome.error, policy.read_only, policy.wants)
        if not (policy.read_only and act in self.ended):  # guessed and asked again
            self.ended.append(act)
        return outcome

    def checked(self, tool: Tool, arguments: Mapping[str, Any], outcome: Outcome) -> None:
        """Note what a tool's check came to."""
        settled: Mapping[str, Any] = outcome.result.data if outcome.result else {}
        self.notes(Checked(tool.name, dict(arguments), settled, outcome.error, *outcome.helps))

    async def settled(self) -> None:
        """Wait for actions that went on when their turn was interrupted."""
        if self.running:
            await asyncio.wait(self.running)


async def outcome_of(call: Awaitable[ToolResult], name: str) -> Outcome:
    """Await a tool or its check; what goes wrong is an outcome, never an exception."""
    try:
        return Outcome(result=await call)
    except ToolError as exc:
        return Outcome(refusal=exc)
    except ToolTimeout as exc:
        logger.warning(f"tool {exc}")
        return Outcome(problem="slow")
    except ToolFailed as exc:
        logger.warning(f"tool {exc}")
        return Outcome(problem="failed")
    except Exception:  # noqa: BLE001 - the edge of a tool call: its owner's code may raise anything
        logger.exception(f"tool {name} failed")
        return Outcome(problem="failed")
