"""Speech cut into pieces that the recognizer reads at once, at silences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from voice.recordings.activity import STEP, Activity, Span

# s. The encoder's cost grows faster than the sound's length, and the decoder needs words around a
# word: docs/recordings.md has the measurements.
LONGEST = 20.0
_SHORTEST = 0.45  # of LONGEST; where speech without a pause may be cut
_SILENCE = 3.0  # s; a longer one is left out


@dataclass(frozen=True, slots=True)
class Piece:
    track: int
    start: float  # s
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def cut(
    speech: Sequence[Span], activity: Activity, track: int = 0, longest: float = LONGEST
) -> list[Piece]:
    """Pieces of at most `longest` s that hold all of `speech` (by start, apart)."""
    made: list[Piece] = []
    for span in speech:
        for part in _parts(span, activity, longest):
            last = made[-1] if made else None
            if last and part.end - last.start <= longest and part.start - last.end <= _SILENCE:
                made[-1] = Piece(track, last.start, part.end)
            else:
                made.append(Piece(track, part.start, part.end))
    return made


def _parts(span: Span, activity: Activity, longest: float) -> Iterator[Span]:
    """A span, cut where 0.3 s are quietest as long as it is too long."""
    while span.seconds > longest:
        first = span.start + _SHORTEST * longest
        area = activity.level[activity.during(first, span.start + longest)] ** 2
        quiet = np.convolve(area, np.ones(9), "valid")
        at = (int(first / STEP) + int(quiet.argmin()) + 4.5) * STEP
        yield Span(span.start, at)
        span = Span(at, span.end)
    yield span
