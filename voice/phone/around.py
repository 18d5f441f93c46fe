"""A line around another: everything passes, until a subclass does one thing itself."""

from collections.abc import AsyncIterator

from telephony.events import Event
from telephony.line import Ability, Line


class LineAround:
    """A telephony.line.Line."""

    def __init__(self, line: Line) -> None:
        self.name, self.about = line.name, line.about
        self.abilities: frozenset[Ability] = line.abilities
        self._line = line

    def events(self) -> AsyncIterator[Event]:
        return self._line.events()

    async def play(self, samples: bytes) -> None:
        await self._line.play(samples)

    async def flush(self) -> None:
        await self._line.flush()

    async def mark(self, name: str) -> None:
        await self._line.mark(name)

    async def clear(self) -> None:
        await self._line.clear()

    async def send_dtmf(self, digits: str) -> None:
        await self._line.send_dtmf(digits)

    async def transfer(self, to: str) -> None:
        await self._line.transfer(to)

    async def hold(self, on: bool) -> None:
        await self._line.hold(on)

    async def hang_up(self) -> None:
        await self._line.hang_up()
