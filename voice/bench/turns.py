"""`openline bench turns`: how often a caller who pauses is cut off, against how long one waits."""

import json
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from voice.bench.turns_data import LabelledTurn, Pause, kept_apart, read_turns
from voice.bench.turns_score import Outcome, Scored, score, score_silence
from voice.bench.turns_systems import Pauses, scored_pauses, stock_smart_turn
from voice.listen.endpoint import EndOfTurn

Each = Callable[[Pauses], Iterable[tuple[LabelledTurn, Pause]]]
_FIGURES = ("300 ms", "600 ms", "10%", "5%")


class TurnBenchError(Exception):
    """The bench cannot be run. The message is one line."""


def run(*, data: Path, out: Path, language: str, unseen_only: bool) -> None:
    """Score every system on the pauses in `data`, write OUT/turns.json and OUT/turns.png.

    Raises TurnDataError, TurnBenchError, ModelError.
    """
    console = Console()
    turns = read_turns(data, language)
    if unseen_only:
        turns = [turn for turn in turns if kept_apart(turn)]
    pauses = scored_pauses(turns)
    labels = {pause.label for _, pause in pauses}
    if labels != {"hold", "eot"}:
        raise TurnBenchError(f"{data}: holds and ends are both needed; found {labels or 'none'}")
    out.mkdir(parents=True, exist_ok=True)
    with _progress(console) as progress:
        task = progress.add_task("listening to the pauses", total=len(pauses))

        def each(pauses: Pauses) -> Iterable[tuple[LabelledTurn, Pause]]:
            for one in pauses:
                yield one
                progress.advance(task)

        stock = list(stock_smart_turn(pauses, EndOfTurn(), each))
    parts = {
        name: {
            "silence alone": score_silence([pauses[i][1] for i in chosen]),
            "smart-turn as stock": _score(stock, chosen, once=0.2),
        }
        for name, chosen in _parts(pauses).items()
    }
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
            for part, systems in parts.items()
        },
    }
    path = out / "turns.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for part, systems in parts.items():
        _print(part, systems, console)
    written = [str(path), *_draw(out / "turns.png", parts, console)]
    console.print(f"[dim]written: {', '.join(written)}[/]")


def _parts(pauses: Pauses) -> dict[str, list[int]]:
    """The pauses by whether their call was kept apart from learning, where both labels are in."""
    named = {"learned from": False, "unseen": True}
    parts: dict[str, list[int]] = {}
    for name, apart in named.items():
        chosen = [i for i, (turn, _) in enumerate(pauses) if kept_apart(turn) is apart]
        if {pauses[i][1].label for i in chosen} == {"hold", "eot"}:
            parts[name] = chosen
    return parts or {"all": list(range(len(pauses)))}


def _score(scored: Sequence[Scored], chosen: Sequence[int], once: float | None = None) -> Outcome:
    return score([scored[i] for i in chosen], score_point=once)


def _progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, console=console, transient=True)


def _print(part: str, systems: dict[str, Outcome], console: Console) -> None:
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


def _draw(path: Path, parts: dict[str, dict[str, Outcome]], console: Console) -> list[str]:
    try:
        from voice.bench.turns_picture import draw
    except ImportError:
        console.print("[yellow]no picture: pip install 'openline[bench]'[/]")
        return []
    draw(path, parts, "Pauses cut off against waiting, by eot-bench's rules")
    return [str(path)]
