"""Words on one channel of a call that are only the other side's voice: its echo, its leak."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voice.listen.doubt import plain
from voice.recordings.activity import STEP, Activity
from voice.recordings.words import Timed

_QUIETER = 6.0  # dB at least that an echo is below its voice
_SAME_TIME = 0.8  # s between a word and its echo, with what attention errs
_LAGS = round(0.6 / STEP)  # an echo comes as much as 0.6 s late through a mobile network
_AROUND = 0.5  # s around a word whose loudness is compared
# Correlation of two channels' loudness in dB from which one follows the other; of two people who
# talk at once it is near nothing
_FOLLOWS = 0.8
_PAUSE = 0.5  # s; words without one between them come from one mouth


def echoes(
    words: Sequence[Timed],
    activity: Activity,
    others: Sequence[Timed],
    other: Activity,
) -> NDArray[np.bool_]:
    """Which of a channel's words (by start) are the other channel's: quieter than it at the time,
    and the same words, or as loud and as soft at the same moments. Decided for all the words
    between two pauses at once."""
    mine, theirs = _decibels(activity.level), _decibels(other.level)
    said = [(word.start, "".join(plain(word.text))) for word in others]
    found = np.zeros(len(words), np.bool_)
    for begin, end in _together(words):
        part = words[begin:end]
        alike = [_quieter(w, activity, mine, theirs) and _same(w, said) for w in part]
        if sum(alike) >= 0.6 * len(part) or _follows(part, activity, mine, theirs):
            found[begin:end] = True
        elif len(part) > 1:
            found[begin:end] = _surely(alike)
    return found


def _surely(alike: Sequence[bool]) -> list[bool]:
    """Three words in a row that both sides have are no accident; one may be."""
    return [
        any(all(alike[max(0, j) : j + 3]) for j in range(i - 2, i + 1) if 0 <= j <= len(alike) - 3)
        for i in range(len(alike))
    ]


def _together(words: Sequence[Timed]) -> list[tuple[int, int]]:
    cuts = [i for i in range(1, len(words)) if words[i].start - words[i - 1].end > _PAUSE]
    return list(zip([0, *cuts], [*cuts, len(words)], strict=True)) if words else []


def _quieter(
    word: Timed, activity: Activity, mine: NDArray[np.float32], theirs: NDArray[np.float32]
) -> bool:
    here = activity.during(word.start, word.end)
    # The voice itself came before its echo
    there = slice(max(0, here.start - _LAGS // 2), here.stop)
    return (
        float(np.max(theirs[there], initial=-120)) - float(np.max(mine[here], initial=-120))
        >= _QUIETER
    )


def _same(word: Timed, said: Sequence[tuple[float, str]]) -> bool:
    text = "".join(plain(word.text))
    return any(text == other and abs(word.start - start) <= _SAME_TIME for start, other in said)


def _follows(
    part: Sequence[Timed],
    activity: Activity,
    mine: NDArray[np.float32],
    theirs: NDArray[np.float32],
) -> bool:
    here = activity.during(part[0].start - _AROUND, part[-1].end + _AROUND)
    own = mine[here]
    for lag in range(min(_LAGS, here.start) + 1):
        voice = theirs[here.start - lag : here.start - lag + len(own)]
        if len(voice) < len(own) or own.std() < 1 or voice.std() < 1:
            continue
        quieter = float(np.percentile(voice, 90) - np.percentile(own, 90)) >= _QUIETER
        if quieter and float(np.corrcoef(own, voice)[0, 1]) >= _FOLLOWS:
            return True
    return False


def _decibels(level: NDArray[np.float32]) -> NDArray[np.float32]:
    return 20 * np.log10(np.maximum(level, 1e-6))
