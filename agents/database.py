"""Where the agents that come with Openline keep their data: one SQLite file each."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_data_path


def data_file(name: str, path: Path | None = None) -> Path:
    """`path`, else `name` in $OPENLINE_DATA or in the user's data directory; its folder is made."""
    file = path or Path(os.environ.get("OPENLINE_DATA") or user_data_path("openline")) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


@contextmanager
def transaction(path: Path, *, immediate: bool = False) -> Generator[sqlite3.Connection]:
    """A connection of its own: committed at the end, rolled back when anything raises.

    `immediate`: others wait for it from its start, so that who sees a thing free gets it.
    """
    db = sqlite3.connect(path, timeout=5.0)
    try:
        with db:
            if immediate:
                db.execute("BEGIN IMMEDIATE")
            yield db
    finally:
        db.close()
