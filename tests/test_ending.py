"""What the signs of a pause say: callers who have finished, and callers who have not."""

import json
from pathlib import Path

import pytest

from voice.listen.ending import (
    READ_AT,
    Signs,
    features,
    log_odds,
    needed_silence,
    probability,
    weights,
)


def odds(
    words: str, asked: str = "", *, sound: float | None = None, closing: float | None = None
) -> float:
    return log_odds(Signs(words=words, asked=asked, sound=sound, closing=closing))


@pytest.mark.parametrize(
    ("finished", "goes_on"),
    [
        ("Hi, my name is Ann. I would like to book a table.", "Hi, my name is Ann."),
        ("Is there anything else I can help you with?", "Your balance is"),
        ("I would like to change my flight.", "I would like to"),
        ("No, that's all. Thank you.", "No, I"),
        ("Can you send me a new one?", "Can you send me a"),
    ],
)
def test_words_that_finish_a_thought_are_nearer_to_an_end(finished: str, goes_on: str):
    assert odds(finished) > odds(goes_on) + 1


def test_a_word_can_be_a_whole_answer():
    assert odds("San Francisco.", "Which city are you in?") > odds("San Francisco.") + 0.5
    assert odds("Two.", "For how many people?") > odds("Two.") + 0.5


def test_the_voice_and_whisper_are_heard_as_well():
    said = "I would like to change my flight."
    assert odds(said, sound=0.95) > odds(said) > odds(said, sound=0.02)
    assert odds(said, sound=0.9, closing=0.95) > odds(said, sound=0.9, closing=0.05)


def test_who_has_paused_and_gone_on_may_do_so_again():
    said, asked = "I would like to change my flight.", "How can I help you?"
    once, again = (Signs(0.5, said, 0.9, asked, resumed) for resumed in (False, True))
    assert log_odds(again) < log_odds(once)


def test_the_voice_is_worth_more_once_there_was_enough_of_it():
    def voice(resumed: bool) -> float:
        low, high = (Signs(p, "Tuesday.", 0.9, "Which day?", resumed) for p in (0.1, 0.9))
        return log_odds(high) - log_odds(low)

    assert voice(True) > voice(False) > 0


def test_who_speaks_before_anybody_else_has_more_to_say():
    greeting = "Hello, this is Ann."
    opening, answering = (Signs(0.5, greeting, 0.9, asked) for asked in ("", "Who is there?"))
    assert log_odds(opening) < log_odds(answering)


def test_without_words_the_voice_alone_decides():
    assert log_odds(Signs(sound=0.98)) > log_odds(Signs()) > log_odds(Signs(sound=0.02))
    assert log_odds(Signs(sound=0.98, words="")) == log_odds(Signs(sound=0.98))


def test_silence_makes_an_end_more_likely():
    sure, unsure = 2.0, -1.0
    assert probability(unsure, READ_AT) < probability(unsure, 1.0) < probability(unsure, 2.0)
    assert needed_silence(sure, 0.7) < needed_silence(unsure, 0.7)
    assert probability(unsure, needed_silence(unsure, 0.7)) == pytest.approx(0.7)


def test_a_number_counts_by_its_length_and_a_final_full_stop_not_at_all():
    assert set(features("My code is 4021", "")) == set(features("my code is 9999.", ""))
    assert set(features("My code is 4021", "")) != set(features("my code is 40", ""))
    assert set(features("It is late?", "")) != set(features("It is late.", ""))


def test_the_weights_say_where_they_come_from():
    found = json.loads((Path("voice/listen/ending.json")).read_text())
    assert found["learned_from"]["calls"]
    assert "CC BY-SA" in found["learned_from"]["words"]
    assert weights().learned_from == frozenset(found["learned_from"]["calls"])
