"""What a model does next when several callers want it: an order, without threads or clocks."""

import itertools
import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

W = TypeVar("W")

OVERTAKEN = 8  # times the longest waiting job of all is passed over before it goes first


class Priority(IntEnum):
    """Who waits most goes first: an end-of-turn transcript before a partial one."""

    FINAL = 0
    EAGER = 1
    FIRST_CLAUSE = 2
    CLAUSE = 3
    PARTIAL = 4


class Busy(Exception):
    """Too much waits already; the caller should drop or retry the work."""


@dataclass(frozen=True, slots=True)
class _Job(Generic[W]):
    work: W
    call: Hashable
    priority: Priority
    since: float  # when the caller began to wait for it
    due: float  # when the caller begins to wait for it, if that lies ahead
    round: int
    number: int  # in order of arrival


class Schedule(Generic[W]):
    """A bounded set of waiting work. Times are seconds of any one clock.

    1. FINAL, EAGER, a clause within `margin` of the end of the sound before it (nearest end
       first), FIRST_CLAUSE, CLAUSE, PARTIAL.
    2. Within a priority round-robin between calls: before a job runs, at most one job of every
       other call does (start-time fair queueing with equal costs; Goyal, Vin, Cheng 1996).
    3. Within a round the caller who has waited longest.

    Nothing starves: the oldest job of all goes first after it was passed over OVERTAKEN times, so
    that a job with n older ones runs within (OVERTAKEN + 1) * (n + 1) turns.
    """

    def __init__(self, size: int, *, stale: Callable[[W], bool], margin: float = 0.5) -> None:
        """`stale` tells work that nobody waits for any more.

        `margin`: the longest clause (24 words) takes Piper 0.25 s, and another one may run.
        """
        self._size = size
        self._stale = stale
        self._margin = margin
        self._jobs: list[_Job[W]] = []
        self._numbers = itertools.count()
        self._round = dict.fromkeys(Priority, 0)  # of the job that ran last
        self._rounds: dict[tuple[Priority, Hashable], int] = {}  # of each call's newest job
        self._passed = 0  # turns that went to others while the oldest job was the oldest

    def __len__(self) -> int:
        return len(self._jobs)

    def put(
        self,
        work: W,
        priority: Priority,
        now: float,
        *,
        call: Hashable = None,
        since: float | None = None,
        due: float = math.inf,
    ) -> list[W]:
        """Add work of `call`; the answer is work that it makes useless.

        A partial, eager or final transcript replaces the same call's waiting partials, which heard
        less. In a full schedule more urgent work takes the place of the least urgent.
        Raises Busy when there is none.
        """
        replaced: list[_Job[W]] = []
        if priority in (Priority.FINAL, Priority.EAGER, Priority.PARTIAL):
            replaced = [
                job
                for job in self._jobs
                if job.call == call and job.priority is Priority.PARTIAL and call is not None
            ]
            self._remove(replaced)
        if len(self._jobs) >= self._size:
            self._remove([job for job in self._jobs if self._stale(job.work)])
        if len(self._jobs) >= self._size:
            last = max(self._jobs, key=lambda job: (job.priority, job.round, job.number))
            if last.priority <= priority:
                raise Busy(f"{self._size} jobs wait already")
            self._remove([last])
            replaced.append(last)
        key = priority, call
        turn = max(self._round[priority], self._rounds.get(key, -1) + 1)
        self._rounds[key] = turn
        began = now if since is None else since
        self._jobs.append(_Job(work, call, priority, began, due, turn, next(self._numbers)))
        return [job.work for job in replaced]

    def next(self, now: float) -> W | None:
        """Take the work to do now; None when nobody waits."""
        self._remove([job for job in self._jobs if self._stale(job.work)])
        if not self._jobs:
            return None
        chosen = self._jobs[0]
        if self._passed < OVERTAKEN:
            chosen = min(self._jobs, key=lambda job: self._rank(job, now))
        self._passed += 1
        beside = [job.round for job in self._jobs if job.priority is chosen.priority]
        if chosen.round == min(beside):  # one that jumped the queue does not end a round
            self._round[chosen.priority] = max(self._round[chosen.priority], chosen.round)
        self._remove([chosen])
        return chosen.work

    def clear(self) -> list[W]:
        """Forget everything; the answer is what waited."""
        waited = [job.work for job in self._jobs]
        self._remove(list(self._jobs))
        return waited

    def _rank(self, job: _Job[W], now: float) -> tuple[float, float, float, int]:
        if job.priority is Priority.CLAUSE and job.due - now <= self._margin:
            return Priority.FIRST_CLAUSE - 0.5, job.due, job.since, job.number
        return job.priority, job.round, job.since, job.number

    def _remove(self, jobs: Iterable[_Job[W]]) -> None:
        gone = {job.number for job in jobs}
        if not gone:
            return
        if self._jobs[0].number in gone:
            self._passed = 0
        self._jobs = [job for job in self._jobs if job.number not in gone]
        # A priority that nobody waits in begins anew, and calls that are over are forgotten.
        waiting = {job.priority for job in self._jobs}
        for priority in set(Priority) - waiting:
            self._round[priority] = 0
        self._rounds = {key: turn for key, turn in self._rounds.items() if key[0] in waiting}
