"""A slow answer, in a virtual clock: what the caller hears instead of nothing."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from agents.events import Event, Finished, Say, ToolEnded, ToolStarted
from agents.waiting import FIRST_AFTER, WaitingPhrases, filled
from tests.paper import VirtualLoop

FIRST, MORE = ("One moment.", "Let me see."), ("Still looking.", "Thank you for waiting.")
TOOLS = {"look": "Let me look that up."}

Step = float | Event  # seconds to wait, or what comes


async def _events(steps: tuple[Step, ...]) -> AsyncGenerator[Event, None]:
    for step in steps:
        if isinstance(step, int | float):
            await asyncio.sleep(step)
        else:
            yield step


class Turn:
    def __init__(self) -> None:
        self.phrases = WaitingPhrases(FIRST, MORE, TOOLS)
        self.spoken: list[str] = []

    def hears(self, *steps: Step, confirmed: float = 0.0) -> list[tuple[float, str]]:
        """When each text came, in s after the turn was confirmed."""
        return self.hears_from(_events((*steps, Finished())), confirmed)

    def hears_from(
        self, turn: AsyncGenerator[Event, None], confirmed: float = 0.0
    ) -> list[tuple[float, str]]:
        async def run() -> list[tuple[float, str]]:
            loop, committed = asyncio.get_running_loop(), asyncio.Event()
            loop.call_later(confirmed, committed.set)
            said = filled(turn, committed, self.phrases, self.note)
            async with aclosing(said) as events:
                heard = [
                    (round(loop.time() - confirmed, 2), event.text)
                    async for event in events
                    if isinstance(event, Say)
                ]
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return heard

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(run())

    def note(self, phrase: str) -> None:
        self.spoken.append(phrase)


def test_a_quick_answer_is_left_alone():
    turn = Turn()
    assert turn.hears(0.5, Say("We are ", False), Say("open.")) == [
        (0.5, "We are "),
        (0.5, "open."),
    ]
    assert turn.spoken == []


def test_a_slow_answer_is_bridged_and_the_phrases_take_turns():
    turn = Turn()
    for phrase in (FIRST[0], FIRST[1], FIRST[0]):
        assert turn.hears(1.5, Say("Yes.")) == [(FIRST_AFTER, phrase), (1.5, "Yes.")]
    assert turn.spoken == [FIRST[0], FIRST[1], FIRST[0]]


def test_the_wait_counts_from_where_the_turn_was_confirmed():
    heard = Turn().hears(2.0, Say("Yes."), confirmed=1.5)
    assert heard == [(0.5, "Yes.")]
    heard = Turn().hears(2.5, Say("Yes."), confirmed=1.5)
    assert heard == [(FIRST_AFTER, FIRST[0]), (1.0, "Yes.")]


def test_nobody_hears_three_seconds_of_nothing():
    heard = Turn().hears(12.0, Say("Yes.", complete=True))
    assert [text for _, text in heard[1:3]] == list(MORE)
    ends = [at + len(text) / 14 for at, text in heard]
    waits = [at - end for (at, _), end in zip(heard[1:], ends, strict=False)]
    assert max(waits) < 3


def test_what_runs_has_a_phrase_of_its_own():
    started = ToolStarted("1", "look", {})
    turn = Turn()
    heard = turn.hears(started, 1.0, ToolEnded("1", "look", {}, None, 1.0), Say("Found it."))
    assert heard == [(FIRST_AFTER, TOOLS["look"]), (1.0, "Found it.")]
    again = turn.hears(started, 1.0, ToolEnded("1", "look", {}, None, 1.0), Say("Found it."))
    assert again[0][1] in FIRST  # never twice in a row


def test_what_a_tool_says_of_its_progress_is_the_next_phrase():
    turn = Turn()
    started = ToolStarted("1", "look", {})

    async def events() -> AsyncGenerator[Event, None]:
        yield started
        turn.phrases.tell("I am at the second shelf.")
        turn.phrases.tell("I am at the third shelf.")
        await asyncio.sleep(1.0)
        turn.phrases.tell("That was all.")
        yield ToolEnded("1", "look", {}, None, 1.0)
        await asyncio.sleep(4.0)
        yield Say("Found it.")

    heard = turn.hears_from(events())
    assert heard[0] == (FIRST_AFTER, "I am at the third shelf.")
    assert heard[1][1] in MORE  # nothing of a tool that has ended
    assert turn.spoken == [text for _, text in heard[:-1]]


def test_a_sentence_that_has_begun_is_not_broken():
    heard = Turn().hears(Say("Your order "), 5.0, Say("is late."))
    assert [text for _, text in heard] == ["Your order ", "is late."]


def test_a_pause_between_two_sentences_is_filled():
    heard = Turn().hears(Say("I am sorry. "), 6.0, Say("It is late."))
    assert [text for _, text in heard][1:-1] == [FIRST[0], MORE[0]]


def test_phrases_take_turns_so_there_must_be_two():
    with pytest.raises(ValueError, match="two at least"):
        WaitingPhrases(("One moment.",), MORE)


def test_dropping_a_turn_stops_everything():
    async def run() -> None:
        said = filled(_events((Say("Yes. "), 5.0)), asyncio.Event(), Turn().phrases, print)
        assert await anext(said) == Say("Yes. ")
        await said.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(run())
