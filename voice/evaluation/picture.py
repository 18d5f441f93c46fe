"""The evaluation's picture: the share of right calls of each model, and rules broken."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from agents.evals.figures import figures, groups
from agents.evals.report import Model, broken

_COLOURS = ("#3867d6", "#52b3d9", "#8854d0", "#f39c12")
_INK, _BROKEN = "#1e272e", "#d63031"


def draw(path: Path, models: Sequence[Model]) -> None:
    """A group of bars for each row of the table, a bar for each model."""
    rows = list(dict.fromkeys(name for model in models for name in groups(model.runs)))
    figure = Figure(figsize=(11, 1.4 + 0.9 * len(rows)), dpi=120, layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(models)
    for index, model in enumerate(models):
        found = {name: figures(runs) for name, runs in groups(model.runs).items()}
        for row, name in enumerate(rows):
            if name not in found:
                continue
            share = found[name].right / found[name].runs
            at = row + (index - (len(models) - 1) / 2) * height
            label = model.name if row == 0 else None
            axes.barh(at, share, height * 0.92, color=_COLOURS[index % 4], label=label)
            text = f"{found[name].right} of {found[name].runs}"
            axes.annotate(text, (share, at), (4, 0), textcoords="offset points", va="center")
            if count := broken(found[name]):
                axes.annotate(
                    f"{count} rules broken",
                    (share, at),
                    (70, 0),
                    textcoords="offset points",
                    va="center",
                    color=_BROKEN,
                )
    axes.set_yticks(range(len(rows)), rows, color=_INK)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0%", "25%", "50%", "75%", "100%"])
    axes.set_title("Calls that went as they had to", loc="left", fontsize=14, weight="bold")
    axes.grid(axis="x", color="#dfe4ea", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(models), frameon=False)
    figure.savefig(path)
