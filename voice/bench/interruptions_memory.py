"""Whether the agent remembers what the caller heard: its words against the recorded sound."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from voice.listen.doubt import plain
from voice.listen.whisper import Transcriber
from voice.models import ModelMissing, fetch, model_path

READER = "whisper-base"  # not the server's own


@dataclass(frozen=True, slots=True)
class Memory:
    """One interrupted answer. A word that was cut counts for neither side."""

    heard: str  # what the agent remembers as heard
    recorded: str  # what Whisper reads in the sound that was played
    words: int  # of `heard`
    not_played: int  # remembered, and not in the sound
    not_heard: int  # whole in the sound, and not remembered


class Reader:
    """A larger Whisper with its full context."""

    def __init__(self, console: Console) -> None:
        try:
            folder = model_path(READER)
        except ModelMissing:
            fetch(READER, console=console)
            folder = model_path(READER)
        self._whisper = Transcriber(folder, language="en", threads=1)

    def read(self, audio: NDArray[np.float32]) -> str:
        return self._whisper.transcribe(audio, thorough=True).text


def compared(recorded: str, heard: str, said: str) -> Memory:
    """Both as places in `said`: how many of its words were heard, and how many were played."""
    words, remembered, read = plain(said), plain(heard), plain(recorded)
    least, most = _reach(read, words)
    return Memory(
        heard,
        recorded,
        len(remembered),
        max(0, len(remembered) - most),
        max(0, least - len(remembered)),
    )


def _reach(read: list[str], said: list[str]) -> tuple[int, int]:
    """How many words of `said` were read: the prefixes at the least edit distance, the shortest and
    the longest; they differ where a word was cut and read as another."""
    row = list(range(len(said) + 1))
    for i, word in enumerate(read, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(said, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    fits = [j for j, distance in enumerate(row) if distance == min(row)]
    return fits[0], fits[-1]
