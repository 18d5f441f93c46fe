"""A virtual loudspeaker: what arrives is played on the clock, and every sample is remembered."""

import time

import numpy as np
from numpy.typing import NDArray

LOUD = 300  # of 32767: the level from which a sample counts as audible
_BEHIND = 0.04  # s that a real loudspeaker plays behind the clock: two of its blocks


class Loudspeaker:
    """Plays what arrives at once, in order, on the clock; remembers every sample played."""

    def __init__(self, rate: int, began: float) -> None:
        self.rate = rate
        self.began = began
        self._cursor = began  # when what is queued will have been played
        self._chunks: list[tuple[float, NDArray[np.int16], int]] = []  # start, samples, answer
        self.flushes: list[float] = []
        self._skew: dict[int, float] = {}  # s by which an answer's place differs from what played
        self._window = began  # where a real loudspeaker is

    def play(self, pcm: bytes, answer: int, now: float) -> None:
        samples = np.frombuffer(pcm, "<i2")
        start = max(now, self._cursor)
        self._cursor = start + len(samples) / self.rate
        self._chunks.append((start, samples, answer))

    def flush(self, now: float) -> None:
        """Forget what has not been played yet."""
        self.flushes.append(now)
        kept: list[tuple[float, NDArray[np.int16], int]] = []
        for start, samples, answer in self._chunks:
            count = min(len(samples), max(0, round((now - start) * self.rate)))
            if count:
                kept.append((start, samples[:count], answer))
        self._chunks = kept
        self._cursor = min(self._cursor, now)

    def resume(self, answer: int, place: float, now: float) -> None:
        """What comes next of this answer starts at this place of it, in seconds."""
        self._skew[answer] = place - (self.played(answer, now) - self._skew.get(answer, 0.0))

    @property
    def busy_until(self) -> float:
        return self._cursor

    def played(self, answer: int, now: float) -> float:
        """Up to which place, in seconds, this answer was played by `now`."""
        total = self._skew.get(answer, 0.0)
        for start, samples, number in self._chunks:
            if number == answer:
                total += min(len(samples) / self.rate, max(0.0, now - start))
        return total

    def of(self, answer: int) -> NDArray[np.int16]:
        """The sound of one answer without the breaks between its chunks."""
        chunks = [samples for _, samples, number in self._chunks if number == answer]
        return np.concatenate(chunks) if chunks else np.zeros(0, np.int16)

    def first_loud(self, since: float) -> float | None:
        """When the first audible sample after `since` was or will be played."""
        for start, samples, _ in self._chunks:
            loud = start + np.flatnonzero(np.abs(samples.astype(np.int32)) > LOUD) / self.rate
            loud = loud[loud >= since]
            if len(loud):
                return float(loud[0])
        return None

    def last_loud(self) -> float:
        """When the last audible sample that has come was or will be played; 0: none has."""
        for start, samples, _ in reversed(self._chunks):
            loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > LOUD)
            if len(loud):
                return start + float(loud[-1]) / self.rate
        return 0.0

    def window(self, count: int) -> NDArray[np.int16]:
        """The next `count` samples for a real loudspeaker.

        It keeps its own place, because its callbacks come early and late by some ms; only when it
        is off by 0.1 s does it jump to the clock.
        """
        behind = time.monotonic() - _BEHIND
        now = behind if abs(behind - self._window) > 0.1 else self._window
        self._window = now + count / self.rate
        out = np.zeros(count, np.int16)
        for start, samples, _ in list(self._chunks)[-200:]:
            place = round((start - now) * self.rate)
            low, high = max(0, place), min(count, place + len(samples))
            if low < high:
                out[low:high] = samples[low - place : high - place]
        return out

    def sound(self, start: float, count: int) -> NDArray[np.int16]:
        """The `count` samples played from `start` on, silence where nothing was."""
        out = np.zeros(count, np.int16)
        for begin, samples, _ in reversed(self._chunks):
            place = round((begin - start) * self.rate)
            low, high = max(0, place), min(count, place + len(samples))
            if low < high:
                out[low:high] = samples[low - place : high - place]
            if place < -self.rate:
                break
        return out

    def recording(self, until: float) -> NDArray[np.int16]:
        out = np.zeros(max(0, round((until - self.began) * self.rate)), np.int16)
        for start, samples, _ in self._chunks:
            place = round((start - self.began) * self.rate)
            part = samples[: max(0, len(out) - place)]
            out[place : place + len(part)] = part
        return out


def first_speech(pcm: NDArray[np.int16], rate: int) -> int:
    """The number of samples before the first speech, as last_speech() takes it."""
    loud = _speech(pcm, rate)
    return int(loud[0]) * (rate // 100) if len(loud) else len(pcm)


def last_speech(pcm: NDArray[np.int16], rate: int) -> int:
    """The number of samples up to the end of speech, 0 where there is none.

    The last 10 ms whose level is above 1% of full scale: a breath or a synthesizer's tail is not
    speech, and a caller does not count it as waiting.
    """
    loud = _speech(pcm, rate)
    return int(loud[-1] + 1) * (rate // 100) if len(loud) else 0


def _speech(pcm: NDArray[np.int16], rate: int) -> NDArray[np.intp]:
    """Which of the whole 10 ms of `pcm` are loud."""
    size = rate // 100
    count = len(pcm) // size
    frames = pcm[: count * size].reshape(count, size).astype(np.float64)
    return np.flatnonzero(np.sqrt((frames**2).mean(axis=1)) > LOUD)
