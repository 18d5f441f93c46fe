"""Speech without words, and words without speech."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from voice.listen.doubt import plain
from voice.recordings.activity import STEP, Activity, Span, held, spans
from voice.recordings.words import Timed

SPEECH = (
    0.5,
    0.35,
)  # probabilities: surely speech from one on, and as long as it is over the other
_MAYBE = 0.2  # highest probability around a word under which nobody speaks
_AROUND = 0.3  # s around a word that are its own, as attention is no more exact
_SHORTEST = 0.6  # s of speech without a word that are worth reading again
# A word that attention spreads over what it skipped is heard at one end: 0.4 s, 0.09 a letter
_WORD, _LETTER = 0.4, 0.09
_STOCK = frozenset(
    (
        *("you", "bye", "bye bye", "so", "oh", "okay", "uh", "um", "music", "the end", "i'm sorry"),
        *("thank you", "thank you very much", "thanks for watching", "thank you for watching"),
        *("thank you so much for watching", "see you next time", "please subscribe"),
        *("like and subscribe", "subtitles by the amara org community"),
    )
)


def unread(words: Iterable[Timed], activity: Activity) -> list[Span]:
    """Where somebody surely speaks, and no word is."""
    speech = held(activity.speech, *SPEECH)
    covered = np.zeros(len(speech), np.bool_)
    for word in words:
        for part in _heard(word):
            covered[activity.during(part.start - _AROUND, part.end + _AROUND)] = True
    return spans(speech & ~covered, bridge=0.2, shortest=_SHORTEST)


def faint(activity: Activity, words: Iterable[Timed]) -> list[Span]:
    """Where only our own detector hears a voice, and no word is."""
    maybe = np.convolve(activity.voiced, np.ones(9), "same") >= 5
    taken = held(activity.speech, *SPEECH)
    for word in words:
        taken[activity.during(word.start - _AROUND, word.end + _AROUND)] = True
    return spans(maybe & ~taken, bridge=0.3, shortest=_SHORTEST)


def unfounded(words: Sequence[Timed], activity: Activity) -> NDArray[np.bool_]:
    """Which words lie where no detector hears speech."""
    return np.array(
        [
            bool((near := activity.speech[activity.during(w.start - 0.2, w.end + 0.2)]).size == 0)
            or float(near.max()) < _MAYBE
            for w in words
        ],
        np.bool_,
    )


def stock(words: Iterable[Timed]) -> bool:
    """Whether the recognizer writes this where it hears nothing."""
    return " ".join(plain(" ".join(word.text for word in words))) in _STOCK


def seconds_of_speech(activity: Activity, span: Span) -> float:
    heard = activity.speech[activity.during(span.start, span.end)] >= SPEECH[0]
    return float(heard.sum()) * STEP


def _heard(word: Timed) -> Iterator[Span]:
    longest = _WORD + _LETTER * len(word.text)
    if word.end - word.start <= longest:
        yield Span(word.start, word.end)
    else:
        yield Span(word.start, word.start + longest / 2)
        yield Span(word.end - longest / 2, word.end)
