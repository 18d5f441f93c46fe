"""`openline score`: errors that were put in are the errors that come out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from voice.cli import app
from voice.recordings.exports import FORMATS, write
from voice.recordings.score import score
from voice.recordings.scored import ScoreError
from voice.recordings.transcript import Segment, SpeakerTurn, Transcript, Word


def said(text: str, at: float, speaker: str) -> Segment:
    """Two words a second."""
    words = text.split()
    return Segment(
        tuple(Word(w, at + i / 2, at + i / 2 + 0.4, 0.9, speaker) for i, w in enumerate(words)),
        speaker,
    )


CALL = Transcript(
    "call.wav",
    20.0,
    1,
    8000,
    "",
    "en",
    (said("I would like twenty one lamps please", 1, "A"), said("Of course, Mr. Lee.", 6, "B")),
    turns=(SpeakerTurn(1, 5, "A"), SpeakerTurn(6, 8, "B")),
)


def files(folder: Path, transcript: Transcript) -> dict[str, Path]:
    return dict(zip(FORMATS, write(transcript, folder, FORMATS), strict=True))


def values(reference: Path, hypothesis: Path) -> dict[str, float | None]:
    return {one.name: one.value for one in score(reference, hypothesis)}


def moved(segment: Segment, by: float) -> Segment:
    words = (replace(w, start=w.start + by, end=w.end + by) for w in segment.words)
    return replace(segment, words=tuple(words))


def test_a_transcript_has_no_errors_against_itself_in_any_format(tmp_path: Path):
    made = files(tmp_path, CALL)
    assert set(values(made["json"], made["json"]).values()) == {0.0}
    for name in ("txt", "ctm", "srt", "vtt"):
        assert values(made["json"], made[name])["WER"] == 0.0
    for name in ("txt", "srt"):
        assert values(made["json"], made[name])["cpWER"] == 0.0
    assert values(made["rttm"], made["json"])["DER"] == 0.0


def test_each_error_is_counted_once(tmp_path: Path):
    truth = tmp_path / "truth.txt"
    truth.write_text("I would like 21 lamps please. Of course Mister Lee\n")
    heard = tmp_path / "heard.txt"
    heard.write_text("I would like twenty-one lamb. Of course Mr Lee really\n")
    (words, *_) = score(truth, heard)
    assert words.detail == "1 wrong, 1 missing, 1 too many of 10 words"
    assert words.value == pytest.approx(30.0)


def test_speakers_may_have_any_names_but_not_one_anothers_words(tmp_path: Path):
    truth = files(tmp_path / "a", CALL)["json"]
    swapped = {"A": "spk1", "B": "spk0"}
    renamed = replace(
        CALL,
        segments=tuple(
            replace(
                part,
                speaker=swapped[part.speaker],
                words=tuple(replace(w, speaker=swapped[part.speaker]) for w in part.words),
            )
            for part in CALL.segments
        ),
        turns=(SpeakerTurn(1, 5, "spk1"), SpeakerTurn(6, 8, "spk0")),
    )
    same = values(truth, files(tmp_path / "b", renamed)["json"])
    assert (same["cpWER"], same["DER"]) == (0.0, 0.0)
    first, second = CALL.segments
    confused = replace(
        CALL,
        segments=(first, replace(second, words=second.words[:3]), said("Lee.", 8, "A")),
        turns=(SpeakerTurn(1, 5, "A"), SpeakerTurn(6, 7.4, "B"), SpeakerTurn(7.4, 8, "A")),
    )
    wrong = values(truth, files(tmp_path / "c", confused)["json"])
    assert wrong["WER"] == 0.0
    assert wrong["cpWER"] == pytest.approx(100 * 2 / 10)  # one missing here, one too many there
    assert wrong["DER"] == pytest.approx(100 * 0.6 / 6)


def test_words_have_to_be_where_they_are_said(tmp_path: Path):
    truth = files(tmp_path / "a", CALL)["json"]
    first, second = CALL.segments
    late = replace(CALL, segments=(moved(first, 0.05), moved(second, 0.2)))
    made = values(truth, files(tmp_path / "b", late)["ctm"])
    assert made["word starts, median"] == pytest.approx(50)
    assert made["word starts, p95"] == pytest.approx(200)


def test_stm_has_words_turns_and_speakers(tmp_path: Path):
    stm = tmp_path / "call.stm"
    stm.write_text(
        ";; a comment\n"
        "call 1 A 1.0 5.0 <o,f0,female> I would like twenty one lamps please\n"
        "call 1 B 6.0 8.0 of course mister Lee\n"
    )
    made = values(stm, files(tmp_path, CALL)["json"])
    assert (made["WER"], made["cpWER"], made["DER"]) == (0.0, 0.0, 0.0)
    assert made["word starts"] is None


def test_what_cannot_be_measured_says_why(tmp_path: Path):
    made = files(tmp_path, CALL)
    measured = {one.name: one for one in score(made["rttm"], made["json"])}
    assert measured["WER"].detail == "REF has no words"
    assert measured["word starts"].detail == "REF has no times of words"
    with pytest.raises(ScoreError, match=r"call\.docx: scores are made of files ending in"):
        score(tmp_path / "call.docx", made["json"])
    broken = tmp_path / "broken.ctm"
    broken.write_text("call 1 0.5 soon hello\n")
    with pytest.raises(ScoreError, match=r"broken\.ctm:1: not a line of ctm"):
        score(broken, made["json"])
    with pytest.raises(ScoreError, match=r"none\.txt: cannot be read"):
        score(tmp_path / "none.txt", made["json"])
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScoreError, match=r"bytes\.txt: is not UTF-8"):
        score(tmp_path / "bytes.txt", made["json"])


def test_the_command_prints_a_table_or_json(tmp_path: Path):
    made = files(tmp_path, CALL)
    shown = CliRunner().invoke(app, ["score", str(made["json"]), str(made["txt"])])
    assert "cpWER" in shown.output
    assert "0.0 %" in shown.output
    ran = CliRunner().invoke(app, ["score", str(made["json"]), str(made["json"]), "--json"])
    assert json.loads(ran.output)[0]["name"] == "WER"
