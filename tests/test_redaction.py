"""Redaction: what could name a person is neither read nor heard, and all else stays."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from voice.audiofile import write_wav
from voice.cli import app
from voice.journal.masking import light
from voice.recordings.exports import read, write
from voice.recordings.redaction import redacted
from voice.recordings.transcript import Accounted, Segment, Transcript, Word

RATE = 16000


def said(text: str, at: float, speaker: str, channel: int) -> Segment:
    """A word every half second."""
    words = enumerate(text.split())
    return Segment(
        tuple(Word(w, at + i / 2, at + i / 2 + 0.4, 0.9, speaker) for i, w in words),
        speaker,
        channel,
    )


def call(*segments: Segment) -> Transcript:
    return Transcript("call.wav", 20.0, 2, RATE, "", "en", segments)


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("call 555 0142 987 before noon", "call [PHONE] before noon"),
        ("it is ann.lee@example.com, please", "it is [EMAIL] please"),
        ("ann at example dot com please", "[EMAIL] please"),
        ("my card is 4111 1111 1111 1111 thanks", "my card is [CARD] thanks"),
        ("five five five oh one four two", "[NUMBER]"),
        ("it is 555-0142-987 If zero one four two.", "it is [PHONE]"),
        ("the 12 of 4111 1111 1111 1111 until 10 29", "the [CARD]"),
        ("order 1042 on 2026-11-24 for 20 dollars", "order 1042 on 2026-11-24 for 20 dollars"),
        ("one or two of three", "one or two of three"),
    ],
)
def test_what_is_found_becomes_one_word(spoken: str, written: str):
    (segment,) = redacted(call(said(spoken, 1, "A", 0))).transcript.segments
    assert segment.text == written
    assert segment.words[0].start == 1


def test_a_number_in_pieces_is_hidden_across_pauses_but_not_across_speakers():
    pieces = (said("my card is 4111 1111", 1, "A", 0), said("1111 1111 thanks", 6, "A", 0))
    made = redacted(call(*pieces))
    assert [part.text for part in made.transcript.segments] == [
        "my card is [CARD]",
        "[CARD] thanks",
    ]
    first, second = made.silenced
    assert first == (pytest.approx(2.25), pytest.approx(5.4))  # what comes may belong to it
    assert second == (pytest.approx(5.75), pytest.approx(7.15))
    short = (said("it is 4111", 1, "A", 0), said("23", 6, "B", 1))
    assert redacted(call(*short)).silenced == ()


def test_what_the_other_side_says_between_hides_no_number():
    pieces = (said("it is 4111", 1, "A", 0), said("yes", 3, "B", 1), said("2322", 4, "A", 0))
    made = redacted(call(*pieces))
    assert [part.text for part in made.transcript.segments] == ["it is [PHONE]", "yes", "[PHONE]"]


def test_nothing_is_left_in_what_was_removed_or_rests_on_it():
    made = Transcript(
        "call.wav",
        9,
        1,
        8000,
        "",
        "en",
        (),
        accounts=(Accounted(1, 2, "invented", detail="call 555 0142 987"),),
        names=(("A", "Ann", "Ann, 555 0142 987"),),
    )
    hidden = redacted(made).transcript
    assert hidden.accounts[0].detail == "call [PHONE]"
    assert hidden.names == (("A", "Ann", "Ann, [PHONE]"),)


def test_masks_of_the_journal_find_the_same():
    assert (
        light("Ring 555 0142 987, or nine nine nine one two three") == "Ring [PHONE], or [NUMBER]"
    )


def test_a_tone_is_heard_instead_on_both_channels(tmp_path: Path):
    noise = np.random.default_rng(1).normal(0, 2000, (20 * RATE, 2)).astype(np.int16)
    write_wav(tmp_path / "call.wav", noise, RATE)
    spoken = call(said("call 555 0142 987 please", 1, "A", 0), said("thanks", 8, "B", 1))
    (made,) = write(spoken, tmp_path / "out", ["json"])
    arguments = ["--recordings", str(tmp_path), "--out", str(tmp_path / "safe"), "--formats"]
    ran = CliRunner().invoke(app, ["transcripts", "redact", str(made), *arguments, "json,srt"])
    assert ran.exit_code == 0, ran.output
    assert read(tmp_path / "safe" / "call.wav.json").segments[0].text == "call [PHONE] please"
    assert "[PHONE]" in (tmp_path / "safe" / "call.wav.srt").read_text()
    samples, rate = soundfile.read(tmp_path / "safe" / "call.wav.flac", dtype="float32")
    assert (rate, samples.shape) == (RATE, noise.shape)
    hidden = slice(round(1.3 * RATE), round(3.1 * RATE))
    assert np.abs(samples[hidden]).max() == pytest.approx(0.1, abs=0.001)
    spectrum = np.abs(np.fft.rfft(samples[hidden, 1]))
    assert spectrum.argmax() * RATE / len(samples[hidden]) == pytest.approx(1000, abs=1)
    rest = np.r_[0 : round(1.2 * RATE), round(3.2 * RATE) : 20 * RATE]
    assert np.abs(samples[rest] - noise[rest] / 32768).max() < 0.001


def test_originals_are_not_written_over(tmp_path: Path):
    (made,) = write(call(said("hello", 1, "A", 0)), tmp_path, ["json"])
    ran = CliRunner().invoke(app, ["transcripts", "redact", str(made), "--out", str(tmp_path)])
    assert "name another folder" in str(ran.exception)
