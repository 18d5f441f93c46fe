"""What a scorer reads: words, times and speakers out of the formats that people keep them in."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from voice.recordings.exports import ExportError, read
from voice.recordings.transcript import SpeakerTurn

_LABEL = re.compile(r"\s*([^:\n]{1,40}):\s+")  # what stands before a speaker's words


class ScoreError(Exception):
    """A file cannot be scored. The message is one line."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word; None where the format has no times of words. s from the recording's first sample."""

    text: str
    speaker: str = ""
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """One side of a comparison; a format holds words, turns or both."""

    words: tuple[Said, ...] = ()
    turns: tuple[SpeakerTurn, ...] = ()
    language: str = ""


def scored(path: Path) -> Scored:
    """By its suffix. Raises ScoreError."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(_READERS)
        raise ScoreError(f"{path}: scores are made of files ending in {known}")
    try:
        return reader(path)
    except (ExportError, ScoreError) as exc:
        raise ScoreError(str(exc)) from exc
    except UnicodeDecodeError as exc:
        raise ScoreError(f"{path}: is not UTF-8 text") from exc
    except OSError as exc:
        raise ScoreError(f"{path}: cannot be read ({exc.strerror})") from exc


def _json(path: Path) -> Scored:
    transcript = read(path)
    words = [
        Said(word.text, word.speaker or part.speaker, word.start, word.end)
        for part in transcript.segments
        for word in part.words
    ]
    turns = transcript.turns or tuple(
        SpeakerTurn(part.start, part.end, part.speaker)
        for part in transcript.segments
        if part.speaker
    )
    return Scored(tuple(sorted(words, key=_start)), turns, transcript.language)


def _text(path: Path) -> Scored:
    """Plain words. Where each of several lines begins with `Name:`, those are the speakers."""
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    named = [_LABEL.match(line) for line in lines]
    if len(lines) < 2 or not all(named):
        return Scored(tuple(Said(word) for line in lines for word in line.split()))
    return Scored(
        tuple(
            Said(word, label[1])
            for line, label in zip(lines, named, strict=True)
            if label
            for word in line[label.end() :].split()
        )
    )


def _rttm(path: Path) -> Scored:
    """SPEAKER file channel start seconds _ _ name"""
    turns = [
        SpeakerTurn(start, start + float(fields[4]), fields[7])
        for fields, start in _fields(path, 8, 3)
        if fields[0] == "SPEAKER"
    ]
    return Scored(turns=tuple(turns))


def _ctm(path: Path) -> Scored:
    """file channel start seconds word"""
    words = [
        Said(fields[4], fields[1], start, start + float(fields[3]))
        for fields, start in _fields(path, 5, 2)
    ]
    return Scored(tuple(sorted(words, key=_start)))


def _stm(path: Path) -> Scored:
    """file channel speaker start end <labels> words"""
    words: list[Said] = []
    turns: list[SpeakerTurn] = []
    for fields, start in _fields(path, 5, 3):
        speaker = fields[2]
        turns.append(SpeakerTurn(start, float(fields[4]), speaker))
        labelled = len(fields) > 5 and re.fullmatch(r"<.*>", fields[5])
        words += [Said(word, speaker) for word in fields[6 if labelled else 5 :]]
    return Scored(tuple(words), tuple(turns))


def _subtitles(path: Path) -> Scored:
    """Where the first cue begins with `Name:`, so does every one of another speaker."""
    import pysubs2
    from pysubs2.exceptions import Pysubs2Error

    try:
        lines = pysubs2.load(str(path), encoding="utf-8-sig")
    except Pysubs2Error as exc:
        raise ScoreError(f"{path}: these are no subtitles") from exc
    cues = [line.plaintext for line in lines]
    words: list[Said] = []
    speaker = ""
    for text in cues:
        label = _LABEL.match(text) if _LABEL.match(cues[0]) else None
        speaker = label[1] if label else speaker
        words += [Said(word, speaker) for word in text[label.end() if label else 0 :].split()]
    return Scored(tuple(words))


_READERS: Mapping[str, Callable[[Path], Scored]] = {
    ".json": _json,
    ".txt": _text,
    ".rttm": _rttm,
    ".ctm": _ctm,
    ".stm": _stm,
    ".srt": _subtitles,
    ".vtt": _subtitles,
}


def _fields(path: Path, least: int, start: int) -> Iterator[tuple[list[str], float]]:
    """Lines of columns that are no comments, and the number in column `start`."""
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        fields = line.split()
        if not fields or line.startswith((";;", "#")):
            continue
        try:
            if len(fields) < least:
                raise ValueError("columns are missing")
            at = float(fields[start])
            float(fields[start + 1])
        except ValueError as exc:
            raise ScoreError(f"{path}:{number}: not a line of {path.suffix[1:]} ({exc})") from exc
        yield fields, at


def _start(word: Said) -> float:
    return word.start or 0.0
