"""Words and when they are said, out of the recognizer's cross-attention."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from faster_whisper.tokenizer import Tokenizer

from voice.recordings.transcript import Word

_POSITION = 0.02  # s
_SHORTEST = 0.02  # s; a word has some length
_WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})


@dataclass(frozen=True, slots=True)
class Timed:
    """`start` and `end` in s; they never go back from word to word."""

    text: str
    start: float
    end: float
    confidence: float

    def by(self, speaker: str) -> Word:
        return Word(self.text, self.start, self.end, self.confidence, speaker)

    def moved(self, by: float, until: float) -> "Timed":
        """On another clock, and inside [0, until] of it."""
        start = min(max(0.0, self.start + by), until - _SHORTEST)
        return replace(self, start=start, end=min(max(start + _SHORTEST, self.end + by), until))


def timed(
    ids: Sequence[int],
    path: Sequence[tuple[int, int]],
    probabilities: Sequence[float],
    tokenizer: Tokenizer,
) -> list[Timed]:
    """The words of a text's tokens; `path` is the way of (token, position) through attention."""
    if not ids:
        return []
    texts, tokens = tokenizer.split_to_word_tokens([*ids, tokenizer.eot])
    steps = np.array(path)
    # The first position of every token, and of the end of text
    first = steps[np.flatnonzero(np.diff(steps[:, 0], prepend=-1)), 1] * _POSITION
    at = np.minimum(np.cumsum([0, *map(len, tokens)]), len(first) - 1)
    words: list[Timed] = []
    for i, text in enumerate(texts[:-1]):
        written = text.strip()
        if not written:
            continue
        begin, end = int(at[i]), int(at[i + 1])
        sure = float(np.mean(probabilities[begin : max(end, begin + 1)]))
        start, stop = float(first[begin]), float(first[end])
        if words and not any(c.isalnum() for c in written):
            # A sign of punctuation has no time of its own
            words[-1] = replace(words[-1], text=words[-1].text + written)
        elif words and (not any(c.isalnum() for c in words[-1].text) or _goes_on(text, tokenizer)):
            sure = min(sure, words[-1].confidence)
            words[-1] = Timed(words[-1].text + written, words[-1].start, stop, sure)
        else:
            words.append(Timed(written, start, max(stop, start + _SHORTEST), sure))
    return words


def in_order(words: Sequence[Timed]) -> list[Timed]:
    """The words of a track, none of which ends after the next begins, by taking that from the
    longer of two that overlap."""
    made: list[Timed] = []
    for word in words:
        last = made[-1] if made else None
        if last and word.start < last.end:
            at = min(max(word.start, last.start + _SHORTEST), last.end)
            made[-1] = replace(last, end=at)
            word = replace(word, start=at, end=max(word.end, at + _SHORTEST))
        made.append(word)
    return made


def _goes_on(text: str, tokenizer: Tokenizer) -> bool:
    """Whether a part belongs to the word before it, as after a hyphen."""
    return not text[0].isspace() and tokenizer.language_code not in _WITHOUT_SPACES
