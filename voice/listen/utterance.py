"""The caller's sound: one growing buffer a turn, with a little of what came before it."""

import numpy as np
from numpy.typing import NDArray

from voice.listen.vad import SAMPLE_RATE

# 1 s before speech was noticed, so that no first word is clipped: of 308 utterances 5 in 100 were
# noticed 0.27 s late or later, a whispered one 1.4 s.
PRE_ROLL = SAMPLE_RATE
# A window is quiet below both: a level (RMS of full scale), and a share of the turn's loudest.
FAINT, QUIET = 0.003, 0.04


class Utterance:
    """Feed it every VAD window, in a turn or not; float32, 16 kHz."""

    def __init__(self) -> None:
        self._before = np.zeros(0, np.float32)
        self._windows: list[NDArray[np.float32]] | None = None
        self._samples = 0
        self._loudest = 0.0  # of the turn's windows
        self._turns = 0
        self.quiet = 0  # windows since the voice was last heard in this turn

    @property
    def open(self) -> bool:
        """Whether a turn is being heard."""
        return self._windows is not None

    @property
    def number(self) -> int:
        """Of the turn being heard, 0 where none is; never the same twice."""
        return self._turns if self.open else 0

    @property
    def seconds(self) -> float:
        """Of the turn's sound so far."""
        return self._samples / SAMPLE_RATE

    def hear(self, window: NDArray[np.float32]) -> None:
        if self._windows is None:
            self._before = np.concatenate([self._before, window])[-PRE_ROLL:]
            return
        self._windows.append(window)
        self._samples += len(window)
        level = float(np.sqrt(np.square(window).mean()))
        self._loudest = max(self._loudest, level)
        loud = level >= max(FAINT, self._loudest * QUIET)
        self.quiet = 0 if loud else self.quiet + 1

    def begin(self) -> None:
        self._windows = [self._before]
        self._samples = len(self._before)
        self._before = np.zeros(0, np.float32)
        self._loudest, self.quiet = 0.0, 0
        self._turns += 1

    def audio(self) -> NDArray[np.float32]:
        """The turn's sound so far."""
        return np.concatenate(self._windows) if self._windows else np.zeros(0, np.float32)

    def end(self) -> NDArray[np.float32]:
        """The turn is over; returns its sound."""
        audio = self.audio()
        self._windows, self._samples = None, 0
        return audio

    def drop(self) -> None:
        """It was no turn; the next may begin in its last sound."""
        self._before = self.end()[-PRE_ROLL:]


def quiet_seconds(audio: NDArray[np.float32]) -> float:
    """How long the sound (16 kHz) has been below 1% of full scale, at most 0.5 s.

    The detector notices silence about 100 ms late; the caller's waiting began at the last sound.
    """
    size = SAMPLE_RATE // 100
    tail = audio[-50 * size :]
    frames = tail[len(tail) % size :].reshape(-1, size)
    loud = np.flatnonzero(np.sqrt((frames**2).mean(axis=1)) > 0.01)
    return (len(frames) - 1 - int(loud[-1])) / 100 if len(loud) else 0.0
