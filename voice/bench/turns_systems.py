"""What each end-of-turn system reads in labelled pauses: the readings that turns_score scores."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from voice.bench.turns_data import RATE, LabelledTurn, Pause
from voice.bench.turns_score import SCORE_POINT, Reading, Scored
from voice.listen.endpoint import EndOfTurn

Pauses = list[tuple[LabelledTurn, Pause]]


def scored_pauses(turns: Iterable[LabelledTurn]) -> Pauses:
    return [(turn, pause) for turn in turns for pause in turn.pauses if pause.scored]


def heard(turn: LabelledTurn, pause: Pause, silence: float) -> NDArray[np.float32]:
    """The turn's sound as far as `silence` s into the pause, and nothing behind it."""
    return turn.audio[: int((pause.start + silence) * RATE)]


def stock_smart_turn(
    pauses: Pauses, model: EndOfTurn, each: Callable[[Pauses], Iterable[tuple[LabelledTurn, Pause]]]
) -> Iterator[Scored]:
    """smart-turn as eot-bench's adapter has it: once, at 0.2 s, the last 8 s of the turn.

    The adapter runs v3.2's fp32 weights; ours are the int8 ones that its authors ship for CPUs.
    """
    for turn, pause in each(pauses):
        probability = model.probability(heard(turn, pause, SCORE_POINT))
        yield Scored(pause, (Reading(SCORE_POINT, probability),))
