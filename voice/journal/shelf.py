"""The recorded calls of a folder: found, exported, removed."""

import datetime as dt
import json
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

from voice.journal.files import EVENTS, HEADER, JournalError, open_private, sound_file

_STAMP = "%Y-%m-%dT%H-%M-%S"


def name_of(call: str, began: dt.datetime) -> str:
    """The folder of a call; names sort by time (UTC)."""
    return f"{began.astimezone(dt.UTC).strftime(_STAMP)}_{call}"


def began_at(folder: Path) -> float | None:
    """When a call began, by its folder's name, in epoch seconds; None: not one of ours."""
    stamp, _, call = folder.name.partition("_")
    if not call or not (folder / HEADER).is_file():
        return None
    try:
        return dt.datetime.strptime(stamp, _STAMP).replace(tzinfo=dt.UTC).timestamp()
    except ValueError:
        return None


def folders(shelf: Path) -> list[Path]:
    """The recorded calls in `shelf`, newest first."""
    if not shelf.is_dir():
        return []
    return sorted((p for p in shelf.iterdir() if began_at(p) is not None), reverse=True)


def find(shelf: Path, call: str) -> Path:
    """The call of this id (or its beginning, or `last`), or this folder. Raises JournalError."""
    direct = Path(call)
    if (direct / HEADER).is_file():
        return direct
    known = folders(shelf)
    if call == "last" and known:
        return known[0]
    found = [p for p in known if p.name == call or p.name.partition("_")[2].startswith(call)]
    if not call or len(found) != 1:
        what = f"no call {call!r}" if not found else f"{len(found)} calls begin with {call!r}"
        raise JournalError(f"{what} in {shelf}; see: openline calls list")
    return found[0]


def remove(folder: Path) -> None:
    """Delete one call's recording. Raises OSError."""
    shutil.rmtree(folder)


def remove_older(shelf: Path, than: float) -> list[Path]:
    """Delete the calls that began before `than` (epoch seconds); returns them. Raises OSError."""
    old = [p for p in folders(shelf) if (began_at(p) or than) < than]
    for folder in old:
        remove(folder)
    return old


def export(folder: Path, out: Path, pages: Sequence[tuple[str, str]] = ()) -> None:
    """One call as a zip (0600), with `pages` (name, text) beside its files. Raises OSError."""
    # sound is compressed already; stored, a player can open it inside the archive
    names = [sound_file(folder, "caller").name, sound_file(folder, "agent").name, HEADER, EVENTS]
    with (
        open(open_private(out), "wb") as raw,
        zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in names:
            if (folder / name).is_file():
                kind = zipfile.ZIP_STORED if name.endswith(".flac") else zipfile.ZIP_DEFLATED
                archive.write(folder / name, f"{folder.name}/{name}", kind)
        for name, text in pages:
            archive.writestr(f"{folder.name}/{name}", text)


def header_of(folder: Path) -> dict[str, object]:
    """call.json. Raises JournalError."""
    try:
        return json.loads((folder / HEADER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise JournalError(f"{folder / HEADER}: not a call's journal ({exc})") from exc
