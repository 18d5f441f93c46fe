"""Voices that are known by samples, and what a recording's speakers are called."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice.audiofile import read_audio
from voice.recordings.diarize.diarizer import Diarizer
from voice.recordings.diarize.models import RATE
from voice.recordings.diarize.names import said_names
from voice.recordings.transcript import Segment

# Cosine distance up to which a speaker is the one of the samples. Of 54 voices 96% are within it of
# samples by the same wire, 76% of samples by another (wide band against telephone), and 1% of the
# pairs of two voices.
THRESHOLD = 0.45


class VoicesError(Exception):
    """A folder of voices cannot be used. The message is one line."""


@dataclass(frozen=True, slots=True)
class KnownVoices:
    names: tuple[str, ...]
    prints: NDArray[np.float32]  # (names, 192), of length 1

    @property
    def digest(self) -> str:
        """Changes when a name or a sample does."""
        return hashlib.sha256(repr(self.names).encode() + self.prints.tobytes()).hexdigest()[:16]

    def among(self, voices: Mapping[str, NDArray[np.float32]]) -> dict[str, tuple[str, float]]:
        """speaker -> (name, distance), the nearest first; nobody has two names, no name two."""
        found: dict[str, tuple[str, float]] = {}
        pairs = sorted(
            (1.0 - float(known @ voice), speaker, name)
            for speaker, voice in voices.items()
            for name, known in zip(self.names, self.prints, strict=True)
        )
        for distance, speaker, name in pairs:
            taken = speaker in found or name in {one for one, _ in found.values()}
            if distance <= THRESHOLD and not taken:
                found[speaker] = (name, distance)
        return found


def known_voices(folder: Path, diarizer: Diarizer) -> KnownVoices:
    """Of a folder with NAME.wav, or NAME/*.wav where there are several samples of a person; any
    sound file. Raises VoicesError, AudioFileError."""
    if not folder.is_dir():
        raise VoicesError(f"{folder}: is not a folder of voices")
    samples: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*")) + sorted(folder.glob("*/*")):
        if path.is_file() and not path.name.startswith("."):
            name = path.stem if path.parent == folder else path.parent.name
            samples.setdefault(name, []).append(path)
    if not samples:
        raise VoicesError(f"{folder}: there is no NAME.wav in it")
    prints = [_print(paths, diarizer) for paths in samples.values()]
    return KnownVoices(tuple(samples), np.stack(prints))


def _print(paths: Sequence[Path], diarizer: Diarizer) -> NDArray[np.float32]:
    total = np.zeros(0, np.float32)
    for path in paths:
        samples = read_audio(path, RATE).astype(np.float32) / np.float32(32768)
        voices = diarizer.diarized(samples, 1).voices
        if not voices:
            raise VoicesError(f"{path}: nobody speaks in it")
        (voice,) = voices.values()
        total = voice if not len(total) else total + voice
    return (total / np.linalg.norm(total)).astype(np.float32)


def names_of(
    segments: Sequence[Segment],
    voices: Mapping[str, NDArray[np.float32]],
    known: KnownVoices | None = None,
) -> list[tuple[str, str, str]]:
    """(speaker, name, what it rests on): known voices before what they say of themselves."""
    alike = known.among(voices) if known else {}
    names = [
        (speaker, name, f"sounds like the samples of {name} (distance {distance:.2f})")
        for speaker, (name, distance) in alike.items()
    ]
    return names + [said for said in said_names(segments) if said[0] not in alike]
