"""The bench's picture: the silence before each answer and what it is made of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voice.bench.measure import Turn

_PARTS = (
    ("endpoint_ms", "is the turn over?", "#c9d6df"),
    ("transcribe_ms", "transcribe", "#52b3d9"),
    ("think_ms", "think", "#3867d6"),
    ("speak_ms", "speak", "#8854d0"),
)
_INK, _EARLY, _NONE = "#1e272e", "#f39c12", "#d63031"


def draw(path: Path, turns: Sequence[Turn], result: dict[str, Any]) -> None:
    """A bar a question, in the order asked; `result` as latency.json has it."""
    found: dict[str, Any] = result["summary"]
    waits: dict[str, float | None] = found["silence_ms"]
    figure = Figure(figsize=(11, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    places = range(1, len(turns) + 1)
    bottom = [0.0] * len(turns)
    for key, label, colour in _PARTS:
        shown = [turn.parts.get(key, 0.0) if turn.outcome == "clean" else 0.0 for turn in turns]
        axes.bar(places, shown, 0.72, bottom=bottom, color=colour, label=label)
        bottom = [low + more for low, more in zip(bottom, shown, strict=True)]
    heard = [(i, turn.silence_ms) for i, turn in zip(places, turns, strict=True)]
    clean = [(i, ms) for i, ms in heard if ms is not None and turns[i - 1].outcome == "clean"]
    axes.plot(
        [i for i, _ in clean],
        [ms for _, ms in clean],
        "_",
        ms=13,
        mew=2.2,
        color=_INK,
        label="heard",
    )
    for outcome, colour, label in (("early", _EARLY, "too early"), ("none", _NONE, "no answer")):
        missed = [i for i, turn in zip(places, turns, strict=True) if turn.outcome == outcome]
        if missed:
            axes.plot(
                missed, [0] * len(missed), "X", ms=9, color=colour, label=label, clip_on=False
            )
    for name, style in (("median", "-"), ("p95", "--")):
        value = waits[name]
        if value is not None:
            axes.axhline(value, color=_INK, lw=1, ls=style, alpha=0.7)
            axes.annotate(
                f"{name} {value:.0f} ms",
                (1, value),
                (4, 3),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                annotation_clip=False,
            )
    call, machine = result["call"], result["machine"]
    models = ", ".join(str(call[key]) for key in ("transcriber", "llm", "voice") if call.get(key))
    about = (
        f"{models} on {machine['cores']} cores of {machine['cpu']}; "
        f"{found['clean']} of {found['questions']} questions answered in turn"
    )
    axes.set_xlabel("question, in the order asked")
    axes.set_ylabel("ms")
    axes.set_xlim(0.3, len(turns) + 0.7)
    dress(axes, about, columns=7)
    figure.savefig(path)


def dress(axes: Axes, about: str, *, columns: int) -> None:
    """Title, frame and legend of a picture of silences; `about` says whose, on what."""
    axes.set_title("Silence before each answer", loc="left", fontsize=14, weight="bold", pad=26)
    axes.text(0, 1.03, about, transform=axes.transAxes, fontsize=9, color="#57606f")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#dfe4ea", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=columns, frameon=False)
