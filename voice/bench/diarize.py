"""`openline bench diarize`: who spoke when, against recordings of which it is known."""

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from voice.audiofile import read_audio
from voice.models import fetch
from voice.recordings.diarize import MODEL, Diarizer
from voice.recordings.scored import scored
from voice.recordings.turn_errors import TurnErrors, turn_errors

RATE = 16000


class DiarizeBenchError(Exception):
    """The bench cannot be run. The message is one line."""


@dataclass(frozen=True, slots=True)
class Outcome:
    name: str
    seconds: float
    errors: TurnErrors
    cost: float  # s of processor a second of sound


def run(*, data: Path, out: Path, known: bool, collar: float) -> None:
    """Every sound file of `data` that has an .rttm beside it; a table, and OUT/diarize.json.

    `known`: the diarizer is told how many speakers there are. Raises DiarizeBenchError,
    ScoreError, AudioFileError, ModelError.
    """
    console = Console()
    pairs = _pairs(data)
    fetch(MODEL, console=console)
    diarizer = Diarizer()
    outcomes = [
        _measure(diarizer, sound, rttm, known, collar)
        for sound, rttm in track(pairs, "listening", console=console, transient=True)
    ]
    _show(console, outcomes)
    out.mkdir(parents=True, exist_ok=True)
    result = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "openline": version("openline"),
        "python": platform.python_version(),
        "rules": f"pyannote.metrics, collar {collar} s, overlap counted",
        "count": "known" if known else "unknown",
        "recordings": [asdict(one) for one in outcomes],
    }
    (out / "diarize.json").write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"written: {out / 'diarize.json'}", soft_wrap=True)


def _pairs(data: Path) -> list[tuple[Path, Path]]:
    pairs: list[tuple[Path, Path]] = []
    for rttm in sorted(data.glob("*.rttm")):
        beside = sorted(
            path for path in data.glob(f"{rttm.stem}.*") if path.suffix not in (".rttm", ".json")
        )
        if beside:
            pairs.append((beside[0], rttm))
    if not pairs:
        raise DiarizeBenchError(f"{data}: no sound file with an .rttm of its name beside it")
    return pairs


def _measure(diarizer: Diarizer, sound: Path, rttm: Path, known: bool, collar: float) -> Outcome:
    truth = scored(rttm).turns
    if not truth:
        raise DiarizeBenchError(f"{rttm}: nobody speaks in it")
    samples = read_audio(sound, RATE).astype(np.float32) / np.float32(32768)
    began = time.process_time()
    turns = diarizer.turns(samples, len({turn.speaker for turn in truth}) if known else None)
    seconds = len(samples) / RATE
    cost = (time.process_time() - began) / max(seconds, 1e-3)
    try:
        errors = turn_errors(truth, turns, collar)
    except ImportError:
        raise DiarizeBenchError("pip install pyannote.metrics, which counts the errors") from None
    return Outcome(sound.name, seconds, errors, cost)


def _show(console: Console, outcomes: Sequence[Outcome]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("recording")
    for name in ("s", "DER", "confused", "missed", "false alarm", "speakers", "found", "CPU s/s"):
        table.add_column(name, justify="right")
    for one in outcomes:
        e = one.errors
        shares = [f"{share:.1f}" for share in (e.total, e.confused, e.missed, e.false_alarm)]
        counts = [str(e.speakers), str(e.found)]
        table.add_row(one.name, f"{one.seconds:.0f}", *shares, *counts, f"{one.cost:.3f}")
    console.print(table)
    confused = [one.errors.confused for one in outcomes]
    right = sum(one.errors.speakers == one.errors.found for one in outcomes)
    seconds = sum(one.seconds for one in outcomes)
    cost = sum(one.cost * one.seconds for one in outcomes) / seconds
    console.print(
        f"confused: {mean(confused):.1f}% on average, {max(confused):.1f}% at most; the count is "
        f"right in {right} of {len(outcomes)}; {cost:.3f} s of processor a second of sound"
    )
