"""Who spoke when: the clustering on paper, and the diarizer on voices that Kokoro speaks."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from tests.conftest import Says
from voice.audiofile import write_wav
from voice.cli import app
from voice.listen.doubt import plain
from voice.models import ModelMissing
from voice.recordings.diarize import (
    Diarization,
    Diarizer,
    KnownVoices,
    VoicesError,
    known_voices,
    names_of,
)
from voice.recordings.diarize.cluster import speakers_of, with_rare
from voice.recordings.transcript import SpeakerTurn

RATE = 16000


def around(*centres: int, spread: float = 0.25) -> NDArray[np.float32]:
    """A print near each of the named axes."""
    random = np.random.default_rng(1)
    prints = np.eye(8)[list(centres)] + random.normal(0, spread / 8**0.5, (len(centres), 8))
    return (prints / np.linalg.norm(prints, axis=1, keepdims=True)).astype(np.float32)


def found(
    prints: NDArray[np.float32],
    *,
    seconds: float = 2.0,
    threshold: float = 0.33,
    count: int | None = None,
) -> list[list[int]]:
    """Which prints, two seconds apart, have which of the speakers' voices."""
    n = len(prints)
    middles, lengths = np.arange(0.0, 2.0 * n, 2.0), np.full(n, seconds, np.float64)
    voices = speakers_of(prints, middles, lengths, threshold=threshold, least=3.0, count=count)
    owners = (prints @ voices.T).argmax(axis=1)
    return [np.flatnonzero(owners == speaker).tolist() for speaker in range(len(voices))]


def test_prints_of_two_voices_are_two_speakers_the_talkative_first() -> None:
    assert found(around(0, 1, 0, 0, 1)) == [[0, 2, 3], [1, 4]]


def test_a_voice_that_scatters_is_still_one_and_two_calm_ones_are_two() -> None:
    near = around(0, 0, 0, 0, 0, 0)
    apart = near + np.repeat([[0, 0.5], [0, -0.5]], 3, axis=0) @ np.eye(8)[[0, 7]]
    calm = (apart / np.linalg.norm(apart, axis=1, keepdims=True)).astype(np.float32)
    assert len(found(around(*[0] * 12, spread=0.9))) == 1
    assert len(found(calm)) == 2


def test_a_count_that_is_known_beats_the_threshold() -> None:
    prints = around(0, 1, 2, 0, 1, 2)
    assert len(found(prints, threshold=2.0)) == 1
    assert sorted(found(prints, threshold=2.0, count=3)) == [[0, 3], [1, 4], [2, 5]]
    assert len(found(prints, threshold=0.0, count=1)) == 1


def test_who_is_heard_for_a_moment_is_no_speaker_unless_the_count_is_known() -> None:
    prints = around(0, 0, 0, 1)
    assert found(prints) == [[0, 1, 2, 3]]
    assert found(prints, count=2) == [[0, 1, 2], [3]]


def test_who_only_ever_says_yes_is_a_speaker_when_it_is_said_again() -> None:
    prints = around(0, 0, 0, 4, 0, 4, 0, 4)
    voices, middles, short = around(0), np.arange(0.0, 16.0, 2.0), np.full(8, 0.4)
    assert len(with_rare(voices, prints, middles, short)) == 2
    assert len(with_rare(voices, prints[:6], middles[:6], short[:6])) == 1  # twice is too little
    assert len(with_rare(voices, prints, middles / 100, short)) == 1  # the same sound, cut thrice
    assert len(with_rare(voices, around(0, 3, 0, 4, 0, 5, 6, 7), middles, short)) == 1  # noises


def test_one_print_is_one_speaker() -> None:
    assert found(around(3), seconds=0.5) == [[0]]


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
def lines(says: Says) -> list[NDArray[np.float32]]:
    """Two voices in turn."""
    said = [
        ("Good morning, my name is Michael Brown, how can I help you?", "am_michael"),
        ("I would like to change the address on my account, we moved in March.", "af_heart"),
        ("Of course. Could you tell me the number of the account, please?", "am_michael"),
        ("It is seven four two, and then the last part is nineteen.", "af_heart"),
    ]
    return [says(text, voice) for text, voice in said]


@pytest.fixture(scope="module")
def dialogue(lines: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return talk(*lines)


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
    assert pieces.done().turns == diarizer.turns(dialogue)


@pytest.mark.models
def test_a_known_count_is_kept(diarizer: Diarizer, dialogue: NDArray[np.float32]) -> None:
    assert {turn.speaker for turn in diarizer.turns(dialogue, 1)} == {"SPEAKER_00"}


@pytest.mark.models
def test_silence_and_nothing_have_no_speaker(diarizer: Diarizer) -> None:
    assert diarizer.turns(np.zeros(3 * RATE, np.float32)) == []
    assert diarizer.turns(np.zeros(0, np.float32)) == []


@pytest.mark.models
def test_a_call_on_one_channel_is_written_with_its_speakers(
    dialogue: NDArray[np.float32], tmp_path: Path
) -> None:
    write_wav(tmp_path / "call.wav", (dialogue * 32767).astype(np.int16), RATE)
    arguments = [tmp_path / "call.wav", "--out", tmp_path, "--model", "whisper-tiny.en"]
    result = CliRunner().invoke(app, ["transcribe", *map(str, arguments), "--device", "cpu"])
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "call.wav.json").read_text())
    said: list[tuple[str, str]] = []
    for one in written["segments"]:
        assert {word["speaker"] for word in one["words"]} == {one["speaker"]}
        if said and said[-1][0] == one["speaker"]:
            said[-1] = (one["speaker"], f"{said[-1][1]} {one['text']}")
        else:
            said.append((one["speaker"], one["text"]))
    assert [speaker for speaker, _ in said] == ["SPEAKER_00", "SPEAKER_01"] * 2
    (named,) = written["names"]
    assert (named["speaker"], named["name"]) == ("SPEAKER_00", "Michael Brown")
    assert [plain(text)[-1] for _, text in said[:3]] == ["you", "march", "please"]


@pytest.mark.models
def test_who_sounds_like_a_sample_gets_its_name(
    diarizer: Diarizer, lines: list[NDArray[np.float32]], tmp_path: Path
) -> None:
    (tmp_path / "Joan").mkdir()
    for path, line in (("Joan/monday.wav", lines[1]), ("Mike.wav", lines[0])):
        write_wav(tmp_path / path, (line * 32767).astype(np.int16), RATE)
    known = known_voices(tmp_path, diarizer)
    heard = diarizer.diarized(talk(lines[2], lines[3], lines[2]))
    named = names_of([], heard.voices, known)
    assert {speaker: name for speaker, name, _ in named} == {
        "SPEAKER_00": "Mike",
        "SPEAKER_01": "Joan",
    }
    assert all("sounds like the samples of" in evidence for _, _, evidence in named)
    alone = diarizer.diarized(lines[3])
    assert [name for _, name, _ in names_of([], alone.voices, known)] == ["Joan"]


@pytest.mark.models
def test_who_has_a_channel_is_named_by_a_sample_too(
    lines: list[NDArray[np.float32]], tmp_path: Path
) -> None:
    length = min(len(lines[2]), len(lines[3]))
    both = np.stack([lines[2][:length], lines[3][-length:]], axis=1)
    write_wav(tmp_path / "call.wav", (both * 32767).astype(np.int16), RATE)
    (tmp_path / "voices").mkdir()
    write_wav(tmp_path / "voices" / "Joan.wav", (lines[1] * 32767).astype(np.int16), RATE)
    options = ["--out", tmp_path, "--voices", tmp_path / "voices", "--model", "whisper-tiny.en"]
    arguments = ["transcribe", tmp_path / "call.wav", *options, "--device", "cpu"]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    (named,) = json.loads((tmp_path / "call.wav.json").read_text())["names"]
    assert (named["speaker"], named["name"]) == ("channel 2", "Joan")


def test_nobody_gets_the_name_of_a_voice_that_is_far_or_taken() -> None:
    known = KnownVoices(("Ann", "Bob"), around(0, 1, spread=0.0))
    near, far = around(0, 5, spread=0.3)
    less_near = near + 0.2 * far
    voices = {"A": less_near / np.linalg.norm(less_near), "B": far, "C": near}
    found = known.among(voices)
    assert [(speaker, name) for speaker, (name, _) in found.items()] == [("C", "Ann")]


@pytest.mark.models
def test_a_folder_without_voices_is_told(diarizer: Diarizer, tmp_path: Path) -> None:
    with pytest.raises(VoicesError, match="is not a folder"):
        known_voices(tmp_path / "none", diarizer)
    with pytest.raises(VoicesError, match=r"no NAME\.wav"):
        known_voices(tmp_path, diarizer)
    write_wav(tmp_path / "Ann.wav", np.zeros(RATE, np.int16), RATE)
    with pytest.raises(VoicesError, match=r"Ann\.wav: nobody speaks"):
        known_voices(tmp_path, diarizer)


@pytest.mark.models
def test_the_bench_tells_what_is_confused_and_how_many_were_found(
    diarizer: Diarizer, dialogue: NDArray[np.float32], tmp_path: Path
) -> None:
    write_wav(tmp_path / "call.wav", (dialogue * 32767).astype(np.int16), RATE)
    turns = diarizer.turns(dialogue)
    lines = [
        f"SPEAKER call 1 {t.start:.3f} {t.end - t.start:.3f} <NA> <NA> {t.speaker} <NA> <NA>"
        for t in turns
    ]
    lines[-1] = lines[-1].replace("SPEAKER_01", "SPEAKER_00")
    (tmp_path / "call.rttm").write_text("\n".join(lines))
    arguments = ["bench", "diarize", str(tmp_path), "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    (one,) = json.loads((tmp_path / "diarize.json").read_text())["recordings"]
    wrong = turns[-1].end - turns[-1].start
    share = 100 * wrong / sum(turn.end - turn.start for turn in turns)
    assert one["errors"]["confused"] == pytest.approx(share, abs=1)
    assert (one["errors"]["speakers"], one["errors"]["found"]) == (2, 2)
    assert one["errors"]["missed"] == pytest.approx(0, abs=0.5)


def test_a_bench_without_recordings_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "diarize", str(tmp_path)])
    assert "no sound file with an .rttm" in str(result.exception)


@pytest.mark.parametrize("count", ["0", "two", "-1", ""])
def test_a_count_of_speakers_is_a_number(count: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "call.wav", np.zeros(RATE, np.int16), RATE)
    arguments = [str(tmp_path / "call.wav"), "--out", str(tmp_path), "--speakers", count]
    result = CliRunner().invoke(app, ["transcribe", *arguments])
    assert result.exit_code != 0
    assert "is no number from 1 on" in str(result.exception or result.output)


def test_models_that_are_not_here_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("OPENLINE_CACHE", str(tmp_path_factory.mktemp("cache")))
    with pytest.raises(ModelMissing, match="openline models get pyannote-campplus"):
        Diarizer()
