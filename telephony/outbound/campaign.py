"""A list of people called one after another, each within their window, and nobody twice.

The plan is pure: what was tried so far and the time in, what to do next out. The run around it
owns its tasks, writes the ledger before and after every call, and may be killed at any moment.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from telephony.numbers import masked
from telephony.outbound.ledger import Attempt, Ledger, Outcome
from telephony.outbound.people import Person, Window
from telephony.outbound.policy import NotAllowed, Policy, Spent, charged, check

_AGAIN: frozenset[Outcome] = frozenset({"busy", "no answer", "machine", "failed"})
SETTLE = 30.0  # s for a request that was under way when we died to arrive at the carrier


@dataclass(frozen=True, slots=True)
class Rules:
    window: Window = field(default_factory=Window)
    attempts: int = 3  # of one number
    spacing: float = 4 * 3600.0  # s between two of them
    at_once: int = 1
    calls_a_minute: float = 6.0


@dataclass(frozen=True, slots=True)
class Due:
    person: Person


@dataclass(frozen=True, slots=True)
class Wait:
    until: float  # Unix time, s


@dataclass(frozen=True, slots=True)
class Done:
    pass


def plan(
    people: Sequence[Person],
    tried: Mapping[str, Sequence[Attempt]],
    rules: Rules,
    now: float,
) -> Due | Wait | Done:
    """Who is called next. Those who were tried least come first, then in the file's order.

    A number with an attempt that is not finished is left alone: it is being called.
    """
    clock = datetime.fromtimestamp(now, UTC)
    soonest: float | None = None
    for person in sorted(people, key=lambda one: len(tried.get(one.number.e164, ()))):
        before = tried.get(person.number.e164, ())
        if before and (len(before) >= rules.attempts or before[-1].outcome not in _AGAIN):
            continue
        free = max(now, before[-1].began + rules.spacing) if before else now
        at = rules.window.opens(person.number.zones, datetime.fromtimestamp(free, UTC)).timestamp()
        if at <= clock.timestamp():
            return Due(person)
        soonest = at if soonest is None else min(soonest, at)
    return Done() if soonest is None else Wait(soonest)


@dataclass(frozen=True, slots=True)
class Called:
    outcome: Outcome
    seconds: float = 0.0  # that cost


class Dialler(Protocol):
    """Places calls: SIP, or a carrier's API."""

    async def call(self, attempt: str, person: Person) -> Called:
        """To the end of the call. `attempt` goes along, so that `placed` can find it."""
        ...

    async def placed(self, attempt: str, number: str, began: float) -> bool | None:
        """Whether the attempt of a process that died came to be; None where nobody can tell."""
        ...


class Campaign:
    """One run over the people; a lock of the campaign's name is the caller's business."""

    def __init__(
        self,
        name: str,
        people: Sequence[Person],
        ledger: Ledger,
        dialler: Dialler,
        policy: Policy,
        rules: Rules,
        *,
        clock: Callable[[], float],
        tell: Callable[[str], None] = lambda line: None,
        settle: float = SETTLE,
    ) -> None:
        self._name = name
        self._people = people
        self._ledger = ledger
        self._dialler = dialler
        self._policy = policy
        self._rules = rules
        self._clock = clock
        self._tell = tell
        self._settle = settle
        self._changed = asyncio.Event()  # a call ended

    async def run(self) -> dict[str, Outcome | None]:
        """Call until nobody is left; the last outcome of each number, None for one never called.

        Raises NotAllowed where a cap is reached, when the calls that go on have ended. Run again
        to go on. Cancelling ends the calls.
        """
        await self._resume()
        stopped = ""
        not_before = 0.0  # the next call, by the rate
        async with asyncio.TaskGroup() as calls:
            live: set[asyncio.Task[None]] = set()
            while not stopped:
                self._changed.clear()
                now = self._clock()
                if len(live) >= self._rules.at_once:
                    await self._changed.wait()
                    continue
                match plan(self._people, self._ledger.of(self._name), self._rules, now):
                    case Done():
                        if not live:
                            break
                        await self._changed.wait()
                    case Wait(until):
                        await self._wait(until - now, live)
                    case Due() if now < not_before:
                        await asyncio.sleep(not_before - now)
                    case Due(person):
                        not_before = now + 60.0 / self._rules.calls_a_minute
                        try:
                            attempt = self._begin(person, now)
                        except NotAllowed as exc:
                            stopped = str(exc)
                            continue
                        task = calls.create_task(self._call(attempt, person), name=attempt.id)
                        live.add(task)
                        task.add_done_callback(partial(self._ended, live))
        if stopped:
            raise NotAllowed(stopped)
        return self.outcomes()

    def outcomes(self) -> dict[str, Outcome | None]:
        tried = self._ledger.of(self._name)
        numbers = [one.number.e164 for one in self._people]
        return {one: tried[one][-1].outcome if one in tried else None for one in numbers}

    async def _resume(self) -> None:
        for attempt in self._ledger.open(self._name):
            if (early := attempt.began + self._settle - self._clock()) > 0:
                await asyncio.sleep(early)
            placed = await self._dialler.placed(attempt.id, attempt.number, attempt.began)
            shown = masked(attempt.number)
            if placed is False:
                self._ledger.forget(attempt.id)
                self._tell(f"{shown}: was not called before the stop; will be")
            elif placed:
                self._ledger.finish(attempt.id, "cut off")
                self._tell(f"{shown}: its call was cut off by the stop; it is not called again")
            else:
                self._ledger.finish(attempt.id, "unsure")
                self._tell(f"{shown}: nobody can tell whether it was called; it is not again")

    def _begin(self, person: Person, now: float) -> Attempt:
        spent = self._ledger.spent(person.number.country, now)
        cost = check(person.number, self._policy, spent)
        return self._ledger.begin(self._name, person.number, cost, now)

    async def _call(self, attempt: Attempt, person: Person) -> None:
        shown = masked(person.number.e164)
        called = await self._dialler.call(attempt.id, person)
        cost = charged(person.number, self._policy, called.seconds)
        self._ledger.finish(attempt.id, called.outcome, cost)
        self._tell(f"{shown}: {called.outcome}")

    def _ended(self, live: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
        live.discard(task)
        self._changed.set()

    async def _wait(self, seconds: float, live: set[asyncio.Task[None]]) -> None:
        """Until then, or until a call ends; a minute at most, as a machine may have slept."""
        seconds = min(seconds, 60.0)
        if not live:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()


def refused(people: Sequence[Person], policy: Policy) -> list[tuple[Person, str]]:
    """Those whom the policy never allows, and why: to be said before the first call."""
    found: list[tuple[Person, str]] = []
    for person in people:
        try:
            check(person.number, policy, Spent())
        except NotAllowed as exc:
            found.append((person, str(exc)))
    return found
