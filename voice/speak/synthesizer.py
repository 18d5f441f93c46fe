"""The one interface of every speech synthesizer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class SpeechError(Exception):
    """A clause cannot be spoken. The message says what is wrong and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Voice:
    name: str  # unique across synthesizers: "joe", "af_heart"
    language: str  # BCP 47: "en-US"


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of a clause's sound, and where its spoken words end in it, where that is known."""

    audio: NDArray[np.int16]
    ends: tuple[float, ...] = ()  # s from its first sample
    sizes: tuple[int, ...] = ()  # phonemes of each word


class Synthesizer(Protocol):
    """Loaded once a process and shared by all calls. Blocking: call it on a Lane."""

    name: str
    sample_rate: int  # Hz
    voices: tuple[Voice, ...]

    def speak(self, text: str, *, voice: str = "", speed: float = 1.0) -> Iterator[Spoken]:
        """Speak one clause. Yields mono PCM of any length, leading and trailing silence trimmed
        to at most ~60 ms so that clauses join without a gap.

        Raises SpeechError for an unknown voice or text that cannot be spoken.
        """
        ...

    def warm_up(self) -> None: ...

    def close(self) -> None: ...
