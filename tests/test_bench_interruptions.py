"""The interruption bench's own measures, and a caller's line that brings the agent back."""

import numpy as np
import pytest

from voice.bench.interruptions import Event, summary
from voice.bench.interruptions_memory import compared
from voice.bench.interruptions_sounds import SOUNDS, backchannels, interruptions, made
from voice.listen.interruptions import backchannel

SAID = "Every morning he walked down to the water, and watched the boats go by."


def test_memory_that_ends_where_the_sound_ends_is_true():
    memory = compared("every morning he walked", "Every morning he walked", SAID)
    assert (memory.words, memory.not_played, memory.not_heard) == (4, 0, 0)


def test_words_that_were_never_played_are_counted():
    assert compared("every morning he", "Every morning he walked down", SAID).not_played == 2


def test_words_that_were_played_and_forgotten_are_counted():
    assert compared("every morning he walked down", "Every morning", SAID).not_heard == 3


def test_a_word_that_was_cut_counts_for_neither():
    for heard in ("Every morning he", "Every morning he walked"):
        memory = compared("every morning he walk", heard, SAID)
        assert (memory.not_played, memory.not_heard) == (0, 0)


def test_a_misread_word_in_the_middle_is_whispers_own():
    memory = compared("every mourning he walked", "Every morning he walked", SAID)
    assert (memory.not_played, memory.not_heard) == (0, 0)


@pytest.mark.parametrize("kind", SOUNDS)
def test_made_sounds_are_the_same_each_time_and_loud_enough_to_hear(kind: str):
    first, again, other = made(kind, 1), made(kind, 1), made(kind, 2)  # type: ignore[arg-type]
    assert np.array_equal(first.samples, again.samples)
    assert not np.array_equal(first.samples[:4000], other.samples[:4000])
    assert 3000 < np.abs(first.samples.astype(int)).max() < 16500


def test_callers_do_not_have_the_agents_voice_and_listeners_only_listen():
    asked = interruptions(60, "af_heart")
    assert len(asked) == 60
    assert sum(len(question.text.split()) <= 4 for question in asked) >= 10
    listening = backchannels(30, "af_heart")
    assert all(backchannel(question.text) for question in listening)
    assert all(question.voice != "af_heart" for question in [*asked, *listening])
    assert len({(question.text, question.voice) for question in listening}) == 30


def test_the_summary_counts_what_happened():
    told = compared("every morning he walked", "Every morning he walked", SAID)
    events = [
        Event("real", "Stop.", True, True, silent_ms=80.0, memory=told),
        Event("real", "Wait.", False, True),
        Event("cough", "cough 1", False, False),
        Event("backchannel", "Okay.", False, True, pause_ms=600.0),
        Event("backchannel", "Yeah.", True, True),
        Event("echo", "-20 dB", False, False),
    ]
    found = summary(events)
    assert found["missed_percent"] == 50.0
    assert found["false_interruptions_percent"] == 25.0
    assert found["silent_ms"]["max"] == 80.0
    assert found["kinds"]["backchannel"] == {
        "sounds": 2,
        "interrupted": 1,
        "held": 2,
        "pause_ms": 600.0,
    }
    assert found["heard_words"] == 4
