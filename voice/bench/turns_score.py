"""eot-bench's rules (livekit/eot-bench, metrics.py): cut-offs of pauses against waiting. Pure.

A policy is a threshold, an action delay and a timeout. It fires at the first reading above the
threshold, no sooner than the delay; a hold is cut off where it lasts longer than that, or longer
than the timeout. An end waits until the policy fires, at most the timeout. Computing time is not
counted there: `Reading.silence` is when the sound that a reading needs is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice.bench.turns_data import Pause

EPS = 1e-9
THRESHOLDS = np.round(np.arange(0.0, 1.0 + EPS, 0.01), 2)
DELAYS = tuple(k / 10 for k in range(2, 11))  # s
TIMEOUTS = tuple(k / 2 for k in range(2, 8))  # s
WAITS = (0.3, 0.6)  # s of mean wait whose cut-offs are quoted
RATES = (0.1, 0.05)  # cut-off rates whose mean wait is quoted
SCORE_POINT = 0.2  # s of silence at which a system that scores once is read
STEP = 0.1  # s of the grid on which every other system is read


@dataclass(frozen=True, slots=True)
class Reading:
    silence: float  # s since the pause began
    probability: float  # that the turn has ended


@dataclass(frozen=True, slots=True)
class Scored:
    pause: Pause
    readings: tuple[Reading, ...]  # in time; none reads as "never"


@dataclass(frozen=True, slots=True)
class Policy:
    """One point of the trade-off. Times in s."""

    threshold: float
    delay: float
    timeout: float
    cutoff_rate: float  # share of the holds
    mean_wait: float  # over the ends


@dataclass(frozen=True, slots=True)
class Outcome:
    """One system's figures. None where no policy reaches it."""

    holds: int
    ends: int
    auc: float | None  # of the readings at SCORE_POINT; a diagnosis, not a score
    cutoff_at: dict[int, float | None]  # by mean wait in ms
    wait_at: dict[int, float | None]  # s, by cut-off rate in percent
    frontier: tuple[Policy, ...]  # the policies that no other beats on both counts


def grid(pause: Pause) -> list[float]:
    """Silences (s) at which a system is asked in a pause: every STEP, and its very end."""
    count = int((pause.seconds + EPS) / STEP)
    times = [round(k * STEP, 6) for k in range(count + 1)]
    if pause.seconds - times[-1] > EPS:
        times.append(pause.seconds)
    return times


def score(system: Sequence[Scored], *, score_point: float | None = None) -> Outcome:
    """The figures of readings. `score_point`: the model is read there once and never again."""
    kept = [scored for scored in system if scored.pause.scored]
    fire = np.array([_fire_times(scored, score_point) for scored in kept])
    delays = [delay for delay in DELAYS if delay >= (score_point or 0.0) - EPS]
    policies: list[Policy] = []
    is_hold, seconds = _labels(kept)
    for delay in delays:
        acts = np.maximum(delay, fire)  # (pauses, thresholds); inf where nothing fires
        for timeout in TIMEOUTS:  # none is shorter than a delay
            cut = (seconds > timeout + EPS) | (seconds > acts + EPS)
            waits = np.where(acts <= timeout + EPS, acts, timeout)
            rates, means = cut[is_hold].mean(axis=0), waits[~is_hold].mean(axis=0)
            policies += [
                Policy(float(t), delay, timeout, float(rate), float(mean))
                for t, rate, mean in zip(THRESHOLDS, rates, means, strict=True)
            ]
    return _outcome(policies, kept, auc(kept))


def score_silence(pauses: Sequence[Pause]) -> Outcome:
    """Silence alone, on a grid of delays of 0.01 s as eot-bench's table has it."""
    kept = [Scored(pause, ()) for pause in pauses if pause.scored]
    is_hold, seconds = _labels(kept)
    policies = [
        Policy(0.0, float(d), float(d), float((seconds > d + EPS)[is_hold].mean()), float(d))
        for d in np.round(np.arange(0.01, 3.5 + EPS, 0.01), 2)
    ]
    return _outcome(policies, kept, None)


def auc(system: Sequence[Scored]) -> float | None:
    """How often an end reads higher than a hold at SCORE_POINT of silence."""
    values: dict[bool, list[float]] = {True: [], False: []}
    for scored in system:
        at = [r.probability for r in scored.readings if r.silence <= SCORE_POINT + EPS]
        values[scored.pause.label == "eot"].append(at[-1] if at else 0.0)
    if not values[True] or not values[False]:
        return None
    ends, holds = np.array(values[True])[:, None], np.array(values[False])[None]
    return float((ends > holds).mean() + 0.5 * (ends == holds).mean())


def _labels(kept: Sequence[Scored]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which are holds (pauses,), and their lengths (pauses, 1)."""
    is_hold = np.array([scored.pause.label == "hold" for scored in kept])
    return is_hold, np.array([scored.pause.seconds for scored in kept])[:, None]


def _fire_times(scored: Scored, score_point: float | None) -> NDArray[np.float64]:
    """Silence of the first reading above each of THRESHOLDS, inf for none."""
    readings = scored.readings
    if score_point is not None:
        readings = tuple(r for r in readings if abs(r.silence - score_point) < 1e-6)
    times = np.full(len(THRESHOLDS), np.inf)
    for reading in reversed(readings):
        times[reading.probability > THRESHOLDS] = reading.silence
    return times


def _outcome(policies: Sequence[Policy], kept: Sequence[Scored], area: float | None) -> Outcome:
    def least_cut(budget: float) -> float | None:
        rates = [p.cutoff_rate for p in policies if p.mean_wait <= budget + EPS]
        return min(rates, default=None)

    def least_wait(budget: float) -> float | None:
        waits = [p.mean_wait for p in policies if p.cutoff_rate <= budget + EPS]
        return min(waits, default=None)

    holds = sum(scored.pause.label == "hold" for scored in kept)
    return Outcome(
        holds=holds,
        ends=len(kept) - holds,
        auc=area,
        cutoff_at={round(1000 * w): least_cut(w) for w in WAITS},
        wait_at={round(100 * r): least_wait(r) for r in RATES},
        frontier=_frontier(policies),
    )


def _frontier(policies: Sequence[Policy]) -> tuple[Policy, ...]:
    best: list[Policy] = []
    # eot-bench's ties: the lower rate, then the higher threshold, the lower delay and timeout
    ordered = sorted(
        policies, key=lambda p: (p.mean_wait, p.cutoff_rate, -p.threshold, p.delay, p.timeout)
    )
    for policy in ordered:
        if not best or policy.cutoff_rate < best[-1].cutoff_rate - EPS:
            best.append(policy)
    return tuple(best)
