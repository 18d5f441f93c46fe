"""One track to words: read, doubted, read again, and every second of speech accounted for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from voice.listen.doubt import unrepeated
from voice.listen.vad import SAMPLE_RATE
from voice.recordings.activity import Activity, Span, held, listen, padded, spans
from voice.recordings.coverage import (
    SPEECH,
    faint,
    seconds_of_speech,
    stock,
    unfounded,
    unread,
)
from voice.recordings.pieces import Piece, cut
from voice.recordings.reading import Sound
from voice.recordings.recognizer import Reading, Recognizer
from voice.recordings.transcript import Accounted, Outcome
from voice.recordings.words import Timed, in_order

_TOGETHER = 64  # pieces read at once: sorted by length, they fill batches
_CONTEXT = 0.4  # s around speech that was not read, when it is read again
_WIDE = 4.0  # s around it the second time
_PEAK = 0.5  # to which what only one detector hears is amplified before Silero hears it again


@dataclass(frozen=True, slots=True)
class Said:
    word: Timed
    language: str


@dataclass(slots=True)
class Track:
    """A stream of a recording while it is read."""

    sound: Sound
    number: int
    recognizer: Recognizer
    activity: Activity
    beam: int
    least: float  # log probability of what is believed at once
    said: list[Said] = field(default_factory=list[Said])
    accounts: list[Accounted] = field(default_factory=list[Accounted])

    def read(self, reached: Callable[[float], None]) -> None:
        """Fill `said`, by start, and `accounts` but for what is transcribed. `reached` is told s
        that are done."""
        speech = spans(held(self.activity.speech, 0.3, 0.15), bridge=0.3)
        pieces = cut(list(padded(speech, self.sound.seconds)), self.activity, self.number)
        for begin in range(0, len(pieces), _TOGETHER):
            part = pieces[begin : begin + _TOGETHER]
            reached(part[0].start)
            for piece, reading in zip(part, self._readings(part), strict=True):
                self._add(piece, reading)
        self._fill(unread((one.word for one in self.said), self.activity))
        self._faint()
        self._tidy()

    def _readings(self, pieces: Sequence[Piece]) -> list[Reading]:
        sounds = [self._audio(piece) for piece in pieces]
        readings = self.recognizer.read(sounds, beam=self.beam)
        doubtful = [
            i
            for i, reading in enumerate(readings)
            if reading.doubt or (reading.words and reading.log_probability < self.least)
        ]
        again = self.recognizer.read([sounds[i] for i in doubtful], beam=5, whole=True)
        for i, second in zip(doubtful, again, strict=True):
            readings[i] = better(readings[i], second)
        return readings

    def _audio(self, piece: Piece) -> NDArray[np.float32]:
        start, stop = round(piece.start * SAMPLE_RATE), round(piece.end * SAMPLE_RATE)
        return self.sound.read(self.number, start, stop)

    def _add(self, piece: Piece, reading: Reading) -> None:
        words = [word.moved(piece.start, self.sound.seconds) for word in reading.words]
        if reading.doubt == "repeats itself":
            words = self._unlooped(words)
        if reading.doubt == "no speech" or (stock(words) and reading.no_speech > 0.5):
            self._removed(words, "invented", "the recognizer hears no speech itself")
            return
        keep = ~unfounded(words, self.activity)
        for run in _runs(words, ~keep):
            self._removed(run, "invented", "no speech under it")
        self.said += [
            Said(word, reading.language) for word, kept in zip(words, keep, strict=True) if kept
        ]

    def _unlooped(self, words: list[Timed]) -> list[Timed]:
        kept = len(unrepeated(" ".join(word.text for word in words)).split())
        # What is said once stays; the rest of the loop has no sound of its own
        self._removed(words[kept:], "repeated", "")
        return words[:kept]

    def _fill(self, missing: Iterable[Span]) -> None:
        """Read again where somebody speaks and nothing was written."""
        # A stretch may be longer than a window: a whole piece came back empty
        parts = [part for span in missing for part in cut([span], self.activity)]
        for span in (Span(part.start, part.end) for part in parts):
            tried: list[str] = []
            for context, how in ((_CONTEXT, "beam 5"), (_WIDE, "beam 5, more around it")):
                tried.append(how)
                if self._again(span, context, -1.0):
                    break
            else:
                self._note(span, "unintelligible", "; ".join(tried))

    def _again(self, span: Span, context: float, least: float) -> bool:
        start = max(0.0, span.start - context)
        piece = Piece(self.number, start, min(self.sound.seconds, span.end + context))
        if piece.seconds > 28:
            piece = Piece(self.number, start, start + 28)
        (reading,) = self.recognizer.read([self._audio(piece)], beam=5, whole=True)
        if reading.doubt or reading.log_probability < least or stock(reading.words):
            return False
        found = [word.moved(piece.start, self.sound.seconds) for word in reading.words]
        inside = [w for w in found if span.start - 0.1 <= (w.start + w.end) / 2 <= span.end + 0.1]
        self.said += [Said(word, reading.language) for word in inside]
        return bool(inside)

    def _faint(self) -> None:
        """What only our detector takes for a voice: Silero hears it again, louder."""
        for span in faint(self.activity, [one.word for one in self.said]):
            around = Piece(self.number, max(0.0, span.start - 0.5), span.end + 0.5)
            audio = self._audio(around)
            loud = audio * (_PEAK / max(float(np.abs(audio).max()), 1e-4))
            second = listen([loud])
            if seconds_of_speech(second, Span(0, around.seconds)) < 0.3 or not self._again(
                span, _CONTEXT, -0.6
            ):
                self._note(span, "not speech", "only one detector hears a voice")

    def _tidy(self) -> None:
        ordered = sorted(self.said, key=lambda one: (one.word.start, one.word.end))
        words = in_order([one.word for one in ordered])
        self.said = [Said(w, one.language) for w, one in zip(words, ordered, strict=True)]

    def without(self, echo: NDArray[np.bool_]) -> None:
        """Take out the words that are the other side's."""
        for run in _runs([one.word for one in self.said], echo):
            self._removed(run, "echo", "")
        self.said = [one for one, heard in zip(self.said, echo, strict=True) if not heard]

    def account(self) -> None:
        """All other speech is transcribed."""
        other = np.zeros(len(self.activity.speech), np.bool_)
        for one in self.accounts:
            other[self.activity.during(one.start, one.end)] = True
        told = held(self.activity.speech, *SPEECH)
        for one in self.said:
            told[self.activity.during(one.word.start, one.word.end)] = True
        for span in spans(told & ~other, bridge=0.5):
            self._note(span, "transcribed", "")
        self.accounts.sort(key=lambda one: (one.start, one.end, one.outcome))

    def _removed(self, words: Sequence[Timed], outcome: Outcome, why: str) -> None:
        if words:
            text = " ".join(word.text for word in words)
            span = Span(words[0].start, words[-1].end)
            self._note(span, outcome, f"{text} ({why})" if why else text)

    def _note(self, span: Span, outcome: Outcome, detail: str) -> None:
        channel = self.number if self.sound.tracks > 1 else None
        end = min(span.end, self.sound.seconds)
        self.accounts.append(Accounted(span.start, end, outcome, channel, detail))


def better(first: Reading, second: Reading) -> Reading:
    """Of two readings of a piece: the one that is not doubted, else the likelier."""
    if bool(first.doubt) != bool(second.doubt):
        return second if first.doubt else first
    return second if second.log_probability > first.log_probability else first


def _runs(words: Sequence[Timed], wanted: NDArray[np.bool_]) -> list[Sequence[Timed]]:
    """Words in a row that are wanted."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wanted.astype(np.int8), [0]])))
    return [words[int(a) : int(b)] for a, b in list(pairwise(edges))[::2]]
