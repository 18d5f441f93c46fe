"""The drawing of `openline bench batch`: word errors against the processor's time."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from voice.bench.batch import Outcome

_OURS, _THEIRS = "#3867d6", "#8395a7"


def draw(path: Path, outcomes: "Sequence[Outcome]", title: str) -> None:
    """A panel for each model, a dot for each system. Lower and more left is better."""
    models = list(dict.fromkeys(one.model for one in outcomes))
    figure = Figure(figsize=(5.6 * len(models), 4.4), dpi=120, layout="constrained")
    panels = figure.subplots(1, len(models), squeeze=False)[0]
    for axes, model in zip(panels, models, strict=True):
        for one in (one for one in outcomes if one.model == model):
            colour = _OURS if one.system.startswith("openline") else _THEIRS
            place = (1000 * one.processor, 100 * one.word_error_rate)
            axes.plot(*place, "o", color=colour)
            axes.annotate(one.system, place, xytext=(6, 4), textcoords="offset points", fontsize=8)
        axes.set_title(model, loc="left", fontsize=11)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.margins(x=0.3)
        axes.set_xlabel("processor, ms for a second of sound")
        axes.grid(color="#dfe4ea", lw=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("word error rate, %")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, weight="bold")
    figure.savefig(path)
