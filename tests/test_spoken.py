"""What callers say, as values, and values as they are said."""

import datetime as dt

import pytest

from agents.reading import read
from agents.spoken import language
from agents.tools import Kind, Slot

ENGLISH = language("en-GB")
TODAY = dt.date(2026, 11, 24)  # a Tuesday
ORDER = Slot("order number", kind="id", pattern=r"\d{4}")


def found(kind: Kind, line: str, slot: Slot | None = None, asked: bool = False) -> list[str | int]:
    words = ENGLISH.words(line)
    slot = slot or Slot("it", kind=kind)
    return [hit.value for hit in ENGLISH.find(kind, words, slot, TODAY, asked)]


@pytest.mark.parametrize(
    "line",
    [
        "Where is my order 1042?",
        "1042.",
        "#1042",
        "1,042",
        "10:42",
        "10-42",
        "10.42",
        "1-0-4-2",
        "10 42",
        "1040 2",
        "10 40 2",
        "ten forty two",
        "Number ten-forty-two, please.",
        "one oh four two",
        "one zero four two",
        "one thousand forty-two",
        "a thousand and forty two",
        "I have a ten forty two",
    ],
)
def test_an_order_number_is_heard_however_it_is_said(line: str):
    assert found("id", line, ORDER) == ["1042"]


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("orders 1042 and 2210", ["1042", "2210"]),
        ("thirty three seventeen", ["3317"]),
        ("double three one seven", ["3317"]),
        ("twenty-two hundred and ten", ["2210"]),
        ("my phone is 555 0142 123", []),
        ("five five five oh one four two", []),
        ("order 10425", []),
        ("nothing here", []),
        ("", []),
    ],
)
def test_only_whole_runs_are_identifiers(line: str, numbers: list[str]):
    assert found("id", line, ORDER) == numbers


def test_identifiers_may_hold_letters():
    plate = Slot("plate", kind="id", pattern=r"[A-Z]{3}\d{3}")
    assert found("id", "it's b r t seven seven one", plate) == ["BRT771"]
    assert found("id", "BRT771", plate) == ["BRT771"]


@pytest.mark.parametrize(
    ("line", "date"),
    [
        ("are you open on Sunday", "2026-11-29"),
        ("tomorrow", "2026-11-25"),
        ("the day after tomorrow", "2026-11-26"),
        ("on the 25th of December", "2026-12-25"),
        ("January third", "2027-01-03"),
        ("friday the twenty seventh", "2026-11-27"),
        ("in two weeks", "2026-12-08"),
        ("Tuesday", "2026-12-01"),
        ("on Christmas", "2026-12-25"),
    ],
)
def test_dates(line: str, date: str):
    assert found("date", line) == [date]


def test_a_date_that_is_none_is_not_found():
    assert found("date", "february thirtieth") == []
    assert found("date", "on the first floor") == []
    birthday = Slot("date of birth", kind="date", past=True)
    assert found("date", "march twelfth nineteen eighty five", birthday) == ["1985-03-12"]
    assert found("date", "tomorrow", birthday) == []


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("at half past two", "14:30"),
        ("quarter to five", "16:45"),
        ("7 pm", "19:00"),
        ("at seven in the evening", "19:00"),
        ("10:42am", "10:42"),
        ("at noon", "12:00"),
        ("twelve thirty pm", "12:30"),
    ],
)
def test_times(line: str, time: str):
    assert found("time", line) == [time]


def test_phones_mails_and_numbers():
    assert found("phone", "triple five oh one four two") == ["5550142"]
    assert found("email", "it's sam dot lee 42 at mail dot com") == ["sam.lee42@mail.com"]
    assert found("int", "a couple of tents, no, twenty five") == [2, 25]


def test_a_correction_counts_and_a_negation_does_not():
    slots = {"order_id": ORDER}
    line = "it's 1042, sorry, I mean 1043"
    assert read(ENGLISH.words(line), slots, ENGLISH, TODAY).values == {"order_id": "1043"}
    what = Slot("item", kind="enum", options=("boots", "socks"))
    reading = read(ENGLISH.words("not the boots, the socks"), {"what": what}, ENGLISH, TODAY)
    assert reading.values == {"what": "socks"}


def test_two_identifiers_are_a_choice_for_the_model():
    reading = read(ENGLISH.words("1042 or 1043"), {"order_id": ORDER}, ENGLISH, TODAY)
    assert reading.choices == {"order_id": ("1042", "1043")}


def test_a_name_needs_a_cue():
    assert ENGLISH.named(ENGLISH.words("hi my name is Ann Lee and I need help")).value == "ann lee"  # type: ignore[union-attr]
    assert ENGLISH.named(ENGLISH.words("I would like a tent")) is None


@pytest.mark.parametrize("line", ["Yes.", "yes please", "Sure, go ahead.", "that's right"])
def test_a_yes(line: str):
    assert ENGLISH.yes(ENGLISH.words(line))
    assert not ENGLISH.no(ENGLISH.words(line))


@pytest.mark.parametrize(
    "line",
    ["Um, well, yes", "That's all correct", "sounds good", "ok yes", "okay then", "yes, bye"],
)
def test_a_yes_may_have_words_before_it(line: str):
    assert ENGLISH.yes(ENGLISH.words(line))


@pytest.mark.parametrize(
    "line",
    [
        "okay, bye",
        "the system has confirmed it already",
        "others would have said yes by now",
        "the word yes was used three times",
        "is yes the word you want to hear",
    ],
)
def test_who_speaks_of_a_yes_gives_none(line: str):
    assert not ENGLISH.yes(ENGLISH.words(line))


@pytest.mark.parametrize("line", ["No.", "yes, but not that one", "wait", "I don't think so"])
def test_a_no(line: str):
    assert ENGLISH.no(ENGLISH.words(line))


def test_values_are_said_to_be_understood():
    assert ENGLISH.say("id", "1042") == "1042"
    assert ENGLISH.say("date", "2026-11-26") == "Thursday, November 26"
    assert ENGLISH.say("time", "16:05") == "4:05 PM"
    assert ENGLISH.say("enum", "wrong_size") == "wrong size"


def test_numbers_of_a_text_are_the_same_written_and_spoken():
    assert ENGLISH.numbers("three to five days, 1,200 dollars") == {"3", "5", "1200"}


@pytest.mark.parametrize(
    "text",
    [
        "I have cancelled your order.",
        "I've just refunded it.",
        "I'll send you a label.",
        "Your order is now cancelled.",
        "The order was shipped to Canada.",
        "The order has been cancelled.",
        "Yes, you are talking to a human.",
    ],
)
def test_claims_are_noticed(text: str):
    assert ENGLISH.claims(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'll need your order number.",
        "We deliver to Canada, and we change nothing.",
        "Items can be returned within 30 days.",
        "Refunds arrive 5 days after we receive the item.",
        "I don't know.",
    ],
)
def test_plain_answers_are_no_claims(text: str):
    assert not ENGLISH.claims(text)


def test_what_a_tool_said_was_done_may_be_told():
    assert not ENGLISH.claims("Your order has been cancelled.", known="status cancelled")
    assert ENGLISH.claims("I have cancelled your order.", known="status cancelled")


def test_a_language_without_a_pack_is_named():
    with pytest.raises(LookupError, match="'xx'"):
        language("xx")


def test_who_only_listens_has_nothing_to_say():
    assert ENGLISH.listens(ENGLISH.words("Mm-hmm, okay."))
    assert ENGLISH.listens(ENGLISH.words("I see."))
    for text in ("Okay, what about Tuesday?", "Okay, thank you.", "I", ""):
        assert not ENGLISH.listens(ENGLISH.words(text))


def test_short_words_make_a_speaker_stop():
    assert ENGLISH.calls(ENGLISH.words("Wait."))
    assert not ENGLISH.calls(ENGLISH.words("At high."))


def test_a_second_request_begins_at_a_verb_of_the_agents_tools():
    line = "I'd like to book a table for two and then tell me where to park"
    assert ENGLISH.clauses(line, {"book", "tell"}) == [
        "i'd like to book a table for two",
        "tell me where to park",
    ]
    assert ENGLISH.clauses(line) == [line]
    assert ENGLISH.clauses("for two and a dog", {"book"}) == ["for two and a dog"]
