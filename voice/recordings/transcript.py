"""A recorded call in words: what recognition writes and every export reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal[
    "transcribed",
    "not speech",  # a detector took noise, music or a tone for it
    "echo",  # the other channel's voice
    "repeated",  # a loop of the recognizer, removed
    "invented",  # words without sound under them, removed
    "unintelligible",  # decoded with every setting there is, and nothing came out
]


@dataclass(frozen=True, slots=True)
class Word:
    """`start` and `end` are s from the file's first sample; start < end, starts never go back
    within a speaker."""

    text: str  # as written, with its punctuation, without spaces around it
    start: float
    end: float
    confidence: float  # 0 to 1
    speaker: str = ""  # "": not asked for


@dataclass(frozen=True, slots=True)
class Segment:
    """Words of one speaker, in one language, without a long pause."""

    words: tuple[Word, ...]  # at least one
    speaker: str = ""
    channel: int | None = None  # of a file whose channels are speakers
    language: str = ""  # ISO 639-1

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end


@dataclass(frozen=True, slots=True)
class Accounted:
    """A stretch in which a detector heard speech, or the recognizer wrote some, and what became
    of it."""

    start: float
    end: float
    outcome: Outcome
    channel: int | None = None
    detail: str = ""  # the words that were removed, or the settings that were tried


@dataclass(frozen=True, slots=True)
class SpeakerTurn:
    """Who spoke when, as the diarizer heard it; turns of two speakers may overlap."""

    start: float
    end: float
    speaker: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence about the call, and the stretches of it (s) that it rests on, one at least."""

    text: str
    times: tuple[tuple[float, float], ...]
    owner: str = ""  # of something to do: the speaker who has to


@dataclass(frozen=True, slots=True)
class Mood:
    """How a speaker sounds in words, from -1 (angry, sad) to 1 (glad)."""

    start: float
    end: float
    speaker: str
    value: float


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a language model read out of a transcript. An answer is None where nobody gave it;
    `fields` is the owner's form, each value with its `quote` and `times`, or null."""

    summary: tuple[Statement, ...] = ()
    topics: tuple[Statement, ...] = ()
    actions: tuple[Statement, ...] = ()
    answers: tuple[tuple[str, Statement | None], ...] = ()
    fields: Mapping[str, Any] | None = None
    moods: tuple[Mood, ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person wrote over a word; "" where it was not said at all."""

    start: float
    end: float
    was: str
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    file: str  # its name, without the folder
    seconds: float
    channels: int
    rate: int  # Hz, of the file
    sha256: str  # of the file
    language: str  # of most words
    segments: tuple[Segment, ...]  # by start
    turns: tuple[SpeakerTurn, ...] = ()
    accounts: tuple[Accounted, ...] = ()
    names: tuple[tuple[str, str, str], ...] = ()  # speaker, name, what it rests on
    model: str = ""
    quality: str = ""
    meaning: Meaning | None = None
    corrections: tuple[Correction, ...] = ()  # in the order in which they were made
