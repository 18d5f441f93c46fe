"""Who spoke when: the clustering on paper, and the diarizer on voices that Kokoro speaks."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import Says
from voice.models import ModelMissing
from voice.recordings.diarize import Diarization, Diarizer
from voice.recordings.diarize.cluster import clusters
from voice.recordings.transcript import SpeakerTurn

RATE = 16000


def around(*centres: int, spread: float = 0.25) -> NDArray[np.float32]:
    """A print near each of the named axes."""
    random = np.random.default_rng(1)
    prints = np.eye(8)[list(centres)] + random.normal(0, spread / 8**0.5, (len(centres), 8))
    return (prints / np.linalg.norm(prints, axis=1, keepdims=True)).astype(np.float32)


def equal(n: int) -> NDArray[np.float32]:
    return np.ones(n, np.float32)


def test_prints_of_two_voices_are_two_clusters_in_any_order() -> None:
    found = clusters(around(0, 1, 0, 0, 1), equal(5), threshold=0.5)
    assert found[0] == found[2] == found[3] != found[1] == found[4]


def test_a_count_that_is_known_beats_the_threshold() -> None:
    prints = around(0, 1, 2, 0, 1, 2)
    assert clusters(prints, equal(6), threshold=0.01).max() == 5
    found = clusters(prints, equal(6), threshold=0.01, count=3)
    assert list(found[:3]) == list(found[3:])
    assert clusters(prints, equal(6), threshold=0.01, count=1).max() == 0


def test_one_print_is_one_speaker() -> None:
    assert list(clusters(around(3), equal(1), threshold=0.5)) == [0]


def talk(*parts: NDArray[np.float32], pause: float = 0.4) -> NDArray[np.float32]:
    quiet = np.random.default_rng(0).normal(0, 1e-4, int(pause * RATE)).astype(np.float32)
    return np.concatenate([piece for part in parts for piece in (quiet, part)] + [quiet])


def in_order(turns: Sequence[SpeakerTurn]) -> list[str]:
    """Speakers as they take turns."""
    return [t.speaker for i, t in enumerate(turns) if not i or t.speaker != turns[i - 1].speaker]


@pytest.fixture(scope="module")
def diarizer() -> Diarizer:
    return Diarizer()


@pytest.fixture(scope="module")
def dialogue(says: Says) -> NDArray[np.float32]:
    return talk(
        says("Good morning, thank you for calling the bank, how can I help you?", "am_michael"),
        says("I would like to change the address on my account, we moved in March.", "af_heart"),
        says("Of course. Could you tell me the number of the account, please?", "am_michael"),
        says("It is seven four two, and then the last part is nineteen.", "af_heart"),
    )


@pytest.mark.models
def test_two_voices_take_turns(diarizer: Diarizer, dialogue: NDArray[np.float32]) -> None:
    turns = diarizer.turns(dialogue)
    assert in_order(turns) == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00", "SPEAKER_01"]
    assert all(0 <= turn.start < turn.end <= len(dialogue) / RATE for turn in turns)


@pytest.mark.models
def test_pieces_of_any_length_are_heard_as_the_whole(
    diarizer: Diarizer, dialogue: NDArray[np.float32]
) -> None:
    pieces = Diarization(diarizer)
    for at in range(0, len(dialogue), 47_777):
        pieces.add(dialogue[at : at + 47_777])
    assert pieces.turns() == diarizer.turns(dialogue)


@pytest.mark.models
def test_a_known_count_is_kept(diarizer: Diarizer, dialogue: NDArray[np.float32]) -> None:
    assert {turn.speaker for turn in diarizer.turns(dialogue, 1)} == {"SPEAKER_00"}


@pytest.mark.models
def test_silence_and_nothing_have_no_speaker(diarizer: Diarizer) -> None:
    assert diarizer.turns(np.zeros(3 * RATE, np.float32)) == []
    assert diarizer.turns(np.zeros(0, np.float32)) == []


def test_models_that_are_not_here_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("OPENLINE_CACHE", str(tmp_path_factory.mktemp("cache")))
    with pytest.raises(ModelMissing, match="openline models get pyannote-campplus"):
        Diarizer()
