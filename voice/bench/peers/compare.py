"""What the caller heard of each system, and how ours compares with a peer. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from voice.bench.measure import Turn, spread

System = Literal["ours", "pipecat", "livekit"]
SYSTEMS: tuple[System, ...] = ("ours", "pipecat", "livekit")
Outcome = Literal["clean", "early", "half", "none"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to one system. Times in ms.

    clean: silent until the question's end, then it spoke. early: it spoke into the question. half:
    it spoke after the end, but a part of the question was understood only after its first sound.
    none: no sound within 20 s. `silence_ms` runs to the first sound after the question, whatever
    it answered.
    """

    system: System
    round: int
    number: int  # of the question, from 0
    question: str
    voice: str
    seconds: float
    outcome: Outcome
    silence_ms: float | None
    transcript: str
    words: int
    word_errors: int
    tools: tuple[str, ...]
    answer: str


def judged(
    system: System,
    round: int,
    number: int,
    turn: Turn,
    *,
    answered_at: float | None,
    understood_at: Sequence[float],
) -> Asked:
    """`turn`, and whether only a half was answered: `answered_at` is the first sound after the
    question, `understood_at` when its final transcripts came, on one clock."""
    outcome: Outcome = turn.outcome
    if outcome == "clean" and answered_at is not None:
        outcome = "half" if any(at > answered_at for at in understood_at) else "clean"
    return Asked(
        system=system,
        round=round,
        number=number,
        question=turn.question,
        voice=turn.voice,
        seconds=turn.seconds,
        outcome=outcome,
        silence_ms=turn.silence_ms,
        transcript=turn.transcript,
        words=turn.words,
        word_errors=turn.word_errors,
        tools=turn.tools,
        answer=turn.answer,
    )


def compared(asked: Sequence[Asked]) -> dict[str, object]:
    """A summary of each system, and ours against each peer over what both answered cleanly."""
    present: list[System] = [system for system in SYSTEMS if any(a.system == system for a in asked)]
    return {
        "systems": {
            system: _summary([a for a in asked if a.system == system]) for system in present
        },
        "against": {
            system: {
                "all": against(asked, system),
                # ours answers orders and opening hours by code, from a database peers do not have
                "answered_by_the_model": against(
                    [a for a in asked if a.number not in _coded(asked)], system
                ),
            }
            for system in present
            if system != "ours" and "ours" in present
        },
    }


def _coded(asked: Sequence[Asked]) -> set[int]:
    return {a.number for a in asked if a.system == "ours" and a.tools}


def _summary(asked: Sequence[Asked]) -> dict[str, object]:
    words = sum(a.words for a in asked)
    counts = {
        name: sum(a.outcome == name for a in asked) for name in ("clean", "early", "half", "none")
    }
    errors = round(sum(a.word_errors for a in asked) / words, 3) if words else None
    waits = [a.silence_ms for a in asked if a.outcome == "clean" and a.silence_ms is not None]
    return {
        "questions": len(asked),
        **counts,
        "silence_ms": spread(waits),
        "word_error_rate": errors,
    }


def against(asked: Sequence[Asked], peer: System) -> dict[str, float | int | None]:
    """Paired by question: the ratios ours / peer of medians and of p95, and the median ratio.

    A ratio below 1 means that ours is silent for less time.
    """
    ours = {a.number: a.silence_ms for a in asked if a.system == "ours" and a.outcome == "clean"}
    theirs = {a.number: a.silence_ms for a in asked if a.system == peer and a.outcome == "clean"}
    pairs = [(ours[n], theirs[n]) for n in sorted(ours.keys() & theirs.keys())]
    mine = np.array([a for a, b in pairs if a is not None and b is not None])
    other = np.array([b for a, b in pairs if a is not None and b is not None])
    if not len(mine):
        return {"pairs": 0, "median": None, "p95": None, "median_of_ratios": None}
    return {
        "pairs": len(mine),
        "median": round(float(np.median(mine) / np.median(other)), 3),
        "p95": round(float(np.percentile(mine, 95) / np.percentile(other, 95)), 3),
        "median_of_ratios": round(float(np.median(mine / other)), 3),
    }
