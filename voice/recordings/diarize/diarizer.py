"""Who spoke when in one channel: segmentation of overlapping windows, voice prints of pieces in
which one speaker talks, clustering of the prints, and a vote of the windows on every frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice.models import model_path
from voice.recordings.diarize.cluster import speakers_of, with_rare
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
    step: int = 296  # frames from one window to the next: 5 s
    threshold: float = 0.33  # distance at which two voices are two, as cluster.py measures it
    piece: float = 2.2  # s of one voice in a print at most; longer speech is cut
    shortest_piece: float = 0.3  # s; shorter speech has the speaker of the nearest piece
    founding: float = 0.7  # s; a shorter piece founds no speaker
    least: float = 3.0  # s of pieces, counted in both of their windows, that make a speaker
    loyalty: float = 0.05  # what a piece's likeness to its local speaker's voice is raised by
    gap: float = 0.25  # s; a speaker's pauses up to here are part of the turn
    shortest: float = 0.12  # s of a turn


@dataclass(frozen=True, slots=True)
class Diarized:
    """Turns by start, and what each of their speakers sounds like: (192,) of length 1."""

    turns: list[SpeakerTurn]
    voices: dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Frames `first` up to `past` of one of a window's local speakers."""

    window: int
    local: int
    first: int
    past: int
    alone: bool  # nobody else talks
    print: NDArray[np.float32]


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
        return self.diarized(samples, speakers).turns

    def diarized(self, samples: NDArray[np.float32], speakers: int | None = None) -> Diarized:
        """As `turns`, with the voices."""
        diarization = Diarization(self)
        diarization.add(samples)
        return diarization.done(speakers)


class Diarization:
    """One recording: `add` its samples in pieces of any length, then ask what was heard.

    Of the sound only one window is kept: from minute 5 to 36 a process grew from 211.6 to 212.1 MB.
    """

    def __init__(self, by: Diarizer) -> None:
        self._by = by
        self._rest = np.zeros(0, np.float32)  # samples from the next window's start
        self._windows = 0
        self._samples = 0
        self._active: list[NDArray[np.uint8]] = []  # bits of (FRAMES, LOCALS), a window each
        self._pieces: list[_Piece] = []

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

    def done(self, speakers: int | None = None) -> Diarized:
        """Who spoke when; nothing more can be added.

        Speakers are SPEAKER_00, SPEAKER_01... in the order they are first heard.
        """
        covered = (self._windows - 1) * self._by.settings.step * HOP + WINDOW
        if self._windows == 0 or covered < self._samples:
            padded = np.zeros(WINDOW, np.float32)
            padded[: len(self._rest)] = self._rest
            self._listen(padded)
        if not self._pieces:
            return Diarized([], {})
        voices = self._voices(speakers)
        spans = _spans(self._vote(voices), self._by.settings)
        names: dict[int, str] = {}
        for _, _, label in spans:
            names.setdefault(label, f"SPEAKER_{len(names):02d}")
        return Diarized(
            [SpeakerTurn(start, end, names[label]) for start, end, label in spans],
            {name: voices[label] for label, name in names.items()},
        )

    def _listen(self, window: NDArray[np.float32]) -> None:
        settings = self._by.settings
        active = self._by.segmentation(window)
        alone = active & (active.sum(axis=1, keepdims=True) == 1)
        for local in range(LOCALS):
            runs = [
                run
                for run in _bridged(_runs(alone[:, local]), active)
                if (run[1] - run[0]) * SECONDS >= settings.shortest_piece
            ]
            for first, past in (part for run in runs for part in _cut(run, settings.piece)):
                self._print(window, local, first, past, [(first, past)], alone=True)
            spoken = _runs(active[:, local])
            if spoken and not runs:
                self._print(window, local, spoken[0][0], spoken[-1][1], spoken, alone=False)
        self._active.append(np.packbits(active))
        self._windows += 1

    def _print(
        self,
        window: NDArray[np.float32],
        local: int,
        first: int,
        past: int,
        runs: Sequence[tuple[int, int]],
        *,
        alone: bool,
    ) -> None:
        start = FIRST - HOP // 2
        sound = np.concatenate([window[start + a * HOP : start + b * HOP] for a, b in runs])
        voice = self._by.voice_print(sound)
        self._pieces.append(_Piece(self._windows, local, first, past, alone, voice))

    def _voices(self, speakers: int | None) -> NDArray[np.float32]:
        settings = self._by.settings
        bounds = np.array([[piece.first, piece.past] for piece in self._pieces]) * SECONDS
        lengths = bounds[:, 1] - bounds[:, 0]
        starts = np.array([piece.window for piece in self._pieces]) * settings.step * SECONDS
        middles = starts + bounds.mean(axis=1)
        prints = np.array([piece.print for piece in self._pieces])
        alone = np.array([piece.alone for piece in self._pieces])
        founding = alone & (lengths >= settings.founding)
        if founding.sum() < max(2, speakers or 0):
            founding[:] = True
        voices = speakers_of(
            prints[founding],
            middles[founding],
            lengths[founding],
            threshold=settings.threshold,
            least=settings.least,
            count=speakers,
        )
        if speakers is None:
            voices = with_rare(voices, prints[alone], middles[alone], lengths[alone])
        return voices

    def _vote(self, voices: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(frames, speakers): who talks."""
        step, trust = self._by.settings.step, _trust()
        frames = (self._windows - 1) * step + FRAMES
        votes = np.zeros((frames, len(voices)), np.float32)
        windows = np.zeros((frames, 1), np.float32)
        own: dict[tuple[int, int], list[_Piece]] = {}
        for piece in self._pieces:
            own.setdefault((piece.window, piece.local), []).append(piece)
        for n, packed in enumerate(self._active):
            span = slice(n * step, n * step + FRAMES)
            windows[span] += trust
            active = np.unpackbits(packed, count=FRAMES * LOCALS).reshape(FRAMES, LOCALS)
            said = np.zeros((FRAMES, len(voices)), bool)
            for local in range(LOCALS):
                if pieces := own.get((n, local)):
                    labels = self._labels(pieces, voices)
                    talks = np.flatnonzero(active[:, local])
                    said[talks, _nearest(talks, pieces, labels)] = True
            votes[span] += said * trust
        votes /= windows
        # As many as the windows hear on average, those with most votes: windows that hear one
        # speaker, but do not agree who it is, have heard one.
        order = np.argsort(np.argsort(-votes, axis=1, kind="stable"), axis=1)
        talks = (order < np.ceil(votes.sum(axis=1, keepdims=True) - 0.5)) & (votes > 0)
        return talks[: int((self._samples - FIRST) / HOP) + 1]

    def _labels(self, pieces: list[_Piece], voices: NDArray[np.float32]) -> NDArray[np.int64]:
        """Which of `voices` each piece of one local speaker has."""
        likeness = np.array([piece.print for piece in pieces]) @ voices.T
        lengths = np.array([piece.past - piece.first for piece in pieces])
        likeness[:, int((likeness * lengths[:, None]).sum(axis=0).argmax())] += (
            self._by.settings.loyalty
        )
        return likeness.argmax(axis=1)


def _trust() -> NDArray[np.float32]:
    """(FRAMES, 1): a window knows less about its first and last second."""
    away = np.minimum(np.arange(FRAMES), np.arange(FRAMES)[::-1]) + 0.5
    return np.minimum(1.0, away * SECONDS)[:, None].astype(np.float32)


def _nearest(
    frames: NDArray[np.int64], pieces: list[_Piece], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The label of the piece that each frame lies in or is nearest to."""
    first = np.array([piece.first for piece in pieces])
    past = np.array([piece.past for piece in pieces])
    away = np.maximum(first - frames[:, None], frames[:, None] - past + 1)
    return labels[np.maximum(away, 0).argmin(axis=1)]


def _bridged(runs: list[tuple[int, int]], active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs joined over pauses of up to 0.1 s in which nobody talks."""
    joined: list[tuple[int, int]] = []
    for first, past in runs:
        if joined and first - joined[-1][1] <= 6 and not active[joined[-1][1] : first].any():
            joined[-1] = (joined[-1][0], past)
        else:
            joined.append((first, past))
    return joined


def _cut(run: tuple[int, int], longest: float) -> list[tuple[int, int]]:
    """Even parts of at most `longest` s."""
    parts = int(np.ceil((run[1] - run[0]) * SECONDS / longest))
    edges = np.linspace(run[0], run[1], parts + 1).astype(int).tolist()
    return list(pairwise(edges))


def _runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, past the last) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _spans(talks: NDArray[np.bool_], settings: Settings) -> list[tuple[float, float, int]]:
    """(start, end, speaker), by start."""
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
    return sorted(spans)
