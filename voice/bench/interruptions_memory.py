"""Whether the agent remembers what the caller heard: its words against the recorded samples.

The synthesizer says where its words end, the recording which samples of its sound were played. No
model reads the sound: it would complete a word that was cut.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice.loudspeaker import LOUD

_PIECE = 0.01  # s; what is looked for in the told sound
_CLOCK = 0.002  # s; a client says in whole ms how much it played
_STEP = 0.002  # s; where it is looked for in the recording: a piece may lie across a cut


@dataclass(frozen=True, slots=True)
class Told:
    """A whole answer: its words, its sound, and where each word ends in it, in samples."""

    words: tuple[str, ...]
    sound: NDArray[np.int16]
    ends: tuple[int, ...]

    def audible(self, word: int) -> int:
        """Where the last sample above LOUD of a word lies; where it begins, if there is none."""
        start = self.ends[word - 1] if word else 0
        loud = np.flatnonzero(np.abs(self.sound[start : self.ends[word]].astype(np.int32)) > LOUD)
        return start + int(loud[-1]) + 1 if len(loud) else start


@dataclass(frozen=True, slots=True)
class Memory:
    """One interrupted answer."""

    heard: str  # what the agent remembers as heard
    played_ms: float  # how far its sound was played
    words: int  # of `heard`
    not_played: int  # remembered, and cut before their last audible sample
    not_heard: int  # played to their end, and not remembered


def compared(recorded: NDArray[np.int16], heard: str, told: Told, rate: int) -> Memory:
    """What is remembered against what was recorded, both at `rate` Hz."""
    reach = place(recorded, told, rate)
    remembered = heard.split()
    count = len(remembered)
    if remembered != list(told.words[:count]):
        return Memory(heard, 1000 * reach / rate, count, count, 0)
    slack = round(_CLOCK * rate)
    not_played = sum(told.audible(word) > reach + slack for word in range(count))
    not_heard = sum(end <= reach for end in told.ends[count:])
    return Memory(heard, round(1000 * reach / rate, 1), count, not_played, not_heard)


def place(recorded: NDArray[np.int16], told: Told, rate: int) -> int:
    """How far into the told sound the recording reaches, in samples.

    It may go there in parts: after a false alarm the agent goes back to the start of a word.
    """
    size, step = round(_PIECE * rate), round(_STEP * rate)
    sound, furthest, at = told.sound.tobytes(), 0, 0
    while at + size <= len(recorded):
        piece = recorded[at : at + size]
        found = _find(sound, piece) if np.abs(piece.astype(np.int32)).max() > LOUD else None
        if found is None:
            at += step
            continue
        both = min(len(recorded) - at, len(told.sound) - found)
        differs = recorded[at : at + both] != told.sound[found : found + both]
        alike = int(differs.argmax()) if differs.any() else both
        furthest = max(furthest, found + alike)
        at += alike
    return furthest


def _find(sound: bytes, piece: NDArray[np.int16]) -> int | None:
    at = sound.find(piece.tobytes())
    while at >= 0 and at % 2:  # between two samples
        at = sound.find(piece.tobytes(), at + 1)
    return at // 2 if at >= 0 else None
