"""A whole spoken call with every connection beyond the loopback forbidden."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Says
from voice.audiofile import read_audio, write_wav

ROOT = Path(__file__).parent.parent
# Runs `openline` where a name look-up or a connection beyond the loopback ends the process; in a
# network namespace of its own (where the kernel allows one) its loopback must first be raised.
GUARD = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    try:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14s", b"lo", 0x49, b""))  # SIOCSIFFLAGS: up
    except OSError:
        pass  # no namespace of our own: it is up

def forbid(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else "unix"
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in (None, "", "unix", "127.0.0.1", "::1", "localhost", b"localhost"):
        os.write(2, f"EGRESS {event} {arguments}\\n".encode())
        os._exit(99)

sys.addaudithook(forbid)
from voice.cli import main
main()
"""


def alone() -> list[str]:
    """The command that takes the network away, where this user may do that."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return []
    command = [unshare, "--map-root-user", "--net"]
    tried = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if tried.returncode == 0 else []


def openline(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*alone(), sys.executable, "-c", GUARD, *arguments],
        cwd=ROOT,
        env=os.environ | {"OPENLINE_DATA": str(data), "OPENLINE__SERVER__PORT": "0"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_the_guard_guards(tmp_path: Path):
    done = openline("talk", "--text", "--url", "ws://192.0.2.1/ws", data=tmp_path)
    assert done.returncode == 99
    assert "EGRESS" in done.stderr


@pytest.mark.models
def test_a_call_needs_no_network(says: Says, tmp_path: Path):
    question, answer = tmp_path / "question.wav", tmp_path / "answer.wav"
    write_wav(question, says.pcm("Where is my order ten forty-two?", "am_michael"), 16000)
    done = openline("talk", "--wav", str(question), "--out", str(answer), data=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "order_status" in done.stdout
    assert len(read_audio(answer, 16000)) > 16000
