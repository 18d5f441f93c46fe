"""Where somebody may be speaking, as two detectors that know nothing of each other hear it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from faster_whisper.vad import get_vad_model
from numpy.typing import NDArray

from voice.listen.vad import SAMPLE_RATE, WINDOW

STEP = WINDOW / SAMPLE_RATE  # s, of both detectors: 32 ms
_PADDING = 0.2  # s around speech; a soft first or last consonant is heard by neither detector


@dataclass(frozen=True, slots=True)
class Activity:
    """One value for every STEP of a track."""

    speech: NDArray[np.float32]  # probability, Silero's
    voiced: NDArray[np.bool_]  # ours: louder than the background; where Silero doubts, with a pitch
    level: NDArray[np.float32]  # root mean square

    def during(self, start: float, end: float) -> slice:
        return slice(
            max(0, int(start / STEP)), max(int(start / STEP) + 1, int(np.ceil(end / STEP)))
        )


@dataclass(frozen=True, slots=True)
class Span:
    """s from the first sample."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def listen(blocks: Iterable[NDArray[np.float32]]) -> Activity:
    """`blocks` of a track, each but the last a multiple of WINDOW samples."""
    found = [_listen(block) for block in blocks]
    if not found:
        nothing = np.zeros(0, np.float32)
        return Activity(nothing, np.zeros(0, np.bool_), nothing)
    return Activity(
        np.concatenate([one.speech for one in found]),
        np.concatenate([one.voiced for one in found]),
        np.concatenate([one.level for one in found]),
    )


def _listen(block: NDArray[np.float32]) -> Activity:
    windows = np.pad(block, (0, -len(block) % WINDOW)).reshape(-1, WINDOW)
    speech = np.asarray(get_vad_model()(windows.ravel()), np.float32).ravel()
    level = np.sqrt((windows**2).mean(axis=1))
    voiced = _loud(level)
    asked = voiced & (speech < 0.5)  # where Silero is sure, nobody asks the other detector
    voiced[asked] = _harmonicity(windows[asked]) > 0.5
    return Activity(speech, voiced, level)


def spans(active: NDArray[np.bool_], *, bridge: float, shortest: float = 0.0) -> list[Span]:
    """Stretches of what is active, those less than `bridge` s apart as one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
    found: list[Span] = []
    for start, end in edges.reshape(-1, 2) * STEP:
        if found and start - found[-1].end < bridge:
            found[-1] = Span(found[-1].start, float(end))
        else:
            found.append(Span(float(start), float(end)))
    return [one for one in found if one.seconds >= shortest]


def held(probability: NDArray[np.float32], on: float, off: float) -> NDArray[np.bool_]:
    """Active from `on` until it falls below `off`, and back from `on` to where it rose over it."""
    maybe = probability >= off
    active = np.zeros(len(maybe), np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], maybe.astype(np.int8), [0]])))
    for start, end in edges.reshape(-1, 2):
        active[start:end] = bool((probability[start:end] >= on).any())
    return active


def padded(found: Iterable[Span], until: float) -> Iterator[Span]:
    for one in found:
        yield Span(max(0.0, one.start - _PADDING), min(until, one.end + _PADDING))


def _loud(level: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Louder than 12 dB above the quietest tenth of the minute around."""
    around = round(60 / STEP)
    floor = np.empty_like(level)
    for start in range(0, len(level), around):
        near = level[max(0, start - around // 2) : start + around + around // 2]
        floor[start : start + around] = np.percentile(near, 10)
    return level > np.maximum(4 * floor, 1e-3)


def _harmonicity(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The highest normalized autocorrelation at 70 to 400 Hz, of 32 ms windows."""
    size = 2 * WINDOW
    spectrum = np.fft.rfft(windows - windows.mean(axis=1, keepdims=True), size, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    same = np.fft.irfft(power, size, axis=1)[:, : SAMPLE_RATE // 70]
    lags = np.arange(SAMPLE_RATE // 400, SAMPLE_RATE // 70)
    # A lag leaves fewer samples to compare; 1e-9 keeps digital silence at 0
    fair = same[:, lags] / (same[:, :1] * (1 - lags / WINDOW) + 1e-9)
    return fair.max(axis=1).astype(np.float32)
