"""What was lost of the caller's sound: heard as fading, then as silence, never as less time."""

import numpy as np

from telephony.events import Audio

CONCEALED = 0.06  # s that a loss is filled with what was heard before it, fading
REPEATED = 0.02  # s of that, again and again
JUMP = 10.0  # s; a clock that moves further has begun anew


class Received:
    """Joins packets by their numbers, else by their time; knows no clock.

    Packets come in order (protocols see to it). What comes a second time, or after what follows
    it, is dropped.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._jump = JUMP * rate
        self._next: int | None = None  # sample at which the next packet begins
        self._number: int | None = None  # of the next packet
        self._last = np.zeros(0, np.int16)
        self.lost = 0.0  # s, of the whole call
        self.dropped = 0  # packets

    def take(self, audio: Audio) -> bytes:
        """The packet, and before it what stands for lost ones; nothing for one that is too late."""
        samples = np.frombuffer(audio.samples, "<i2")
        missing = self._missing(audio, len(samples))
        if missing < 0:
            self.dropped += 1
            return b""
        filled = self._fill(missing)
        self._last = samples
        return filled + audio.samples

    def _missing(self, audio: Audio, size: int) -> int:
        """Samples between what came last and this; less than 0: it is too late."""
        if audio.sequence is not None:
            if self._number is None or abs(audio.sequence - self._number) * size > self._jump:
                self._number = audio.sequence
            missing = (audio.sequence - self._number) * size
            if missing >= 0:
                self._number = audio.sequence + 1
            return missing
        if audio.time is None:
            return 0
        start = round(audio.time * self._rate)
        if self._next is None or abs(start - self._next) > self._jump:
            self._next = start
        missing = start - self._next
        if abs(missing) < size / 2:  # what is lost are whole packets; the rest is rounding
            missing = 0
        if missing >= 0:
            self._next += missing + size
        return missing

    def _fill(self, missing: int) -> bytes:
        if not missing:
            return b""
        self.lost += missing / self._rate
        out = np.zeros(missing, np.int16)
        again = self._last[-round(REPEATED * self._rate) :]
        size = min(missing, round(CONCEALED * self._rate)) if len(again) else 0
        if size:
            fade = np.linspace(1, 0, round(CONCEALED * self._rate), dtype=np.float32)[:size]
            out[:size] = np.resize(again, size) * fade
        return out.tobytes()
