"""whisperX's JSON with ours beside it: what every other format can be made of again."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, get_args

from pydantic import BaseModel, Field, ValidationError

from voice.recordings.transcript import (
    Accounted,
    Correction,
    Meaning,
    Mood,
    Outcome,
    Segment,
    SpeakerTurn,
    Statement,
    Transcript,
    Word,
)

VERSION = 1


class ExportError(Exception):
    """A transcript cannot be read or written so. The message is one line: what, and what to do."""


def to_json(transcript: Transcript) -> str:
    return json.dumps(as_json(transcript), ensure_ascii=False, separators=(",", ":")) + "\n"


def as_json(transcript: Transcript) -> dict[str, Any]:
    """Keys as docs/recordings.md lists them."""
    segments = [_segment(segment) for segment in transcript.segments]
    made: dict[str, Any] = {
        "segments": segments,
        "word_segments": [word for segment in segments for word in segment["words"]],
        "language": transcript.language,
        "openline": VERSION,
        "file": _file(transcript),
        "model": transcript.model,
        "quality": transcript.quality,
        "names": [
            {"speaker": speaker, "name": name, "rests_on": evidence}
            for speaker, name, evidence in transcript.names
        ],
        "turns": [
            {"start": turn.start, "end": turn.end, "speaker": turn.speaker}
            for turn in transcript.turns
        ],
        "accounts": [_account(one) for one in transcript.accounts],
        "coverage": coverage(transcript.accounts),
    }
    if transcript.meaning is not None:
        made["meaning"] = _meaning(transcript.meaning)
    if transcript.corrections:
        made["corrections"] = [asdict(one) for one in transcript.corrections]
    return made


def coverage(accounts: Sequence[Accounted]) -> dict[str, float]:
    """Seconds by what became of them, every outcome named."""
    return {
        outcome: round(sum(a.end - a.start for a in accounts if a.outcome == outcome), 3)
        for outcome in get_args(Outcome)
    }


def from_json(raw: bytes, name: str) -> Transcript:
    """Our JSON or whisperX's, which knows less; `name` is the file's where it does not say.

    A word without times (whisperX leaves numerals so) shares the time between its neighbours.
    Raises ExportError.
    """
    try:
        read = _Json.model_validate_json(raw)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ExportError(
            f"not a transcript of ours or whisperX's ({where or 'JSON'}: {first['msg']})"
        ) from exc
    segments = tuple(
        Segment(tuple(_timed(one)), one.speaker, one.channel, one.language)
        for one in read.segments
        if one.words or one.text.split()
    )
    last = max((word.end for segment in segments for word in segment.words), default=0.0)
    file = read.file or _File(name=name, seconds=last)
    return Transcript(
        file=os.fsdecode(bytes.fromhex(file.name_bytes)) if file.name_bytes else file.name,
        seconds=file.seconds,
        channels=file.channels,
        rate=file.rate,
        sha256=file.sha256,
        language=read.language,
        segments=segments,
        turns=tuple(SpeakerTurn(t.start, t.end, t.speaker) for t in read.turns),
        accounts=tuple(
            Accounted(a.start, a.end, a.outcome, a.channel, a.detail) for a in read.accounts
        ),
        names=tuple((one.speaker, one.name, one.rests_on) for one in read.names),
        model=read.model,
        quality=read.quality,
        meaning=_understood(read.meaning) if read.meaning else None,
        corrections=tuple(Correction(c.start, c.end, c.was, c.text) for c in read.corrections),
    )


class _Word(BaseModel):
    word: str
    start: float | None = None
    end: float | None = None
    score: float = 0.0
    speaker: str = ""


class _Segment(BaseModel):
    start: float
    end: float
    text: str = ""
    words: list[_Word] = []
    speaker: str = ""
    channel: int | None = None
    language: str = ""


class _File(BaseModel):
    name: str
    name_bytes: str = Field(default="", pattern="^([0-9a-f]{2})*$")
    seconds: float
    channels: int = 1
    rate: int = 0
    sha256: str = ""


class _Turn(BaseModel):
    start: float
    end: float
    speaker: str


class _Account(BaseModel):
    start: float
    end: float
    outcome: Outcome
    channel: int | None = None
    detail: str = ""


class _Name(BaseModel):
    speaker: str
    name: str
    rests_on: str = ""


class _Statement(BaseModel):
    text: str
    times: list[tuple[float, float]]
    owner: str = ""


class _Answer(BaseModel):
    question: str
    answer: _Statement | None = None


class _Mood(BaseModel):
    start: float
    end: float
    speaker: str = ""
    value: float


class _Meaning(BaseModel):
    summary: list[_Statement] = []
    topics: list[_Statement] = []
    actions: list[_Statement] = []
    answers: list[_Answer] = []
    fields: dict[str, Any] | None = None
    moods: list[_Mood] = []
    model: str = ""


class _Correction(BaseModel):
    start: float
    end: float
    was: str
    text: str


class _Json(BaseModel):
    segments: list[_Segment]
    language: str = ""
    file: _File | None = None
    model: str = ""
    quality: str = ""
    names: list[_Name] = []
    turns: list[_Turn] = []
    accounts: list[_Account] = []
    meaning: _Meaning | None = None
    corrections: list[_Correction] = []


def _file(transcript: Transcript) -> dict[str, Any]:
    raw = os.fsencode(transcript.file)
    name = raw.decode("utf-8", "replace")
    made: dict[str, Any] = {"name": name}
    if name != transcript.file:  # a name may be bytes that are no text
        made["name_bytes"] = raw.hex()
    return made | {
        "seconds": transcript.seconds,
        "channels": transcript.channels,
        "rate": transcript.rate,
        "sha256": transcript.sha256,
    }


def _segment(segment: Segment) -> dict[str, Any]:
    made: dict[str, Any] = {
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "words": [_word(word) for word in segment.words],
    }
    if segment.speaker:
        made["speaker"] = segment.speaker
    if segment.channel is not None:
        made["channel"] = segment.channel
    if segment.language:
        made["language"] = segment.language
    return made


def _word(word: Word) -> dict[str, Any]:
    made: dict[str, Any] = {
        "word": word.text,
        "start": word.start,
        "end": word.end,
        "score": word.confidence,
    }
    if word.speaker:
        made["speaker"] = word.speaker
    return made


def _account(one: Accounted) -> dict[str, Any]:
    made: dict[str, Any] = {"start": one.start, "end": one.end, "outcome": one.outcome}
    if one.channel is not None:
        made["channel"] = one.channel
    if one.detail:
        made["detail"] = one.detail
    return made


def _meaning(meaning: Meaning) -> dict[str, Any]:
    return {
        "summary": [_statement(one) for one in meaning.summary],
        "topics": [_statement(one) for one in meaning.topics],
        "actions": [_statement(one) for one in meaning.actions],
        "answers": [
            {"question": question, "answer": _statement(answer) if answer else None}
            for question, answer in meaning.answers
        ],
        "fields": meaning.fields,
        "moods": [asdict(mood) for mood in meaning.moods],
        "model": meaning.model,
    }


def _statement(one: Statement) -> dict[str, Any]:
    made: dict[str, Any] = {"text": one.text, "times": [list(time) for time in one.times]}
    if one.owner:
        made["owner"] = one.owner
    return made


def _understood(read: _Meaning) -> Meaning:
    def statement(one: _Statement) -> Statement:
        return Statement(one.text, tuple(one.times), one.owner)

    return Meaning(
        summary=tuple(map(statement, read.summary)),
        topics=tuple(map(statement, read.topics)),
        actions=tuple(map(statement, read.actions)),
        answers=tuple(
            (one.question, statement(one.answer) if one.answer else None) for one in read.answers
        ),
        fields=read.fields,
        moods=tuple(Mood(one.start, one.end, one.speaker, one.value) for one in read.moods),
        model=read.model,
    )


def _timed(segment: _Segment) -> Iterator[Word]:
    words = segment.words or [_Word(word=word) for word in segment.text.split()]
    at = segment.start
    for index, word in enumerate(words):
        if word.start is not None and word.end is not None:
            start, end = word.start, word.end
        else:
            known = [(i, w.start) for i, w in enumerate(words) if i > index and w.start is not None]
            following, until = known[0] if known else (len(words), segment.end)
            start = at
            end = at + max(0.001, (until - at) / (following - index))
        at = end
        yield Word(word.word.strip(), start, end, word.score, word.speaker or segment.speaker)
