"""`openline bench turns --learn`: the weights of voice/listen/ending.py, from labelled pauses."""

import base64
import itertools
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice.bench.turns_data import LabelledTurn, Pause
from voice.bench.turns_score import Reading, Scored, grid, score
from voice.bench.turns_words import SOURCE
from voice.listen.ending import READ_AT, Signs, Weights, inputs, log_odds
from voice.listen.ending import probability as probability_of

RIDGE = 0.02  # on standardised inputs: 207 pauses carry six weights, hardly more
RISES = (0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8)  # s; tried by cross-validation
SIGNS = ("sound", "words", "closing")
CHOICES = [names for n in range(4) for names in itertools.combinations(SIGNS, n)]
STEP = 0.02  # of a word's weight: int8 spans ±2.5


@dataclass(frozen=True, slots=True)
class Known:
    """One labelled pause with the signs that were read in it."""

    turn: LabelledTurn
    pause: Pause
    signs: Signs
    later: tuple[Reading, ...] = ()  # what smart-turn said again, further into the silence


def scored(known: Sequence[Known], using: Weights) -> list[Scored]:
    """Our readings: log-odds of the signs there are by then, rising with the silence."""
    out: list[Scored] = []
    for one in known:
        sounds = (Reading(READ_AT, one.signs.sound or 0.0), *one.later)
        odds = [log_odds(replace(one.signs, sound=said.probability), using) for said in sounds]
        readings: list[Reading] = []
        for silence in grid(one.pause):
            there = sum(said.silence <= silence + 1e-9 for said in sounds)
            if there:
                readings.append(Reading(silence, probability_of(odds[there - 1], silence, using)))
        out.append(Scored(one.pause, tuple(readings)))
    return out


def cross_validated(
    known: Sequence[Known], table: NDArray[np.float32], rise: float
) -> list[Scored]:
    """Every pause scored by weights that have not seen its call."""
    out: dict[int, Scored] = {}
    for call in sorted({one.turn.call for one in known}):
        here = [i for i, one in enumerate(known) if one.turn.call == call]
        weights = fit([one for one in known if one.turn.call != call], table, rise)
        out |= dict(zip(here, scored([known[i] for i in here], weights), strict=True))
    return [out[i] for i in range(len(known))]


def learn(known: Sequence[Known], table: NDArray[np.float32]) -> Weights:
    """Weights from all of `known`; how fast silence counts is chosen by cross-validation."""
    return fit(known, table, min(RISES, key=lambda rise: _cost(known, table, rise)))


def fit(known: Sequence[Known], table: NDArray[np.float32], rise: float) -> Weights:
    """Logistic regressions, one for each choice of signs, on the pauses that have them all."""
    ended = np.array([one.pause.label == "eot" for one in known], np.float64)
    logistic: dict[str, tuple[float, ...]] = {}
    for names in CHOICES:
        have = [i for i, one in enumerate(known) if _has(one.signs, names)]
        rows = [inputs(_only(known[i].signs, names), table) for i in have]
        logistic["+".join(names)] = _logistic(np.array([row for _, row in rows]), ended[have])
    calls = frozenset(one.turn.call for one in known)
    return Weights(words=table, logistic=logistic, rise_seconds=rise, learned_from=calls)


def write(weights: Weights, path: Path, *, data: str, pauses: int, transcriber: str) -> None:
    """As voice/listen/ending.json, with where the weights come from."""
    packed = np.clip(np.round(weights.words / STEP), -127, 127).astype(np.int8)
    found = {
        "learned_from": {
            "command": "openline bench turns FOLDER --learn DIALOGUES",
            "pauses": f"{pauses} pauses of {data}, signs by {transcriber} and smart-turn-v3.2",
            "calls": sorted(weights.learned_from),
            "words": SOURCE,
        },
        "logistic": {name: [round(w, 4) for w in row] for name, row in weights.logistic.items()},
        "rise_seconds": weights.rise_seconds,
        "words_scale": STEP,
        "words": base64.b64encode(zlib.compress(packed.tobytes(), 9)).decode(),
    }
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def quantised(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """The table as it will be read back, so that the regressions fit what is shipped."""
    return (np.clip(np.round(table / STEP), -127, 127) * STEP).astype(np.float32)


def _has(signs: Signs, names: tuple[str, ...]) -> bool:
    there = {
        "sound": signs.sound is not None,
        "words": bool(signs.words),
        "closing": signs.closing is not None,
    }
    return all(there[name] for name in names)


def _only(signs: Signs, names: tuple[str, ...]) -> Signs:
    return replace(
        signs,
        sound=signs.sound if "sound" in names else None,
        words=signs.words if "words" in names else None,
        closing=signs.closing if "closing" in names else None,
    )


def _logistic(signs: NDArray[np.float64], ended: NDArray[np.float64]) -> tuple[float, ...]:
    """Ridge regression by Newton's method; the weights of `signs` (n, k), then the bias."""
    middle, spread = signs.mean(axis=0), signs.std(axis=0) + 1e-6
    x: NDArray[np.float64] = np.column_stack([(signs - middle) / spread, np.ones(len(signs))])
    ridge = RIDGE * np.eye(x.shape[1])
    ridge[-1, -1] = 1e-6
    w = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ w))
        slope = x.T @ (p - ended) / len(x) + ridge @ w
        curve = (x * (p * (1 - p))[:, None]).T @ x / len(x) + ridge
        w -= np.linalg.solve(curve, slope)
    factors: NDArray[np.float64] = w[:-1] / spread
    return (*factors.tolist(), float(w[-1] - (factors * middle).sum()))


def _cost(known: Sequence[Known], table: NDArray[np.float32], rise: float) -> float:
    """Mean cut-off rate over mean waits of 0.3 to 0.8 s."""
    frontier = score(cross_validated(known, table, rise)).frontier
    waits = np.arange(0.3, 0.81, 0.05)
    rates = [min((p.cutoff_rate for p in frontier if p.mean_wait <= w), default=1) for w in waits]
    return float(np.mean(rates))
