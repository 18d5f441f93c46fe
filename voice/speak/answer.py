"""One answer on its way to the caller: its words, its sound, and what of it was heard."""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from loguru import logger
from numpy.typing import NDArray
from pipecat.frames.frames import Frame

from voice.frames import TurnTiming
from voice.speak.clauses import ClauseSplitter
from voice.speak.heard import Heard
from voice.speak.mouth import Mouth
from voice.speak.playout import Playout

SENTENCE_PAUSE = 0.2  # s after . ! ?
CLAUSE_PAUSE = 0.08  # s after , ; :


@dataclass(frozen=True, slots=True)
class Clause:
    text: str
    audio: NDArray[np.int16]
    pause: float  # s of silence after it
    ends: tuple[float, ...] = ()  # of its words, s; () where the synthesizer does not say


@dataclass(slots=True)
class Answer:
    number: int
    timing: TurnTiming | None
    playout: Playout
    mouth: Mouth  # of the language that it is in
    committed: asyncio.Event = field(default_factory=asyncio.Event)
    splitter: ClauseSplitter = field(default_factory=ClauseSplitter)
    heard: Heard = field(default_factory=Heard)
    words: list[str] = field(default_factory=list[str])  # of its clauses
    # An answer of 160 tokens is about 20 clauses; more means that the model runs away.
    texts: "asyncio.Queue[str | None]" = field(default_factory=lambda: asyncio.Queue(64))
    # One clause playing, two ready: synthesis runs at 15x real time, a third would be wasted.
    clauses: "asyncio.Queue[Clause | None]" = field(default_factory=lambda: asyncio.Queue(2))
    held: list[Frame] = field(default_factory=list[Frame])  # shown once the turn is confirmed
    again: deque[NDArray[np.int16]] = field(default_factory=deque[NDArray[np.int16]])
    flowing: asyncio.Event = field(default_factory=asyncio.Event)  # clear: held
    made: float = 0.0  # s of audio synthesized, pauses included
    stopped: float = 0.0  # when an interruption stopped it
    reported: bool = False
    acknowledgement: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: "list[asyncio.Task[None]]" = field(default_factory=list["asyncio.Task[None]"])

    def say(self, clauses: Sequence[str], now: float) -> None:
        """Clauses to synthesize, written by `now`."""
        for clause in clauses:
            if self.timing is not None and not self.timing.first_clause:
                self.timing.first_clause = now
            self.words.append(clause.strip())
            self._put(clause)

    def says_no_more(self, now: float) -> None:
        self.say(self.splitter.flush(), now)
        self._put(None)

    def _put(self, clause: str | None) -> None:
        try:
            self.texts.put_nowait(clause)
        except asyncio.QueueFull:
            logger.warning(f"answer {self.number} is too long to speak; its end is dropped")

    @property
    def due(self) -> float:
        """When the sound made so far will have been played, if nothing holds it."""
        playout = self.playout
        return playout.ends + self.made - playout.sent if playout.started else math.inf

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def heard_words(self) -> str:
        """What was played of it; of one that was not stopped, everything."""
        if not self.playout.started:
            return ""
        played = self.playout.played(self.stopped) if self.stopped else self.heard.seconds
        return self.heard.until(played)


def pause_after(text: str) -> float:
    """Seconds of silence after a clause, by how it ends."""
    end = text.rstrip()[-1:]
    return SENTENCE_PAUSE if end in ".!?" else CLAUSE_PAUSE if end in ",;:" else 0.0
