"""A client of the wire that keeps a caller's clock: for `openline talk`, the bench and tests.

Audio goes out in real time, 20 ms at a time; what arrives is played at once on a virtual
loudspeaker, flushed when the server says so, and recorded sample by sample beside the caller.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import numpy as np
import soxr
import websockets
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect

from voice.loudspeaker import Loudspeaker, last_speech

FRAME_SECONDS = 0.02
_SETTLED = 0.6  # s after the last sound before an answer counts as over
_GREETS = 1.0  # s in which an agent that greets has begun to

_Frame = tuple[NDArray[np.int16], list["asyncio.Future[float]"]]  # and whom to tell when sent


class ClientError(Exception):
    """The call cannot be held. The message says what is wrong and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """When the caller's words were spoken, in monotonic seconds."""

    started: float
    ended: float  # the end of speech, not of the file


@dataclass(slots=True)
class Answer:
    number: int
    said: str = ""
    heard: str = ""
    first_sample: float = 0.0  # monotonic seconds at which its first audible sample played
    tools: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    latency: dict[str, Any] = field(default_factory=dict[str, Any])
    final: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    at: float
    type: str
    data: dict[str, Any]


class Client:
    """One call. Use it as `async with Client(url) as client`."""

    def __init__(
        self,
        url: str,
        *,
        in_rate: int = 16000,
        out_rate: int = 24000,
        agent: str = "",
        llm: str = "",
        voice: str = "",
        acknowledges: bool = True,
        noise: float = 0.0,
        on_message: Callable[[Message], None] | None = None,
    ) -> None:
        chosen = {"agent": agent, "llm": llm, "voice": voice}
        query: dict[str, Any] = {"in_rate": in_rate, "out_rate": out_rate}
        query.update({key: value for key, value in chosen.items() if value})
        self._url = f"{url}?{urlencode(query)}"
        self._shown_url = url
        self.in_rate, self.out_rate = in_rate, out_rate
        self._acknowledges = acknowledges
        # rms of 32767 on all that is sent: no line is digitally silent, and an end-of-turn model
        # that has never heard such silence may take it for a pause (LiveKit's waited 1.4 s longer)
        self._noise, self._random = noise, np.random.default_rng(0)
        self._on_message = on_message
        self.messages: list[Message] = []
        self.answers: dict[int, Answer] = {}
        self._current = 0
        self._held = 0  # the answer whose sound is taken back until it is resumed
        self._tools: list[dict[str, Any]] = []  # results since the last answer was heard
        self._outgoing: asyncio.Queue[_Frame] = asyncio.Queue()
        self._sent: list[NDArray[np.int16]] = []
        self._tasks: list[asyncio.Task[None]] = []
        # What the line does to the caller's sound, such as an echo: a frame and when it is sent
        self.line: Callable[[NDArray[np.int16], float], NDArray[np.int16]] | None = None
        self.muted = False

    async def __aenter__(self) -> "Client":
        try:
            self._ws: ClientConnection = await connect(self._url, max_size=None, open_timeout=10)
        except (OSError, TimeoutError, websockets.WebSocketException) as exc:
            raise ClientError(
                f"no Openline server answers at {self._shown_url} ({exc}); start one: make demo"
            ) from exc
        self.began = time.monotonic()
        self.speaker = Loudspeaker(self.out_rate, self.began)
        self._tasks = [
            asyncio.create_task(self._receive(), name="client receive"),
            asyncio.create_task(self._send(), name="client send"),
        ]
        about = {"library": "openline-client"}
        await self._say("client-ready", {"version": "2.0.0", "about": about})
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._ws.close()

    # -- the caller ------------------------------------------------------------------------

    async def say(self, pcm: NDArray[np.int16]) -> Spoken:
        """Speak int16 mono at in_rate, in real time; returns when its last sample is sent.

        Raises ClientError for a silent recording, and when the call ends before.
        """
        end = last_speech(pcm, self.in_rate)
        if not end:
            raise ClientError("that recording is silent; nothing to say")
        step = round(self.in_rate * FRAME_SECONDS)
        padded = np.pad(pcm, (0, -len(pcm) % step))
        frames = padded.reshape(-1, step)
        loop = asyncio.get_running_loop()
        started, ended = loop.create_future(), loop.create_future()
        for i, frame in enumerate(frames):
            marks = ([started] if i == 0 else []) + ([ended] if i == len(frames) - 1 else [])
            self._outgoing.put_nowait((frame, marks))
        first = await self._sending(started)
        await self._sending(ended)
        # the clock of the words themselves: a microphone's frame leaves when its last sample is in
        first -= FRAME_SECONDS
        return Spoken(first, first + end / self.in_rate)

    async def _sending(self, mark: "asyncio.Future[float]") -> float:
        await asyncio.wait((mark, self._tasks[0]), return_when=asyncio.FIRST_COMPLETED)
        if not mark.done():
            self.check()
        return mark.result()

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """A microphone's next samples; sent in place of silence, in their own time."""
        if self._outgoing.qsize() < 25:  # 0.5 s behind: a stalled wire must not grow a queue
            self._outgoing.put_nowait((pcm, []))

    async def ended(self) -> None:
        """Until the server ends the call."""
        await asyncio.wait([self._tasks[0]])

    async def text(self, content: str) -> None:
        """A typed turn."""
        await self._say("send-text", {"content": content, "options": {"run_immediately": True}})

    async def answer(self, *, since: float = 0.0, within: float = 30.0) -> Answer:
        """The last answer that began after `since`, once the agent has fallen silent.

        Raises ClientError when none is complete within that many seconds.
        """
        deadline = time.monotonic() + within
        while True:
            done = [a for a in self.answers.values() if a.final and a.first_sample >= since]
            quiet = time.monotonic() - self.speaker.busy_until > _SETTLED
            if done and quiet and all(a.final for a in self.answers.values()):
                return done[-1]
            if time.monotonic() > deadline:
                raise ClientError(f"no answer within {within:g} s")
            self.check()
            await asyncio.sleep(0.02)

    async def ready(self, within: float = 20.0) -> None:
        """Wait until the agent's greeting, if it has one, has been heard. Raises ClientError."""
        try:
            async with asyncio.timeout(within):
                while not any(m.data.get("t") == "call" for m in self.messages):
                    self.check()
                    await asyncio.sleep(0.02)
                await asyncio.sleep(_GREETS)
                while time.monotonic() < self.speaker.busy_until + _SETTLED or not all(
                    answer.final for answer in self.answers.values()
                ):
                    self.check()
                    await asyncio.sleep(0.02)
        except TimeoutError as exc:
            raise ClientError(
                f"{self._shown_url}: no call began within {within:g} s; is it an Openline server?"
            ) from exc

    @property
    def talking(self) -> bool:
        """Whether the agent's sound is playing now."""
        return time.monotonic() < self.speaker.busy_until

    @property
    def transcripts(self) -> list[str]:
        """What the server understood of the caller: the final transcripts."""
        return [
            m.data["text"]
            for m in self.messages
            if m.type == "user-transcription" and m.data.get("final")
        ]

    def recording(self) -> NDArray[np.int16]:
        """(samples, 2) at out_rate: the caller left, the agent right, on one clock."""
        # a frame leaves when its last sample is in, so the first one lies before the call
        sent = np.concatenate(self._sent[1:]) if self._sent[1:] else np.zeros(0, np.int16)
        if self.in_rate != self.out_rate and len(sent):
            sent = soxr.resample(sent, self.in_rate, self.out_rate)
        heard = self.speaker.recording(time.monotonic())
        size = max(len(sent), len(heard))
        stereo = np.zeros((size, 2), np.int16)
        stereo[: len(sent), 0] = sent
        stereo[: len(heard), 1] = heard
        return stereo

    def check(self) -> None:
        """Raises ClientError when the server has ended the call."""
        receiving = self._tasks[0]
        if receiving.done():
            reason = self._ws.close_reason or f"code {self._ws.close_code}"
            raise ClientError(f"the server ended the call: {reason}")

    # -- the wire --------------------------------------------------------------------------

    async def _say(self, kind: str, data: dict[str, Any]) -> None:
        message = {"label": "rtvi-ai", "type": kind, "id": str(len(self.messages)), "data": data}
        with contextlib.suppress(websockets.ConnectionClosed):
            await self._ws.send(json.dumps(message))

    async def _send(self) -> None:
        """One frame every 20 ms for ever: the caller's words, else silence."""
        step = round(self.in_rate * FRAME_SECONDS)
        due = time.monotonic()
        acknowledged = 0.0
        while True:
            now = time.monotonic()
            frame, marks = np.zeros(step, np.int16), list[asyncio.Future[float]]()
            if not self._outgoing.empty():
                frame, marks = self._outgoing.get_nowait()
            if self._noise:
                hiss = self._random.normal(0.0, self._noise, len(frame))
                frame = np.clip(frame + hiss, -32768, 32767).astype(np.int16)
            if self.line is not None:
                frame = self.line(frame, now)
            self._sent.append(frame)
            if not self.muted:
                try:
                    await self._ws.send(frame.astype("<i2").tobytes())
                except websockets.ConnectionClosed:
                    return
            for mark in marks:
                if not mark.done():
                    mark.set_result(now)
            if now - acknowledged > 0.2 and now < self.speaker.busy_until + 0.2:
                acknowledged = now
                await self._acknowledge(now)
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _acknowledge(self, now: float, *, flushed: bool = False) -> None:
        if self._acknowledges and self._current:
            ms = round(1000 * self.speaker.played(self._current, now))
            played = {"answer": self._current, "ms": ms, "flushed": flushed}
            await self._say("client-message", {"t": "played", "d": played})

    async def _receive(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for frame in self._ws:
                now = time.monotonic()
                if isinstance(frame, bytes):
                    self._play(frame, now)
                else:
                    await self._read(json.loads(frame), now)

    def _play(self, pcm: bytes, now: float) -> None:
        if self._held and self._held == self._current:
            return  # it was on its way
        self.speaker.play(pcm, self._current, now)
        answer = self.answers.get(self._current)
        if answer is not None and not answer.first_sample:
            answer.first_sample = self.speaker.first_loud(now) or 0.0

    async def _read(self, raw: dict[str, Any], now: float) -> None:
        data: dict[str, Any] = raw.get("data") or {}
        message = Message(now, raw["type"], data)
        self.messages.append(message)
        if message.type == "llm-function-call-stopped":
            self._tools.append(data)
        if message.type == "server-message":
            await self._own(data, now)
        if self._on_message is not None:
            self._on_message(message)

    async def _own(self, data: dict[str, Any], now: float) -> None:
        number = data.get("answer", 0)
        match data.get("t"):
            case "answer":
                self._current = number
                self.answers.setdefault(number, Answer(number))
            case "latency":
                self.answers.setdefault(number, Answer(number)).latency = data
            case "held":
                self._held = number
                self.speaker.flush(now)
                await self._acknowledge(now, flushed=True)
            case "goes_on":
                self._held = 0
                self.speaker.resume(number, data["from_ms"] / 1000, now)
            case "interrupted":
                self._held = 0
                self.speaker.flush(now)
                await self._acknowledge(now, flushed=True)
            case "heard":
                answer = self.answers.setdefault(number, Answer(number))
                answer.said, answer.heard = data["said"], data["heard"]
                answer.final = bool(data["final"])
                answer.tools, self._tools = self._tools, []
            case _:
                pass


@contextlib.asynccontextmanager
async def calling(url: str, **options: Any) -> AsyncGenerator[Client]:
    """A call whose greeting is over: ask at once."""
    async with Client(url, **options) as client:
        await client.ready()
        yield client
