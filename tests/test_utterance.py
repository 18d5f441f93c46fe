"""One growing buffer a turn: what it holds of the sound before and in it."""

import numpy as np
from numpy.typing import NDArray

from voice.listen.utterance import PRE_ROLL, Utterance
from voice.listen.vad import SAMPLE_RATE, WINDOW


def hears(utterance: Utterance, level: float, windows: int) -> Utterance:
    for _ in range(windows):
        utterance.hear(_window(level))
    return utterance


def _window(level: float) -> NDArray[np.float32]:
    return np.full(WINDOW, level, np.float32)


def test_a_turn_holds_what_came_shortly_before_it():
    utterance = hears(Utterance(), 0.1, 100)
    assert not utterance.open
    utterance.begin()
    hears(utterance, 0.2, 10)
    audio = utterance.end()
    assert len(audio) == PRE_ROLL + 10 * WINDOW
    assert not utterance.open
    assert utterance.number == 0


def test_a_sound_that_was_no_turn_may_be_the_start_of_one():
    utterance = Utterance()
    utterance.begin()
    hears(utterance, 0.3, 100).drop()
    utterance.begin()
    assert np.array_equal(utterance.audio(), np.full(PRE_ROLL, 0.3, np.float32))
    assert utterance.number == 2


def test_it_is_quiet_below_a_level_and_below_a_share_of_the_loudest():
    utterance = Utterance()
    utterance.begin()
    assert hears(utterance, 0.5, 5).quiet == 0
    assert hears(utterance, 0.01, 3).quiet == 3
    assert hears(utterance, 0.3, 1).quiet == 0
    assert utterance.seconds == 9 * WINDOW / SAMPLE_RATE
