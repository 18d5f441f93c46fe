"""The drawing of `openline bench turns`: pauses cut off against the mean wait after a turn."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from voice.bench.turns_score import Outcome

_COLOURS = ("#8395a7", "#f39c12", "#3867d6", "#20bf6b", "#8854d0")
_LONGEST = 1.5  # s of mean wait shown; nobody waits longer for an answer by choice


def draw(path: Path, parts: Mapping[str, Mapping[str, Outcome]], title: str) -> None:
    """A panel for each part of the turns, a line for each system. Lower and more left is better."""
    figure = Figure(figsize=(5.6 * len(parts), 4.8), dpi=120, layout="constrained")
    panels = figure.subplots(1, len(parts), squeeze=False, sharey=True)[0]
    for axes, (part, systems) in zip(panels, parts.items(), strict=True):
        for colour, (name, outcome) in zip(_COLOURS, systems.items(), strict=False):
            waits = [policy.mean_wait for policy in outcome.frontier]
            rates = [100 * policy.cutoff_rate for policy in outcome.frontier]
            axes.step([*waits, _LONGEST], [*rates, rates[-1]], where="post", color=colour, lw=1.8)
            axes.plot([], [], color=colour, lw=1.8, label=name)
        first = next(iter(systems.values()))
        axes.set_title(f"{part}: {first.holds} pauses, {first.ends} ends", loc="left", fontsize=11)
        axes.axvline(0.3, color="#1e272e", lw=0.8, ls=":")
        axes.axhline(10, color="#1e272e", lw=0.8, ls=":")
        axes.set_xlim(0.15, _LONGEST)
        axes.set_ylim(0, 100)
        axes.set_xlabel("mean wait after a turn, s")
        axes.grid(color="#dfe4ea", lw=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("pauses cut off, %")
    panels[-1].legend(frameon=False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, weight="bold")
    figure.savefig(path)
