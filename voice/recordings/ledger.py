"""What is done: a line a recording, so that a run that was broken off goes on."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

NAME = ".openline-ledger.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording that was transcribed."""

    path: str
    size: int
    modified_ns: int
    settings: str  # all that the results depend on, but the recording
    outputs: list[str]  # relative to the folder of results
    seconds: float


class Ledger:
    """A file of lines in the folder of results; a torn last line is one recording to do again."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._entries: dict[str, Entry] = {}  # by path: what was written last is what lies there
        path = folder / NAME
        torn = False
        if path.exists():
            content = path.read_bytes()
            torn = bool(content) and not content.endswith(b"\n")
            for line in content.split(b"\n"):
                try:
                    entry = Entry(**json.loads(line))
                except (ValueError, TypeError):
                    continue
                self._entries[entry.path] = entry
        self._file: IO[str] = path.open("a", encoding="utf-8")
        if torn:
            self._file.write("\n")

    def done(self, path: Path, settings: str) -> Entry | None:
        """The entry of a recording as it is now, where all its results are still there."""
        stat = path.stat()
        entry = self._entries.get(_text(path))
        if entry is None or entry.settings != settings:
            return None
        same = (entry.size, entry.modified_ns) == (stat.st_size, stat.st_mtime_ns)
        if same and all((self._folder / output).is_file() for output in entry.outputs):
            return entry
        return None

    def add(
        self, path: Path, stat: os.stat_result, settings: str, outputs: list[str], seconds: float
    ) -> None:
        """`stat`: from before the recording was read."""
        entry = Entry(_text(path), stat.st_size, stat.st_mtime_ns, settings, outputs, seconds)
        self._entries[entry.path] = entry
        self._file.write(json.dumps(asdict(entry)) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _text(path: Path) -> str:
    """Absolute; bytes that are no UTF-8 stay what they are through JSON's escapes."""
    return os.path.abspath(path)
