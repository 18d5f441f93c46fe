"""`openline eval`: run suites with one or two models, print a table, write JSON and a page."""

import asyncio
import json
import os
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from agents.evals.caller import Caller
from agents.evals.figures import figures, groups
from agents.evals.report import Model, as_json, broken, comparisons, page, table
from agents.evals.run import Run, run, scripted
from agents.evals.simulated import SimulatedCaller
from agents.evals.suite import Case, Suite, SuiteError, suites
from agents.evals.tau2 import Tau2Domain, run_tau2
from voice.config import Config, load_config
from voice.engines import llm_name, open_llm
from voice.evaluation.spoken import Speech
from voice.models import fetch

SUITES = Path("configs/evals")


@dataclass(frozen=True, slots=True)
class Options:
    """How it is run. `caller`: the LLM that plays the callers; "" for scripted ones."""

    repeats: int = 1
    only: str = ""  # a regular expression on "group/suite/case"; "" for all
    spoken: bool = False
    caller: str = ""
    seed: int = 0
    plain: bool = False  # time the model alone on the same turns


def evaluate(
    *,
    wanted: Sequence[str],
    config: Path,
    llms: Sequence[str],
    options: Options,
    agent: Path | None,
    tau2: tuple[Path, str] | None,
    out: Path,
) -> bool:
    """Run, print, write OUT/eval.json, .html, .md and .png. True where no rule was broken.

    `tau2` is a folder and a domain of it, run instead of suites. Raises SuiteError, Tau2Error,
    DefinitionError, ConfigError, ModelError, EngineError, SpeechError.
    """
    console = Console()
    domain = Tau2Domain.load(*tau2) if tau2 else None
    chosen: list[Suite] = []
    if domain is None:
        chosen = narrowed([s for name in wanted for s in suites(find(name))], options.only)
    if agent is not None:
        chosen = [suite.model_copy(update={"agent": agent}) for suite in chosen]
    configs = [load_config(config, {"llm": name}) for name in llms] or [load_config(config)]
    player = load_config(config, {"llm": options.caller}) if options.caller else None
    known = [loaded for loaded in (*configs, player) if loaded]
    fetch([loaded.llm.model for loaded in known if not loaded.llm.url], console=console)
    speech = Speech.of(configs[0], chosen, console) if options.spoken else None
    models: list[Model] = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[wrong]} wrong"),
        console=console,
    ) as progress:
        for loaded in configs:
            total = options.repeats * sum(len(suite.cases) for suite in chosen)
            if domain is not None:
                total = sum(not task.unsupported for task in domain.tasks)
            task = progress.add_task(llm_name(loaded.llm), total=total, wrong=0)
            wrong = 0

            def done(run: Run) -> None:
                nonlocal wrong
                wrong += not run.right
                progress.update(task, advance=1, wrong=wrong)  # noqa: B023 - called in this round

            work = _Work(chosen, domain, options, player, speech, done)
            models.append(asyncio.run(_model(loaded, work)))
    if speech is not None:
        speech.close()
    _print(models, console)
    _write(models, options, out, console)
    return not any(broken(figures(model.runs)) for model in models)


def find(name: str) -> Path:
    """A path, or the name of a suite or folder in configs/evals. Raises SuiteError."""
    for path in (Path(name), SUITES / name, SUITES / f"{name}.yaml"):
        if path.exists():
            return path
    found = [
        p for p in SUITES.glob("*") if p.name != "agents" and (p.is_file() or any(p.glob("*")))
    ]
    known = sorted(path.stem for path in found)
    raise SuiteError(f"{name}: no such suite; {SUITES} has: {', '.join(known) or 'none'}")


def narrowed(found: Sequence[Suite], only: str) -> list[Suite]:
    """The suites with the cases that `only` matches. Raises SuiteError."""
    try:
        pattern = re.compile(only, re.IGNORECASE)
    except re.error as exc:
        raise SuiteError(f"--only {only!r}: not a regular expression ({exc})") from exc
    kept = [
        suite.model_copy(
            update={
                "cases": [
                    case
                    for case in suite.cases
                    if pattern.search(f"{suite.group}/{suite.name}/{case.id}")
                ]
            }
        )
        for suite in found
    ]
    kept = [suite for suite in kept if suite.cases]
    if not kept:
        raise SuiteError(f"--only {only!r}: no case is called that")
    return kept


@dataclass(frozen=True, slots=True)
class _Work:
    suites: Sequence[Suite]
    domain: Tau2Domain | None
    options: Options
    player: Config | None
    speech: Speech | None
    done: Callable[[Run], None]


async def _model(config: Config, work: _Work) -> Model:
    engine = await asyncio.to_thread(open_llm, config.llm)
    caller = engine
    if work.player and llm_name(work.player.llm) != llm_name(config.llm):
        caller = await asyncio.to_thread(open_llm, work.player.llm)
    seed = work.options.seed

    def simulated(suite: Suite, case: Case, repeat: int) -> Caller:
        return SimulatedCaller.of(case, caller, seed + repeat)

    try:
        if work.domain is not None:
            runs = await run_tau2(work.domain, engine, caller, seed=seed, done=work.done)
        else:
            runs = await run(
                work.suites,
                engine,
                repeats=work.options.repeats,
                done=work.done,
                caller=simulated if work.player else scripted,
                hear=work.speech.hear if work.speech else None,
                plain=work.options.plain,
            )
    finally:
        if caller is not engine:
            await caller.close()
        await engine.close()
    return Model(llm_name(config.llm), runs)


def _print(models: Sequence[Model], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("model")
    table.add_column("suite")
    heads = ("right", "share", "no consent", "claims", "obeyed", "invalid", "no model", "wait")
    for name in heads:
        table.add_column(name, justify="right")
    for model in models:
        for name, runs in groups(model.runs).items():
            found = figures(runs)
            wait = "" if found.wait_median is None else f"{found.wait_median:.2f} s"
            rules = [found.broken[kind] for kind in ("no consent", "claim", "obeyed", "invalid")]
            table.add_row(
                model.name,
                name,
                f"{found.right}/{found.runs}",
                f"{found.right / found.runs:.0%}",
                *(f"[red]{count}[/]" if count else "0" for count in rules),
                f"{found.without_model / max(1, found.turns):.0%}",
                wait,
            )
    console.print(table)
    for model in models:
        wrong = [run for run in model.runs if not run.right]
        if wrong:
            console.print(f"[dim]{model.name}, wrong:[/]")
        for call in wrong:
            kinds = ", ".join(sorted({problem.kind for problem in call.problems}))
            console.print(f"  {call.group}/{call.suite}/{call.case}: {kinds}", highlight=False)
    for model in models:
        added = figures(model.runs).added_median
        if added is not None:
            console.print(f"{model.name}: {added:+.2f} s a turn beside the model alone (median)")
    for name, found in comparisons(models).items():
        console.print(
            f"{name} against {models[0].name}: {found.difference:+.1%} of the cases "
            f"(95%: {found.low:+.1%} to {found.high:+.1%})"
        )


def _write(models: Sequence[Model], options: Options, out: Path, console: Console) -> None:
    about = {
        "callers": options.caller or "scripted",
        "lines": "spoken" if options.spoken else "typed",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "openline": version("openline"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
    }
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(as_json(models, about), indent=1, ensure_ascii=False, default=str)
    written = {"eval.json": text + "\n", "eval.html": page(models, about), "eval.md": table(models)}
    for name, content in written.items():
        (out / name).write_text(content, encoding="utf-8")
    names = [str(out / name) for name in written]
    try:
        from voice.evaluation.picture import draw

        draw(out / "eval.png", models)
        names.append(str(out / "eval.png"))
    except ImportError:
        console.print("[dim]no picture: pip install 'openline[bench]' for matplotlib[/]")
    console.print(f"[dim]written: {', '.join(names)}[/]")
