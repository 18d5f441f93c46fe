"""How a call lies on disk: a folder with call.json, events.jsonl, caller.flac and agent.flac.

Folders are 0700 and files 0600: recordings are for the user who runs the server, nobody else.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from voice.journal.tracks import Track

if TYPE_CHECKING:
    from voice.config import Config

HEADER, EVENTS = "call.json", "events.jsonl"


class JournalError(Exception):
    """A journal cannot be used. The message is one line: which, what is wrong, what to do."""


def journal_folder(config: "Config | None" = None) -> Path:
    """`journal.folder`, else calls/ in $OPENLINE_DATA or in the user's data folder."""
    if config is not None and config.journal.folder:
        return Path(config.journal.folder).expanduser()
    data = os.environ.get("OPENLINE_DATA")
    if data:
        return Path(data) / "calls"
    import platformdirs

    return Path(platformdirs.user_data_dir("openline")) / "calls"


def sound_file(folder: Path, track: Track) -> Path:
    return folder / f"{track}.flac"


def open_private(path: Path) -> int:
    """A new or emptied file that only its owner can read. Raises OSError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def make_private(folder: Path) -> None:
    """A call's folder that only its owner can enter, and the shelf of calls around it."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """A text file that only its owner can read. Raises OSError."""
    with os.fdopen(open_private(path), "w", encoding="utf-8") as out:
        out.write(text)
