"""Where each sample of a call lies in its time: the caller as received, the agent as played."""

from collections import deque
from dataclasses import dataclass
from typing import Literal

Track = Literal["caller", "agent"]
CHUNK_SECONDS = 0.25  # with the encoder's own 0.14 s at 8 kHz, a crash loses less than 0.7 s
GAP_SECONDS = 0.4  # a frame later than this was not late, the microphone was off


@dataclass(frozen=True, slots=True)
class Sound:
    """PCM16LE mono, `start` samples after the call began."""

    track: Track
    start: int
    pcm: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.pcm) // 2


class Received:
    """The caller's frames on the call's clock. Frames that come late join the one before."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._cursor = -1  # where the next sample lies
        self._waiting = bytearray()

    def take(self, now: float, pcm: bytes) -> tuple[list[Sound], tuple[int, int] | None]:
        """One frame that arrived at `now` (s): sounds to write, and the gap before it, if any.

        A gap is (first missing sample, samples): nothing was received for that long.
        """
        count = len(pcm) // 2
        begins = max(0, round(now * self._rate) - count)
        gap: tuple[int, int] | None = None
        sounds: list[Sound] = []
        late = begins - max(0, self._cursor)
        if self._cursor < 0:
            self._cursor = begins
            gap = (0, begins) if begins > GAP_SECONDS * self._rate else None
        elif late > GAP_SECONDS * self._rate:
            sounds = self.rest()
            gap = (self._cursor, late)
            self._cursor = begins
        self._waiting += pcm
        self._cursor += count
        if len(self._waiting) >= 2 * CHUNK_SECONDS * self._rate:
            sounds += self.rest()
        return sounds, gap

    def rest(self) -> list[Sound]:
        """What has not been handed out yet."""
        if not self._waiting:
            return []
        pcm = bytes(self._waiting)
        self._waiting.clear()
        return [Sound("caller", self._cursor - len(pcm) // 2, pcm)]


class Played:
    """The agent's sound as a loudspeaker plays it: at once, in order, flushed when told."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._cursor = 0  # where the next sample will be played
        self._queued: deque[Sound] = deque()

    def play(self, now: float, pcm: bytes) -> None:
        start = max(self._cursor, round(now * self._rate))
        self._cursor = start + len(pcm) // 2
        self._queued.append(Sound("agent", start, pcm))

    def flush(self, now: float) -> None:
        """What has not been played by `now` never is."""
        at = round(now * self._rate)
        kept = [sound for sound in self._queued if sound.start < at]
        if kept and kept[-1].end > at:
            last = kept[-1]
            kept[-1] = Sound("agent", last.start, last.pcm[: 2 * (at - last.start)])
        self._queued = deque(kept)
        self._cursor = min(self._cursor, at)

    def until(self, now: float, *, all_of_it: bool = False) -> list[Sound]:
        """What was played by `now`, in pieces of CHUNK_SECONDS or more unless `all_of_it`."""
        if not self._queued:
            return []
        at = round(now * self._rate)
        if not all_of_it and min(at, self._cursor) - self._queued[0].start < (
            CHUNK_SECONDS * self._rate
        ):
            return []
        sounds: list[Sound] = []
        while self._queued and self._queued[0].end <= at:
            sound = self._queued.popleft()
            if sounds and sounds[-1].end == sound.start:
                sound = Sound("agent", sounds[-1].start, sounds.pop().pcm + sound.pcm)
            sounds.append(sound)
        return sounds
