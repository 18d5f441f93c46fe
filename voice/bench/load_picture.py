"""The drawing of `openline bench load`: framework delay against the number of calls at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from voice.bench.load import Step

_TICKS = (0, 5, 10, 20, 50, 100, 200, 500, 1000)  # ms
_P95, _MEDIAN, _CORE, _INK = "#3867d6", "#52b3d9", "#8395a7", "#1e272e"


def draw(path: Path, steps: "Sequence[Step]", limit: float, about: str) -> None:
    """Lines of the p95 and the median, ms, over their limit, and of the core's share, %."""
    figure = Figure(figsize=(8, 4.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    calls = [step.calls for step in steps]
    worst, middle = (
        [(step.calls, ms) for step in steps if (ms := step.delay_ms[name]) is not None]
        for name in ("p95", "median")
    )
    for name, known, colour in (("p95", worst, _P95), ("median", middle, _MEDIAN)):
        places, delays = [n for n, _ in known], [ms for _, ms in known]
        axes.plot(places, delays, "o-", color=colour, lw=2, label=f"{name} delay")
    axes.axhline(limit, color=_INK, lw=1, ls="--", label=f"limit, {limit:.0f} ms")
    axes.set_yscale("symlog", linthresh=limit)  # one step over the limit may be ten times it
    axes.set_yticks(_TICKS, [str(tick) for tick in _TICKS], minor=False)
    axes.minorticks_off()
    axes.set_ylim(0, 1.4 * max([limit, *(ms for _, ms in worst)]))
    axes.set_xlabel("calls at once on one core")
    axes.set_ylabel("framework delay, ms")
    axes.grid(color="#dfe4ea", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines["top"].set_visible(False)
    share = axes.twinx()
    share.plot(calls, [100 * step.core for step in steps], "s:", color=_CORE, label="core used")
    share.set_ylim(0, 100)
    share.set_ylabel("core used, %", color=_CORE)
    share.spines["top"].set_visible(False)
    lines = [*axes.get_lines(), *share.get_lines()]
    names = [str(line.get_label()) for line in lines]
    axes.legend(
        lines, names, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, frameon=False
    )
    axes.set_title("Calls that one core carries", loc="left", fontsize=14, weight="bold", pad=24)
    axes.text(0, 1.02, about, transform=axes.transAxes, fontsize=9, color="#57606f")
    figure.savefig(path)
