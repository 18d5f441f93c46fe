"""What each end-of-turn system reads in labelled pauses: the readings that turns_score scores."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from voice.bench.turns_data import RATE, LabelledTurn, Pause
from voice.bench.turns_learn import Known
from voice.bench.turns_score import SCORE_POINT, Reading, Scored
from voice.listen.ending import Signs
from voice.listen.endpoint import EndOfTurn
from voice.listen.whisper import Transcriber

Pauses = Sequence[tuple[LabelledTurn, Pause]]
ASKED_AGAIN = (0.4, 0.7)  # s into the pause
WORDS_READ = 0.15  # s into the pause; live, the detector notices a pause that late


def scored_pauses(turns: Iterable[LabelledTurn]) -> list[tuple[LabelledTurn, Pause]]:
    return [(turn, pause) for turn in turns for pause in turn.pauses if pause.scored]


def heard(turn: LabelledTurn, pause: Pause, silence: float) -> NDArray[np.float32]:
    """The turn's sound as far as `silence` s into the pause, and nothing behind it."""
    return turn.audio[: int((pause.start + silence) * RATE)]


def paused_before(turn: LabelledTurn, pause: Pause) -> bool:
    """Whether the caller has been silent in this turn before: known to whoever hears the turn."""
    return any(earlier.end < pause.start for earlier in turn.pauses)


def read(turn: LabelledTurn, pause: Pause, model: EndOfTurn, transcriber: Transcriber) -> Known:
    """Our signs in a pause: words and sound by SCORE_POINT, smart-turn asked again later."""
    transcript = transcriber.transcribe(heard(turn, pause, WORDS_READ))
    signs = Signs(
        sound=model.probability(heard(turn, pause, SCORE_POINT)),
        words=transcript.text if turn.language == "en" else None,
        closing=transcript.closing,
        asked=turn.context,
        resumed=paused_before(turn, pause),
    )
    later = tuple(
        Reading(silence, model.probability(heard(turn, pause, silence)))
        for silence in ASKED_AGAIN
        if silence <= pause.seconds + 1e-9
    )
    return Known(turn, pause, signs, later)


def stock_smart_turn(known: Sequence[Known]) -> list[Scored]:
    """smart-turn as eot-bench's adapter has it: once, at 0.2 s, the last 8 s of the turn.

    The adapter runs v3.2's fp32 weights; ours are the int8 ones that its authors ship for CPUs.
    """
    return [Scored(one.pause, (Reading(SCORE_POINT, one.signs.sound or 0.0),)) for one in known]
