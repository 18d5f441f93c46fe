"""Transcripts in every format: no word lost or doubled, times inside, limits of subtitles kept."""

import csv
import io
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pysubs2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.audio import TranscriptionDiarized, TranscriptionVerbose
from typer.testing import CliRunner

from voice.cli import app
from voice.recordings.exports import FORMATS, ExportError, read, write
from voice.recordings.exports.cues import LINE, PER_SECOND, cues
from voice.recordings.exports.files import file_name, in_milliseconds
from voice.recordings.exports.minutes import minutes
from voice.recordings.exports.openai_json import diarized_json, verbose_json
from voice.recordings.exports.speakers import names
from voice.recordings.exports.subtitles import srt, vtt
from voice.recordings.exports.tables import ctm, rttm, table, text, words_table
from voice.recordings.exports.whisperx_json import from_json, to_json
from voice.recordings.transcript import (
    Accounted,
    Meaning,
    Mood,
    Segment,
    SpeakerTurn,
    Statement,
    Transcript,
    Word,
)

SPOKEN = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cf", "Z", "M")), min_size=1, max_size=14
)
PLAIN = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def said(words: str, at: float, speaker: str = "", *, per_second: float = 15.0) -> Segment:
    """Words that take as long as their letters."""
    made: list[Word] = []
    for word in words.split():
        took = (len(word) + 1) / per_second
        made.append(Word(word, at, at + 0.9 * took, 0.9, speaker))
        at += took
    return Segment(tuple(made), speaker, language="en")


def recording(*segments: Segment, name: str = "call.wav", seconds: float = 0.0) -> Transcript:
    last = max((segment.end for segment in segments), default=0.0)
    return Transcript(name, seconds or last + 3.0, 1, 8000, "5e2a", "en", segments)


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Up to five speakers' segments, some over one another; words slow, fast and impossible."""
    segments: list[Segment] = []
    at = draw(st.floats(0, 2))
    for _ in range(draw(st.integers(0, 6))):
        speaker = draw(st.sampled_from(["", "A", "B", "<i>"]))
        spoken = draw(st.lists(SPOKEN, min_size=1, max_size=25))
        rate = draw(st.floats(5, 40))
        segments.append(said(" ".join(spoken), at, speaker, per_second=rate))
        at = max(segments[-1].end + draw(st.floats(-1.5, 3)), segments[-1].start + 0.01)
    named = draw(st.sampled_from([(), (("A", "Maria & Co -->", "this is Maria"),)]))
    made = replace(recording(*segments, seconds=at + draw(st.floats(1.6, 4))), names=named)
    return in_milliseconds(made)


def words_of(transcript: Transcript) -> Counter[str]:
    return Counter(word.text for part in transcript.segments for word in part.words)


def counted(*texts: str) -> Counter[str]:
    return Counter(word for one in texts for word in one.split())


def unescaped(marked: str) -> str:
    return re.sub(r"\\(.)", r"\1", marked)


@PLAIN
@given(transcripts())
def test_every_word_is_once_in_every_format(transcript: Transcript):
    spoken = words_of(transcript)
    whole = json.loads(to_json(transcript))
    assert Counter(word["word"] for word in whole["word_segments"]) == spoken
    assert counted(*(segment["text"] for segment in whole["segments"])) == spoken
    verbose = TranscriptionVerbose.model_validate_json(verbose_json(transcript), strict=True)
    assert counted(verbose.text) == spoken
    assert Counter(word.word for word in verbose.words or []) == spoken
    assert counted(*(part.text for part in verbose.segments or [])) == spoken
    diarized = TranscriptionDiarized.model_validate_json(diarized_json(transcript), strict=True)
    assert counted(*(part.text for part in diarized.segments)) == spoken
    assert Counter(line.split(" ")[4] for line in ctm(transcript).splitlines()) == spoken
    rows = list(csv.DictReader(io.StringIO(words_table(transcript))))
    assert Counter(row["word"] for row in rows) == spoken
    lines = [line.split("\t") for line in table(transcript).split("\n")[1:-1]]
    assert counted(*(line[2] for line in lines)) == spoken
    assert counted(*(line for cue in cues(transcript) for line in cue.lines)) == spoken
    called = names(transcript)
    spoken_lines = text(transcript).split("\n")[:-1]
    speakers = [part.speaker for part in transcript.segments]
    changes = [who for i, who in enumerate(speakers) if i == 0 or speakers[i - 1] != who]
    bare = [
        line.removeprefix(f"{called[who]}: " if who else "")
        for line, who in zip(spoken_lines, changes, strict=True)
    ]
    assert counted(*bare) == spoken
    shown = minutes(transcript).partition("## What was said\n")[2]
    paragraphs = [re.sub(r"^(\*\*.*?\*\* )?\(\S+\) ", "", p) for p in shown.split("\n") if p]
    assert counted(*map(unescaped, paragraphs)) == spoken


@PLAIN
@given(transcripts())
def test_subtitles_keep_their_limits(transcript: Transcript):
    labels = {speaker: f"{name}:" for speaker, name in names(transcript).items() if name}
    for made in (cues(transcript), cues(transcript, labels)):
        assert [cue.start for cue in made] == sorted(cue.start for cue in made)
        for cue in made:
            assert len(cue.lines) <= 2
            assert max(map(len, cue.lines)) <= LINE
            assert 0 <= cue.start < cue.end <= transcript.seconds
            seconds = cue.end - cue.start
            assert cue.letters <= PER_SECOND * seconds + 0.02 or seconds > transcript.seconds - 0.01


@PLAIN
@given(transcripts())
def test_other_programs_read_the_subtitles(transcript: Transcript):
    shown = len(cues(transcript))
    assert srt(transcript).count(" --> ") >= shown
    voiced = vtt(transcript)
    assert voiced.count(" --> ") == shown
    for block in voiced.split("\n\n")[1:]:
        _, _, payload = block.partition("\n")
        tags = re.findall(r"<[^>]*>", payload)
        assert all(tag == "</v>" or tag.startswith("<v ") for tag in tags)
        assert len(tags) in (0, 2)
    if shown:
        assert len(pysubs2.SSAFile.from_string(srt(transcript), "srt")) == srt(transcript).count(
            " --> "
        )
        assert len(pysubs2.SSAFile.from_string(voiced, "vtt")) == shown


@PLAIN
@given(transcripts())
def test_json_says_all_that_a_transcript_holds(transcript: Transcript):
    assert from_json(to_json(transcript).encode(), "another name") == transcript


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_two_names_never_share_a_file(one: str, other: str):
    for name in (one, other):
        made = file_name(name)
        assert len(made.encode()) <= 200
        assert not set(made) & set('/\\\n\0:*?"<>|')
        assert not made.startswith(".")
        assert not made.lower().endswith((".verbose", ".diarized"))
    assert (file_name(one) == file_name(other)) == (one == other)


def test_names_that_ask_for_trouble(tmp_path: Path):
    hostile = ["call.wav", "call.wav.verbose", "a\nb.wav", "..", "%41.wav", "A.wav", "x" * 300]
    written = [
        path
        for name in hostile
        for path in write(recording(said("hi", 0), name=name), tmp_path, FORMATS)
    ]
    assert len(set(written)) == len(hostile) * len(FORMATS)
    assert sorted(tmp_path.iterdir()) == sorted(written)
    bytes_name = b"caf\xe9.wav".decode("utf-8", "surrogateescape")
    (made,) = write(recording(said("hi", 0), name=bytes_name), tmp_path, ["json"])
    assert made.name == "caf%E9.wav.json"
    assert read(made).file == bytes_name


def test_a_cue_waits_for_a_clause_and_takes_the_silence_after_it():
    fast = said(
        "Good morning, this is Maria from billing; how can I help you today? "
        "I have your account here, and the last invoice was sent in March.",
        at=1.0,
        per_second=20,
    )
    first, second = cues(recording(fast, said("Thanks.", fast.end + 4)))[:2]
    assert " ".join(first.lines).endswith("today?")
    assert second.end > fast.end  # into the silence
    assert second.start <= fast.words[13].start + 1.0
    assert second.letters / (second.end - second.start) <= PER_SECOND


def test_a_long_silence_ends_a_cue():
    halves = Segment(said("I think", 0).words + said("not.", 9).words)
    assert [cue.lines for cue in cues(recording(halves))] == [("I think",), ("not.",)]


def test_a_new_speaker_is_named_in_subtitles():
    call = recording(said("Hello.", 0, "A"), said("Hi there.", 2, "B"), said("So.", 4, "B"))
    call = replace(call, names=(("A", "Tom & Co", "manifest"),))
    assert "Tom & Co: Hello." in srt(call)
    assert "B: Hi there." in srt(call)
    assert "B: So." not in srt(call)
    assert "<v Tom &amp; Co>Hello.</v>" in vtt(call)


def test_braces_and_tags_survive():
    call = recording(said("{so} <b>bold</b> a-->b [x] *y*", 0))
    assert "{so} <b>bold</b> a-->b [x] *y*" in srt(call)
    assert "{so} &lt;b&gt;bold&lt;/b&gt; a--&gt;b [x] *y*" in vtt(call)
    assert r"\{so\} \<b\>bold\</b\>" in minutes(call)


def test_rttm_has_the_turns_else_the_segments():
    call = recording(said("hello there", 1, "A"))
    assert rttm(call).startswith("SPEAKER call.wav 1 1.000 ")
    turned = replace(call, file="my call.wav", turns=(SpeakerTurn(0.9, 2.0, "A"),))
    assert rttm(turned) == "SPEAKER my_call.wav 1 0.900 1.100 <NA> <NA> A <NA> <NA>\n"


def test_what_was_not_understood_is_in_the_minutes():
    call = replace(
        recording(said("hello", 1)),
        accounts=(
            Accounted(1, 2, "transcribed"),
            Accounted(65, 67.5, "unintelligible", detail="beam 5, then base"),
        ),
    )
    assert "- 1:05, 2.5 s: beam 5, then base" in minutes(call)
    assert json.loads(to_json(call))["coverage"]["unintelligible"] == 2.5


def test_what_a_call_means_is_in_json_and_minutes():
    call = recording(said("I will send the invoice on Monday", 61, "A"))
    statement = Statement("The invoice is sent on Monday.", ((61.0, 64.0),))
    meaning = Meaning(
        summary=(statement,),
        actions=(replace(statement, text="send the invoice", owner="A"),),
        answers=(("When?", replace(statement, text="on Monday")), ("How much?", None)),
        fields={"day": {"value": "Monday", "quote": "on Monday", "times": [[61.0, 64.0]]}},
        moods=(Mood(61, 64, "A", 0.5),),
        model="small",
    )
    call = in_milliseconds(replace(call, names=(("A", "Maria", "manifest"),), meaning=meaning))
    assert from_json(to_json(call).encode(), "") == call
    shown = minutes(call)
    assert "- The invoice is sent on Monday. (1:01)" in shown
    assert "- **Maria**: send the invoice (1:01)" in shown
    assert "- How much? not said" in shown


def test_the_same_bytes_from_json_again(tmp_path: Path):
    call = recording(said("one two three", 1 / 3, "A"), said("four", 2 / 3, "B"))
    first = {path.name: path.read_bytes() for path in write(call, tmp_path / "a", FORMATS)}
    again = write(read(tmp_path / "a" / "call.wav.json"), tmp_path / "b", FORMATS)
    assert {path.name: path.read_bytes() for path in again} == first


def test_what_was_there_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (before,) = write(recording(said("one", 0)), tmp_path, ["txt"])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(recording(said("two", 0)), tmp_path, ["txt"])
    assert before.read_text() == "one\n"
    assert list(tmp_path.iterdir()) == [before]


def test_whisperx_files_are_read_and_numerals_get_times(tmp_path: Path):
    file = tmp_path / "theirs.json"
    words = [
        {"word": "order", "start": 1.0, "end": 1.4, "score": 0.9, "speaker": "SPEAKER_00"},
        {"word": "10"},
        {"word": "42"},
        {"word": "please", "start": 2.4, "end": 2.8, "score": 0.8},
    ]
    segment = {"start": 1.0, "end": 2.8, "text": "order 10 42 please", "words": words}
    file.write_text(json.dumps({"segments": [segment | {"speaker": "SPEAKER_00"}]}))
    (only,) = read(file).segments
    assert [(word.text, word.start) for word in only.words] == [
        ("order", 1.0),
        ("10", 1.4),
        ("42", pytest.approx(1.9)),
        ("please", 2.4),
    ]
    assert {word.speaker for word in only.words} == {"SPEAKER_00"}


def test_wrong_files_and_formats_are_one_line(tmp_path: Path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"segments": [{"start": "soon"}]}')
    with pytest.raises(ExportError, match=r"wrong\.json: not a transcript.*segments\.0\.start"):
        read(wrong)
    with pytest.raises(ExportError, match="cannot be read"):
        read(tmp_path / "none.json")
    with pytest.raises(ExportError, match="'docx': not known; choose of json"):
        write(recording(), tmp_path, ["docx"])


def test_the_command_makes_every_format_of_json(tmp_path: Path):
    (made,) = write(recording(said("hello there", 0, "A")), tmp_path, ["json"])
    ran = CliRunner().invoke(app, ["transcripts", "export", str(made), "--formats", "srt,txt"])
    assert ran.exit_code == 0
    assert ran.output.split() == [str(tmp_path / "call.wav.srt"), str(tmp_path / "call.wav.txt")]
    assert (tmp_path / "call.wav.txt").read_text() == "A: hello there\n"
