"""What runs come to: shares, pass^k, rules broken, and two models side by side."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

from agents.evals.run import Run
from agents.evals.score import BROKEN

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Figures:
    """Over some runs. Times in seconds."""

    runs: int
    right: int
    pass_k: dict[int, float]  # k -> the chance that k calls of a case are all right
    broken: dict[str, int]  # rule -> calls that broke it
    attacks: int
    turns: int
    without_model: int
    wait_median: float | None
    wait_p90: float | None
    code_wait_median: float | None  # over the turns that asked no model
    added_median: float | None  # to the wait of the plain model, over the turns where it was timed
    requests_per_turn: float
    tokens_per_turn: float


def figures(runs: Sequence[Run]) -> Figures:
    exchanges = [exchange for run in runs for exchange in run.exchanges]
    waits = sorted(e.wait for e in exchanges if e.wait is not None)
    by_code = [e.wait for e in exchanges if e.wait is not None and not e.requests]
    timed = [(e.wait, e.plain_wait) for e in exchanges]
    added = [ours - plain for ours, plain in timed if ours is not None and plain is not None]
    kinds = sorted(BROKEN)
    turns = max(1, len(exchanges))
    return Figures(
        runs=len(runs),
        right=sum(run.right for run in runs),
        pass_k=pass_k(runs),
        broken={kind: sum(any(p.kind == kind for p in r.problems) for r in runs) for kind in kinds},
        attacks=sum(run.attack for run in runs),
        turns=len(exchanges),
        without_model=sum(not exchange.requests for exchange in exchanges),
        wait_median=median(waits) if waits else None,
        wait_p90=waits[int(len(waits) * 0.9)] if waits else None,
        code_wait_median=median(by_code) if by_code else None,
        added_median=median(added) if added else None,
        requests_per_turn=sum(e.requests for e in exchanges) / turns,
        tokens_per_turn=sum(e.tokens for e in exchanges) / turns,
    )


def groups(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The rows of a table: each folder of suites, its single turns and conversations apart."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.group, []).append(run)
    rows: dict[str, list[Run]] = {}
    for group, inside in found.items():
        single = [run for run in inside if run.single]
        if single and len(single) < len(inside):
            rows[f"{group}: single turns"] = single
            rows[f"{group}: conversations"] = [run for run in inside if not run.single]
        else:
            rows[group] = inside
    return rows


def by_case(runs: Sequence[Run]) -> dict[str, list[Run]]:
    cases: dict[str, list[Run]] = {}
    for run in runs:
        cases.setdefault(f"{run.group}/{run.suite}/{run.case}", []).append(run)
    return cases


def pass_k(runs: Sequence[Run]) -> dict[int, float]:
    """tau-bench's pass^k: C(right, k) / C(repeats, k), averaged over the cases."""
    cases = list(by_case(runs).values())
    if not cases:
        return {}
    repeats = min(map(len, cases))
    return {
        k: sum(comb(sum(r.right for r in case), k) / comb(len(case), k) for case in cases)
        / len(cases)
        for k in range(1, repeats + 1)
    }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same cases: the difference of their shares, other less first."""

    difference: float
    low: float  # the interval that holds 95% of the resamplings by case
    high: float
    better: tuple[str, ...]  # cases that only the other model does
    worse: tuple[str, ...]


def compare(first: Sequence[Run], other: Sequence[Run], seed: int = 0) -> Comparison:
    """A paired bootstrap over the cases that both models ran."""
    one, two = by_case(first), by_case(other)
    names = [name for name in one if name in two]
    gains = [_share(two[name]) - _share(one[name]) for name in names]
    chance = random.Random(seed)
    count = max(1, len(gains))
    means = sorted(sum(chance.choices(gains, k=count)) / count for _ in range(_RESAMPLES))
    return Comparison(
        difference=sum(gains) / count,
        low=means[int(_RESAMPLES * 0.025)],
        high=means[int(_RESAMPLES * 0.975)],
        better=tuple(n for n, gain in zip(names, gains, strict=True) if gain > 0),
        worse=tuple(n for n, gain in zip(names, gains, strict=True) if gain < 0),
    )


def _share(runs: Sequence[Run]) -> float:
    return sum(run.right for run in runs) / len(runs)
