"""The callers of `openline bench phone`, in a process of their own: SIP and G.711 by hand.

They have no jitter buffer and no clock but their own, so what they heard is what the line sent:
a packet that came late, twice or never is told apart from one that holds silence.
"""

import asyncio
import os
import random
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.connection import Connection

from voice.bench.phone_sip import Caller, description, header, media_port, reply

FRAME = 160  # bytes of G.711 in 20 ms
SILENCE = b"\xff" * FRAME
_SETUP = 10.0  # s; a call that is not answered by then has failed


@dataclass(frozen=True, slots=True)
class PhoneCalls:
    """Hold calls to sip:user@127.0.0.1:port, one for each of `sounds` (mu-law, whole frames),
    begun over `spread` s; each ends `rest` s after its sound."""

    user: str
    port: int
    sounds: tuple[bytes, ...]
    spread: float = 0.0
    rest: float = 0.5
    late: float = 0.0  # s by which a packet may be late, at random
    lost: float = 0.0  # how many never come, 0 to 1


@dataclass(slots=True)
class Heard:
    """One call: `codes` is mu-law as the line's own clock places it, from its first packet."""

    caller: str
    setup_ms: float = 0.0  # from the INVITE to its 200
    codes: bytes = b""
    sent_at: list[float] = field(default_factory=list[float])  # s, of each frame of ours
    came_at: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])  # place, s
    missing: int = 0  # packets that never came, by their numbers


def call(pipe: Connection, cores: set[int] | None) -> None:
    """In a process of its own: for each PhoneCalls of `pipe` answer a list of Heard, or a line
    that says what went wrong; None stops."""
    if cores:
        os.sched_setaffinity(0, cores)
    while (calls := pipe.recv()) is not None:
        try:
            pipe.send(asyncio.run(_hold(calls)))
        except (OSError, TimeoutError) as exc:
            pipe.send(f"a call broke off: {exc!r}")


async def _hold(calls: PhoneCalls) -> list[Heard]:
    loop = asyncio.get_running_loop()
    signalling, socket = await loop.create_datagram_endpoint(
        _Signalling, local_addr=("127.0.0.1", 0)
    )
    try:
        step = calls.spread / len(calls.sounds)
        tasks = [
            _call(f"c{number}", calls, sound, socket, number * step)
            for number, sound in enumerate(calls.sounds)
        ]
        return await asyncio.gather(*tasks)
    finally:
        signalling.close()


class _Signalling(asyncio.DatagramProtocol):
    """One UDP socket for the SIP of all callers."""

    def __init__(self) -> None:
        self.answers: dict[str, asyncio.Future[tuple[str, float]]] = {}  # by Call-ID
        self.media: dict[str, int] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._transport = transport

    @property
    def port(self) -> int:
        assert self._transport
        return self._transport.get_extra_info("sockname")[1]

    def send(self, message: str, port: int) -> None:
        assert self._transport
        self._transport.sendto(message.encode(), ("127.0.0.1", port))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        now, message = time.perf_counter(), data.decode(errors="replace")
        call = header(message, "Call-ID")
        if message.startswith("SIP/2.0"):
            answer = self.answers.get(call)
            if answer and not answer.done() and not message.startswith("SIP/2.0 1"):
                answer.set_result((message, now))
        elif message.startswith("INVITE"):  # the stack's own, right after it answered
            self.send(reply(message, "200 OK", body=description(self.media[call])), addr[1])
        elif message.startswith("BYE"):
            self.send(reply(message, "200 OK"), addr[1])


class _Media(asyncio.DatagramProtocol):
    """One caller's RTP."""

    def __init__(self) -> None:
        self.packets: list[tuple[int, int, float, bytes]] = []  # number, timestamp, s, mu-law
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._transport = transport

    @property
    def port(self) -> int:
        assert self._transport
        return self._transport.get_extra_info("sockname")[1]

    def send(self, number: int, codes: bytes, port: int) -> None:
        assert self._transport
        packet = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * FRAME, 7) + codes
        self._transport.sendto(packet, ("127.0.0.1", port))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        kind, number, timestamp = struct.unpack("!xBHI", data[:8])
        if kind & 0x7F == 0:
            self.packets.append((number, timestamp, time.perf_counter(), data[12:]))


async def _call(
    name: str, calls: PhoneCalls, sound: bytes, signalling: _Signalling, after: float
) -> Heard:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(after)
    transport, media = await loop.create_datagram_endpoint(_Media, local_addr=("127.0.0.1", 0))
    heard = Heard(name)
    try:
        caller = Caller(name, signalling.port, calls.user, calls.port)
        invite = caller.invite(description(media.port))
        key = header(invite, "Call-ID")
        signalling.media[key] = media.port
        signalling.answers[key] = answer = loop.create_future()
        began = time.perf_counter()
        signalling.send(invite, calls.port)
        async with asyncio.timeout(_SETUP):
            ok, came = await answer
        if not ok.startswith("SIP/2.0 200"):
            raise OSError(ok.partition("\r\n")[0])
        heard.setup_ms = 1000 * (came - began)
        signalling.send(caller.ack(ok), calls.port)
        frames = [sound[at : at + FRAME] for at in range(0, len(sound), FRAME)]
        frames += [SILENCE] * round(calls.rest / 0.02)
        began = time.perf_counter()
        for number, frame in enumerate(frames):
            late = random.uniform(0, calls.late)
            await asyncio.sleep(began + 0.02 * number + late - time.perf_counter())
            heard.sent_at.append(time.perf_counter())
            if random.random() >= calls.lost:
                media.send(number, frame, media_port(ok))
        signalling.send(caller.bye(ok), calls.port)
        await asyncio.sleep(0.2)  # for the 200 of it, and what is on its way
    finally:
        transport.close()
    place(heard, media.packets)
    return heard


def place(heard: Heard, packets: Sequence[tuple[int, int, float, bytes]]) -> None:
    """Put packets where their timestamps say, mu-law silence between them."""
    if not packets:
        return
    first = packets[0][1]
    size = max((t - first) & 0xFFFFFFFF for _, t, _, _ in packets) + FRAME
    track = bytearray(b"\xff" * size)
    for _, timestamp, came, codes in packets:
        at = (timestamp - first) & 0xFFFFFFFF
        track[at : at + len(codes)] = codes
        heard.came_at.append((at, came))
    numbers = sorted({number for number, *_ in packets})
    heard.missing = sum(b - a - 1 for a, b in pairwise(numbers) if b - a < 1000)
    heard.codes = bytes(track)
