"""Who spoke when in one channel: segmentation of overlapping windows, a voice print for each
speaker of each window, clustering of the prints, and a vote of the windows on every frame."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice.models import model_path
from voice.recordings.diarize.cluster import clusters
from voice.recordings.diarize.models import (
    FIRST,
    FRAMES,
    HOP,
    LOCALS,
    RATE,
    WINDOW,
    Segmentation,
    VoicePrint,
)
from voice.recordings.transcript import SpeakerTurn

MODEL = "pyannote-campplus"
SECONDS = HOP / RATE  # of a frame


@dataclass(frozen=True, slots=True)
class Settings:
    step: int = 148  # frames from one window to the next: 2.5 s
    threshold: float = 0.45  # cosine distance at which two voices are two
    clean: float = 1.0  # s of one voice alone from which its print may found a speaker
    least: float = 0.15  # s; a voice heard for less in a window has no print
    gap: float = 0.25  # s; a speaker's pauses up to here are part of the turn
    shortest: float = 0.12  # s of a turn


@dataclass(frozen=True, slots=True)
class _Heard:
    """One speaker of one window."""

    window: int
    active: NDArray[np.bool_]  # (FRAMES,)
    print: NDArray[np.float32]
    alone: float  # s that the print rests on


class Diarizer:
    """Models loaded once; one `Diarization` a recording."""

    def __init__(
        self, folder: Path | None = None, *, threads: int = 1, settings: Settings | None = None
    ) -> None:
        """Raises ModelMissing when `folder` is not given and the models were not fetched."""
        weights = folder or model_path(MODEL)
        self.segmentation = Segmentation(weights, threads)
        self.voice_print = VoicePrint(weights, threads)
        self.settings = settings or Settings()

    def turns(self, samples: NDArray[np.float32], speakers: int | None = None) -> list[SpeakerTurn]:
        """Turns by start, of mono float32 at 16 kHz; `speakers`: how many there are, if known.

        A recording that does not fit in memory is given piece by piece to a `Diarization`.
        """
        diarization = Diarization(self)
        diarization.add(samples)
        return diarization.turns(speakers)


class Diarization:
    """One recording: `add` its samples in pieces of any length, then ask for the `turns`.

    Of the sound only one window is kept; an hour leaves about 4 MB of activity and prints.
    """

    def __init__(self, by: Diarizer) -> None:
        self._by = by
        self._rest = np.zeros(0, np.float32)  # samples from the next window's start
        self._windows = 0
        self._samples = 0
        self._heard: list[_Heard] = []

    def add(self, samples: NDArray[np.float32]) -> None:
        """Mono float32 at 16 kHz, the next of the recording."""
        self._samples += len(samples)
        step = self._by.settings.step * HOP
        at = 0  # pieces are cut here, so that one of 5 hours is not copied for every window
        while at < len(samples):
            piece = samples[at : at + WINDOW]
            at += WINDOW
            self._rest = np.concatenate([self._rest, piece])
            while len(self._rest) >= WINDOW:
                self._listen(self._rest[:WINDOW])
                self._rest = self._rest[step:]

    def turns(self, speakers: int | None = None) -> list[SpeakerTurn]:
        """By start; speakers are SPEAKER_00, SPEAKER_01... in the order they are first heard."""
        covered = (self._windows - 1) * self._by.settings.step * HOP + WINDOW
        if self._windows == 0 or covered < self._samples:
            padded = np.zeros(WINDOW, np.float32)
            padded[: len(self._rest)] = self._rest
            self._listen(padded)
        if not self._heard:
            return []
        labels = self._labels(speakers)
        return _named(self._vote(labels), self._by.settings)

    def _listen(self, window: NDArray[np.float32]) -> None:
        settings = self._by.settings
        active = self._by.segmentation(window)
        alone = active & (active.sum(axis=1, keepdims=True) == 1)
        for local in range(LOCALS):
            if active[:, local].sum() * SECONDS < settings.least:
                continue
            use = alone[:, local]
            if use.sum() * SECONDS < 0.5:
                use = active[:, local]
            sound = np.concatenate([window[a:b] for a, b in _samples_of(use)])
            self._heard.append(
                _Heard(
                    self._windows,
                    active[:, local],
                    self._by.voice_print(sound),
                    float(alone[:, local].sum() * SECONDS),
                )
            )
        self._windows += 1

    def _labels(self, speakers: int | None) -> NDArray[np.int64]:
        settings = self._by.settings
        prints = np.array([heard.print for heard in self._heard])
        alone = np.array([heard.alone for heard in self._heard], np.float32)
        founding = np.flatnonzero(alone >= settings.clean)
        if len(founding) < max(2, speakers or 0):
            founding = np.arange(len(prints))
        found = clusters(
            prints[founding],
            np.maximum(alone[founding], 0.1),
            threshold=settings.threshold,
            count=speakers,
        )
        centres = np.array(
            [prints[founding][found == n].mean(axis=0) for n in range(found.max() + 1)]
        )
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        likeness = prints @ centres.T
        labels = np.zeros(len(prints), np.int64)
        for window in range(self._windows):
            inside = [i for i, heard in enumerate(self._heard) if heard.window == window]
            for i, label in _assigned(likeness[inside]):
                labels[inside[i]] = label
        return labels

    def _vote(self, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(frames, speakers): who talks."""
        step = self._by.settings.step
        frames = (self._windows - 1) * step + FRAMES
        votes = np.zeros((frames, int(labels.max()) + 1), np.float32)
        windows = np.zeros((frames, 1), np.float32)
        for n in range(self._windows):
            windows[n * step : n * step + FRAMES] += 1
        for heard, label in zip(self._heard, labels, strict=True):
            at = heard.window * step
            votes[at : at + FRAMES, label] += heard.active
        talks = votes / windows > 0.5
        return talks[: int((self._samples - FIRST) / HOP) + 1]


def _assigned(likeness: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Speakers of one window to clusters, the likest first; two of a window are seldom one."""
    likeness = likeness.copy()
    pairs: list[tuple[int, int]] = []
    for _ in range(len(likeness)):
        i, label = np.unravel_index(int(likeness.argmax()), likeness.shape)
        pairs.append((int(i), int(label)))
        likeness[i] = -np.inf
        likeness[:, label] -= 0.5
    return pairs


def _runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, past the last) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _samples_of(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Frames as spans of samples of their window."""
    middle = FIRST - HOP // 2
    return [(middle + a * HOP, min(WINDOW, middle + b * HOP)) for a, b in _runs(active)]


def _named(talks: NDArray[np.bool_], settings: Settings) -> list[SpeakerTurn]:
    spans: list[tuple[float, float, int]] = []
    offset = (FIRST - HOP / 2) / RATE
    for label in range(talks.shape[1]):
        joined: list[list[float]] = []
        for first, past in _runs(talks[:, label]):
            start, end = offset + first * SECONDS, offset + past * SECONDS
            if joined and start - joined[-1][1] < settings.gap:
                joined[-1][1] = end
            else:
                joined.append([start, end])
        spans += [(a, b, label) for a, b in joined if b - a >= settings.shortest]
    spans.sort()
    names: dict[int, str] = {}
    for _, _, label in spans:
        names.setdefault(label, f"SPEAKER_{len(names):02d}")
    return [SpeakerTurn(start, end, names[label]) for start, end, label in spans]
