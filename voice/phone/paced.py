"""A line whose wire plays whatever comes at once: sound is kept here, and leaves when it is due."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import numpy as np

from telephony.line import Ability, Line
from voice.phone.around import LineAround

FRAME = 0.02  # s
LONGEST = 2.0  # s kept; the Speaker sends 0.4 ahead, so more would be a mistake of ours
_CLEAR: frozenset[Ability] = frozenset({"clear"})
STALL = 1.0  # s that the machine may stand still before the rest is sent later, not all at once


class PacedLine(LineAround):
    """Adds "clear" to a wire without it, and never stops sending: silence or comfort noise.

    Every 20 ms are sent when the loop's clock says so, counted from the first: a late frame is
    followed by others in time, so nothing drifts.
    """

    def __init__(self, line: Line, noise: float | None) -> None:
        """`noise`: dBFS of what is sent in place of silence; None for zeros. Use `paced`."""
        super().__init__(line)
        self.abilities = line.abilities | _CLEAR
        self._size = 2 * round(FRAME * line.about.out_rate)  # bytes
        self._most = round(LONGEST / FRAME) * self._size
        self._waiting = bytearray()
        self._silence = _Noise(noise, self._size // 2) if noise is not None else None
        self._empty = asyncio.Event()
        self._empty.set()

    async def play(self, samples: bytes) -> None:
        self._waiting += samples[: max(0, self._most - len(self._waiting))]
        self._empty.clear()

    async def flush(self) -> None:
        """Silence follows anyway."""

    async def clear(self) -> None:
        self._waiting.clear()
        self._empty.set()

    async def hang_up(self) -> None:
        """After what was played before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                await self._empty.wait()
        await self._line.hang_up()

    async def run(self) -> None:
        """Send, for ever."""
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            due += FRAME
            late = clock() - due
            if late > STALL:
                due += late
            elif late < 0:
                await asyncio.sleep(-late)
            await self._line.play(self._next())

    def _next(self) -> bytes:
        frame = bytes(self._waiting[: self._size])
        del self._waiting[: self._size]
        if not self._waiting:
            self._empty.set()
        if len(frame) == self._size:
            return frame
        silence = self._silence.next() if self._silence else bytes(self._size)
        return frame + silence[len(frame) :]


class _Noise:
    """Quiet white noise, always the same two seconds."""

    def __init__(self, level: float, size: int) -> None:
        noise = np.random.default_rng(0).normal(0, 32768 * 10 ** (level / 20), 100 * size)
        self._frames = [frame.tobytes() for frame in np.split(noise.round().astype("<i2"), 100)]
        self._at = 0

    def next(self) -> bytes:
        self._at = (self._at + 1) % len(self._frames)
        return self._frames[self._at]


@contextlib.asynccontextmanager
async def paced(line: Line, noise: float | None) -> AsyncGenerator[Line]:
    """`line` itself where its wire keeps sound and can forget it, else one that does."""
    if "clear" in line.abilities:
        yield line
        return
    keeper = PacedLine(line, noise)
    pacing = asyncio.create_task(keeper.run(), name=f"pace {line.name}")
    try:
        yield keeper
    finally:
        pacing.cancel()
        await asyncio.gather(pacing, return_exceptions=True)
