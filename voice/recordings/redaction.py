"""What could name a person, out of a transcript and out of its sound.

The patterns are those of voice/journal/masking.py: e-mail addresses, cards, telephone numbers and
other long numbers. Names and addresses are not found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from voice.journal.masking import is_figure, light, masked, spans
from voice.listen.vad import SAMPLE_RATE
from voice.recordings.reading import Sound, read_sound
from voice.recordings.transcript import Meaning, Segment, Statement, Transcript, Word

_BEFORE = _AFTER = 0.25  # s; a word's time may be wrong by a fifth of a second
_REST = 2.0  # s of sound without words after a number
_BESIDE = 2  # words between a number and further figures of it
_APART = 8.0  # s between two parts of a number, while the other side says "mm-hmm" to each
_HERTZ, _LOUD = 1000.0, 0.1  # of the tone
_BLOCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Redacted:
    """`silenced` are stretches in s, in order and apart, that nobody may hear."""

    transcript: Transcript
    silenced: tuple[tuple[float, float], ...]


def redacted(transcript: Transcript) -> Redacted:
    """Every word of what is found becomes its label ([PHONE]), also where it is said in pieces."""
    segments = list(transcript.segments)
    hidden: list[Word] = []
    for group in _groups(segments):
        labels = _labels([segments[index] for index in group])
        at = 0
        for index in group:
            kept: list[Word] = []
            before: tuple[int, str] | None = None
            for word in segments[index].words:
                found = labels.get(at)
                at += 1
                if found is None:
                    kept.append(word)
                else:
                    hidden.append(word)
                    if found == before:  # one label for all its words
                        kept[-1] = replace(kept[-1], end=max(kept[-1].end, word.end))
                    else:
                        kept.append(replace(word, text=found[1]))
                before = found
            segments[index] = replace(segments[index], words=tuple(kept))
    made = replace(
        transcript,
        segments=tuple(segments),
        accounts=tuple(replace(one, detail=light(one.detail)) for one in transcript.accounts),
        names=tuple((who, name, light(evidence)) for who, name, evidence in transcript.names),
        meaning=_meaning(transcript.meaning) if transcript.meaning else None,
        corrections=(),  # they say what was there before
    )
    gone = set(hidden)
    kept = [word for part in transcript.segments for word in part.words if word not in gone]
    return Redacted(made, tuple(_silenced(hidden, kept, transcript.seconds)))


def write_beeped(recording: Path, silenced: Sequence[tuple[float, float]], out: Path) -> None:
    """The recording as FLAC at 16 kHz, a tone over `silenced` on every channel: the other side of
    a call may carry its echo. Raises ReadingError, OSError."""
    sound = read_sound(recording, parties=2, scratch=out.parent)
    unfinished = out.with_name(f".{out.name}")
    try:
        with soundfile.SoundFile(
            unfinished, "w", SAMPLE_RATE, sound.tracks, format="FLAC", subtype="PCM_16"
        ) as file:
            for start in range(0, sound.samples, round(_BLOCK_SECONDS * SAMPLE_RATE)):
                file.write(_block(sound, start, silenced))
        unfinished.replace(out)
    finally:
        sound.close()
        unfinished.unlink(missing_ok=True)


def _groups(segments: Sequence[Segment]) -> Iterator[list[int]]:
    """Each speaker's segments that may carry one number, whatever others say between them."""
    for speaker in dict.fromkeys(part.speaker for part in segments):
        group: list[int] = []
        for index, part in enumerate(segments):
            if part.speaker != speaker:
                continue
            if group and part.start - segments[group[-1]].end > _APART:
                yield group
                group = []
            group.append(index)
        yield group


def _labels(parts: Sequence[Segment]) -> dict[int, tuple[int, str]]:
    """Of the words of one speaker: which span each belongs to, and what that is called."""
    words = [word.text for part in parts for word in part.words]
    starts: list[int] = []
    length = 0
    for word in words:
        starts.append(length)
        length += len(word) + 1
    labels: dict[int, tuple[int, str]] = {}
    for start, end, label in spans(" ".join(words)):
        inside = [i for i, at in enumerate(starts) if at < end and at + len(words[i]) > start]
        first, last = inside[0], inside[-1]
        if label != "[EMAIL]":
            first, last = _whole(words, first, last)
        labels.update((index, (start, label)) for index in range(first, last + 1))
    return labels


def _whole(words: Sequence[str], first: int, last: int) -> tuple[int, int]:
    """With the figures beside it: a recognizer may break a number, or say a part of it twice."""
    grown = True
    while grown:
        grown = False
        for step in range(1, _BESIDE + 2):
            if last + step < len(words) and is_figure(words[last + step]):
                last, grown = last + step, True
                break
        for step in range(1, _BESIDE + 2):
            if first >= step and is_figure(words[first - step]):
                first, grown = first - step, True
                break
    return first, last


def _meaning(meaning: Meaning) -> Meaning:
    def statement(one: Statement) -> Statement:
        return replace(one, text=light(one.text))

    return replace(
        meaning,
        summary=tuple(map(statement, meaning.summary)),
        topics=tuple(map(statement, meaning.topics)),
        actions=tuple(map(statement, meaning.actions)),
        answers=tuple((asked, statement(one) if one else None) for asked, one in meaning.answers),
        fields=masked(meaning.fields, light),
    )


def _silenced(
    hidden: Sequence[Word], kept: Sequence[Word], seconds: float
) -> Iterator[tuple[float, float]]:
    """Around the hidden words, and on to their speaker's next word: what was said up to there, and
    not recognized, may be the rest."""
    starts: dict[str, list[float]] = {}
    for word in kept:
        starts.setdefault(word.speaker, []).append(word.start)
    stretches: list[tuple[float, float]] = []
    for word in hidden:
        following = [at for at in starts.get(word.speaker, ()) if at >= word.end]
        until = min([word.end + _REST, *following])
        stretches.append(
            (max(0.0, word.start - _BEFORE), min(seconds, max(until, word.end + _AFTER)))
        )
    current: tuple[float, float] | None = None
    for start, end in sorted(stretches):
        if current and start <= current[1]:
            current = current[0], max(current[1], end)
            continue
        if current:
            yield current
        current = start, end
    if current:
        yield current


def _block(
    sound: Sound, start: int, silenced: Sequence[tuple[float, float]]
) -> NDArray[np.float32]:
    """(samples, tracks)."""
    stop = min(sound.samples, start + round(_BLOCK_SECONDS * SAMPLE_RATE))
    tracks = [sound.read(track, start, stop) for track in range(sound.tracks)]
    block = np.stack(tracks, axis=1).astype(np.float32)
    tone = _LOUD * np.sin(2 * np.pi * _HERTZ * np.arange(start, stop) / SAMPLE_RATE)
    for begin, end in silenced:
        first, last = round(begin * SAMPLE_RATE) - start, round(end * SAMPLE_RATE) - start
        if last > 0 and first < len(block):
            here = slice(max(0, first), min(len(block), last))
            block[here] = tone[here, None]
    return block
