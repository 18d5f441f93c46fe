"""What a call has told and nobody has read yet."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator

from telephony.events import Audio, Ended, Event

log = logging.getLogger(__name__)


class Inbox:
    """Takes events to Ended, gives them to one reader. `most`: bytes of sound that may wait, of
    which the oldest are dropped; the rest is rare."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._events: deque[Event] = deque()
        self._unread = 0  # bytes of sound
        self._news = asyncio.Event()
        self.ended = False

    def tell(self, event: Event) -> None:
        """Nothing is told after Ended."""
        if self.ended:
            return
        self.ended = isinstance(event, Ended)
        if isinstance(event, Audio):
            self._unread += len(event.samples)
            self._forget()
        self._events.append(event)
        self._news.set()

    async def events(self) -> AsyncIterator[Event]:
        """To Ended. To be read by one task only."""
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, Audio):
                    self._unread -= len(event.samples)
                yield event
                if isinstance(event, Ended):
                    return
            self._news.clear()
            await self._news.wait()

    def _forget(self) -> None:
        while self._unread > self._most:
            oldest = next((event for event in self._events if isinstance(event, Audio)), None)
            if oldest is None:
                return
            self._events.remove(oldest)
            self._unread -= len(oldest.samples)
            log.warning("the caller's sound is not read, so it is dropped")
