"""Models inside Python and npm packages, read from the archive and never imported or run.

pip and npm themselves bring the archive, so the user's mirrors, proxies and logins apply.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from typing import IO

from voice.models import sources
from voice.models.sources import (
    CHUNK,
    Member,
    Package,
    SourceFailed,
    Transfer,
    download,
    staged,
)


def get_package(piece: Package, partial: Path, transfer: Transfer) -> None:
    """Take the members of a package that `partial` does not hold yet.

    Raises SourceFailed, Stopped, OSError.
    """
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
    if registry in sources.unreachable:
        raise SourceFailed(f"{registry}: {sources.unreachable[registry]}")
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
        sources.unreachable[registry] = "not reachable"
        raise SourceFailed(f"{registry}: not reachable")
    lines = [line for line in said.splitlines() if line.strip()]
    last = next((line for line in lines if "ERROR" in line or "error" in line), "")
    raise SourceFailed(f"{registry}: {(last or ' '.join(lines[-1:]) or 'failed').strip()[:200]}")


def _grown(box: Path) -> int:
    total = 0
    for folder, _, names in os.walk(box):  # says nothing when a folder vanishes meanwhile
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total
