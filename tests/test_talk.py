"""`openline talk` against a scripted server: files, typing, what went wrong."""

import asyncio
import io
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.fakes import FakeServer
from voice import cli
from voice import client as client_module
from voice.audiofile import read_audio, write_wav
from voice.models import ModelMissing


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_SETTLED", 0.15)
    monkeypatch.setattr(client_module, "_GREETS", 0.05)


class Running:
    """A fake server on a thread: `talk` runs an event loop of its own."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run()])

    async def _run(self) -> None:
        async with self.server:
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> FakeServer:
        self._thread.start()
        self._ready.wait(10)
        return self.server

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def running() -> Iterator[FakeServer]:
    with Running(FakeServer(greeting="Hello there.")) as server:
        yield server


@pytest.fixture
def question(tmp_path: Path) -> Path:
    path = tmp_path / "question.wav"
    stereo = np.full((8820, 2), 4000, np.int16)  # 0.2 s at 44.1 kHz: both are converted
    write_wav(path, stereo, 44100)
    return path


def talk(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["openline", "talk", *map(str, words)])
    try:
        cli.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_a_file_is_asked_and_the_answer_recorded(
    running: FakeServer,
    question: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    out = question.with_name("answer.wav")
    assert talk(monkeypatch, "--wav", question, "--out", out, "--url", running.url) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[:4] == [
        "agent: Hello there.",
        "you:   spoken words",
        "       look(what=spoken words)",
        "agent: You said spoken words.",
    ]
    sound = read_audio(out, 24000)
    assert np.count_nonzero(np.abs(sound.astype(np.int32)) > 1000) == 2 * len(running.tone(24000))


def test_both_sides_are_recorded_on_one_clock(
    running: FakeServer, question: Path, monkeypatch: pytest.MonkeyPatch
):
    import wave

    out = question.with_name("both.wav")
    words = ["--wav", question, "--out", out, "--url", running.url, "--stereo"]
    assert talk(monkeypatch, *words) == 0
    with wave.open(str(out)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 24000)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    caller, agent = (np.flatnonzero(np.abs(both[:, i].astype(np.int32)) > 1000) for i in (0, 1))
    assert agent[0] < caller[0] < caller[-1] < agent[-1]


def test_a_typed_conversation(
    running: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\n\n[/bye]\n"))
    assert talk(monkeypatch, "--text", "--url", running.url) == 0
    shown = capsys.readouterr().out
    assert "agent: You said hello." in shown
    assert "agent: You said [/bye]." in shown


def test_no_answer_is_a_failure_and_is_recorded_too(
    question: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    out = question.with_name("answer.wav")
    with Running(FakeServer(hang_up=True)) as server:
        assert talk(monkeypatch, "--wav", question, "--out", out, "--url", server.url) == 1
    assert capsys.readouterr().err == "openline: the server ended the call: server stopping\n"
    assert len(read_audio(out, 24000))


def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path,
    question: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    def error(*words: str | Path) -> str:
        assert talk(monkeypatch, *words) == 1
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        return line

    text = tmp_path / "text.wav"
    text.write_text("no sound")
    assert "text.wav: cannot be read as sound" in error("--wav", text)
    assert "none.wav" in error("--wav", tmp_path / "none.wav")
    assert "the folder" in error("--wav", question, "--out", tmp_path / "no" / "answer.wav")
    assert "give a websocket address" in error("--wav", question, "--url", "http://localhost")
    closed = "ws://127.0.0.1:1/ws"
    assert f"no Openline server answers at {closed}" in error("--wav", question, "--url", closed)
    write_wav(tmp_path / "empty.wav", np.zeros(0, np.int16), 16000)
    assert "there is no sound in it" in error("--wav", tmp_path / "empty.wav")


def test_without_a_sound_system_other_ways_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert talk(monkeypatch) == 1
    assert "--wav FILE --out FILE or --text" in capsys.readouterr().err


def test_without_a_server_one_is_started_from_the_config(
    question: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def nothing_here(names: object, **_: object) -> None:
        raise ModelMissing(f"asked for {names}")

    monkeypatch.setattr("voice.models.fetch", nothing_here)
    monkeypatch.setenv("OPENLINE__SERVER__PORT", "1")
    assert talk(monkeypatch, "--wav", question) == 1
    assert "asked for ['whisper-tiny.en'" in capsys.readouterr().err
