"""Who is served next, in a virtual clock: no threads, no sleeps."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.schedule import OVERTAKEN, Busy, Priority, Schedule

P = Priority


@dataclass
class Desk:
    """A model that takes `seconds` a job; work is named by what it is."""

    size: int = 64
    seconds: float = 0.1
    now: float = 0.0
    hung_up: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.schedule: Schedule[str] = Schedule(self.size, stale=self.hung_up.__contains__)

    def wants(self, call: str, what: Priority, name: str = "", **when: float) -> list[str]:
        work = name or f"{call} {what.name}"
        return self.schedule.put(work, what, self.now, call=call, **when)

    def serves(self) -> str | None:
        work = self.schedule.next(self.now)
        self.now += self.seconds
        return work

    def serves_all(self) -> list[str]:
        served: list[str] = []
        while (work := self.serves()) is not None:
            served.append(work)
        return served


def test_whoever_waits_for_an_answer_goes_before_whoever_is_still_speaking():
    desk = Desk()
    for call, what in zip("abcde", reversed(Priority), strict=True):
        desk.wants(call, what)
    assert desk.serves_all() == [
        "e FINAL",
        "d EAGER",
        "c FIRST_CLAUSE",
        "b CLAUSE",
        "a PARTIAL",
    ]


def test_the_caller_who_waits_longest_goes_first():
    desk = Desk(now=10.0)
    desk.wants("quick", P.EAGER, since=9.9)
    desk.wants("patient", P.EAGER, since=9.0)
    assert desk.serves() == "patient EAGER"


def test_a_call_with_many_clauses_does_not_hold_up_another():
    desk = Desk()
    for i in range(5):
        desk.wants("long", P.CLAUSE, f"long {i}")
    assert desk.serves() == "long 0"
    desk.wants("short", P.CLAUSE, "short 0")
    desk.wants("short", P.CLAUSE, "short 1")
    assert desk.serves_all()[:4] == ["short 0", "long 1", "short 1", "long 2"]


def test_a_clause_whose_sound_runs_out_goes_before_a_new_answer():
    desk = Desk()
    desk.wants("new", P.FIRST_CLAUSE)
    desk.wants("calm", P.CLAUSE, due=5.0)
    desk.wants("soon", P.CLAUSE, due=0.45)
    desk.wants("sooner", P.CLAUSE, due=0.2)
    desk.wants("asked", P.FINAL)
    assert desk.serves_all() == [
        "asked FINAL",
        "sooner CLAUSE",
        "soon CLAUSE",
        "new FIRST_CLAUSE",
        "calm CLAUSE",
    ]


def test_a_clause_becomes_urgent_while_it_waits():
    desk = Desk(seconds=1.0)
    desk.wants("speaking", P.CLAUSE, due=1.2)
    for call in "abc":
        desk.wants(call, P.FIRST_CLAUSE)
    assert desk.serves_all()[:2] == ["a FIRST_CLAUSE", "speaking CLAUSE"]


def test_work_that_nobody_waits_for_is_skipped():
    desk = Desk()
    desk.wants("gone", P.FINAL)
    desk.wants("here", P.PARTIAL)
    desk.hung_up.add("gone FINAL")
    assert desk.serves_all() == ["here PARTIAL"]


def test_a_newer_transcript_replaces_the_partial_that_heard_less():
    desk = Desk()
    desk.wants("a", P.PARTIAL, "where")
    desk.wants("b", P.PARTIAL, "other")
    assert desk.wants("a", P.PARTIAL, "where is") == ["where"]
    assert desk.wants("a", P.EAGER, "where is it") == ["where is"]
    assert desk.serves_all() == ["where is it", "other"]


def test_a_full_schedule_gives_up_a_partial_for_an_answer():
    desk = Desk(size=2)
    desk.wants("a", P.PARTIAL)
    desk.wants("b", P.EAGER)
    assert desk.wants("c", P.FINAL) == ["a PARTIAL"]
    with pytest.raises(Busy, match="2 jobs wait already"):
        desk.wants("d", P.EAGER)


def test_a_partial_is_read_in_the_end_however_busy_it_is():
    desk = Desk()
    desk.wants("patient", P.PARTIAL)
    served: list[str | None] = []
    for i in range(OVERTAKEN + 1):
        desk.wants(f"caller {i}", P.FINAL)
        served.append(desk.serves())
    assert served[-1] == "patient PARTIAL"


def test_a_schedule_forgets_calls_that_are_over():
    desk = Desk()
    for i in range(1000):
        desk.wants(f"call {i}", P.EAGER)
        desk.serves()
    assert len(desk.schedule) == 0
    assert not desk.schedule._rounds  # pyright: ignore[reportPrivateUsage]


Arrivals = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(Priority)), max_size=60)


@given(Arrivals, st.integers(1, 4))
def test_everything_is_served_once_and_in_bounded_time(
    arrivals: list[tuple[str, Priority]], rate: int
):
    """`rate` jobs arrive for each one that is served, until no more come."""
    desk = Desk(size=100)
    waiting: dict[str, int] = {}  # the turn by which it must have run
    turn = 0
    for i, (call, what) in enumerate(arrivals):
        for replaced in desk.wants(call, what, str(i)):
            del waiting[replaced]
        waiting[str(i)] = turn + (OVERTAKEN + 1) * (len(waiting) + 1)
        if i % rate == 0:
            turn += 1
            work = desk.serves()
            assert work is not None
            assert turn <= waiting.pop(work)
    while (work := desk.serves()) is not None:
        turn += 1
        assert turn <= waiting.pop(work)
    assert not waiting


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30), st.sampled_from(Priority))
def test_at_most_one_job_of_every_other_call_goes_first(calls: list[str], what: Priority):
    if what is P.PARTIAL:
        calls = sorted(set(calls))  # one waits for each call
    desk = Desk(size=100)
    for i, call in enumerate(calls):
        desk.wants(call, what, f"{call} {i}")
    desk.serves()
    desk.wants("late", what, "late")
    before: Counter[str] = Counter()
    for _ in range(OVERTAKEN + 1):
        work = desk.serves()
        assert work is not None
        if work == "late":
            break
        before[work.split()[0]] += 1
    assert before.total() <= 4
    assert set(before.values()) <= {1}


@given(Arrivals)
def test_nothing_less_urgent_goes_first_unless_it_was_passed_over(
    arrivals: list[tuple[str, Priority]],
):
    desk = Desk(size=100)
    waiting: dict[str, Priority] = {}
    for i, (call, what) in enumerate(arrivals):
        for replaced in desk.wants(call, what, str(i)):
            del waiting[replaced]
        waiting[str(i)] = what
    exceptions = 0
    total = len(waiting)
    while (work := desk.serves()) is not None:
        exceptions += waiting[work] > min(waiting.values())
        del waiting[work]
    assert exceptions <= total // (OVERTAKEN + 1)
