"""The wire's audio in the windows that the speech detector takes."""

from collections.abc import Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

from voice.listen.vad import SAMPLE_RATE, WINDOW


class Windows:
    """Of one call: PCM16LE mono of any rate in, windows of WINDOW samples out (16 kHz float32)."""

    def __init__(self) -> None:
        self._resampler: tuple[int, soxr.ResampleStream] | None = None
        self._pending = np.zeros(0, np.float32)  # less than one window

    def of(self, pcm: bytes, rate: int) -> Iterator[NDArray[np.float32]]:
        """The windows that these samples complete."""
        samples = np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)
        return self._cut(samples if rate == SAMPLE_RATE else self._resample(samples, rate))

    def silence(self, seconds: float) -> Iterator[NDArray[np.float32]]:
        """The windows of a line that brings nothing."""
        return self._cut(np.zeros(round(seconds * SAMPLE_RATE), np.float32))

    def _resample(self, samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        if self._resampler is None or self._resampler[0] != rate:
            stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="MQ")
            self._resampler = rate, stream
        return self._resampler[1].resample_chunk(samples)

    def _cut(self, samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        audio = np.concatenate([self._pending, samples])
        whole = len(audio) // WINDOW * WINDOW
        self._pending = audio[whole:]
        return iter(audio[:whole].reshape(-1, WINDOW))
