"""The interruption bench's own measures, and a caller's line that brings the agent back."""

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.spoken import language
from voice.bench.interruptions import Event, summary
from voice.bench.interruptions_memory import Told, compared
from voice.bench.interruptions_sounds import SOUNDS, backchannels, interruptions, made
from voice.listen.doubt import plain

ENGLISH = language("en")
SAID = "Every morning he walked down to the water, and watched the boats go by."


RATE = 8000
WORD = 1000  # samples, of which the last 200 are faint


def told() -> Told:
    words = tuple(SAID.split())
    noise = np.random.default_rng(0).integers(1000, 9000, WORD * len(words))
    noise.reshape(-1, WORD)[:, -200:] //= 100
    ends = tuple(WORD * (i + 1) for i in range(len(words)))
    return Told(words, noise.astype(np.int16), ends)


def line(*parts: tuple[int, int]) -> NDArray[np.int16]:
    """A recording of these parts of the told sound, with silence around each."""
    silence = np.zeros(501, np.int16)
    pieces = [piece for a, b in parts for piece in (silence, told().sound[a:b])]
    return np.concatenate([*pieces, silence])


def remembered(heard: str, *parts: tuple[int, int]) -> tuple[int, int]:
    memory = compared(line(*parts), heard, told(), RATE)
    return memory.not_played, memory.not_heard


def test_memory_that_ends_where_the_sound_ends_is_true():
    assert remembered("Every morning he walked", (0, 4000)) == (0, 0)
    assert remembered("Every morning he walked", (0, 4300)) == (0, 0)


def test_words_that_were_never_played_are_counted():
    assert remembered("Every morning he walked down", (0, 3000)) == (2, 0)
    assert remembered("Every morning he walked", (0, 3700)) == (1, 0)


def test_words_that_were_played_and_forgotten_are_counted():
    assert remembered("Every morning", (0, 5000)) == (0, 3)


def test_a_word_that_lacks_only_silence_may_count_or_not():
    for heard in ("Every morning he", "Every morning he walked"):
        assert remembered(heard, (0, 3900)) == (0, 0)


def test_a_word_said_again_after_a_false_alarm_counts_once():
    assert remembered("Every morning he walked", (0, 3300), (3000, 4100)) == (0, 0)
    assert remembered("Every morning he", (0, 3300), (3000, 3200)) == (0, 0)


def test_other_words_than_were_said_are_no_memory():
    assert remembered("Every evening he", (0, 4000)) == (3, 0)


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
    assert all(ENGLISH.listens(plain(question.text)) for question in listening)
    assert all(question.voice != "af_heart" for question in [*asked, *listening])
    assert len({(question.text, question.voice) for question in listening}) == 30


def test_the_summary_counts_what_happened():
    memory = compared(line((0, 4000)), "Every morning he walked", told(), RATE)
    events = [
        Event("real", "Stop.", True, True, silent_ms=80.0, memory=memory),
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
