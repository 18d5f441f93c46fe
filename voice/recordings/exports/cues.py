"""Words to subtitles that can be read: how much stands on the screen, and for how long.

At most two lines of 42 letters, at most 17 letters a second. Speech is often faster than that, so
a cue takes the silence after it, then up to half a second before it; then the next one comes up to
a second late; and where even that is not enough, the two are shown together for a moment. No word
is left out, and no cue lies outside the recording.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from voice.recordings.exports.speakers import runs
from voice.recordings.transcript import Transcript

LINE = 42  # letters
PER_SECOND = 17.0  # letters, spaces too
_LONGEST = 7.0  # s
_SILENCE = 1.0  # s; a cue does not last through a longer one
_EARLY, _LATE = 0.5, 1.0  # s before and after the first word's start
_SHORTEST = 0.8  # s, where nothing else is shown
# What a cue more costs, and its end: the fewest cues that end where a reader would pause.
_CUE, _MID_CLAUSE, _MID_SENTENCE, _ORPHAN = 1.0, 1.0, 0.3, 0.4
_PAUSE = 0.35  # s between two words; as good an end as a comma
_FEW = 12  # letters


@dataclass(frozen=True, slots=True)
class Cue:
    start: float
    end: float
    lines: tuple[str, ...]
    speaker: str

    @property
    def letters(self) -> int:
        return sum(map(len, self.lines)) + len(self.lines) - 1


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: float
    end: float


def cues(transcript: Transcript, labels: Mapping[str, str] | None = None) -> list[Cue]:
    """By start. `labels` is what is written before a speaker's words when somebody else spoke
    before ("Maria:")."""
    made: list[Cue] = []
    for speaker, segments in runs(transcript):
        tokens = [_Token(w.text, w.start, w.end) for part in segments for w in part.words]
        tokens.sort(key=lambda token: token.start)
        if labels and labels.get(speaker):
            first = tokens[0].start
            tokens.insert(0, _Token(labels[speaker], first, first))
        made += [_cue(tokens[begin:end], speaker) for begin, end in _split(tokens)]
    return _timed(sorted(made, key=lambda cue: cue.start), transcript.seconds)


def _split(tokens: Sequence[_Token]) -> Iterator[tuple[int, int]]:
    """The cheapest way through the words."""
    best = [0.0] + [float("inf")] * len(tokens)
    came = [0] * (len(tokens) + 1)
    for begin in range(len(tokens)):
        for end in _fitting(tokens, begin):
            cost = best[begin] + _cost(tokens, begin, end)
            if cost < best[end]:
                best[end], came[end] = cost, begin
    ends: list[tuple[int, int]] = []
    end = len(tokens)
    while end:
        ends.append((came[end], end))
        end = came[end]
    return reversed(ends)


def _fitting(tokens: Sequence[_Token], begin: int) -> Iterator[int]:
    """Every `end` up to which the words make one cue; one word always does."""
    first = second = 0
    for index in range(begin, len(tokens)):
        token = tokens[index]
        if index > begin:
            gap = token.start - tokens[index - 1].end
            if gap >= _SILENCE or token.end - tokens[begin].start > _LONGEST:
                return
        size = len(token.text)
        if not second and (not first or first + 1 + size <= LINE):
            first += size + (1 if first else 0)
        elif not second or second + 1 + size <= LINE:
            second += size + (1 if second else 0)
            if second > LINE:  # a word longer than a line has the whole cue
                return
        else:
            return
        yield index + 1


def _cost(tokens: Sequence[_Token], begin: int, end: int) -> float:
    cost = _CUE
    if sum(len(token.text) + 1 for token in tokens[begin:end]) <= _FEW:
        cost += _ORPHAN
    if end == len(tokens):
        return cost
    last = tokens[end - 1]
    if last.text.endswith((".", "?", "!", "…", "。", "？", "！")):
        return cost
    if last.text.endswith((",", ";", ":", "–", "—")) or tokens[end].start - last.end >= _PAUSE:
        return cost + _MID_SENTENCE
    return cost + _MID_CLAUSE


def _cue(tokens: Sequence[_Token], speaker: str) -> Cue:
    words = [token.text for token in tokens]
    return Cue(tokens[0].start, max(t.end for t in tokens), _lines(words), speaker)


def _lines(words: Sequence[str]) -> tuple[str, ...]:
    """One line where it fits; else two, cut after a clause where there is one, else in the
    middle."""
    whole = " ".join(words)
    if len(whole) <= LINE or len(words) == 1:
        return (whole,)
    ways: list[tuple[float, tuple[str, str]]] = []
    for cut in range(1, len(words)):
        above, below = " ".join(words[:cut]), " ".join(words[cut:])
        too_long = max(len(above), len(below)) > LINE
        clause = words[cut - 1].endswith((",", ";", ":", ".", "?", "!"))
        uneven = abs(len(above) - len(below)) / len(whole)
        ways.append((10.0 * too_long + uneven - 0.4 * clause, (above, below)))
    return min(ways)[1]


def _timed(spoken: Sequence[Cue], seconds: float) -> list[Cue]:
    """Each cue long enough to be read, in the order of the speech; times in whole ms."""
    made: list[Cue] = []
    free = 0.0  # the end of the cue before
    for index, cue in enumerate(spoken):
        following = spoken[index + 1].start if index + 1 < len(spoken) else seconds
        needed = _needed(cue)
        together = index > 0 and spoken[index - 1].end > cue.start  # they spoke at the same time
        start = cue.start if together else max(cue.start, min(free, cue.start + _LATE))
        if start + needed > following and not together:
            wanted = start + needed - following
            start = max(min(start, free), start - min(wanted, _EARLY), 0.0)
        end = max(cue.end, start + needed, min(following, start + _SHORTEST))
        made.append(replace(cue, start=start, end=end))
        free = end
    # at the recording's end there is no time after the words, only before them
    latest = last = math.floor(1000 * seconds + 1e-6) / 1000
    for index in range(len(made) - 1, -1, -1):
        cue = made[index]
        end = min(round(cue.end, 3), last)
        start = max(0.0, round(min(cue.start, latest, end - _needed(cue)), 3))
        made[index] = replace(cue, start=start, end=end)
        latest = start
    return made


def _needed(cue: Cue) -> float:
    return math.ceil(1000 * cue.letters / PER_SECOND) / 1000
