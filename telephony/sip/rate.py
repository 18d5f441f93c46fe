"""One side's sound at the other side's rate, where a renegotiation has changed the codec."""

import numpy as np
import soxr


class Rate:
    """From one rate to another, Hz, PCM16LE mono; the same rate costs nothing."""

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._target = target
        self._stream = (
            None if source == target else soxr.ResampleStream(source, target, 1, dtype="int16")
        )

    def between(self, source: int, target: int) -> "Rate":
        """This one, if it is for these rates; else a new one."""
        if (source, target) == (self._source, self._target):
            return self
        return Rate(source, target)

    def change(self, samples: bytes) -> bytes:
        if self._stream is None:
            return samples
        return self._stream.resample_chunk(np.frombuffer(samples, "<i2")).tobytes()

    def before(self, size: int) -> int:
        """How many bytes of the source so many of the target are."""
        return size * self._source // self._target // 2 * 2
