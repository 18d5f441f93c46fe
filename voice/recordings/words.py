"""Words and when they are said, out of the recognizer's cross-attention."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

from voice.recordings.transcript import Word

_POSITION = 0.02  # s
_SHORTEST = 0.02  # s; a word has some length
# s that a model's attention comes after a word's first sound, by the median of 105 known words
LATE = {"whisper-tiny.en": 0.07, "whisper-base": -0.05}
_PAUSE = 0.14  # s; the closure before a p or a t is shorter
_NEAR = 0.25  # s by which attention may be wrong about a pause
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


def to_sound(words: Sequence[Timed], heard: NDArray[np.bool_], late: float) -> list[Timed]:
    """Words of a piece, moved to where its sound begins and ends around them.

    `heard` says for every 20 ms whether they stand out. Attention comes to a word `late` s late,
    and does not know how long a pause is: between two words with a pause near, it is taken.
    """
    pauses = _pauses(heard)
    moved = [replace(w, start=w.start - late, end=w.end - late) for w in words]
    made: list[Timed] = []
    for i, word in enumerate(moved):
        start = word.start if not made else max(word.start, made[-1].end)
        end = word.end
        if i == 0:
            near = [b for a, b in pauses if a - _NEAR <= start <= b + _NEAR and b < end]
            start = near[-1] if near else start
        if i + 1 < len(moved):
            after = moved[i + 1]
            near = [
                (a, b)
                for a, b in pauses
                if a <= end + _NEAR and b >= end - _NEAR and a > start and b < after.end
            ]
            if near:
                a, b = max(near, key=lambda pause: pause[1] - pause[0])
                end = a
                moved[i + 1] = replace(after, start=b)
        else:
            near = [a for a, b in pauses if start < a and b >= end - _NEAR]
            end = min(end, near[0]) if near else end
        start = max(0.0, start)
        made.append(replace(word, start=start, end=max(end, start + _SHORTEST)))
    return made


def _pauses(heard: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """s of what is silent for long enough to be no part of a word."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (~heard).astype(np.int8), [0]])))
    found = edges.reshape(-1, 2) * _POSITION
    whole = len(heard) * _POSITION
    return [(float(a), float(b)) for a, b in found if b - a >= _PAUSE or a == 0 or b >= whole]


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
