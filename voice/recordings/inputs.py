"""Which recordings are meant: files, folders, patterns, and lists that name who spoke."""

import csv
import glob
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

# What a folder is searched for; a file that is named is opened whatever it is called
ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *("3gp", "aac", "aif", "aiff", "alaw", "amr", "au", "avi", "awb", "caf", "flac", "flv"),
        *("gsm", "m4a", "m4b", "mka", "mkv", "mov", "mp2", "mp3", "mp4", "mpeg", "mpg", "oga"),
        *("ogg", "opus", "spx", "ts", "ul", "ulaw", "w64", "wav", "webm", "wma", "wmv"),
    )
)
_LISTS = frozenset({".csv", ".jsonl"})


class InputError(Exception):
    """A path or a list cannot be used. The message is one line."""


@dataclass(frozen=True, slots=True)
class Recording:
    path: Path
    folder: Path  # of its results, below the one of all results
    parties: tuple[str, ...] = ()  # who speaks on each channel, where a list says so


def find(paths: Iterable[str], *, besides: Path | None = None) -> list[Recording]:
    """The recordings, each once, in the order of their paths; nothing below `besides`.

    A folder is searched with all below it, links too, and every real folder once. A list is CSV
    (a header with `path`, `channel_1`, `channel_2` ...) or JSONL (`path`, `channels`: names);
    its paths are relative to it. Raises InputError for a path that is not there.
    """
    found: dict[str, Recording] = {}
    for text in paths:
        for recording in _meant(text, besides.resolve() if besides else None):
            found.setdefault(os.path.realpath(recording.path), recording)
    return sorted(found.values(), key=lambda one: os.fsencode(one.path))


def _meant(text: str, besides: Path | None) -> Iterator[Recording]:
    path = Path(text).expanduser()
    if path.is_dir():
        yield from _below(path, besides)
    elif path.suffix.lower() in _LISTS and path.is_file():
        yield from _listed(path)
    elif os.path.lexists(path):
        yield Recording(path, Path())
    elif glob.has_magic(text):
        matches = sorted(glob.glob(str(path), recursive=True))
        if not matches:
            raise InputError(f"{text}: nothing matches")
        for match in matches:
            yield from _meant(glob.escape(match) if not os.path.lexists(match) else match, besides)
    else:
        raise InputError(f"{text}: no such file or folder")


def _below(root: Path, besides: Path | None) -> Iterator[Recording]:
    seen: set[str] = set()
    for place, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(place)
        if real in seen or (besides and Path(real).is_relative_to(besides)):
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in ENDINGS and not name.startswith("."):
                yield Recording(Path(place) / name, Path(place).relative_to(root))


def _listed(path: Path) -> Iterator[Recording]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        for number, row in _rows(path, text):
            name, parties = row.get("path"), _parties(row)
            if not name or not isinstance(name, str):
                raise InputError(f"{path}: line {number} names no path")
            yield Recording(path.parent / Path(name).expanduser(), Path(), parties)
    except UnicodeDecodeError as exc:
        raise InputError(f"{path}: is not UTF-8 text; save the list as UTF-8") from exc


def _rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if path.suffix.lower() == ".csv":
        reader = csv.DictReader(text.splitlines(keepends=True))
        if "path" not in (reader.fieldnames or []):
            raise InputError(f"{path}: its first line must name the columns, one of them path")
        for row in reader:
            yield reader.line_num, row
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as exc:
            raise InputError(f"{path}: line {number} is not JSON ({exc})") from exc
        if not isinstance(row, dict):
            raise InputError(f'{path}: line {number} must be an object such as {{"path": "a.wav"}}')
        yield number, cast(dict[str, Any], row)


def _parties(row: Mapping[str, Any]) -> tuple[str, ...]:
    named = row.get("channels")
    if isinstance(named, list):
        return tuple(str(name) for name in cast(list[Any], named))
    parties: list[str] = []
    while name := row.get(f"channel_{len(parties) + 1}"):
        parties.append(str(name))
    return tuple(parties)
