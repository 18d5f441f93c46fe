"""How turns of speakers differ from those that were, by pyannote.metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from voice.recordings.transcript import SpeakerTurn

if TYPE_CHECKING:
    from pyannote.core import Annotation


@dataclass(frozen=True, slots=True)
class TurnErrors:
    """Percent of the time that speakers of the reference speak."""

    missed: float
    false_alarm: float
    confused: float
    speakers: int
    found: int

    @property
    def total(self) -> float:
        """The diarization error rate."""
        return self.missed + self.false_alarm + self.confused


def turn_errors(
    truth: Sequence[SpeakerTurn], found: Sequence[SpeakerTurn], collar: float = 0.0
) -> TurnErrors:
    """`collar`: s on each side of a reference turn's ends that do not count; overlap counts.

    Speakers are matched so that least is confused. `truth` is not empty. Raises ImportError
    without pyannote.metrics.
    """
    from pyannote.core import Segment
    from pyannote.metrics.diarization import DiarizationErrorRate

    ends = [turn.end for turn in (*truth, *found)]
    whole = Segment(min(0.0, *(turn.start for turn in truth)), max(ends))
    # pyannote's collar is both sides together
    metric = DiarizationErrorRate(collar=2 * collar)
    parts = cast(
        "dict[str, float]",
        metric(_annotation(truth), _annotation(found), uem=whole, detailed=True),
    )
    total = parts["total"] or 1.0
    missed, false_alarm, confused = (
        100 * parts[key] / total for key in ("missed detection", "false alarm", "confusion")
    )
    return TurnErrors(missed, false_alarm, confused, _speakers(truth), _speakers(found))


def _annotation(turns: Sequence[SpeakerTurn]) -> "Annotation":
    from pyannote.core import Annotation, Segment

    made = Annotation()
    for number, turn in enumerate(turns):
        made[Segment(turn.start, turn.end), number] = turn.speaker
    return made


def _speakers(turns: Sequence[SpeakerTurn]) -> int:
    return len({turn.speaker for turn in turns})
