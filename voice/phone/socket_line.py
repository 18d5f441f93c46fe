"""A call over a websocket or a TCP stream: the socket read and written, the protocol asked."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from fastapi import WebSocket
from loguru import logger
from starlette.websockets import WebSocketDisconnect, WebSocketState

from telephony.events import Bad, Ended, Event, Reply, Started
from telephony.line import Ability, Message, NotOnThisWire, WireProtocol

SEND = 5.0  # s for a message to leave; a peer that does not read so long is gone
SOUNDLESS = 0.3  # s that a call's first sound may take; a network that sends silence takes 20 ms
CHUNK = 4096  # bytes read of a stream at once: 0.25 s at 8 kHz
BAD = 20  # messages not understood before the call is ended
TOLD = 3  # of them that the log shows


class NoCall(Exception):
    """The other side connected and no call began. The message is one line."""


class Gone(Exception):
    """Nothing can be sent any more."""


class Pipe(Protocol):
    """Whole messages of a websocket, or bytes of a stream as they come."""

    async def receive(self) -> Message | None:
        """None when the other side has closed it, or it broke."""
        ...

    async def send(self, message: Message) -> None:
        """Raises Gone."""
        ...

    async def close(self) -> None: ...


class WebsocketPipe:
    """A websocket that was accepted."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> Message | None:
        try:
            message = await self._websocket.receive()
        except RuntimeError:  # closed by us
            return None
        if message["type"] != "websocket.receive":
            return None
        text = message.get("text")
        return message.get("bytes") or b"" if text is None else text

    async def send(self, message: Message) -> None:
        try:
            if isinstance(message, str):
                await self._websocket.send_text(message)
            else:
                await self._websocket.send_bytes(message)
        except (RuntimeError, OSError, WebSocketDisconnect) as exc:
            raise Gone from exc

    async def close(self) -> None:
        if self._websocket.application_state == WebSocketState.CONNECTED:
            # the peer may be gone already, or not read any more
            with contextlib.suppress(RuntimeError, OSError, TimeoutError, WebSocketDisconnect):
                async with asyncio.timeout(1.0):
                    await self._websocket.close()


class StreamPipe:
    """A TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def receive(self) -> Message | None:
        try:
            return await self._reader.read(CHUNK) or None
        except OSError:
            return None

    async def send(self, message: Message) -> None:
        if self._writer.is_closing():
            raise Gone
        try:
            self._writer.write(message.encode() if isinstance(message, str) else message)
            await self._writer.drain()
        except OSError as exc:
            raise Gone from exc

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._writer.wait_closed()


class SocketLine:
    """A telephony.line.Line. Owns the pipe, no task and no queue: what is not read yet waits in
    the socket, and what cannot be sent in SEND ends the call."""

    def __init__(self, protocol: WireProtocol, pipe: Pipe, about: Started) -> None:
        """Of a call that has begun; use `answered`."""
        self.name = protocol.name
        self.about = about
        self.abilities: frozenset[Ability] = protocol.abilities
        self._protocol = protocol
        self._pipe = pipe
        self._early: list[Event] = []  # came in the same message as the start
        self._bad = 0
        self._gone = False

    @classmethod
    async def answered(cls, protocol: WireProtocol, pipe: Pipe, seconds: float) -> "SocketLine":
        """Wait for the start of media. Raises NoCall after `seconds`, or when it never comes."""
        try:
            async with asyncio.timeout(seconds):
                return await cls._begun(protocol, pipe)
        except TimeoutError:
            raise NoCall(f"{protocol.name}: no call began in {seconds:g} s") from None
        except Gone:
            raise NoCall(f"{protocol.name}: the connection broke before a call began") from None

    @classmethod
    async def _begun(cls, protocol: WireProtocol, pipe: Pipe) -> "SocketLine":
        while True:
            try:
                async with asyncio.timeout(SOUNDLESS):
                    data = await pipe.receive()
                events = protocol.closed() if data is None else protocol.receive(data)
            except TimeoutError:
                data, events = b"", protocol.waited()
            line: SocketLine | None = None
            for event in events:
                if line is not None:
                    line._early.append(event)
                elif isinstance(event, Started):
                    line = cls(protocol, pipe, event)
                elif isinstance(event, Reply):
                    await pipe.send(event.data)
                elif isinstance(event, Ended):
                    why = f"{event.reason} {event.detail}".strip()
                    raise NoCall(f"{protocol.name}: ended before a call began: {why}")
            if line is not None:
                return line
            if data is None:
                raise NoCall(f"{protocol.name}: closed before a call began")

    async def events(self) -> AsyncGenerator[Event]:
        for event in self._early:
            if (told := await self._take(event)) is not None:
                yield told
            if isinstance(event, Ended):
                return
        while True:
            data = None if self._gone else await self._pipe.receive()
            events = self._protocol.closed() if data is None else self._protocol.receive(data)
            for event in events:
                if (told := await self._take(event)) is not None:
                    yield told
                if isinstance(event, Ended):
                    return
            if data is None:  # told already, by an earlier message
                return

    async def _take(self, event: Event) -> Event | None:
        """What the protocol wants itself is done here."""
        match event:
            case Reply():
                await self._send([event.data])
                return None
            case Bad():
                self._bad += 1
                if self._bad <= TOLD:
                    logger.warning(f"{self.name}: {event.problem}")
                if self._bad == BAD:
                    logger.warning(f"{self.name}: {BAD} messages not understood; hanging up")
                    self._gone = True
                    await self._pipe.close()
                return None
            case _:
                return event

    async def _send(self, messages: Sequence[Message]) -> None:
        if self._gone:
            return
        try:
            async with asyncio.timeout(SEND):
                for message in messages:
                    await self._pipe.send(message)
        except (Gone, TimeoutError):
            self._gone = True
            await self._pipe.close()  # ends what reads

    async def play(self, samples: bytes) -> None:
        await self._send(self._protocol.play(samples))

    async def flush(self) -> None:
        await self._send(self._protocol.flush())

    async def mark(self, name: str) -> None:
        await self._send(self._protocol.mark(name))

    async def clear(self) -> None:
        await self._send(self._protocol.clear())

    async def send_dtmf(self, digits: str) -> None:
        await self._send(self._protocol.send_dtmf(digits))

    async def transfer(self, to: str) -> None:
        await self._send(self._protocol.transfer(to))

    async def hold(self, on: bool) -> None:
        raise NotOnThisWire(f"{self.name} cannot put a call on hold")

    async def hang_up(self) -> None:
        """Say goodbye where the protocol has words for it, then close the socket."""
        if "hang up" in self.abilities:
            await self._send(self._protocol.hang_up())
        self._gone = True
        await self._pipe.close()
