"""Where each sample of a call lies in its time: the caller as received, the agent as played."""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Track = Literal["caller", "agent"]
CHUNK_SECONDS = 0.25  # with the encoder's own 0.14 s at 8 kHz, a crash loses less than 0.7 s
DRIFT_SECONDS = 0.05  # s; network jitter is less, and words have no sharper edge


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
    """The caller's frames, joined as the Listener hears them, and when they arrived.

    The track has no holes: a muted microphone, a late packet and the burst after it are told by
    anchors, which say when a sample arrived. Between two of them sound arrives at its own pace.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._cursor = 0  # samples received
        self._ahead: float | None = None  # s by which sound lies before the clock
        self._waiting = bytearray()

    def take(self, now: float, pcm: bytes) -> tuple[list[Sound], int | None]:
        """One frame, arrived at `now` (s): sounds to write, and its end if that is an anchor."""
        self._waiting += pcm
        self._cursor += len(pcm) // 2
        ahead = self._cursor / self._rate - now
        moved = self._ahead is None or abs(ahead - self._ahead) > DRIFT_SECONDS
        if moved:
            self._ahead = ahead
        full = len(self._waiting) >= 2 * CHUNK_SECONDS * self._rate
        return self.rest() if full else [], self._cursor if moved else None

    def rest(self) -> list[Sound]:
        """What has not been handed out yet."""
        if not self._waiting:
            return []
        pcm = bytes(self._waiting)
        self._waiting.clear()
        return [Sound("caller", self._cursor - len(pcm) // 2, pcm)]


class Arrivals:
    """When each sample of a caller's track arrived, by its anchors (sample, s)."""

    def __init__(self, anchors: Sequence[tuple[int, float]], rate: int) -> None:
        first = anchors or [(0, 0.0)]
        self._samples = [sample for sample, _ in first]
        self._times = [at for _, at in first]
        self._rate = rate

    def at(self, sample: int) -> float:
        """Seconds since the call began."""
        i = max(0, bisect_right(self._samples, sample) - 1)
        return self._times[i] + (sample - self._samples[i]) / self._rate


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
