"""Results as JSON, and as one self-contained page: figures drawn, failures first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from agents.evals.figures import Comparison, Figures, by_case, compare, figures, groups
from agents.evals.run import Run
from agents.evals.score import BROKEN

_STYLE = Path(__file__).parent / "report.css"


@dataclass(frozen=True, slots=True)
class Model:
    """All runs of one model."""

    name: str
    runs: Sequence[Run]


def comparisons(models: Sequence[Model]) -> dict[str, Comparison]:
    """Every further model against the first, by its name."""
    first, *others = models
    return {other.name: compare(first.runs, other.runs) for other in others}


def as_json(models: Sequence[Model], about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything, for scripts; `about` says when, where and how it was run."""
    return {
        **about,
        "models": [
            {
                "name": model.name,
                "figures": {
                    name: asdict(figures(runs)) for name, runs in groups(model.runs).items()
                },
                "runs": [{**asdict(run), "right": run.right} for run in model.runs],
            }
            for model in models
        ],
        "comparisons": {name: asdict(found) for name, found in comparisons(models).items()},
    }


def page(models: Sequence[Model], about: Mapping[str, Any]) -> str:
    """The report. It loads nothing from anywhere."""
    names = " and ".join(model.name for model in models)
    facts = " · ".join(f"{key} {value}" for key, value in about.items())
    body = [
        f"<header><h1>{escape(names)}</h1><p>{escape(facts)}</p></header>",
        *(_shares(model) for model in models),
        *(_compared(models[0].name, *found) for found in comparisons(models).items()),
        *(part for model in models for part in _calls(model)),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Evaluation of {escape(names)} · Openline</title>"
        f"<style>{_STYLE.read_text(encoding='utf-8')}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def table(models: Sequence[Model]) -> str:
    """The figures as a table in Markdown."""
    heads = ("model", "", "right", "no consent", "claims", "obeyed", "invalid", "turns, no model")
    lines = [_cells(heads), "|---" * len(heads) + "|"]
    for model in models:
        for name, runs in groups(model.runs).items():
            found = figures(runs)
            alone = f"{found.without_model} of {found.turns}"
            rules = [found.broken[kind] for kind in ("no consent", "claim", "obeyed", "invalid")]
            share = f"{found.right} of {found.runs}, {found.right / found.runs:.0%}"
            lines.append(_cells((model.name, name, share, *map(str, rules), alone)))
    return "\n".join(lines) + "\n"


def _cells(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def broken(found: Figures) -> int:
    """Rules broken, of all kinds."""
    return sum(found.broken.values())


# -- figures, drawn ---------------------------------------------------------------------------


def _shares(model: Model) -> str:
    rows = [_row(name, figures(runs)) for name, runs in groups(model.runs).items()]
    heads = ("", "", "right", "pass^k", "rules broken", "no model", "wait, median", "p90")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        f"<section><h2>{escape(model.name)}</h2><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></section>"
    )


def _row(name: str, found: Figures) -> str:
    share = found.right / found.runs
    chances = ", ".join(f"{k}: {chance:.0%}" for k, chance in found.pass_k.items() if k > 1)
    wrong = ", ".join(f"{count} {kind}" for kind, count in found.broken.items() if count) or "0"
    cells = [
        f"{found.right} of {found.runs} · {share:.0%}",
        chances or "–",
        f'<span class="{"bad" if broken(found) else "good"}">{escape(wrong)}</span>',
        f"{found.without_model / max(1, found.turns):.0%} of {found.turns} turns",
        _seconds(found.wait_median),
        _seconds(found.wait_p90),
    ]
    return (
        f"<tr><th>{escape(name)}</th><td>{_bar(share)}</td>"
        f"{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    )


def _bar(share: float) -> str:
    return (
        '<svg class="bar" viewBox="0 0 200 14" role="img" '
        f'aria-label="{share:.0%}"><rect class="all" width="200" height="14" rx="3"/>'
        f'<rect class="part" width="{200 * share:.1f}" height="14" rx="3"/></svg>'
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"


def _compared(first: str, second: str, found: Comparison) -> str:
    one, other = escape(first), escape(second)
    middle, scale = 200.0, 200.0  # a difference of 1 is the whole half

    def at(value: float) -> float:
        return middle + scale * value

    lists = [
        f"<details><summary>{len(names)} only {who} does</summary><ul>"
        f"{''.join(f'<li>{escape(name)}</li>' for name in names)}</ul></details>"
        for who, names in ((other, found.better), (one, found.worse))
        if names
    ]
    return (
        f"<section><h2>{other} against {one}</h2>"
        f"<p>{found.difference:+.1%} of the cases; "
        f"95% of the resamplings: {found.low:+.1%} to {found.high:+.1%}</p>"
        '<svg class="interval" viewBox="0 0 400 30" role="img" aria-label="difference">'
        f'<line class="zero" x1="{middle}" x2="{middle}" y1="0" y2="30"/>'
        f'<line class="range" x1="{at(found.low):.1f}" x2="{at(found.high):.1f}" y1="15" y2="15"/>'
        f'<circle cx="{at(found.difference):.1f}" cy="15" r="5"/></svg>{"".join(lists)}</section>'
    )


# -- calls ------------------------------------------------------------------------------------


def _calls(model: Model) -> Iterator[str]:
    """The calls that went wrong, open; the others, folded."""
    cases = by_case(model.runs)
    wrong = [runs for runs in cases.values() if not all(run.right for run in runs)]
    right = [runs for runs in cases.values() if all(run.right for run in runs)]
    name = escape(model.name)
    if wrong:
        yield f"<section><h2>{name}: {len(wrong)} cases that went wrong</h2>"
        yield from (_call(run) for runs in wrong for run in runs if not run.right)
        yield "</section>"
    if right:
        yield f"<section><h2>{name}: {len(right)} cases that went right</h2>"
        yield from (_call(runs[0]) for runs in right)
        yield "</section>"


def _call(run: Run) -> str:
    rule = any(problem.kind in BROKEN for problem in run.problems)
    kinds = ", ".join(sorted({problem.kind for problem in run.problems}))
    label = f"{run.group} / {run.suite} / {run.case}"
    wrong = "".join(
        f"<li><b>{escape(problem.kind)}</b> {escape(problem.detail)}</li>"
        for problem in run.problems
    )
    return (
        f'<details class="{"rule" if rule else "wrong" if run.problems else "right"}">'
        f"<summary>{escape(label)}<i>{escape(kinds)}</i></summary>"
        f"{f'<ul>{wrong}</ul>' if wrong else ''}<dl>{''.join(_lines(run))}</dl></details>"
    )


def _lines(run: Run) -> Iterator[str]:
    for exchange in run.exchanges:
        yield f"<dt>caller</dt><dd>{escape(exchange.caller)}"
        if exchange.heard != exchange.caller:
            yield f"<small>heard: {escape(exchange.heard)}</small>"
        yield "</dd>"
        for call in exchange.calls:
            arguments = ", ".join(f"{key}={value}" for key, value in call.arguments.items())
            ended = call.error or call.result
            text = f"{call.tool}({arguments}) → {ended}"
            yield f'<dt>tool</dt><dd class="tool">{escape(text)}</dd>'
        cost = f"{_seconds(exchange.wait)}, {exchange.requests} requests"
        yield f"<dt>agent</dt><dd>{escape(exchange.agent)}<small>{cost}</small></dd>"
