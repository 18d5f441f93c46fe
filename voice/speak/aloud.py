"""What the caller is being told now: the Speaker writes it, the Listener decides by it."""

import math
from collections import deque

import numpy as np
import soxr
from numpy.typing import NDArray

RATE = 8000  # Hz of `sound`: what a phone line lets through
_KEPT = 2.0  # s after it was played: an echo comes back within 0.6 s
_WORDS = 300  # characters


class Aloud:
    """The agent's sound and words on the loop's clock, as far as the server can know."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[float, NDArray[np.int16], int]] = deque()
        self.words = ""  # said last, the clause being spoken included
        self.asking = False  # the clause being spoken is a question
        self.ends = math.inf  # when the answer's sound will be over; inf: more may come

    def clause(self, text: str) -> None:
        self.words = f"{self.words} {text}"[-_WORDS:]
        self.asking = text.rstrip().endswith("?")

    def play(self, start: float, samples: NDArray[np.int16], rate: int) -> None:
        """These samples are played from `start` on."""
        self._chunks.append((start, samples, rate))
        while self._chunks and self._chunks[0][0] < start - _KEPT:
            self._chunks.popleft()

    def cut(self, now: float) -> None:
        """Nothing is played from now on."""
        self.ends = math.inf
        while self._chunks and self._chunks[-1][0] >= now:
            self._chunks.pop()
        if self._chunks:
            start, samples, rate = self._chunks.pop()
            self._chunks.append((start, samples[: round((now - start) * rate)], rate))

    def sound(self, begin: float, end: float) -> NDArray[np.float32]:
        """What was played in [begin, end), RATE Hz, silence where nothing was."""
        out = np.zeros(round((end - begin) * RATE), np.float32)
        if not self._chunks:
            return out
        rate = self._chunks[-1][2]
        played = np.zeros(round((end - begin) * rate), np.float32)
        for start, samples, _ in self._chunks:
            place = round((start - begin) * rate)
            low, high = max(0, place), min(len(played), place + len(samples))
            if low < high:
                played[low:high] = samples[low - place : high - place]
        if not played.any():
            return out
        sound = soxr.resample(played / np.float32(32768), rate, RATE, quality="LQ")[: len(out)]
        out[: len(sound)] = sound
        return out
