"""The table and the picture of `openline bench peers`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from voice.bench.peers.compare import Asked, System

TITLES: dict[System, str] = {"ours": "Openline", "pipecat": "pipecat", "livekit": "LiveKit Agents"}
_COLOURS: dict[System, str] = {"ours": "#3867d6", "pipecat": "#20a779", "livekit": "#e1704a"}
_MARKS = {"early": ("X", "too early"), "half": ("P", "answered a half"), "none": ("v", "no answer")}
_INK = "#1e272e"


def show(result: dict[str, Any], console: Console) -> None:
    """`result` as peers.json has it."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("")
    for name in ("clean", "early", "half", "none", "min", "median", "p95", "max", "words wrong"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, found in result["systems"].items():
        counts = [f"{found['clean']} of {found['questions']}"]
        counts += [str(found[key]) for key in ("early", "half", "none")]
        waits = [
            _number(found["silence_ms"][key], "{:.0f}") for key in ("min", "median", "p95", "max")
        ]
        wrong = found["word_error_rate"]
        table.add_row(
            TITLES[name], *counts, *waits, "-" if wrong is None else f"{100 * wrong:.1f}%"
        )
    console.print(table)
    for name, found in result["against"].items():
        for key, note in (
            ("all", ""),
            ("answered_by_the_model", ", those that ours answers by its model"),
        ):
            ratio = found[key]
            if ratio["pairs"]:
                console.print(
                    f"Openline / {TITLES[name]}: median [bold]{ratio['median']:.2f}[/], "
                    f"p95 {ratio['p95']:.2f}, median of ratios {ratio['median_of_ratios']:.2f} "
                    f"({ratio['pairs']} questions{note})",
                    highlight=False,
                )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def draw(path: Path, asked: Sequence[Asked], result: dict[str, Any], console: Console) -> list[str]:
    """A dot for each question and system; what was written."""
    try:
        from matplotlib.figure import Figure

        from voice.bench.picture import dress
    except ImportError:
        console.print("[yellow]no picture: pip install 'openline[bench]'[/]")
        return []
    figure = Figure(figsize=(11, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    systems: dict[System, Any] = result["systems"]
    for i, name in enumerate(systems):
        mine = [a for a in asked if a.system == name]
        shift = 1 + (i - (len(systems) - 1) / 2) * 0.22
        clean = [(a.number + shift, a.silence_ms) for a in mine if a.outcome == "clean"]
        label, waits = TITLES[name], systems[name]["silence_ms"]
        median, p95 = waits["median"], waits["p95"]
        if median is not None:
            axes.axhline(median / 1000, color=_COLOURS[name], lw=1.2, alpha=0.7)
            label += f": median {median / 1000:.2f} s, p95 {p95 / 1000:.2f} s"
        axes.plot(
            [x for x, _ in clean],
            [(ms or 0.0) / 1000 for _, ms in clean],
            "o",
            ms=6,
            color=_COLOURS[name],
            label=label,
        )
        for outcome, (mark, _) in _MARKS.items():
            places = [a.number + shift for a in mine if a.outcome == outcome]
            axes.plot(places, [0.0] * len(places), mark, ms=8, color=_COLOURS[name], clip_on=False)
    for outcome, (mark, label) in _MARKS.items():
        if any(a.outcome == outcome for a in asked):
            axes.plot([], [], mark, ms=8, color="#8395a7", label=label)
    models, machine = result["models"], result["machine"]
    about = (
        f"{models['transcriber']}, {models['llm']}, {models['synthesizer']} in all of them, "
        f"on {machine['cores']} cores of {machine['cpu']}"
    )
    axes.set_xlabel("question")
    axes.set_ylabel("s")
    axes.set_xlim(0.3, max(a.number for a in asked) + 1.7)
    axes.tick_params(colors=_INK)
    dress(axes, about, columns=3)
    figure.savefig(path)
    return [str(path)]
