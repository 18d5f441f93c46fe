"""Calls become data to tune on: chats with tools, pairs of a bad and a better answer, masked."""

from typing import Any

import pytest

from tests.test_journal import HEADER
from voice.journal.masking import light, masked
from voice.journal.record import Recorded, recorded
from voice.journal.tuning import Frame, chat_of, preferences_of

FRAME = Frame("You sell lamps.", [])


@pytest.fixture
def call() -> Recorded:
    """One question that a tool answered, and one whose answer was cut."""
    events: list[dict[str, Any]] = [
        {"event": "typed", "text": "where is order 1042, I am jo@example.com"},
        {"event": "answer.committed", "answer": 1},
        {"event": "tool.started", "answer": 1, "name": "look", "arguments": {"order": 1042}},
        {"event": "tool.ended", "answer": 1, "name": "look", "result": "sent", "error": None}
        | {"seconds": 0.1},
        {"event": "heard", "answer": 1, "said": "It is on its way.", "heard": "It is on its way."},
        {"event": "typed", "text": "and when"},
        {"event": "answer.committed", "answer": 2},
        {"event": "heard", "answer": 2, "said": "No idea, sorry.", "heard": "No idea,"},
    ]
    return recorded(HEADER, [{"at": float(i), **event} for i, event in enumerate(events)])


def test_a_call_is_a_chat_of_what_was_heard(call: Recorded):
    system, asked, used, result, told, again, cut = chat_of(call, FRAME, {})["messages"]
    assert system == {"role": "system", "content": "You sell lamps."}
    assert asked["content"].startswith("where is order")
    assert used["tool_calls"][0]["function"] == {"name": "look", "arguments": {"order": 1042}}
    assert (result["role"], result["content"]) == ("tool", '"sent"')
    assert result["tool_call_id"] == used["tool_calls"][0]["id"]
    assert [m["content"] for m in (told, again, cut)] == [
        "It is on its way.",
        "and when",
        "No idea,",
    ]


def test_a_corrected_turn_is_a_preference_and_a_better_chat(call: Recorded):
    better = {2: "On Thursday."}
    (pair,) = preferences_of(call, FRAME, better)
    assert pair["prompt"][-1] == {"role": "user", "content": "and when"}
    assert pair["chosen"] == [{"role": "assistant", "content": "On Thursday."}]
    assert pair["rejected"] == [{"role": "assistant", "content": "No idea, sorry."}]
    assert chat_of(call, FRAME, better)["messages"][-1]["content"] == "On Thursday."


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("write to jo.doe@example.co.uk today", "write to [EMAIL] today"),
        ("it is jo at example dot com", "it is [EMAIL]"),
        ("card 4111 1111 1111 1111 please", "card [CARD] please"),
        ("call +44 20 7946 0958", "call [PHONE]"),
        ("my number is 123456789", "my number is [NUMBER]"),
        (
            "order 1042 on 2026-11-24 at 10:30 for 19.90",
            "order 1042 on 2026-11-24 at 10:30 for 19.90",
        ),
    ],
)
def test_what_names_a_person_is_masked_and_what_does_not_stays(text: str, left: str):
    assert light(text) == left


def test_numbers_and_keys_within_are_treated_alike():
    data = {"a": [4111111111111111, 7, True, None], "b": {"c": "jo@example.com"}}
    assert masked(data, light) == {"a": ["[CARD]", 7, True, None], "b": {"c": "[EMAIL]"}}
