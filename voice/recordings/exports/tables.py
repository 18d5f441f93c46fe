"""A transcript as lines: plain text, segments (TSV), words (CSV, CTM), speaker turns (RTTM)."""

import csv
import io
import re
from collections.abc import Iterable

from voice.recordings.exports.speakers import names, runs
from voice.recordings.transcript import SpeakerTurn, Transcript


def text(transcript: Transcript) -> str:
    """A line for what somebody says until another one speaks; `Name: ` before it where speakers
    are known."""
    called = names(transcript)
    return _lines(
        (f"{called[speaker]}: " if speaker else "") + " ".join(part.text for part in parts)
        for speaker, parts in runs(transcript)
    )


def table(transcript: Transcript) -> str:
    """Whisper's TSV, times in ms, with the speaker behind."""
    called = names(transcript)
    rows = [
        f"{_ms(part.start)}\t{_ms(part.end)}\t{_line(part.text)}\t{_line(called[part.speaker])}"
        for part in transcript.segments
    ]
    return _lines(["start\tend\ttext\tspeaker", *rows])


def words_table(transcript: Transcript) -> str:
    """A row for each word; times in s."""
    called = names(transcript)
    made = io.StringIO()
    rows = csv.writer(made, lineterminator="\n")
    rows.writerow(["start", "end", "word", "confidence", "speaker", "segment", "language"])
    for number, part in enumerate(transcript.segments):
        for word in part.words:
            rows.writerow(
                [
                    f"{word.start:.3f}",
                    f"{word.end:.3f}",
                    word.text,
                    f"{word.confidence:.3f}",
                    called[part.speaker],
                    number,
                    part.language or transcript.language,
                ]
            )
    return made.getvalue()


def rttm(transcript: Transcript) -> str:
    """NIST's RTTM: the diarizer's turns; without them, the segments of each speaker."""
    turns = transcript.turns or tuple(
        SpeakerTurn(part.start, part.end, part.speaker) for part in transcript.segments
    )
    called = names(transcript)
    return _lines(
        f"SPEAKER {_field(transcript.file)} 1 {turn.start:.3f} {turn.end - turn.start:.3f} <NA> "
        f"<NA> {_field(called.get(turn.speaker, turn.speaker)) or 'speaker'} <NA> <NA>"
        for turn in turns
    )


def ctm(transcript: Transcript) -> str:
    """NIST's CTM: file, channel (from 1), start, duration, word, confidence; by channel and
    start, as its readers ask."""
    rows = sorted(
        ((part.channel or 0) + 1, word.start, word.end, word.text, word.confidence)
        for part in transcript.segments
        for word in part.words
    )
    return _lines(
        f"{_field(transcript.file)} {channel} {start:.3f} {end - start:.3f} {_field(word)} "
        f"{confidence:.3f}"
        for channel, start, end, word, confidence in rows
    )


def _ms(seconds: float) -> int:
    return round(1000 * seconds)


def _line(value: str) -> str:
    return " ".join(value.split())


def _field(value: str) -> str:
    """Formats of columns have no way to write a space."""
    return re.sub(r"\s+", "_", value)


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows)
