"""The small model's prompt and grammar: constant, and closed."""

from pathlib import Path

import pytest

from agents.conversation import Agent
from agents.definition import AgentDefinition
from agents.shop import Shop
from agents.spoken import language
from agents.tools import tools_of
from agents.understand import PREFILL, by_choice, foregone, grammar, parse
from tests.fakes import FakeEngine

SHOP = Path(__file__).parent.parent / "configs" / "agents" / "shop.yaml"
FILLERS = language("en").fillers


async def test_only_the_callers_line_is_new_to_the_engine(tmp_path: Path):
    engine = FakeEngine({"want": "chat"}, "Fine.", {"want": "chat"}, "Fine.")
    shop = Shop(tmp_path / "shop.sqlite")
    agent = Agent(AgentDefinition.read(SHOP), engine, list(tools_of(shop).values()))
    await agent.warm_up()
    import asyncio

    committed = asyncio.Event()
    committed.set()
    conversation = agent.conversation()
    for line in ("The weather was lovely at the lake.", "It rained all evening afterwards."):
        _ = [event async for event in conversation.turn(line, committed)]
    for slot in ("understand", "answer"):
        warm = next(request for request in engine.warmed if request.slot == slot)
        asked = [request for request in engine.requests if request.slot == slot]
        assert len(asked) == 2
        for request in asked:
            assert request.messages[:-1] == warm.messages[:-1]
    assert not PREFILL.endswith((" ", '"'))


def test_a_quote_is_a_span_of_the_callers_words():
    words = ["the", "red", "boots", "from", "1042"]
    closed = [False, False, False, False, True]
    rules = grammar({"reply": {"item": None}}, words, closed, FILLERS).split("\n")
    assert "span ::= s1 | s2" in rules  # not at a filler, not at a word that is a value
    assert 's1 ::= "red" (" " s2)?' in rules
    assert 's3 ::= "from"' in rules  # and never over a value


def test_without_a_word_to_quote_there_is_no_key():
    rules = grammar({"reply": {"item": None}}, ["the"], [False], FILLERS)
    assert "item" not in rules
    assert "span" not in rules


def test_quotes_in_a_line_do_not_break_the_grammar():
    rules = grammar({"reply": {"item": None}}, ['5"', "a\\b"], [False, False], FILLERS)
    assert r'"5\""' in rules
    assert r'"a\\b"' in rules


def test_a_closed_list_admits_its_values_only():
    rules = grammar({"reply": {"why": ["damaged", "unclear"]}}, ["so"], [False], FILLERS)
    assert '("damaged" | "unclear")' in rules


@pytest.mark.parametrize("text", ["", "nonsense", ' "order"', ' ["a"]', ' "nobody"}'])
def test_what_is_no_choice_is_none(text: str):
    assert parse(text, {}, ["order_status"]) is None


def test_a_choice_is_read_with_its_probability():
    choice = parse(' "reply", "item": "tent"', {"reply": 0.7, "re": 0.2}, ["reply", "stop"])
    assert choice is not None
    assert (choice.want, dict(choice.quotes), choice.probability) == (
        "reply",
        {"item": "tent"},
        0.7,
    )


def test_a_token_may_begin_several_choices():
    assert by_choice({' "order': 0.6, "stop": 0.1}, ["order_status", "order_contents", "stop"]) == {
        "order_status": 0.6,
        "order_contents": 0.6,
        "stop": 0.1,
    }


WANTS: dict[str, dict[str, list[str] | None]] = {
    "order_status": {},
    "order_cancel": {},
    "question": {},
    "reply": {"name": None},
}


@pytest.mark.parametrize(
    ("written", "rest"),
    [
        (' "', ""),
        (' "order', ""),
        (' "order_s', 'tatus"}'),
        (' "que', 'stion"}'),
        (' "question"', "}"),
        (' "question"}', ""),
        (' "re', ""),
        (' "reply", "na', ""),
    ],
)
def test_a_choice_is_taken_as_soon_as_no_other_is_left(written: str, rest: str):
    assert foregone(written, WANTS) == rest
    if rest:
        assert parse(written + rest, {}, list(WANTS)) is not None
