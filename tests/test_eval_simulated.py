"""Callers that a second model plays."""

import pytest

from agents.evals.caller import CONFIRM, Reply
from agents.evals.simulated import SimulatedCaller
from agents.evals.suite import Case
from agents.llm.engine import EngineError
from tests.fakes import FakeEngine


def caller(engine: FakeEngine, seed: int = 0) -> SimulatedCaller:
    case = Case(
        id="a",
        lines=["book a table"],
        says={"name": ["Ann Lee"], CONFIRM: ["yes"]},
        temperament="angry",
    )
    return SimulatedCaller.of(case, engine, seed)


async def test_a_simulated_caller_is_told_what_it_wants_knows_and_how_it_is() -> None:
    engine = FakeEngine("I want a table!", "Ann Lee.", "Thanks. <done>", grammars=False)
    player = caller(engine)
    assert await player.reply("Hello, how can I help you?") == Reply("I want a table!")
    assert await player.reply("What name is it for?") == Reply("Ann Lee.")
    assert await player.reply("It is booked.") is None
    system = engine.requests[0].messages[0].content
    assert "What you want: book a table" in system
    assert "- name: Ann Lee" in system
    assert "angry" in system
    assert "yes" not in system
    assert [m.content for m in engine.requests[1].messages[1:]] == [
        "Hello, how can I help you?",
        "I want a table!",
        "What name is it for?",
    ]


async def test_an_answer_to_a_read_back_counts_as_one() -> None:
    player = caller(FakeEngine("Hi.", "yes do it", grammars=False))
    await player.reply("Hello?")
    assert await player.reply("A table for two. Shall I book it?") == Reply("yes do it", CONFIRM)


async def test_the_seed_alone_decides_how_a_caller_begins() -> None:
    begun = [await opening(seed) for seed in (1, 1, *range(8))]
    assert begun[0] == begun[1]
    assert len(set(begun)) > 1


async def opening(seed: int) -> str:
    engine = FakeEngine("a table", grammars=False)
    await caller(engine, seed).reply("Hello?")
    (request,) = engine.requests
    assert request.temperature == 0
    return request.prefill


async def test_a_caller_without_an_end_hangs_up() -> None:
    player = caller(FakeEngine(*["and?"] * 14, grammars=False))
    said = [await player.reply("Well.") for _ in range(15)]
    assert said[13] == Reply("and?")
    assert said[14] is None


async def test_a_caller_who_says_nothing_is_the_model_s_failure() -> None:
    player = caller(FakeEngine("a", "", grammars=False))
    await player.reply("Hello?")
    with pytest.raises(EngineError, match="had nothing to say"):
        await player.reply("Yes?")
