"""Whose request goes first: the one that a caller waits for, then what is read ahead or written
for nobody on the line."""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

# s that a request waits for answers to end before it runs beside them: a stranger's of /v1, not a
# report, which is begun when no call is up
PATIENCE = 20.0


class Precedence:
    """Of one engine that reads in batches: while it reads a long prompt, every token of an answer
    beside it waits for a batch."""

    def __init__(self) -> None:
        self.answers = 0  # asked for and not over
        self._reading: set[asyncio.Future[Any]] = set()
        self._waiting: list[asyncio.Future[None]] = []

    @contextmanager
    def answering(self) -> Generator[None]:
        """A caller waits: what others read is stopped; their caches keep what was read."""
        self.answers += 1
        for reading in self._reading:
            reading.cancel()
        try:
            yield
        finally:
            self.answers -= 1
            if not self.answers:
                for waiting in self._waiting:
                    if not waiting.done():
                        waiting.set_result(None)
                self._waiting.clear()

    async def quiet(self) -> bool:
        """Wait until nobody is answered; False after PATIENCE."""
        try:
            async with asyncio.timeout(PATIENCE):
                while self.answers:
                    self._waiting.append(asyncio.get_running_loop().create_future())
                    await self._waiting[-1]
        except TimeoutError:
            return False
        return True

    async def read(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What `work` brings, None where it was stopped for an answer."""
        reading = asyncio.ensure_future(work)
        self._reading.add(reading)
        try:
            await asyncio.wait({reading})
        finally:
            self._reading.discard(reading)
            if not reading.done():
                reading.cancel()
                await asyncio.wait({reading})
        return None if reading.cancelled() else reading.result()
