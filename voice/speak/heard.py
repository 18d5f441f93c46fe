"""What the caller heard of one answer, word by word."""

from collections.abc import Sequence
from dataclasses import dataclass

_FADE = 0.03  # s; what is kept after a clause's last sound (speak/sound.py), no speech
_CLOCK = 0.002  # s; a word that lacks less than the clock can tell is whole
_LONGEST_WORD = 0.9  # s; to say a longer one again would sound like a stuck record


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: float  # s, from the answer's first sample
    end: float


class Heard:
    """The words of one answer and where their sound lies in it.

    Where the synthesizer does not say when its words end, they are spread over their clause in
    proportion to their letters, which is right to about a word.
    """

    def __init__(self) -> None:
        self._words: list[_Word] = []
        self._end = 0.0

    @property
    def seconds(self) -> float:
        """Length of the answer's audio so far, pauses included."""
        return self._end

    @property
    def said(self) -> str:
        return " ".join(word.text for word in self._words)

    def add(
        self, text: str, seconds: float, pause: float = 0.0, ends: Sequence[float] = ()
    ) -> float:
        """Append a clause and the silence after it; returns where it starts, in seconds.

        `ends`: where each word of text.split() ends, s from the clause's start.
        """
        start, words = self._end, text.split()
        if len(ends) != len(words):
            ends = by_letters(words, seconds)
        begin = start
        for i, (word, end) in enumerate(zip(words, ends, strict=True)):
            last = i == len(words) - 1
            until = start + (max(0.0, seconds - _FADE) if last else min(end, seconds))
            self._words.append(_Word(word, begin, max(begin, until)))
            begin = max(begin, until)
        self._end += seconds + pause
        return start

    def until(self, played: float) -> str:
        """The words played to their end after `played` seconds: a prefix of `said`."""
        heard: list[str] = []
        for word in self._words:
            if played < word.end - _CLOCK:
                break
            heard.append(word.text)
        return " ".join(heard)

    def restart(self, played: float) -> float:
        """Where to go on after a break: at the start of the word that was broken."""
        for word in self._words:
            if word.start <= played < word.end:
                return word.start if played - word.start < _LONGEST_WORD else played
        return played


def by_letters(words: Sequence[str], seconds: float) -> list[float]:
    """Where words end, s, in proportion to their letters."""
    letters = sum(len(word) + 1 for word in words)
    ends: list[float] = []
    position = 0
    for word in words:
        position += len(word) + 1
        ends.append(seconds * position / letters)
    return ends
