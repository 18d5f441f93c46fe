"""Bad clients, many clients and none: the real server and real sockets over paper engines."""

import asyncio
import contextlib
import json
import re
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
import websockets

from tests.paper_server import DEMO, READY, PaperEngines
from voice.audiofile import read_audio, write_wav
from voice.config import Config, ConfigError, load_config
from voice.journal.files import journal_folder
from voice.journal.record import read, summary
from voice.journal.shelf import folders
from voice.journal.sound import read_track
from voice.server import serve


@pytest.fixture
async def server(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SimpleNamespace]:
    """Parametrize it indirectly with overrides of the config."""
    overrides: dict[str, Any] = getattr(request, "param", {})
    engines: list[PaperEngines] = []

    def build(config: Config, folder: Path) -> PaperEngines:
        engines.append(PaperEngines(config, folder))
        engines[-1].talk.word = 0.06  # nothing here looks at how long an answer takes
        return engines[-1]

    monkeypatch.setattr(serve, "Engines", build)
    config = load_config(DEMO, {"server.max_calls": 3, "server.idle_seconds": 2, **overrides})
    async with serve.serving(config, DEMO.parent) as (url, _):
        yield SimpleNamespace(url=url, ws=url.replace("http", "ws") + "/ws", engines=engines[0])


def speech(rate: int = 16000, seconds: float = 1.0) -> bytes:
    return np.full(int(rate * seconds), int(0.1 * 32767), "<i2").tobytes()


async def converse(ws: Any, rate: int = 16000) -> list[dict[str, Any]]:
    """Ask one question at wire speed, then stay silent until the answer was heard.

    After the greeting: on paper, all voices are one tone, so over it this would be an echo.
    """
    greeted = asyncio.Event()
    frames = [speech(rate)[i : i + rate // 25] for i in range(0, 2 * rate, rate // 25)]
    silence = bytes(rate // 25)
    messages: list[dict[str, Any]] = []

    async def send() -> None:
        while not greeted.is_set():
            await ws.send(silence)
            await asyncio.sleep(0.02)
        for frame in frames:
            await ws.send(frame)
            await asyncio.sleep(0.01)
        while True:
            await ws.send(silence)
            await asyncio.sleep(0.02)

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(15):
            async for frame in ws:
                if isinstance(frame, str):
                    messages.append(json.loads(frame))
                    data = messages[-1].get("data") or {}
                    if messages[-1]["type"] == "bot-stopped-speaking":
                        greeted.set()
                    if data.get("t") == "heard" and "Thursday" in data["heard"]:
                        return messages
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    raise AssertionError("the wire closed before the answer")


async def closed(ws: Any) -> tuple[int, str]:
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(8):
            async for _ in ws:
                pass
    return ws.close_code, ws.close_reason


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
async def test_a_stranger_can_speak_at_any_rate(server: SimpleNamespace, rate: int):
    async with websockets.connect(f"{server.ws}?in_rate={rate}&out_rate={rate}") as ws:
        await ws.send(READY)
        messages = await converse(ws, rate)
    kinds = [m["type"] for m in messages]
    assert kinds.index("bot-ready") < kinds.index("user-started-speaking")
    finals = [m["data"]["text"] for m in messages if m["type"] == "user-transcription"]
    assert finals[-1] == "where is my order"
    spoken = [m["data"]["text"] for m in messages if m["type"] == "bot-tts-text"]
    assert spoken == ["Hello there.", "It left on Monday.", "It comes on Thursday."]
    data = [m["data"] for m in messages if m["type"] == "server-message"]
    assert next(d for d in data if d["t"] == "call")["in_rate"] == rate
    assert next(d for d in data if d["t"] == "latency")["silence_ms"] > 0


async def test_a_call_is_recorded(server: SimpleNamespace):
    shelf = journal_folder(server.engines.config)
    before = set(folders(shelf))
    async with websockets.connect(server.ws) as ws:
        await ws.send(READY)
        await converse(ws)
    async with asyncio.timeout(5):
        while not any(summary(new).complete for new in set(folders(shelf)) - before):
            await asyncio.sleep(0.05)
    (folder,) = set(folders(shelf)) - before
    call = read(folder)
    (turn,) = call.turns
    assert turn.text == "where is my order"
    assert turn.answer is not None
    assert turn.answer.heard == "It left on Monday. It comes on Thursday."
    (hang_up,) = call.of("hang_up")
    assert hang_up.data["reason"] == "the client hung up"
    hashes = {model["role"]: model.get("sha256") for model in call.header["models"]}
    assert len(hashes["vad"]["silero_vad.onnx"]) == 64
    assert len(read_track(folder, "caller")[0]) > 2 * 16000
    assert np.abs(read_track(folder, "agent")[0]).max() == pytest.approx(5000, rel=0.2)  # resampled


@pytest.mark.parametrize("server", [{"journal.enabled": False}], indirect=True)
async def test_a_server_told_to_record_nothing_records_nothing(server: SimpleNamespace):
    shelf = journal_folder(server.engines.config)
    before = folders(shelf)
    async with websockets.connect(server.ws) as ws:
        await ws.send(READY)
        await converse(ws)
    assert folders(shelf) == before


async def test_a_client_without_a_handshake_is_greeted_too(server: SimpleNamespace):
    async with websockets.connect(server.ws) as ws:
        async with asyncio.timeout(5):
            while not isinstance(frame := await ws.recv(), bytes):
                pass
        assert len(frame) == 1920


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("in_rate=7999", "in_rate=7999"),
        ("in_rate=fast", "in_rate=fast"),
        ("out_rate=96000", "out_rate=96000"),
        ("rate=8000", "rate: unknown"),
        ("agent=nobody", "choose one of: shop"),
    ],
)
async def test_a_bad_parameter_is_refused_in_words(
    server: SimpleNamespace, query: str, problem: str
):
    async with websockets.connect(f"{server.ws}?{query}") as ws:
        code, reason = await closed(ws)
    assert code == 4400
    assert problem in reason


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x00" * 641, 1007),
        (b"", 1007),
        ("nonsense", 1003),
        ("[]", 1003),
        (b"\x00" * 70_000, 1009),
    ],
)
async def test_bad_frames_are_complained_of_then_end_the_call(
    server: SimpleNamespace, frame: str | bytes, code: int
):
    async with websockets.connect(server.ws) as ws:
        errors = 0
        await ws.send(READY)
        with contextlib.suppress(websockets.ConnectionClosed):
            for _ in range(10):
                await ws.send(frame)
                await asyncio.sleep(0.05)
        with contextlib.suppress(websockets.ConnectionClosed):
            async with asyncio.timeout(5):
                async for answer in ws:
                    errors += isinstance(answer, str) and json.loads(answer)["type"] == "error"
        assert errors >= 9
        assert ws.close_code == code


async def test_a_huge_frame_ends_only_its_own_call(server: SimpleNamespace):
    async with websockets.connect(server.ws) as good, websockets.connect(server.ws) as bad:
        await bad.send(b"\x00" * 3_000_000)
        assert (await closed(bad))[0] == 1009
        await good.send(READY)
        await converse(good)


async def test_unknown_messages_are_answered_and_the_call_goes_on(server: SimpleNamespace):
    async with websockets.connect(server.ws) as ws:
        for message in (
            {"label": "rtvi-ai", "type": "no-such-thing", "id": "7"},
            {"label": "rtvi-ai", "type": "send-text", "id": "8", "data": {"content": 5}},
            {"label": "rtvi-ai", "type": "client-message", "id": "9", "data": {"t": "played"}},
        ):
            await ws.send(json.dumps(message))
        messages = await converse(ws)
    assert {m["id"] for m in messages if m["type"] == "error-response"} >= {"7", "8"}


async def test_all_lines_busy_is_said(server: SimpleNamespace):
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(websockets.connect(server.ws))
        await _calls(server, 3)
        ws = await stack.enter_async_context(websockets.connect(server.ws))
        assert (await closed(ws))[0] == 1013
    await _calls(server, 0)
    async with websockets.connect(server.ws) as ws:
        await ws.send(READY)
        await converse(ws)


@pytest.mark.parametrize("server", [{"server.idle_seconds": 1}], indirect=True)
async def test_a_silent_client_is_let_go(server: SimpleNamespace):
    async with websockets.connect(server.ws) as ws:
        code, reason = await closed(ws)
    assert code == 4408
    assert "nothing received" in reason


async def test_a_client_that_vanishes_frees_its_line(server: SimpleNamespace):
    async with websockets.connect(server.ws) as ws:
        await ws.send(READY)
        await ws.send(speech())
        await asyncio.sleep(0.3)
        ws.transport.abort()
    await _calls(server, 0)
    assert server.engines.conversations[-1].closed


async def test_calls_at_once_and_one_after_another_leave_nothing(server: SimpleNamespace):
    async def call() -> None:
        async with websockets.connect(server.ws) as ws:
            await ws.send(READY)
            await converse(ws)

    async def left() -> list[str]:
        """Threads, once no task is left but those that were there before the first call."""
        async with asyncio.timeout(10):
            while len(asyncio.all_tasks()) > tasks:
                await asyncio.sleep(0.02)
        # the loop's own pool grows to a fixed size and stays
        return sorted(t.name for t in threading.enumerate() if not t.name.startswith("asyncio_"))

    tasks = len(asyncio.all_tasks())
    await call()
    before = await left()
    for _ in range(3):
        await asyncio.gather(*(call() for _ in range(3)))
        assert await left() == before
    await _calls(server, 0)
    assert all(conversation.closed for conversation in server.engines.conversations)


async def test_the_lists_and_lights(server: SimpleNamespace):
    assert await _get(server, "/healthz") == {"status": "alive"}
    assert (await _get(server, "/readyz"))["status"] == "ready"
    models = await _get(server, "/api/models")
    assert models["llms"][0]["default"]
    assert models["voices"][0]["name"] == "paper"
    agents = (await _get(server, "/api/agents"))["agents"]
    assert agents[0]["name"] == "shop"
    server.engines.ready = False
    server.engines.waiting_for = ["llm"]
    async with httpx.AsyncClient(base_url=server.url) as http:
        response = await http.get("/readyz")
    assert (response.status_code, response.json()["waiting_for"]) == (503, ["llm"])
    async with websockets.connect(server.ws) as ws:
        assert (await closed(ws))[0] == 1013


def test_a_taken_port_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="give --port"):
            serve.bind("127.0.0.1", taken.getsockname()[1])


async def _get(server: SimpleNamespace, path: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=server.url) as http:
        return (await http.get(path)).json()


async def _calls(server: SimpleNamespace, count: int) -> None:
    """Wait until so many calls are up."""
    async with asyncio.timeout(10):
        while (await _get(server, "/readyz"))["calls"] != count:
            await asyncio.sleep(0.02)


async def test_the_client_of_the_readme_works(server: SimpleNamespace, tmp_path: Path):
    server.engines.talk.word = 0.3  # it listens for 2 s of answer
    text = (DEMO.parent.parent / "README.md").read_text()
    (code,) = re.findall(r"```python\n(import asyncio.*?)```", text, re.DOTALL)
    (tmp_path / "client.py").write_text(code.replace("ws://localhost:8000/ws", server.ws))
    samples = np.frombuffer(speech(), "<i2")
    write_wav(tmp_path / "question.wav", np.pad(samples, (8000, 0)), 16000)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "client.py", cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        shown, _ = await process.communicate()
    assert "you:   where is my order" in shown.decode()
    assert "agent: It left on Monday. It comes on Thursday." in shown.decode()
    assert len(read_audio(tmp_path / "answer.wav", 24000)) > 24000
