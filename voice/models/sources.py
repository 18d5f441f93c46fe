"""One piece of a model from one source: a file over HTTP, a package's members, a local copy.

Every piece survives a kill: a file over HTTP goes on where it stopped (Range), a package that was
unpacked is not asked for again. Nothing here is trusted: the hash is checked by the caller.
Packages come through pip and npm themselves, so their mirrors, proxies and logins apply.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from voice.models.card import CardFile, Source

if TYPE_CHECKING:
    import httpx

CHUNK = 1 << 18
CONNECT_SECONDS = 4.0
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
                    timeout=httpx.Timeout(30.0, connect=CONNECT_SECONDS),
                    headers={"User-Agent": "openline"},
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
            _get_package(piece, partial, transfer)
    transfer.report(piece, piece.size)


def _get_whole(piece: Whole, to: Path, transfer: Transfer) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    source = piece.source
    if source.scheme == "file":
        path = Path(source.target) / piece.where
        if not path.is_file():
            raise SourceFailed(f"{path} is not there")
        shutil.copyfile(path, to)
        return
    if source.scheme == "hf":
        hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
        url = f"{hub}/{source.target}/resolve/{source.version or 'main'}/{piece.where}"
        if os.environ.get("HF_HUB_OFFLINE") in ("1", "true", "TRUE"):
            raise SourceFailed(f"{urlsplit(url).netloc}: HF_HUB_OFFLINE is set")
        token = os.environ.get("HF_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
    else:
        url, headers = f"{source.scheme}:{source.target}/{piece.where}", {}
    download(url, to, transfer, size=piece.size, headers=headers, piece=piece)


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
    if host in unreachable:
        raise SourceFailed(f"{host}: {unreachable[host]}")
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
                    raise SourceFailed(f"{host} refuses ({answer.status_code}): set HF_TOKEN?")
                if answer.status_code >= 400:
                    raise SourceFailed(f"{host} answers {answer.status_code} for {url}")
                going_on = answer.status_code == 206
                with to.open("ab" if going_on else "wb") as out:
                    done = have if going_on else 0
                    for block in answer.iter_bytes(CHUNK):
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


def _get_package(piece: Package, partial: Path, transfer: Transfer) -> None:
    source = piece.source
    todo = [m for m in piece.members if not _done(piece, m, partial).exists()]
    if not todo:
        return
    name = source.target + (str(piece.number) if source.parts else "")
    box = partial / f".{source.scheme}-{name.replace('/', '-')}"
    (box / "tmp").mkdir(parents=True, exist_ok=True)
    if source.scheme == "pypi":
        archive = _pip(
            f"{name}=={source.version}" if source.version else name, box, piece, transfer
        )
    else:
        archive = _npm(name, source.version, box, piece, transfer)
    try:
        if source.scheme == "pypi":
            with zipfile.ZipFile(archive) as wheel:
                for member in todo:
                    with wheel.open(member.path) as stream:
                        _put(piece, member, stream, partial, transfer)
        else:
            _unpack(archive, piece, todo, partial, transfer)
    except KeyError as exc:
        raise SourceFailed(f"{name} does not hold what the card names ({exc.args[0]})") from None
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as exc:
        shutil.rmtree(box)
        raise SourceFailed(f"{name} arrived damaged ({exc})") from None
    shutil.rmtree(box)


def _unpack(
    archive: Path, piece: Package, todo: list[Member], partial: Path, transfer: Transfer
) -> None:
    wanted = {f"package/{member.path}": member for member in todo}
    with tarfile.open(archive) as tar:
        for entry in tar:
            member = wanted.pop(entry.name, None)
            stream = tar.extractfile(entry) if member else None
            if member and stream:
                _put(piece, member, stream, partial, transfer)
    if wanted:
        raise KeyError(next(iter(wanted)))


def _put(
    piece: Package, member: Member, stream: IO[bytes], partial: Path, transfer: Transfer
) -> None:
    to = staged(piece, member.file, partial)
    to.parent.mkdir(parents=True, exist_ok=True)
    to.open("ab").close()
    wrote = 0
    with to.open("r+b") as out:
        out.seek(member.offset)
        while block := stream.read(CHUNK):
            wrote += out.write(block)
            transfer.check()
            if wrote > member.size:
                break
    if wrote != member.size:
        raise SourceFailed(f"{piece.source.uri}: {member.path} has another size than the card says")
    _done(piece, member, partial).touch()


def _done(piece: Package, member: Member, partial: Path) -> Path:
    to = staged(piece, member.file, partial)
    return to.with_name(f"{to.name}.{piece.number}")


def _pip(requirement: str, box: Path, piece: Package, transfer: Transfer) -> Path:
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"),
        *("--no-cache-dir", "--only-binary", ":all:", "--ignore-requires-python"),
        *("--progress-bar", "off", "--retries", "2", "--timeout", "15"),
        *("--dest", str(box), requirement),
    ]
    _client_run("PyPI", command, box, piece, transfer)
    wheels = list(box.glob("*.whl"))
    if len(wheels) != 1:
        raise SourceFailed(f"pip brought no wheel for {requirement}")
    return wheels[0]


def _npm(name: str, version: str, box: Path, piece: Package, transfer: Transfer) -> Path:
    npm = shutil.which("npm")
    if npm:
        command = [npm, "pack", "--silent", "--fetch-retries", "1", f"{name}@{version}"]
        _client_run("npm", command, box, piece, transfer)
        archives = list(box.glob("*.tgz"))
        if len(archives) == 1:
            return archives[0]
        raise SourceFailed(f"npm brought no archive for {name}@{version}")
    archive = box / "package.tgz"
    registry = _npm_registry()
    url = f"{registry}/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
    download(url, archive.with_suffix(".part"), transfer, piece=piece)
    return archive.with_suffix(".part").replace(archive)


def _npm_registry() -> str:
    for key in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if os.environ.get(key):
            return os.environ[key].rstrip("/")
    try:
        text = (Path.home() / ".npmrc").read_text()
    except OSError:
        text = ""
    found = re.search(r"^\s*registry\s*=\s*(\S+)", text, re.MULTILINE)
    return (found[1] if found else "https://registry.npmjs.org").rstrip("/")


_OFFLINE = re.compile(
    r"NewConnectionError|ConnectTimeout|NameResolution|Failed to establish|Max retries|"
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ProxyError"
)


def _client_run(
    registry: str, command: list[str], box: Path, piece: Package, transfer: Transfer
) -> None:
    """Run pip or npm in `box`; its half-way files lie there too, so the bar sees them grow."""
    if registry in unreachable:
        raise SourceFailed(f"{registry}: {unreachable[registry]}")
    shutil.rmtree(box / "tmp", ignore_errors=True)
    (box / "tmp").mkdir(exist_ok=True)
    log = box / "log"
    env = {**os.environ, "TMPDIR": str(box / "tmp"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, cwd=box, env=env, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors
        )
    try:
        while process.poll() is None:
            transfer.check()
            transfer.report(piece, min(_grown(box), piece.size * 95 // 100))
            time.sleep(0.1)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode == 0:
        return
    said = log.read_text(errors="replace")
    if _OFFLINE.search(said):
        unreachable[registry] = "not reachable"
        raise SourceFailed(f"{registry}: not reachable")
    lines = [line for line in said.splitlines() if line.strip()]
    last = next((line for line in lines if "ERROR" in line or "error" in line), "")
    raise SourceFailed(f"{registry}: {(last or ' '.join(lines[-1:]) or 'failed').strip()[:200]}")


def _grown(box: Path) -> int:
    total = 0
    for path in box.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:  # pip moved it meanwhile
            continue
    return total
