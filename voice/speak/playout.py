"""Where the sound of one answer is: sent, played, taken back. Told the time; knows no clock."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

_KEPT = 2.0  # s of sound sent that can be sent again: more than LEAD and a long word
_LAG = 1.0  # s; a carrier further behind has stopped playing, and is not waited for

Chunk = tuple[float, NDArray[np.int16]]  # where it starts in the answer, s; its samples


class Playout:
    """Positions are seconds into the answer, times seconds of one clock.

    What is played is known by the client's or carrier's acknowledgement where there is one, by
    paced playout otherwise: what was sent is played without a break from its sending on.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._recent: deque[Chunk] = deque()
        self._cursor = 0.0  # when all that was sent will have been played
        self._reached = 0.0  # the furthest place known to be played when sound was taken back
        self._acknowledged = -1.0
        self._lag = 0.0  # s that a carrier is behind, by its last mark
        self.started = 0.0  # when its first sample was sent; 0: not yet
        self.sent = 0.0  # up to which place it was sent
        self.held = False

    def send(self, now: float, samples: NDArray[np.int16]) -> float:
        """The next samples leave; returns when they will be played."""
        self.started = self.started or now
        start = max(self._cursor, now)
        self._recent.append((self.sent, samples))
        self.sent += len(samples) / self._rate
        self._cursor = start + len(samples) / self._rate
        while self._recent and self._recent[0][0] < self.sent - _KEPT:
            self._recent.popleft()
        return start

    @property
    def ends(self) -> float:
        """When all that was sent will have been played."""
        return self._cursor + self._lag

    def ahead(self, now: float) -> float:
        """Seconds sent that are not played yet."""
        return max(0.0, self._cursor - now)

    def acknowledge(self, seconds: float) -> None:
        """The client has played the answer up to this place."""
        self._acknowledged = max(self._acknowledged, seconds)

    def behind(self, seconds: float, now: float) -> None:
        """The carrier has played the answer up to this place, and plays on."""
        place = self.sent - self.ahead(now)
        self._reached = max(self._reached, min(seconds, place))
        self._lag = min(_LAG, max(0.0, place - seconds))

    def played(self, now: float) -> float:
        """Up to which place it was played. The clock can only over-estimate: what waits in the
        client's buffer was not heard."""
        place = self.sent - self.ahead(now - self._lag)
        if self._acknowledged >= 0:
            place = min(place, self._acknowledged)
        return max(place, self._reached)

    def hold(self, now: float) -> None:
        """What is not played yet is taken back."""
        self.sent -= self.ahead(now - self._lag)
        self._cursor = min(self._cursor, now)
        self._lag = 0.0
        self.held = True

    def resume(self, now: float, place: float) -> list[NDArray[np.int16]]:
        """Go on from `place`, at or before what was played; returns what must be sent again."""
        self._reached = max(self._reached, self.played(now))
        self.held = False
        again: list[NDArray[np.int16]] = []
        for start, samples in self._recent:
            skip = min(len(samples), max(0, round((place - start) * self._rate)))
            if skip < len(samples):
                again.append(samples[skip:])
        first = min((start for start, _ in self._recent), default=self.sent)
        self.sent = max(place, first) if again else self.sent
        self._recent.clear()
        return again
