"""Where models lie on this machine, and whether they are whole.

Layout, below `$OPENLINE_CACHE` or the user's cache folder (XDG):

    models/<card>/<path>            the files, as they were when their hash was last checked
    models/<card>/.verified.json    {path: [size, mtime_ns, sha256]} of that moment
    models/.hub/<org>--<name>.json  where the Hugging Face cache keeps an unpinned model
    models/.partial/<card>/         what a download that is not over has got so far
    models/.lock/<card>             held while a process writes to the card's folder
"""

import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from voice.models.card import Card, CardFile, ModelError, ModelMissing, Source, card, cards

CHUNK = 1 << 20
WEIGHTS = (".gguf", ".onnx", ".bin", ".safetensors", ".pt")


def cache_root() -> Path:
    """The cache folder: $OPENLINE_CACHE, else the platform's own for "openline"."""
    chosen = os.environ.get("OPENLINE_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("openline", appauthor=False)


def models_root() -> Path:
    return cache_root() / "models"


def folder(of: Card) -> Path:
    """Where a card's files are or will be. Raises ModelMissing for an unpinned, unfetched one."""
    package = _package_source(of)
    if package is not None:
        return _in_package(package, of.files[0]).parent
    if of.hub and not of.files:
        return _snapshot(of.hub, of.name)
    return models_root() / of.name


def is_hub_id(name: str) -> bool:
    """`org/name`, or `org/name:part` where part is in the names of the files wanted."""
    repo = name.partition(":")[0]
    looks_like_a_path = repo.startswith((".", "/", "~")) or repo.endswith(("/", *WEIGHTS))
    return repo.count("/") == 1 and not looks_like_a_path


def model_path(name: str | Path) -> Path:
    """The folder of a card or of a hub id's snapshot; a path that exists is returned as it is.

    Asks no network and reads no weights: a file counts as whole when its size and time are those
    of its last check. Raises ModelMissing when it is not here, ModelError when nothing has the
    name.
    """
    text = str(name)
    if text in cards():
        found = card(text)
        if found.served:
            raise ModelError(served_line(found))
        if missing([text]):
            raise ModelMissing(f"{text} is not on this machine; get it: openline models get {text}")
        return folder(found)
    path = Path(name).expanduser()
    if path.exists():
        return path
    if is_hub_id(text):
        return _snapshot(text, text)
    if isinstance(name, Path) or "/" in text or text.startswith("~"):
        raise ModelMissing(f"{text}: no such file or folder")
    return folder(card(text))


def served_line(of: Card) -> str:
    """What to do with a card that a server of its own runs."""
    return (
        f"{of.name} runs behind a server, not in this process: start it ({of.serve}) "
        f"and set llm to http://HOST:PORT/v1#{of.hub}"
    )


def missing(names: Iterable[str | Path]) -> list[Card]:
    """The named cards that must be fetched before they can load, each once, in order.

    A name that is a path on this machine is never missing; a hub id that was not fetched comes
    back as a card made up for it. Raises ModelError when nothing has the name.
    """
    wanted: dict[str, Card] = {}
    for name in names:
        found = as_card(name)
        if found is not None and not found.served and not is_here(found):
            wanted[found.name] = found
    return list(wanted.values())


def as_card(name: str | Path) -> Card | None:
    """The card of a name, one made up for a hub id, or None for a path that exists."""
    text = str(name)
    if text not in cards():
        if Path(name).expanduser().exists():
            return None
        if is_hub_id(text):
            return Card(
                name=text,
                kind="llm",
                engine="",
                title=text,
                languages=(),
                licence=f"see the model's page, {text.partition(':')[0]}",
                restrictions="",
                size_bytes=0,
                memory_bytes=0,
                hub=text,
            )
        if "/" in text or text.startswith("~"):
            raise ModelError(f"{text}: no such file or folder")
    return card(text)


def is_here(of: Card) -> bool:
    """The card's files are on this machine, whole. A served model never is."""
    if of.served:
        return False
    if of.hub and not of.files:
        try:
            _snapshot(of.hub, of.name)
        except ModelMissing:
            return False
        return True
    try:
        return not missing_files(of)
    except ModelMissing:
        return False


def missing_files(of: Card) -> list[CardFile]:
    """The card's files that are absent, or not the bytes the card names.

    A file that was never checked (somebody copied it here) is hashed once and remembered.
    """
    package = _package_source(of)
    if package is not None:
        return [f for f in of.files if not _in_package(package, f).is_file()]
    home = models_root() / of.name
    known, before = read_record(home), dict[str, Any]()
    before.update(known)
    absent: list[CardFile] = []
    for file in of.files:
        path = home / file.path
        try:
            stat = path.stat()
        except OSError:
            absent.append(file)
            continue
        if stat.st_size != file.size:
            absent.append(file)
        elif known.get(file.path) != [file.size, stat.st_mtime_ns, file.sha256]:
            if sha256(path) == file.sha256:
                known[file.path] = [file.size, stat.st_mtime_ns, file.sha256]
            else:
                absent.append(file)
    if known != before:
        write_record(home, known)
    return absent


def verify(names: Iterable[str], *, on_bytes: Callable[[int], None] | None = None) -> list[str]:
    """Hash every file of the named cards again; one line for each that is absent or wrong."""
    wrong: list[str] = []
    for name in names:
        of = card(name)
        package = _package_source(of)
        home = models_root() / of.name
        record: dict[str, Any] = {}
        for file in of.files:
            path = _in_package(package, file) if package else home / file.path
            if not path.is_file():
                wrong.append(f"{name}: {file.path} is missing")
                continue
            stat = path.stat()
            found = sha256(path, on_bytes)
            if found == file.sha256:
                record[file.path] = [file.size, stat.st_mtime_ns, file.sha256]
            else:
                wrong.append(
                    f"{name}: {file.path} is damaged (sha256 {found[:12]}…, the card says "
                    f"{file.sha256[:12]}…)"
                )
        if of.files and package is None and home.is_dir():
            write_record(home, record)
        if of.hub and not of.files and not of.served:
            _snapshot(of.hub, name)
    return wrong


def remove(name: str) -> int:
    """Delete a card's files from the cache; returns the bytes freed. Raises ModelError."""
    from filelock import FileLock

    if is_hub_id(name) and name not in cards():
        return _forget(name, name)
    of = card(name)
    if _package_source(of) is not None:
        raise ModelError(f"{name} is part of an installed package; nothing to remove")
    if of.hub and not of.files:
        return _forget(of.hub, name)
    home, partial = models_root() / of.name, models_root() / ".partial" / of.name
    if not home.exists() and not partial.exists():
        raise ModelError(f"{name} is not on this machine")
    with FileLock(lock_path(of.name)):
        freed = _size(home) + _size(partial)
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(partial, ignore_errors=True)
    return freed


def lock_path(name: str) -> Path:
    path = models_root() / ".lock" / name.replace("/", "--").replace(":", "--")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def sha256(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
            if on_bytes:
                on_bytes(len(block))
    return digest.hexdigest()


def read_record(home: Path) -> dict[str, Any]:
    try:
        loaded = json.loads((home / ".verified.json").read_text())
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}  # type: ignore[return-value]


def write_record(home: Path, record: dict[str, Any]) -> None:
    draft = home / f".verified.{os.getpid()}.tmp"
    try:
        draft.write_text(json.dumps(record))
        draft.replace(home / ".verified.json")
    except OSError:
        draft.unlink(missing_ok=True)  # a read-only cache works too; it is hashed at each start


def marker_path(hub: str) -> Path:
    return models_root() / ".hub" / f"{hub.replace('/', '--').replace(':', '--')}.json"


def _snapshot(hub: str, name: str) -> Path:
    try:
        path = Path(json.loads(marker_path(hub).read_text())["path"])
    except (OSError, ValueError, KeyError):
        path = None
    if path is None or not path.is_dir():
        raise ModelMissing(f"{name} is not on this machine; get it: openline models get {name}")
    return path


def _forget(hub: str, name: str) -> int:
    path = _snapshot(hub, name)
    freed = _size(path)
    # a snapshot is a folder of links into ../../blobs
    for item in path.rglob("*"):
        if item.is_symlink():
            item.resolve().unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)
    marker_path(hub).unlink(missing_ok=True)
    return freed


def _size(of: Path) -> int:
    return sum(p.stat().st_size for p in of.rglob("*") if p.is_file())


def _package_source(of: Card) -> Source | None:
    return next((s for s in of.sources if s.scheme == "package"), None)


def _in_package(source: Source, file: CardFile) -> Path:
    package = source.target.partition("/")[0]
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelMissing(f"the Python package {package} is not installed")
    inside = source.target.removeprefix(package).strip("/")
    return Path(spec.submodule_search_locations[0]) / inside / (source.member(file.path) or "")
