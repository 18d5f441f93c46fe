"""Sound whose every piece is known again, and where it went on its way over a line."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PIECE = 0.1  # s
_NEAR = 0.05  # s that a piece may have moved against the one before it, to be looked for first
_QUIET = 500  # mean magnitude of a piece that tells nothing
FOUND = 0.9  # likeness from which on a piece counts as found


def murmur(seconds: float, rate: int, seed: int) -> NDArray[np.int16]:
    """Noise in the band and the rhythm of speech; begins with its first sample."""
    count = round(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    frequency = np.fft.rfftfreq(count, 1 / rate)
    spectrum[(frequency < 200) | (frequency > 3200)] = 0
    sound = np.fft.irfft(spectrum, count) * (np.sin(6 * np.pi * np.arange(count) / rate) > -0.3)
    return (sound / np.abs(sound).max() * 20_000).astype(np.int16)


@dataclass(frozen=True, slots=True)
class Piece:
    """PIECE s that began at sample `at` of what was sent, and is found `lag` samples later."""

    at: int
    lag: int
    likeness: float  # correlation, 0 to 1


def follow(sent: NDArray[np.int16], heard: NDArray[np.int16], rate: int) -> list[Piece]:
    """Where each piece of `sent` is in `heard`, both at `rate`; without those that are silent."""
    size, lag = round(PIECE * rate), 0
    known = False
    pieces: list[Piece] = []
    before = rate  # samples of nothing before it, where a beginning that was cut off would lie
    whole = np.concatenate([np.zeros(before), heard.astype(float)])
    for at in range(0, len(sent) - size, size):
        piece = sent[at : at + size].astype(float)
        if np.abs(piece).mean() < _QUIET:
            continue
        near = round(_NEAR * rate) if known else len(whole)
        found = _look(piece, whole, before + at + lag, near)
        if found[1] < FOUND:
            found = _look(piece, whole, before + at + lag, rate)
        place = found[0] - before - at
        pieces.append(Piece(at, place, found[1]))
        if found[1] >= FOUND:
            lag, known = place, True
    return pieces


def _look(
    piece: NDArray[np.float64], heard: NDArray[np.float64], around: int, near: int
) -> tuple[int, float]:
    """The likeliest place of the piece within `near` samples, and the likeness there."""
    first = max(0, around - near)
    part = heard[first : max(first, around + near + len(piece))]
    if len(part) < len(piece):
        return first, 0.0
    size = 1 << (len(part) + len(piece)).bit_length()
    dot = np.fft.irfft(np.fft.rfft(part, size) * np.conj(np.fft.rfft(piece, size)), size)
    sums = np.concatenate([[0.0], np.cumsum(part * part)])
    energy = sums[len(piece) :] - sums[: -len(piece)]
    likeness = dot[: len(energy)] / np.sqrt(np.maximum(energy * (piece @ piece), 1.0))
    best = int(np.argmax(likeness))
    return first + best, float(likeness[best])
