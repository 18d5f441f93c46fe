"""Kaldi's log mel filter bank, which CAM++ was trained on, in numpy."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE = 16000
BINS = 80
FRAME, STEP, _FFT = 400, 160, 512  # samples: 25 ms every 10 ms
_LOWEST = 20.0  # Hz
_FLOOR = float(np.finfo(np.float32).eps)  # of an energy, as torchaudio has it


def filterbank(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, 80) of mono float32 at 16 kHz in -1..1, its mean over time taken away.

    At least FRAME samples; as many frames as fit in whole.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::STEP]
    centred = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([centred[:, :1], centred[:, :-1]], axis=1)
    spectrum = np.fft.rfft((centred - 0.97 * before) * _window(), _FFT)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    energies = np.log(np.maximum(power @ _mel(), _FLOOR))
    return energies - energies.mean(axis=0)


@cache
def _window() -> NDArray[np.float32]:
    """Povey's: a Hann window to the power of 0.85."""
    return (np.hanning(FRAME) ** 0.85).astype(np.float32)


@cache
def _mel() -> NDArray[np.float32]:
    """(257, 80): triangles that are even on the mel scale."""

    def mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1127.0 * np.log(1.0 + hertz / 700.0)

    low, high = mel(np.array([_LOWEST, RATE / 2])).tolist()
    edges = np.linspace(low, high, BINS + 2, dtype=np.float64)
    at = mel(np.arange(_FFT // 2 + 1) * RATE / _FFT)[:, None]
    rising = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
