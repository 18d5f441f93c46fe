"""The small model's prompt and grammar: constant, and closed."""

from pathlib import Path

import pytest

from agents.conversation import Agent
from agents.definition import AgentDefinition
from agents.shop import Shop
from agents.spoken import language
from agents.tools import tool, tool_of, tools_of
from agents.understand import PREFILL, by_choice, foregone, grammar, parse, prefix
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


ORDERS = AgentDefinition(
    title="Orders", persona="You are Robin.", facts=["We sell tents: all day."]
)


@tool(wants="tell where an order is", read_only=True, asks=["where is my order"])
def order_status(order_id: str) -> str:
    """Where an order is."""
    return order_id


@tool(wants="cancel an order")
def cancel_order(reason: str) -> str:
    """Cancel it."""
    return reason


def shown(code: str) -> list[str]:
    tools = [tool_of("order_status", order_status), tool_of("cancel_order", cancel_order)]
    return [message.content for message in prefix(ORDERS, tools, language(code).prompts)]


def test_the_english_prompt_is_the_one_that_was_measured():
    open_question = "Agent: How can I help you?\nCaller: "
    assert shown("en") == [
        'You note what a caller wants. Write JSON: {"want": ...} with the details that the caller '
        "said, in the caller's words.\n"
        "want is one of:\n"
        "- order_status: tell where an order is\n"
        "- cancel_order: cancel an order\n"
        "- question: a general question, not about the caller's own case (we sell tents)\n"
        "- reply: answers the agent's question or corrects a detail\n"
        "- stop: the caller changed their mind about the task\n"
        "- chat: greeting, thanks, goodbye\n"
        "details: order_id (order id), reason (reason)",
        open_question + "where is my order",
        '{"want": "order_status"}',
        open_question + "hi i'd like to cancel an order please",
        '{"want": "cancel_order"}',
        open_question + "where are you and who are you",
        '{"want": "question"}',
        "Agent: What is your name?\nCaller: uh it's alan reed",
        '{"want": "reply", "name": "alan reed"}',
        "Agent: What is your phone number?\nCaller: first tell me what does it cost",
        '{"want": "question"}',
        "Agent: What is your e-mail address?\nCaller: oh and i also want to cancel an order",
        '{"want": "cancel_order"}',
        "Agent: At what time?\nCaller: no wait i don't want that any more",
        '{"want": "stop"}',
        open_question + "thank you very much",
        '{"want": "chat"}',
    ]


def test_callers_of_another_language_are_shown_in_it():
    english, spanish = shown("en"), shown("es")
    assert spanish[0] == english[0]
    assert spanish[2::2] == english[2::2]  # what is noted
    assert not set(spanish[3::2]) & set(english[3::2])
    assert "Agent: ¿Cómo se llama?\nCaller: eh soy alan reed" in spanish
