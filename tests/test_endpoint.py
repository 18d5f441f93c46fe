"""The end-of-turn model says what pipecat's own analyzer says."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

from tests.conftest import Says
from voice.listen.endpoint import EndOfTurn

pytestmark = pytest.mark.models

REST = np.zeros(3200, np.float32)  # 0.2 s of silence, as at a pause


@pytest.fixture(scope="module")
def end_of_turn() -> Iterator[EndOfTurn]:
    model = EndOfTurn()
    yield model
    model.close()


@pytest.fixture(scope="module")
def theirs() -> LocalSmartTurnAnalyzerV3:
    analyzer = LocalSmartTurnAnalyzerV3(cpu_count=1)
    analyzer._sample_rate = 16000  # pyright: ignore[reportPrivateUsage]
    return analyzer


def cut(audio: NDArray[np.float32], seconds: float) -> NDArray[np.float32]:
    return audio[: round(seconds * 16000)]


@pytest.fixture(scope="module")
def speech(says: Says) -> NDArray[np.float32]:
    return says("I would like to know where my order is.")


def test_probabilities_equal_pipecats(
    end_of_turn: EndOfTurn, theirs: LocalSmartTurnAnalyzerV3, speech: NDArray[np.float32]
):
    differences: list[float] = []
    for seconds in (0.4, 1.2, 1.6, 3.1, 4.7, 6.7, 8.3, 11.0):  # the model sees 8
        audio = np.concatenate([cut(np.tile(speech, 7), seconds), REST])
        expected = theirs._predict_endpoint(audio)["probability"]  # pyright: ignore[reportPrivateUsage]
        differences.append(abs(end_of_turn.probability(audio) - expected))
    assert max(differences) < 1e-3


def test_a_finished_sentence_scores_above_a_broken_one(
    end_of_turn: EndOfTurn, speech: NDArray[np.float32]
):
    whole = end_of_turn.probability(np.concatenate([speech, REST]))
    broken = end_of_turn.probability(np.concatenate([cut(speech, 1.2), REST]))
    assert whole > 0.8
    assert broken < 0.5


def test_any_length_gives_a_probability_and_the_same_one_twice(end_of_turn: EndOfTurn):
    rng = np.random.default_rng(3)
    for samples in (0, 1, 512, 16000, 20 * 16000):
        audio = rng.normal(0, 0.01, samples).astype(np.float32)
        before = audio.copy()
        first = end_of_turn.probability(audio)
        assert 0 <= first <= 1
        assert end_of_turn.probability(audio) == first
        assert np.array_equal(audio, before)  # the caller goes on using it
    assert 0 <= end_of_turn.probability(np.full(16000, np.nan, np.float32)) <= 1


def test_only_the_last_eight_seconds_count(end_of_turn: EndOfTurn, speech: NDArray[np.float32]):
    last = np.resize(speech, 8 * 16000)
    assert end_of_turn.probability(np.concatenate([speech[::-1], last])) == pytest.approx(
        end_of_turn.probability(last), abs=1e-6
    )
