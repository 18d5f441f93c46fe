"""How much of the caller's sound is the agent's own, come back over a line or a loudspeaker."""

import numpy as np
import soxr
from numpy.typing import NDArray

from voice.listen.vad import SAMPLE_RATE, WINDOW
from voice.speak.aloud import RATE, Aloud

_SPAN = 2048  # samples at RATE, 256 ms of the caller to look for the echo in
_NEWEST = 2 * WINDOW * RATE // SAMPLE_RATE  # of which the last 64 ms are judged
_LATEST = 0.62  # s; network, jitter buffers and a line's way back
_EARLIEST = -0.02  # s; our clock of what is played may be late
_TAPS = 48  # 6 ms: a line's or a loudspeaker's own response
_BEFORE = 12  # of them before the strongest
_LIKE = 0.35  # correlation at the best delay below which nothing is looked for


class EchoFinder:
    """One caller's sound beside what the agent says aloud.

    The delay is where both correlate best within 0.6 s, the echo's path a filter of 6 ms fitted by
    least squares there; what it explains of the newest sound is echo. Costs 1 to 2 ms a window, so
    ask only for windows that are like speech while the agent speaks.
    """

    def __init__(self) -> None:
        self._heard = np.zeros(2 * _SPAN, np.float32)  # 16 kHz

    def hear(self, window: NDArray[np.float32]) -> None:
        """The caller's next samples, 16 kHz."""
        self._heard = np.concatenate([self._heard, window])[-2 * _SPAN :]

    def explained(self, aloud: Aloud, now: float) -> float:
        """The part of the energy of the last 64 ms, 0 to 1, that is the agent's echo.

        `now`: when the newest sample was heard, on the clock of `aloud`.
        """
        span = _SPAN / RATE
        agent = aloud.sound(now - span - _LATEST, now - _EARLIEST)
        if not agent.any():
            return 0.0
        heard = soxr.resample(self._heard, SAMPLE_RATE, RATE, quality="LQ")
        caller = np.diff(heard, prepend=np.float32(0))
        agent = np.diff(agent, prepend=np.float32(0))
        place, likeness = _match(caller, agent)
        if likeness < _LIKE:
            return 0.0
        first = place - (_TAPS - _BEFORE - 1)
        padded = np.pad(agent, (_TAPS, _TAPS))[first + _TAPS :][: _SPAN + _TAPS - 1]
        if len(padded) < _SPAN + _TAPS - 1:
            return 0.0
        shifted = np.lib.stride_tricks.sliding_window_view(padded, _TAPS).astype(np.float64)
        squares = shifted.T @ shifted
        squares[np.diag_indices(_TAPS)] *= 1.001
        squares[np.diag_indices(_TAPS)] += 1e-9
        path = np.linalg.solve(squares, shifted.T @ caller)
        newest = caller[-_NEWEST:].astype(np.float64)
        rest = newest - shifted[-_NEWEST:] @ path
        # The last of a sound, fainter than the noise: VAD still takes it for speech
        energy = max(float(newest @ newest), float(caller.astype(np.float64) @ caller) / 4)
        return max(0.0, 1.0 - float(rest @ rest) / energy) if energy > 0 else 0.0


def _match(caller: NDArray[np.float32], agent: NDArray[np.float32]) -> tuple[int, float]:
    """Where in `agent` the caller's sound lies best, and the correlation there, 0 to 1."""
    size = 1 << (len(agent) + len(caller) - 1).bit_length()
    spectrum = np.fft.rfft(agent, size) * np.conj(np.fft.rfft(caller, size))
    products = np.fft.irfft(spectrum, size)[: len(agent) - len(caller) + 1]
    energies = np.cumsum(np.concatenate([[0.0], agent.astype(np.float64) ** 2]))
    energy = energies[len(caller) :] - energies[: -len(caller)]
    own = float(caller.astype(np.float64) @ caller)
    likeness = np.abs(products) / np.sqrt(np.maximum(energy * own, 1e-12))
    best = int(likeness.argmax())
    return best, float(likeness[best])
