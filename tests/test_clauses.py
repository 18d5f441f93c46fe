"""Where streamed text is cut for speech."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.speak.clauses import ClauseSplitter


def clauses(*pieces: str) -> list[str]:
    splitter = ClauseSplitter()
    return [clause for piece in pieces for clause in splitter.feed(piece)] + splitter.flush()


def test_the_first_clause_is_short_and_the_next_ones_are_full():
    assert clauses("Sure, I can do that. Your tent, the blue one for two persons, is here.") == [
        "Sure,",
        "I can do that.",
        "Your tent, the blue one for two persons,",
        "is here.",
    ]


def test_a_first_clause_without_punctuation_ends_before_a_joining_word():
    assert clauses("Your order has been shipped and arrives on Thursday.") == [
        "Your order has been shipped",
        "and arrives on Thursday.",
    ]


def test_a_comma_after_a_word_ends_the_first_clause_at_once():
    splitter = ClauseSplitter()
    assert splitter.feed("Sure") == []
    assert splitter.feed(",") == ["Sure,"]


def test_a_full_stop_waits_for_what_follows():
    splitter = ClauseSplitter()
    assert splitter.feed("It costs 3.") == []
    assert splitter.feed("50. ") == ["It costs 3.50."]


def test_a_text_that_never_pauses_is_cut():
    parts = clauses("word " * 100)
    assert len(parts[0].split()) <= 8
    assert max(len(part.split()) for part in parts) <= 28


@pytest.mark.parametrize(
    "whole",
    [
        "That is $3.50.",
        "It is 10:42.",
        "We sold 1,042 tents.",
        "Ask Mr. Jones.",
        "Ask Dr. J. R. Weber.",
        "Tents e.g. ours.",
        "Open until 6 p.m. Sunday.",
        "It is No. 7.",
        "Go to https://example.com/a.b?c=1,2 now.",
        "1. Tents.",
    ],
)
def test_nothing_is_cut_inside_numbers_abbreviations_and_addresses(whole: str):
    assert clauses(whole) == [whole]
    assert clauses(*whole) == [whole]


def test_no_is_a_word_as_well_as_an_abbreviation():
    assert clauses("No. We are closed.") == ["No.", "We are closed."]


def test_chinese_and_japanese_punctuation_needs_no_space():
    assert clauses("你好！您的订单已发货。谢谢") == ["你好！", "您的订单已发货。", "谢谢"]
    assert clauses("はい、「そうです。」と") == ["はい、", "「そうです。」", "と"]


def test_whitespace_and_punctuation_alone_are_no_clauses_before_a_word():
    assert clauses("", "  \n", "\n") == []
    assert clauses("... Hello there.") == ["... Hello there."]


PIECES = (
    'Sure|,| |. |3.50|no|Mr|.|!|?!|\n|。|and| with |1|tent |ä|」|https://a.b/c, |\u00a0|😀|;|...|"'
)
SPEECH = st.lists(st.sampled_from(PIECES.split("|")), max_size=60).map("".join)


@given(st.one_of(SPEECH, st.text(max_size=200)), st.data())
def test_clauses_do_not_depend_on_the_pieces_and_lose_nothing(text: str, data: st.DataObject):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    found = clauses(*pieces)
    assert found == clauses(text) == clauses(*text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(found)
