"""A caller on a wire of the telephone, keeping a caller's clock: for the bench and for tests.

As voice/client.py, without any words of the server: sound goes out 20 ms at a time, and what comes
back is played at once on a virtual loudspeaker, which gives marks back when they were played.
"""

import asyncio
import base64
import contextlib
import json
import struct
import time
import uuid
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import websockets
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from telephony.g711 import decode_mulaw, encode_mulaw
from telephony.line import Message
from voice.client import ClientError, Spoken
from voice.loudspeaker import Loudspeaker, last_speech

RATE = 8000
FRAME = 0.02  # s
_SETTLED = 0.6  # s after the last sound before an answer counts as over


class PhoneCaller:
    """One call. Use it as `async with TwilioCaller(url) as caller`."""

    def __init__(self, noise: float = 0.0) -> None:
        # rms of 32767: no line is digitally silent
        self._noise, self._random = noise, np.random.default_rng(0)
        self._outgoing: asyncio.Queue[tuple[NDArray[np.int16], asyncio.Future[float] | None]]
        self._outgoing = asyncio.Queue()  # filled by say() alone, a sentence at a time
        self._tasks: list[asyncio.Task[None]] = []
        self.number = 0  # of the packet sent last
        self.clears: list[float] = []  # monotonic s at which the agent's side cleared

    async def __aenter__(self) -> Self:
        await self._connect()
        self.began = time.monotonic()
        self.speaker = Loudspeaker(RATE, self.began)
        self._tasks = [
            asyncio.create_task(self._receive(), name="caller receives"),
            asyncio.create_task(self._send(), name="caller sends"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close()

    @abstractmethod
    async def _connect(self) -> None: ...
    @abstractmethod
    async def _close(self) -> None: ...
    @abstractmethod
    async def _sound(self, samples: bytes) -> None:
        """Send 20 ms of PCM16LE."""

    @abstractmethod
    async def press(self, keys: str) -> None: ...
    @abstractmethod
    async def hang_up(self) -> None: ...
    @abstractmethod
    async def _receive(self) -> None: ...

    async def say(self, pcm: NDArray[np.int16]) -> Spoken:
        """Speak int16 mono at 8 kHz, in real time; returns when its last sample is sent.

        Raises ClientError for a silent recording, and when the call ends before.
        """
        end = last_speech(pcm, RATE)
        if not end:
            raise ClientError("that recording is silent; nothing to say")
        step = round(RATE * FRAME)
        frames = np.pad(pcm, (0, -len(pcm) % step)).reshape(-1, step)
        loop = asyncio.get_running_loop()
        started, ended = loop.create_future(), loop.create_future()
        for i, frame in enumerate(frames):
            mark = started if i == 0 else ended if i == len(frames) - 1 else None
            self._outgoing.put_nowait((frame, mark))
        await asyncio.wait((ended, self._tasks[0]), return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            raise ClientError("the other side ended the call")
        # a microphone's frame leaves when its last sample is in
        first = started.result() - FRAME
        return Spoken(first, first + end / RATE)

    async def first_sound(self, within: float = 20.0) -> float:
        """When the agent began to speak. Raises ClientError."""
        deadline = time.monotonic() + within
        while (first := self.speaker.first_loud(0.0)) is None:
            if self._tasks[0].done() or time.monotonic() > deadline:
                raise ClientError("the agent said nothing")
            await asyncio.sleep(0.01)
        return first

    async def quiet(self, *, since: float, settled: float = _SETTLED, within: float = 30.0) -> None:
        """Until the agent has spoken after `since` and been silent for `settled` s; it may think
        after "One moment.". Raises ClientError."""
        deadline = time.monotonic() + within
        while True:
            heard = self.speaker.last_loud()
            if heard > since and time.monotonic() - heard > settled:
                return
            if self._tasks[0].done() or time.monotonic() > deadline:
                raise ClientError("the agent said nothing")
            await asyncio.sleep(0.02)

    async def ended(self) -> None:
        """Until the other side ends the call."""
        await asyncio.wait([self._tasks[0]])

    async def _send(self) -> None:
        due = time.monotonic()
        while True:
            frame = np.zeros(round(RATE * FRAME), np.int16)
            mark: asyncio.Future[float] | None = None
            if not self._outgoing.empty():
                frame, mark = self._outgoing.get_nowait()
            if self._noise:
                hiss = self._random.normal(0.0, self._noise, len(frame))
                frame = np.clip(frame + hiss, -32768, 32767).astype(np.int16)
            self.number += 1
            try:
                await self._sound(frame.astype("<i2").tobytes())
            except (OSError, websockets.ConnectionClosed):
                return
            if mark is not None and not mark.done():
                mark.set_result(time.monotonic())
            due += FRAME
            await asyncio.sleep(max(0.0, due - time.monotonic()))


@dataclass(frozen=True, slots=True)
class Sound:
    """PCM16LE of 8 kHz to be played."""

    samples: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    pass


Order = Sound | Mark | Clear


class CarrierCaller(PhoneCaller):
    """A carrier's side of a websocket: marks are given back when played, clear is obeyed."""

    subprotocol: str = ""

    def __init__(self, url: str, *, noise: float = 0.0, loss: float = 0.0) -> None:
        """`loss`: the share of packets that never arrive."""
        super().__init__(noise)
        self._loss = loss
        self._url = url
        self._marks: dict[str, asyncio.TimerHandle] = {}
        self._sending: set[asyncio.Task[None]] = set()

    @abstractmethod
    def begin(self) -> list[Message]: ...
    @abstractmethod
    def sound(self, samples: bytes) -> Message:
        """PCM16LE of 8 kHz as the carrier sends it; `number` is the packet's."""

    @abstractmethod
    def key(self, key: str) -> Message: ...
    @abstractmethod
    def goodbye(self) -> Message | None:
        """None: closing the connection is all."""

    @abstractmethod
    def order(self, message: Message) -> Order | None:
        """What the agent's side wants; None for what needs no heed."""

    @abstractmethod
    def marked(self, name: str) -> Message | None:
        """A mark was played."""

    def cleared(self, names: Sequence[str]) -> list[Message]:
        """What waited was cleared, with these marks."""
        return [message for name in names if (message := self.marked(name)) is not None]

    async def _connect(self) -> None:
        protocols = [Subprotocol(self.subprotocol)] if self.subprotocol else None
        try:
            self._ws: ClientConnection = await connect(
                self._url, open_timeout=10, subprotocols=protocols
            )
        except (OSError, TimeoutError, websockets.WebSocketException) as exc:
            raise ClientError(f"no telephone is answered at {self._url} ({exc})") from exc
        for message in self.begin():
            await self._ws.send(message)

    async def _close(self) -> None:
        for handle in self._marks.values():
            handle.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._ws.close()

    async def _sound(self, samples: bytes) -> None:
        message = self.sound(samples)
        if not self._loss or self._random.random() >= self._loss:
            await self._ws.send(message)

    async def press(self, keys: str) -> None:
        for key in keys:
            await self._ws.send(self.key(key))
            await asyncio.sleep(0.2)

    async def hang_up(self) -> None:
        goodbye = self.goodbye()
        if goodbye is None:
            await self._ws.close()
        else:
            await self._ws.send(goodbye)

    async def _receive(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in self._ws:
                now = time.monotonic()
                match self.order(message):
                    case Sound(samples):
                        self.speaker.play(samples, 0, now)
                    case Mark(name):
                        after = max(0.0, self.speaker.busy_until - now)
                        later = asyncio.get_running_loop().call_later
                        self._marks[name] = later(after, self._was_played, name)
                    case Clear():
                        self.clears.append(now)
                        self.speaker.flush(now)
                        names = list(self._marks)
                        for name in names:
                            self._marks.pop(name).cancel()
                        for answer in self.cleared(names):
                            await self._ws.send(answer)
                    case None:
                        pass

    def _was_played(self, name: str) -> None:
        del self._marks[name]
        if (message := self.marked(name)) is not None:
            task = asyncio.create_task(self._give_back(message), name="mark")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _give_back(self, message: Message) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            await self._ws.send(message)


class TwilioCaller(CarrierCaller):
    """Twilio's Media Streams; `numbers` are the TwiML's parameters."""

    def __init__(
        self,
        url: str,
        *,
        caller: str = "+4930111",
        called: str = "+4930222",
        noise: float = 0.0,
        loss: float = 0.0,
    ) -> None:
        super().__init__(url, noise=noise, loss=loss)
        self._numbers = {"caller": caller, "called": called}

    def begin(self) -> list[Message]:
        start = {
            "streamSid": "MZ1",
            "callSid": f"CA{uuid.uuid4().hex}",
            "accountSid": "AC1",
            "tracks": ["inbound"],
            "customParameters": self._numbers,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1},
        }
        return [self._say("connected", protocol="Call"), self._say("start", start=start)]

    def sound(self, samples: bytes) -> Message:
        media = {
            "track": "inbound",
            "chunk": str(self.number),
            "timestamp": str(20 * (self.number - 1)),
            "payload": base64.b64encode(encode_mulaw(samples)).decode(),
        }
        return self._say("media", media=media)

    def key(self, key: str) -> Message:
        return self._say("dtmf", dtmf={"track": "inbound_track", "digit": key})

    def goodbye(self) -> Message:
        return self._say("stop", stop={"callSid": "CA1"})

    def order(self, message: Message) -> Order | None:
        told = json.loads(message)
        match told["event"]:
            case "media":
                return Sound(decode_mulaw(base64.b64decode(told["media"]["payload"])))
            case "mark":
                return Mark(told["mark"]["name"])
            case "clear":
                return Clear()
            case _:
                return None

    def marked(self, name: str) -> Message:
        return self._say("mark", mark={"name": name})

    def _say(self, event: str, **body: Any) -> str:
        return json.dumps({"event": event, "streamSid": "MZ1", **body})


class AudioSocketCaller(PhoneCaller):
    """Asterisk's side of AudioSocket: what comes is played at once, nothing is taken back."""

    def __init__(self, host: str, port: int, *, noise: float = 0.0) -> None:
        super().__init__(noise)
        self._address = host, port
        self.sizes: set[int] = set()  # of the frames that came, bytes
        self.arrived: list[float] = []  # when they came, monotonic s

    async def _connect(self) -> None:
        try:
            self._reader, self._writer = await asyncio.open_connection(*self._address)
        except OSError as exc:
            where = ":".join(map(str, self._address))
            raise ClientError(f"no AudioSocket is open at {where} ({exc})") from exc
        self._writer.write(struct.pack(">BH", 0x01, 16) + uuid.uuid4().bytes)

    async def _close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _sound(self, samples: bytes) -> None:
        if self._writer.is_closing():
            raise OSError("closed")
        self._writer.write(struct.pack(">BH", 0x10, len(samples)) + samples)
        await self._writer.drain()

    async def press(self, keys: str) -> None:
        for key in keys:
            self._writer.write(struct.pack(">BH", 0x03, 1) + key.encode())
            await asyncio.sleep(0.2)

    async def hang_up(self) -> None:
        self._writer.write(struct.pack(">BH", 0x00, 0))

    async def _receive(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                kind, size = struct.unpack(">BH", await self._reader.readexactly(3))
                payload = await self._reader.readexactly(size)
                if kind == 0x00:
                    return
                now = time.monotonic()
                self.sizes.add(size)
                self.arrived.append(now)
                self.speaker.play(payload, 0, now)
