"""A server that speaks the page's wire, and says what a test wants it to say."""

import asyncio
import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, WebSocket
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.websockets import WebSocketDisconnect

WEB = Path(__file__).parent.parent / "voice" / "web"
WITHIN = 10.0  # s for anything the page is expected to do

AGENTS = [
    {
        "name": "shop",
        "title": "Fernway Outdoor",
        "description": "The phone desk of a shop for camping gear, over a real database",
        "greeting": "Hi, this is Robin.",
        "examples": ["Where is my order ten forty-two?", "Are you open on Sunday?"],
        "default": True,
    },
    {
        "name": "plain",
        "title": "Plain talk",
        "description": "Only conversation",
        "greeting": "Hello.",
        "examples": ["Tell me about tea."],
        "default": False,
    },
]
MODELS: dict[str, Any] = {
    "transcriber": {"name": "whisper-tiny.en", "language": "en"},
    "llms": [
        {"name": "small", "title": "Small 1.5B", "ready": True, "default": True},
        {"name": "large", "title": "Large 14B", "ready": False, "default": False},
    ],
    "voices": [
        {"name": "joe", "title": "joe", "language": "en", "default": True},
        {"name": "emma", "title": "emma", "language": "en", "default": False},
    ],
}


def tone(seconds: float, rate: int, hertz: float = 440.0) -> bytes:
    """A sine at 0.3 of full scale, PCM16LE."""
    times = np.arange(round(seconds * rate)) / rate
    return (0.3 * 32767 * np.sin(2 * np.pi * hertz * times)).astype("<i2").tobytes()


class ScriptedCall:
    """One websocket of the page: what it sent, and what the server says next.

    Used from the test's thread; the socket lives on the server's.
    """

    def __init__(self, websocket: WebSocket, loop: asyncio.AbstractEventLoop) -> None:
        self.query = dict(websocket.query_params)
        self.messages: list[dict[str, Any]] = []
        self.audio = bytearray()
        self.frames: list[int] = []  # bytes of each binary frame
        self.ended = threading.Event()
        self._websocket = websocket
        self._loop = loop

    @property
    def rate(self) -> int:
        return int(self.query["out_rate"])

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The data of every message of this type; "played" and "mute" are client-messages."""
        found: list[dict[str, Any]] = []
        for message in self.messages:
            data = message["data"]
            if message["type"] == kind:
                found.append(data)
            elif message["type"] == "client-message" and data["t"] == kind:
                found.append(data["d"])
        return found

    def says(self, kind: str, **data: Any) -> None:
        """One RTVI message to the page."""
        self._send(json.dumps({"label": "rtvi-ai", "type": kind, "data": data}))

    def tells(self, t: str, **data: Any) -> None:
        """One server-message to the page."""
        self.says("server-message", t=t, **data)

    def hears(self, text: str, *, final: bool) -> None:
        self.says("user-transcription", text=text, user_id="", timestamp="", final=final)

    def speaks(self, answer: int, *clauses: tuple[str, float]) -> None:
        """An answer in clauses of (text, seconds), all sent at once: the page buffers."""
        self.tells("answer", answer=answer)
        start = 0.0
        for text, seconds in clauses:
            times = {"start_ms": round(1000 * start), "duration_ms": round(1000 * seconds)}
            self.tells("clause", answer=answer, text=text, **times)
            pcm = tone(seconds, self.rate)
            step = 2 * round(0.02 * self.rate)
            for i in range(0, len(pcm), step):
                self._send(pcm[i : i + step])
            start += seconds

    def closes(self, code: int, reason: str = "") -> None:
        self._do(self._websocket.close(code, reason))

    def _send(self, data: str | bytes) -> None:
        send = self._websocket.send_text if isinstance(data, str) else self._websocket.send_bytes
        self._do(send(data))  # type: ignore[arg-type]

    def _do(self, job: Coroutine[Any, Any, None]) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(job, self._loop)
        done.result(WITHIN)

    async def take(self) -> None:
        """Receive until the page hangs up."""
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if (pcm := message.get("bytes")) is not None:
                self.audio += pcm
                self.frames.append(len(pcm))
                continue
            received = json.loads(message["text"])
            assert received["label"] == "rtvi-ai"
            assert isinstance(received["id"], str)
            self.messages.append(received)
            if received["type"] == "client-ready":
                assert received["data"]["version"] == "2.0.0"
                ready = {"label": "rtvi-ai", "type": "bot-ready", "id": received["id"]}
                about = {"version": "2.0.0", "about": {"library": "scripted"}}
                await self._websocket.send_text(json.dumps({**ready, "data": about}))


class PageServer:
    """Serves voice/web and the wire on a port of the loopback that survives a restart."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.waiting_for: list[str] = []  # models that are still loading
        self.refuses: tuple[int, str] | None = None  # close code and reason for new calls
        self.calls: list[ScriptedCall] = []
        self.failures: list[BaseException] = []
        self._new: queue.Queue[ScriptedCall] = queue.Queue()
        self.start()

    def next_call(self) -> ScriptedCall:
        """The next call of the page, once it is up."""
        call = self._new.get(timeout=WITHIN)
        until("client-ready", lambda: call.of("client-ready"))
        return call

    def start(self) -> None:
        config = uvicorn.Config(
            self._app(),
            port=self._port,
            log_level="warning",
            ws="websockets-sansio",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.run, name="page server")
        self._thread.start()
        until("server", lambda: self._server.started)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(WITHIN)
        assert not self._thread.is_alive()

    def forget(self) -> None:
        """Between two tests."""
        self.waiting_for, self.refuses, self.failures = [], None, []
        self.calls.clear()
        while not self._new.empty():
            self._new.get_nowait()

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None, docs_url=None)

        @app.get("/readyz")
        def _() -> JSONResponse:
            if self.waiting_for:
                body = {"status": "loading", "waiting_for": self.waiting_for}
                return JSONResponse(body, 503)
            return JSONResponse({"status": "ready"})

        @app.get("/api/agents")
        def _() -> dict[str, Any]:
            return {"agents": AGENTS}

        @app.get("/api/models")
        def _() -> dict[str, Any]:
            return MODELS

        @app.websocket("/ws")
        async def _(websocket: WebSocket) -> None:
            await websocket.accept()
            if self.refuses:
                await websocket.close(*self.refuses)
                return
            call = ScriptedCall(websocket, asyncio.get_running_loop())
            self.calls.append(call)
            self._new.put(call)
            try:
                await call.take()
            except WebSocketDisconnect:
                pass
            except (AssertionError, KeyError, ValueError) as exc:
                self.failures.append(exc)
                raise
            finally:
                call.ended.set()

        app.mount("/", StaticFiles(directory=WEB, html=True))
        return app


def until(what: str, ready: Callable[[], Any], within: float = WITHIN) -> Any:
    """The first true value of `ready`. Fails the test when there is none in time."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if value := ready():
            return value
        time.sleep(0.02)
    raise AssertionError(f"in {within:.0f} s there was no {what}")
