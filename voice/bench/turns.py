"""`openline bench turns`: how often a caller who pauses is cut off, against how long one waits."""

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from voice.bench import turns_learn
from voice.bench.turns_data import kept_apart, read_turns
from voice.bench.turns_learn import Known
from voice.bench.turns_live import Lived, LiveOutcome, Rehearsal
from voice.bench.turns_live import outcome as live_outcome
from voice.bench.turns_score import SCORE_POINT, Outcome, score, score_silence
from voice.bench.turns_systems import Pauses, read, scored_pauses, stock_smart_turn
from voice.bench.turns_words import learn_words
from voice.listen import ending
from voice.listen.endpoint import EndOfTurn
from voice.listen.turns import TurnSettings
from voice.listen.vad import SpeechDetector
from voice.listen.whisper import Transcriber
from voice.models import model_path

TRANSCRIBER, MULTILINGUAL = "whisper-tiny.en", "whisper-base"
LEARNED, UNSEEN = "learned from, by cross-validation", "unseen"
_FIGURES = ("300 ms", "600 ms", "10%", "5%")


class TurnBenchError(Exception):
    """The bench cannot be run. The message is one line."""


def run(*, data: Path, out: Path, language: str, unseen_only: bool, learn: Path | None) -> None:
    """Score every system on the pauses in `data`, write OUT/turns.json and OUT/turns.png.

    `learn`: a folder of task dialogues; learn OUT/ending.json from them and from the calls of
    `data` that are not kept apart, and score with it.

    Raises TurnDataError, TurnBenchError, ModelError.
    """
    console = Console()
    turns = read_turns(data, language)
    pauses = scored_pauses(turns)
    labels = {pause.label for _, pause in pauses}
    if labels != {"hold", "eot"}:
        raise TurnBenchError(f"{data}: holds and ends are both needed; found {labels or 'none'}")
    out.mkdir(parents=True, exist_ok=True)
    with _progress(console) as progress:
        known = _listen(pauses, language, progress)
        weights = _learn(known, data.name, learn, out, progress) if learn else ending.weights()
        parts = _parts(known, weights, unseen_only)
        outcomes = {name: _outcomes(part, weights, name) for name, part in parts.items()}
        live = {name: _rehearse(part, name, progress) for name, part in parts.items()}
    if not outcomes:
        raise TurnBenchError(
            f"{data}: the weights were learned from every call; leave out --unseen"
        )
    result = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "openline": version("openline"),
        "python": platform.python_version(),
        "rules": "livekit/eot-bench: waiting only, computing time is not counted",
        "data": data.name,
        "language": language,
        "turns": len(turns),
        "calls": len({turn.call for turn in turns}),
        "parts": {
            part: {name: asdict(outcome) for name, outcome in systems.items()}
            for part, systems in outcomes.items()
        },
        "live": {part: asdict(outcome) for part, outcome in live.items()},
    }
    path = out / "turns.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for part, systems in outcomes.items():
        _print(part, systems, live[part], console)
    written = [str(path), *_draw(out / "turns.png", outcomes, console)]
    console.print(f"[dim]written: {', '.join(written)}[/]")


def _listen(pauses: Pauses, language: str, progress: Progress) -> list[Known]:
    model = EndOfTurn()
    transcriber = Transcriber(
        model_path(TRANSCRIBER if language == "en" else MULTILINGUAL),
        language=language or None,
        threads=1,
    )
    task = progress.add_task("listening to the pauses", total=len(pauses))
    known: list[Known] = []
    for turn, pause in pauses:
        known.append(read(turn, pause, model, transcriber))
        progress.advance(task)
    return known


def _learn(
    known: Sequence[Known], data: str, dialogues: Path, out: Path, progress: Progress
) -> ending.Weights:
    task = progress.add_task("learning what words say")

    def each(files: Iterator[Path], count: int) -> Iterator[Path]:
        yield from progress.track(files, count, task)

    table = turns_learn.quantised(learn_words(dialogues, each))
    training = [one for one in known if not kept_apart(one.turn)]
    weights = turns_learn.learn(training, table)
    turns_learn.write(
        weights, out / "ending.json", data=data, pauses=len(training), transcriber=TRANSCRIBER
    )
    return weights


def _parts(
    known: Sequence[Known], weights: ending.Weights, unseen_only: bool
) -> dict[str, list[Known]]:
    """The pauses by whether the weights were learned from their call; parts without ends go."""
    seen = [one for one in known if one.turn.call in weights.learned_from]
    unseen = [one for one in known if one.turn.call not in weights.learned_from]
    parts = {UNSEEN: unseen} if unseen_only else {LEARNED: seen, UNSEEN: unseen}
    both = {"hold", "eot"}
    return {name: part for name, part in parts.items() if {p.pause.label for p in part} == both}


def _outcomes(part: Sequence[Known], weights: ending.Weights, name: str) -> dict[str, Outcome]:
    """On the part that was learned from, ours is cross-validated: no call by its own weights."""
    if name == LEARNED:
        ours = turns_learn.cross_validated(part, weights.words, weights.rise_seconds)
    else:
        ours = turns_learn.scored(part, weights)
    sound = [replace(one, signs=replace(one.signs, words=None, closing=None)) for one in part]
    return {
        "silence alone": score_silence([one.pause for one in part]),
        "smart-turn as stock": score(stock_smart_turn(part), score_point=SCORE_POINT),
        "ours, smart-turn only": score(turns_learn.scored(sound, weights)),
        "ours": score(ours),
    }


def _rehearse(part: Sequence[Known], name: str, progress: Progress) -> LiveOutcome:
    task = progress.add_task(f"rehearsing a call: {name}", total=len(part))
    rehearsal = Rehearsal(SpeechDetector(), EndOfTurn(), TurnSettings())
    lived: list[Lived] = []
    for one in part:
        lived.append(rehearsal.play(one))
        progress.advance(task)
    return live_outcome(lived)


def _progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, console=console, transient=True)


def _print(part: str, systems: dict[str, Outcome], live: LiveOutcome, console: Console) -> None:
    first = next(iter(systems.values()))
    table = Table(
        title=f"{part}: {first.holds} pauses, {first.ends} ends",
        title_justify="left",
        box=None,
        header_style="dim",
        pad_edge=False,
    )
    table.add_column("")
    table.add_column("AUC", justify="right")
    for figure in _FIGURES:
        kind = "cut off @" if figure.endswith("ms") else "wait @"
        table.add_column(kind + figure, justify="right")
    for name, outcome in systems.items():
        cuts = ["-" if c is None else f"{100 * c:.1f}%" for c in outcome.cutoff_at.values()]
        waits = ["-" if w is None else f"{1000 * w:.0f} ms" for w in outcome.wait_at.values()]
        area = "-" if outcome.auc is None else f"{outcome.auc:.3f}"
        table.add_row(name, area, *cuts, *waits)
    console.print(table)
    waits = [f"{1000 * s:.0f}" for s in (live.mean_wait, live.median_wait, live.wait_p90)]
    console.print(
        f"In a call, its signs as late as on two cores: {100 * live.cutoff_rate:.1f}% cut off, "
        f"mean wait {waits[0]} ms (median {waits[1]}, slowest tenth {waits[2]}), "
        f"{live.lost} turns lost\n",
        highlight=False,
    )


def _draw(path: Path, parts: dict[str, dict[str, Outcome]], console: Console) -> list[str]:
    try:
        from voice.bench.turns_picture import draw
    except ImportError:
        console.print("[yellow]no picture: pip install 'openline[bench]'[/]")
        return []
    draw(path, parts, "Pauses cut off against waiting, by eot-bench's rules")
    return [str(path)]
