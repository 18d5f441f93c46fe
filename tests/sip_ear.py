"""The agent's side of SIP calls in tests: it listens, and says what it heard."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from telephony.events import Audio, Event
from telephony.sip.engine import SipEngine
from telephony.sip.line import SipLine
from telephony.sip.settings import Account, SipSettings
from voice.bench.phone_sound import follow


def bot() -> SipSettings:
    """sip:bot@127.0.0.1, on a free port."""
    return SipSettings((Account("bot", "127.0.0.1", codecs=("pcmu",)),), port=free_ports())


def free_ports() -> int:
    """A port whose next one, and the one 1000 above, are free too."""
    while True:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            for other in (port + 1, port + 1000):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", other))
            return port


def likeness(sent: NDArray[np.int16], got: NDArray[np.int16], rate: int) -> float:
    """How the sent sound is found in what was got, 0 to 1: the median over its pieces, since on a
    busy machine a late packet moves what follows it."""
    return float(np.median([piece.likeness for piece in follow(sent, got, rate)]))


@dataclass
class Ear:
    """Reads a line to its end; `said` holds all but the sound."""

    line: SipLine
    sound: bytearray = field(default_factory=bytearray)
    said: list[Event] = field(default_factory=list[Event])
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        async for event in self.line.events():
            if isinstance(event, Audio):
                self.sound += event.samples
            else:
                self.said.append(event)
            self.news.set()

    async def hears(self, *events: Event) -> None:
        """Wait until all of these were said."""
        async with asyncio.timeout(20):
            while not all(event in self.said for event in events):
                self.news.clear()
                await self.news.wait()

    async def hears_sound(self, seconds: float) -> None:
        more = len(self.sound) + 2 * round(seconds * self.line.about.in_rate)
        async with asyncio.timeout(20):
            while len(self.sound) < more:
                self.news.clear()
                await self.news.wait()

    @property
    def samples(self) -> NDArray[np.int16]:
        return np.frombuffer(bytes(self.sound), "<i2")


@contextlib.asynccontextmanager
async def listening(line: SipLine) -> AsyncGenerator[Ear]:
    ear = Ear(line)
    task = asyncio.create_task(ear.listen())
    try:
        yield ear
    finally:
        await line.hang_up()
        await asyncio.wait_for(task, 10)


async def answered(engine: SipEngine) -> SipLine:
    async with asyncio.timeout(20):
        async for line in engine.lines():
            return line
    raise AssertionError
