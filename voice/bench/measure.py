"""What a recorded call says about the agent: silence, words understood. Pure functions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voice.loudspeaker import LOUD

Outcome = Literal["clean", "early", "none"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One question asked and what came of it. Times in ms.

    clean: the agent was silent until the question's end, then it spoke. early: it spoke into the
    question. none: it never spoke after it. `silence_ms` is the caller's wait after the question,
    also when the agent was early.
    """

    call: int
    question: str
    voice: str
    seconds: float
    outcome: Outcome
    silence_ms: float | None
    server_ms: float | None  # the same silence as the server saw it; its parts sum to it
    parts: dict[str, float] = field(default_factory=dict[str, float])
    reason: str = ""  # why the server took the turn to be over
    transcript: str = ""
    words: int = 0
    word_errors: int = 0
    tools: tuple[str, ...] = ()
    answer: str = ""
    gap_ms: float | None = None  # the longest silence inside the answer
    right: bool | None = None  # the answer has the fact that was asked for; None: not judged


def first_audible(sound: NDArray[np.int16], rate: int, start: float, end: float) -> float | None:
    """Seconds into the recording of the first sample above LOUD in [start, end)."""
    low, high = max(0, round(start * rate)), max(0, round(end * rate))
    loud = np.flatnonzero(np.abs(sound[low:high].astype(np.int32)) > LOUD)
    return (low + int(loud[0])) / rate if len(loud) else None


def last_audible(sound: NDArray[np.int16], rate: int, start: float, end: float) -> float | None:
    """Seconds into the recording of the last sample above LOUD in [start, end)."""
    low, high = max(0, round(start * rate)), max(0, round(end * rate))
    loud = np.flatnonzero(np.abs(sound[low:high].astype(np.int32)) > LOUD)
    return (low + int(loud[-1])) / rate if len(loud) else None


def longest_gap(sound: NDArray[np.int16], rate: int, start: float, end: float) -> float | None:
    """Seconds of the longest silence between two samples above LOUD in [start, end)."""
    low, high = max(0, round(start * rate)), max(0, round(end * rate))
    loud = np.flatnonzero(np.abs(sound[low:high].astype(np.int32)) > LOUD)
    return float(np.diff(loud).max()) / rate if len(loud) > 1 else None


def silence(
    agent: NDArray[np.int16], rate: int, *, asked: float, ended: float, until: float
) -> tuple[Outcome, float | None]:
    """What the caller heard of one question: `asked` and `ended` are its first and last speech.

    `agent` is what was played to the caller, mono; times are seconds from its first sample. The
    second value is the seconds between `ended` and the first audible sample after it.
    """
    early = first_audible(agent, rate, asked, ended)
    answered = first_audible(agent, rate, ended, until)
    wait = None if answered is None else answered - ended
    if early is not None:
        return "early", wait
    return ("none", None) if wait is None else ("clean", wait)


def word_errors(transcript: str, written: Sequence[str]) -> tuple[int, int]:
    """Word edits from the nearest of the right transcripts, and its number of words."""
    heard = _words(transcript)
    counts = [(_distance(_words(text), heard), len(_words(text))) for text in written]
    return min(counts)


def _words(text: str) -> list[str]:
    return re.findall(r"[\w$']+", text.lower().replace("-", " ").replace(",", ""))


def _distance(right: list[str], heard: list[str]) -> int:
    """Levenshtein's distance in words."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(right, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def summary(turns: Sequence[Turn], barge_ins: Sequence[float | None]) -> dict[str, object]:
    """Median, p95 (linear interpolation) and extremes in ms over the clean turns, and counts."""
    clean = [turn for turn in turns if turn.outcome == "clean"]
    words = sum(turn.words for turn in turns)
    judged = [turn for turn in turns if turn.right is not None]
    stopped = [wait for wait in barge_ins if wait is not None]
    parts = sorted({name for turn in clean for name in turn.parts})
    return {
        "questions": len(turns),
        "clean": len(clean),
        "early": sum(turn.outcome == "early" for turn in turns),
        "none": sum(turn.outcome == "none" for turn in turns),
        "silence_ms": spread([turn.silence_ms or 0.0 for turn in clean]),
        "gap_ms": spread([turn.gap_ms for turn in clean if turn.gap_ms is not None]),
        "parts_median_ms": {
            name: spread([turn.parts.get(name, 0.0) for turn in clean])["median"] for name in parts
        },
        "word_error_rate": round(sum(turn.word_errors for turn in turns) / words, 3)
        if words
        else None,
        "right_answers": sum(turn.right is True for turn in judged),
        "judged_answers": len(judged),
        "barge_ins": len(barge_ins),
        "barge_ins_obeyed": len(stopped),
        "barge_in_ms": spread(stopped),
    }


def spread(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return dict.fromkeys(("min", "median", "p95", "max"))
    low, median, p95, high = np.percentile(values, (0, 50, 95, 100))
    return {
        "min": round(float(low), 1),
        "median": round(float(median), 1),
        "p95": round(float(p95), 1),
        "max": round(float(high), 1),
    }
