"""A virtual environment for each peer, in the cache folder, from its lock file with hashes.

Peers pin what they need and Openline pins what it needs; nothing of theirs is ever imported here.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

from filelock import FileLock

from voice.models import cache_root

Peer = Literal["pipecat", "livekit"]
PEERS: tuple[Peer, ...] = ("pipecat", "livekit")
STACKS = Path(__file__).with_name("stacks")
_INSTALL_SECONDS = 1200.0  # a 300 MB environment over 2 Mbit/s


class PeerUnavailable(Exception):
    """This peer cannot be measured. The message is one line."""


def script(peer: Peer) -> Path:
    return STACKS / f"{peer}_agent.py"


def environment(peer: Peer) -> Path:
    """Its folder; another lock file or another Python is another one."""
    lock = (STACKS / f"{peer}.lock").read_bytes()
    key = hashlib.sha256(lock + sys.version.encode()).hexdigest()[:12]
    return cache_root() / "bench" / "peers" / f"{peer}-{key}"


def pinned(peer: Peer) -> str:
    """The version of its framework."""
    name = {"pipecat": "pipecat-ai", "livekit": "livekit-agents"}[peer]
    found = re.search(
        rf"^{name}==(\S+)", (STACKS / f"{peer}.lock").read_text("utf-8"), re.MULTILINE
    )
    assert found is not None
    return found[1]


def python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_installed(peer: Peer) -> bool:
    return _mark(environment(peer)).is_file()


def installed(peer: Peer) -> Path:
    """The peer's Python; the first time it takes as long as fetching 300 MB.

    Raises PeerUnavailable: no venv module, no network, no wheel for this platform.
    """
    folder = environment(peer)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not is_installed(peer):
            shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run left
            for command in _commands(peer, folder):
                _run(peer, command)
            _mark(folder).touch()
    return python(folder)


def _mark(folder: Path) -> Path:
    return folder / "installed"


def _commands(peer: Peer, folder: Path) -> list[list[str]]:
    wanted = ["--no-deps", "--require-hashes", "-r", str(STACKS / f"{peer}.lock")]
    uv = _uv()
    if uv:
        return [
            [*uv, "venv", "-q", "--python", sys.executable, str(folder)],
            [*uv, "pip", "install", "-q", "--python", str(python(folder)), *wanted],
        ]
    pip = [str(python(folder)), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    return [[sys.executable, "-m", "venv", str(folder)], [*pip, *wanted]]


def _uv() -> list[str]:
    module = [sys.executable, "-m", "uv"]
    if subprocess.run([*module, "--version"], capture_output=True, check=False).returncode == 0:
        return module
    found = shutil.which("uv")
    return [found] if found else []


def _run(peer: Peer, command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS
        )
    except OSError as exc:
        raise PeerUnavailable(f"{peer} cannot be installed: {command[0]}: {exc.strerror}") from exc
    except subprocess.TimeoutExpired as exc:
        raise PeerUnavailable(
            f"{peer} cannot be installed: not done after {_INSTALL_SECONDS / 60:.0f} minutes"
        ) from exc
    if done.returncode:
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        reason = next((line for line in said if "error" in line.lower()), said[0] if said else "")
        raise PeerUnavailable(f"{peer} cannot be installed: {reason or 'no reason given'}")
