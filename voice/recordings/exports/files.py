"""The files of a transcript: one a format, each whole or not there, the same bytes every time."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from voice.recordings.exports.minutes import minutes
from voice.recordings.exports.openai_json import diarized_json, verbose_json
from voice.recordings.exports.subtitles import srt, vtt
from voice.recordings.exports.tables import ctm, rttm, table, text, words_table
from voice.recordings.exports.whisperx_json import ExportError, from_json, to_json
from voice.recordings.transcript import SpeakerTurn, Transcript, Word

_WRITERS: Mapping[str, tuple[str, Callable[[Transcript], str]]] = {
    "json": (".json", to_json),
    "verbose_json": (".verbose.json", verbose_json),
    "diarized_json": (".diarized.json", diarized_json),
    "srt": (".srt", srt),
    "vtt": (".vtt", vtt),
    "txt": (".txt", text),
    "tsv": (".tsv", table),
    "csv": (".csv", words_table),
    "rttm": (".rttm", rttm),
    "ctm": (".ctm", ctm),
    "md": (".md", minutes),
}
FORMATS = (*_WRITERS, "html")
_LONGEST = 180  # bytes of a name; file systems take 255, with our ending and the unfinished file's


def write(
    transcript: Transcript, folder: Path, formats: Iterable[str], recording: Path | None = None
) -> list[Path]:
    """One file a format, in the order of `formats`; `folder` is made where it is missing.

    A file of this name that is there is replaced at once or not at all. Times are written in whole
    milliseconds, so that `read` and `write` again give the same bytes. `recording` is what the page
    (html) plays; without it there are only words. Raises ExportError for a format that is not
    known and for a recording that cannot be read, OSError.
    """
    wanted = list(dict.fromkeys(formats))
    for name in wanted:
        if name not in FORMATS:
            raise ExportError(f"format {name!r}: not known; choose of {', '.join(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    rounded = in_milliseconds(transcript)
    stem = file_name(transcript.file)
    written: list[Path] = []
    for name in wanted:
        if name == "html":
            made = _page(rounded, folder, stem, recording)
        else:
            made = _WRITERS[name][1](rounded)
        path = folder / (stem + ending(name))
        # a file's name may be bytes that are no text
        replace_file(path, made.encode("utf-8", "backslashreplace"))
        written.append(path)
    return written


def _page(transcript: Transcript, folder: Path, stem: str, recording: Path | None) -> str:
    # importing PyAV takes a quarter of a second that the other formats need not wait for
    from voice.recordings.page.page import call_page
    from voice.recordings.page.sound import PageSound, page_sound
    from voice.recordings.reading import ReadingError

    sound = PageSound()
    if recording is not None:
        parties = 1 + max((part.channel or 0 for part in transcript.segments), default=0)
        try:
            sound = page_sound(recording, folder, parties=parties)
        except ReadingError as exc:
            raise ExportError(f"{recording}: {exc}") from exc
        except OSError as exc:
            raise ExportError(f"{recording}: cannot be read ({exc.strerror})") from exc
    return call_page(transcript, sound, f"{stem}.json")


def read(path: Path) -> Transcript:
    """A transcript from our JSON, or whisperX's. Raises ExportError."""
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise ExportError(f"{path}: cannot be read ({exc.strerror})") from exc
    try:
        return from_json(raw, path.name.removesuffix(".json"))
    except ExportError as exc:
        raise ExportError(f"{path}: {exc}") from exc


def ending(name: str) -> str:
    """What the files of a format end in."""
    return ".html" if name == "html" else _WRITERS[name][0]


def file_name(name: str) -> str:
    """`name` as the beginning of a file's name: different names stay different.

    What a file system, a shell or a web address could take amiss is percent-encoded, and so is
    what would make one file's JSON another's ("a.verbose" and "a").
    """
    safe = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|%#]|^[.~-]|[. ]$', _percent, name)
    safe = re.sub(r"\.(?=(?:verbose|diarized)$)", _percent, safe, flags=re.IGNORECASE)
    safe = "".join(_percent_byte(c) if "\udc80" <= c <= "\udcff" else c for c in safe)
    if len(safe.encode()) <= _LONGEST:
        return safe
    # "%~" is in no name that was encoded
    digest = hashlib.sha256(safe.encode()).hexdigest()[:16]
    return safe.encode()[: _LONGEST - 18].decode(errors="ignore") + "%~" + digest


def in_milliseconds(transcript: Transcript) -> Transcript:
    """Every time in whole milliseconds, every confidence in thousandths."""
    return replace(
        transcript,
        seconds=round(transcript.seconds, 3),
        segments=tuple(
            replace(segment, words=tuple(_word(word) for word in segment.words))
            for segment in transcript.segments
        ),
        turns=tuple(
            SpeakerTurn(round(t.start, 3), round(t.end, 3), t.speaker) for t in transcript.turns
        ),
        accounts=tuple(
            replace(one, start=round(one.start, 3), end=round(one.end, 3))
            for one in transcript.accounts
        ),
    )


def _word(word: Word) -> Word:
    start = round(word.start, 3)
    end = max(round(word.end, 3), round(start + 0.001, 3))
    return replace(word, start=start, end=end, confidence=round(word.confidence, 3))


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


def _percent_byte(surrogate: str) -> str:
    return f"%{ord(surrogate) - 0xDC00:02X}"


def replace_file(path: Path, content: bytes) -> None:
    """All of it or nothing, also where this process is killed meanwhile. Raises OSError."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
