"""What the speech detector calls speech: voices, not silence, noise, hum or clicks."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import Says
from voice.listen.vad import SAMPLE_RATE, WINDOW, SpeechDetector, SpeechStream

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def detector() -> SpeechDetector:
    return SpeechDetector()


def listen(stream: SpeechStream, audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """The probability of speech in every whole window."""
    count = len(audio) // WINDOW
    return np.array([stream.step(audio[i * WINDOW : (i + 1) * WINDOW]) for i in range(count)])


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def noise(seconds: float, level: float) -> NDArray[np.float32]:
    rng = np.random.default_rng(7)
    return rng.normal(0, level, round(seconds * SAMPLE_RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def order(says: Says) -> NDArray[np.float32]:
    return says("I would like to know where my order is.")


def test_speech_is_heard_between_silences(detector: SpeechDetector, order: NDArray[np.float32]):
    heard = listen(detector.stream(), np.concatenate([silence(1), order, silence(1)]))
    first, last = 1 * SAMPLE_RATE // WINDOW, (SAMPLE_RATE + len(order)) // WINDOW
    assert heard[: first - 1].max() < 0.2
    assert (heard[first:last] > 0.5).mean() > 0.7
    assert heard[last + 8 :].max() < 0.2  # a quarter second after the voice


def test_speech_is_heard_through_noise_and_on_a_quiet_line(
    detector: SpeechDetector, order: NDArray[np.float32]
):
    for audio in (order + noise(60, 0.01)[: len(order)], order * np.float32(0.03)):
        assert (listen(detector.stream(), audio) > 0.5).mean() > 0.5


@pytest.mark.parametrize("voice", ["af_heart", "am_michael"])
def test_a_short_yes_is_heard(detector: SpeechDetector, says: Says, voice: str):
    heard = listen(
        detector.stream(), np.concatenate([silence(0.5), says("Yes.", voice), silence(0.5)])
    )
    assert (heard > 0.5).sum() >= 3


def test_no_speech_in_silence_noise_hum_and_clicks(detector: SpeechDetector):
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE)
    clicks = silence(3)
    clicks[:: SAMPLE_RATE // 2] = 0.9
    for audio in (silence(3), noise(3, 0.003), noise(3, 0.1), hum.astype(np.float32), clicks):
        heard = listen(detector.stream(), audio)
        assert (heard > 0.5).sum() <= 2, heard.max()


def test_streams_do_not_hear_each_other(detector: SpeechDetector, order: NDArray[np.float32]):
    speech, hiss = order[:SAMPLE_RATE], noise(1, 0.05)
    alone = listen(detector.stream(), speech)
    one, other = detector.stream(), detector.stream()
    together: list[float] = []
    for i in range(len(alone)):
        at = i * WINDOW
        together.append(one.step(speech[at : at + WINDOW]))
        other.step(hiss[at : at + WINDOW])
    assert together == pytest.approx(alone, abs=1e-6)


def test_reset_forgets_the_call(detector: SpeechDetector, order: NDArray[np.float32]):
    stream = detector.stream()
    first = listen(stream, order)
    stream.reset()
    assert listen(stream, order) == pytest.approx(first, abs=1e-6)


def chords(seconds: float) -> NDArray[np.float32]:
    """Music on hold: a chord struck twice a second."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tones = sum(np.sin(2 * np.pi * f * t) for f in (220, 277, 330, 440))
    return (0.05 * tones * np.clip(1 - (2 * t) % 1, 0, 1)).astype(np.float32)


def test_a_quiet_caller_is_heard_after_music_on_hold(
    detector: SpeechDetector, order: NDArray[np.float32]
):
    music, quiet = chords(60), order * np.float32(0.1)
    music = music[: len(music) // WINDOW * WINDOW]
    heard = listen(detector.stream(), np.concatenate([music, quiet]))
    before, after = np.split(heard, [len(music) // WINDOW])
    assert before.max() < 0.5
    alone = listen(detector.stream(), quiet)
    # A state that is never cleared hears next to nothing of it
    assert (after > 0.5).mean() > (alone > 0.5).mean() - 0.12
    assert np.flatnonzero(after > 0.5)[0] <= np.flatnonzero(alone > 0.5)[0] + 4


def test_a_broken_window_does_not_deafen(detector: SpeechDetector, order: NDArray[np.float32]):
    stream = detector.stream()
    stream.step(np.full(WINDOW, np.nan, np.float32))
    assert (listen(stream, order) > 0.5).mean() > 0.5
