"""Bring models here: say what it will cost, fetch in parallel, prove every byte, then show it."""

import errno
import json
import os
import shutil
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from voice.models import cache, sources
from voice.models.card import Card, CardFile, ModelError
from voice.models.sources import Piece, SourceFailed, Transfer

if TYPE_CHECKING:
    from rich.console import Console

WORKERS = 6  # packages at once; each pip costs 0.5 s of processor before its first byte


def fetch(names: str | Path | Iterable[str | Path], *, console: "Console | None" = None) -> None:
    """Fetch all the named models that are not here, at once; returns when they are whole.

    Names as in model_path. Nothing missing: no request, no output. Progress goes to `console`,
    else to standard error. Raises ModelError: nothing has the name, no source answers, damaged, no
    room, folder not writable. What came before a failure or a kill is kept for the next time.
    """
    listed = [names] if isinstance(names, str | Path) else list(names)
    wanted = cache.missing(listed)
    if not wanted:
        return
    if console is None:
        from rich.console import Console

        console = Console(stderr=True, highlight=False)
    try:
        cache.models_root().mkdir(parents=True, exist_ok=True)
        with ExitStack() as locks:
            for card in sorted(wanted, key=lambda c: c.name):
                _lock(card, locks, console)
            wanted = cache.missing(listed)  # the other process may have fetched them
            if wanted:
                _announce(wanted, console)
                _check_room(wanted)
                _fetch_all(wanted, console)
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise ModelError(f"the disk of {cache.models_root()} is full; free some room") from exc
        raise ModelError(
            f"cannot write to {exc.filename or cache.models_root()} ({exc.strerror or exc}); "
            "set OPENLINE_CACHE to a folder of yours"
        ) from exc


def human(size: float) -> str:
    """Bytes for people, in three digits: 4.8 kB, 78 MB, 1.26 GB, 689 GB."""
    for unit, worth in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= worth * 0.9995:
            count = size / worth
            places = 0 if count >= 99.5 or unit == "MB" else 1 if count >= 9.95 else 2
            return f"{count:.{places}f} {unit}"
    return f"{size / 1e3:.1f} kB" if size >= 1e3 else f"{size:.0f} bytes"


def _lock(card: Card, locks: ExitStack, console: "Console") -> None:
    from filelock import FileLock, Timeout

    lock = FileLock(cache.lock_path(card.name))
    try:
        locks.enter_context(lock.acquire(timeout=0))
    except Timeout:
        console.print(f"another process is fetching {card.name}; waiting for it")
        locks.enter_context(lock.acquire())


def _announce(wanted: list[Card], console: "Console") -> None:
    total = sum(sum(f.size for f in cache.missing_files(c)) or c.size_bytes for c in wanted)
    what = "1 model" if len(wanted) == 1 else f"{len(wanted)} models"
    size = human(total) if total else "size unknown"
    console.print(f"Fetching {what}, {size}, into {cache.models_root()}", soft_wrap=True)
    width = max(len(c.name) for c in wanted)
    for card in wanted:
        size = human(card.size_bytes) if card.size_bytes else "?"
        terms = f"{card.licence}; {card.restrictions}" if card.restrictions else card.licence
        console.print(f"  {card.name:{width}}  {size:>8}  {terms}", soft_wrap=True, markup=False)


def _check_room(wanted: list[Card]) -> None:
    need = 0
    for card in wanted:
        need += sum(f.size for f in cache.missing_files(card)) or card.size_bytes
        for path in _partial(card).rglob("*"):
            if path.is_file():
                need -= min(need, path.stat().st_blocks * 512)
    need += min(need, WORKERS * 80_000_000)  # packages lie beside their contents while unpacked
    free = shutil.disk_usage(cache.models_root()).free
    if free < need:
        raise ModelError(
            f"no room for the models: {human(need)} needed in {cache.models_root()}, "
            f"{human(free)} free; free some or set OPENLINE_CACHE to a larger disk"
        )


def _partial(card: Card) -> Path:
    return cache.models_root() / ".partial" / card.name


class _Bar:
    """A bar over all bytes where there is a terminal, else one line per model."""

    def __init__(self, console: "Console", total: int) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._done: dict[Piece, int] = {}
        self._lock = Lock()
        self._console = console
        self.progress = Progress(
            TextColumn("  "),
            BarColumn(bar_width=32),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self.progress.add_task("", total=total)

    def report(self, piece: Piece, done: int) -> None:
        with self._lock:
            self._done[piece] = done
            self.progress.update(self._task, completed=sum(self._done.values()))

    def forget(self, pieces: Iterable[Piece]) -> None:
        with self._lock:
            for piece in pieces:
                self._done.pop(piece, None)

    def line(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False)


def _fetch_all(wanted: list[Card], console: "Console") -> None:
    bar = _Bar(console, sum(f.size for c in wanted for f in cache.missing_files(c)))
    transfer = Transfer(report=bar.report)
    pinned = [card for card in wanted if card.files]
    failed: list[str] = []
    cards = ThreadPoolExecutor(max(1, len(pinned)))
    workers = ThreadPoolExecutor(WORKERS)
    try:
        with bar.progress:
            running: dict[Future[None], Card] = {
                cards.submit(_fetch_card, card, workers, transfer, bar): card for card in pinned
            }
            while running:
                done, _ = wait(running, timeout=0.2)  # short, so that Ctrl-C is heard
                for future in done:
                    running.pop(future)
                    try:
                        future.result()
                    except ModelError as exc:
                        failed.append(str(exc))
    except BaseException:
        transfer.stop.set()
        raise
    finally:
        cards.shutdown()  # before the workers, which its threads wait for
        workers.shutdown()
        transfer.close()
    for card in wanted:
        if not card.files:
            try:
                _fetch_snapshot(card)
            except ModelError as exc:
                failed.append(str(exc))
    if failed:
        raise ModelError("; ".join(failed))


def _fetch_card(card: Card, workers: ThreadPoolExecutor, transfer: Transfer, bar: _Bar) -> None:
    began = time.monotonic()
    home, partial = cache.models_root() / card.name, _partial(card)
    partial.mkdir(parents=True, exist_ok=True)
    left = cache.missing_files(card)
    reasons: list[str] = []
    for source in card.sources:
        work = sources.pieces(source, left)
        if not work:
            continue
        running = {workers.submit(sources.get, piece, partial, transfer): piece for piece in work}
        wait(running)
        broken: set[str] = set()
        for future, piece in running.items():
            try:
                future.result()
            except SourceFailed as exc:
                broken.update(file.path for file in piece.files)
                _note(reasons, str(exc))
        whole = {f.path: piece for piece in work for f in piece.files if f.path not in broken}
        checks = [
            (file, workers.submit(_accept, file, whole[file.path], partial, home))
            for file in left
            if file.path in whole
        ]
        for file, future in checks:
            wrong = future.result()
            if wrong:
                _note(reasons, f"{source.uri}: {file.path} {wrong}")
                broken.add(file.path)
            else:
                left = [other for other in left if other is not file]
        bar.forget(p for p in work if any(f.path in broken for f in p.files))
        if not left:
            shutil.rmtree(partial, ignore_errors=True)
            bar.line(f"  {card.name} is here ({time.monotonic() - began:.0f} s)")
            return
    files = ", ".join(f.path for f in left[:2]) + (", …" if len(left) > 2 else "")
    raise ModelError(
        f"{card.name} cannot be fetched ({files}): {'; '.join(reasons)}; "
        f"check the network, or put the files into {home}"
    )


def _note(reasons: list[str], reason: str) -> None:
    if reason not in reasons:
        reasons.append(reason)


def _accept(file: CardFile, piece: Piece, partial: Path, home: Path) -> str:
    """Move a fetched file to its place if it is what the card says; else say what is wrong."""
    path = sources.staged(piece, file, partial)
    size = path.stat().st_size
    found = cache.sha256(path) if size == file.size else ""
    if found != file.sha256:
        for leftover in path.parent.glob(f"{path.name}*"):
            leftover.unlink()
        if not found:
            return f"is damaged ({size:,} bytes, the card says {file.size:,})"
        return f"is damaged (sha256 {found[:12]}…, the card says {file.sha256[:12]}…)"
    to = home / file.path
    to.parent.mkdir(parents=True, exist_ok=True)
    path.replace(to)
    with _records:
        record = cache.read_record(home)
        record[file.path] = [file.size, to.stat().st_mtime_ns, file.sha256]
        cache.write_record(home, record)
    return ""


_records = Lock()


def _fetch_snapshot(card: Card) -> None:
    """An unpinned model by its hub id, into the Hugging Face cache (shared with other programs)."""
    repo, _, part = card.hub.partition(":")
    if not sources.told_to_stay_offline():
        try:
            sources.reach(sources.hub())
        except SourceFailed as exc:
            raise ModelError(f"{repo} cannot be fetched: {exc}; check the network") from None

    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    try:
        path = snapshot_download(
            repo,
            allow_patterns=[f"*{part}*", "*.json"] if part else None,
            etag_timeout=sources.CONNECT_SECONDS,
        )
    except GatedRepoError:
        raise ModelError(
            f"{repo} is gated: ask for access on its page, then set HF_TOKEN"
        ) from None
    except RepositoryNotFoundError:
        raise ModelError(f"no model is called {repo} on the hub") from None
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError) as exc:
        if isinstance(exc, OSError) and exc.errno == errno.ENOSPC:
            raise
        reason = " ".join(str(exc).split())[:160]
        raise ModelError(f"{repo} cannot be fetched from the hub: {reason}") from None
    marker = cache.marker_path(card.hub)
    marker.parent.mkdir(parents=True, exist_ok=True)
    draft = marker.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps({"path": path}))
    draft.replace(marker)
