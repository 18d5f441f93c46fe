"""The command `openline eval`."""

from pathlib import Path
from typing import Annotated

import typer

DEMO = Path("configs/demo.yaml")


def evaluate(
    suite: Annotated[
        list[str] | None,
        typer.Argument(help="A suite's file or folder, or its name in configs/evals."),
    ] = None,
    llm: Annotated[
        list[str] | None,
        typer.Option(help="An LLM: a card, a path, a hub id or an address; several one by one."),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Another LLM, compared with the first.")
    ] = None,
    agent: Annotated[
        Path | None, typer.Option(help="Another definition than the suites' own.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often each case is run (pass^k).")] = 1,
    only: Annotated[
        str, typer.Option(help="Only cases whose group/suite/name this regular expression finds.")
    ] = "",
    spoken: Annotated[
        bool, typer.Option("--spoken", help="Every line through a voice and the transcriber.")
    ] = False,
    caller: Annotated[
        str, typer.Option(help="The LLM that plays the callers, in place of scripted ones.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Of simulated callers.")] = 0,
    plain: Annotated[
        bool, typer.Option("--plain", help="Time the model alone on the same turns, too.")
    ] = False,
    tau2: Annotated[
        Path | None, typer.Option(help="A checkout of tau2-bench: run a domain of it.")
    ] = None,
    domain: Annotated[str, typer.Option(help="The domain of --tau2.")] = "mock",
    out: Annotated[Path, typer.Option(help="Folder of the JSON and the page.")] = Path("eval"),
    config: Annotated[
        Path, typer.Option("--config", "-c", help="The YAML file that names the models.")
    ] = DEMO,
) -> None:
    """Prove an agent: callers talk with it, and what became of it is judged.

    Ends with 1 where a rule was broken: an action without consent, a claim without a result, an
    injected instruction obeyed, an invalid call.
    """
    from voice.evaluation.evaluate import Options
    from voice.evaluation.evaluate import evaluate as run

    if not suite and tau2 is None:
        raise typer.BadParameter("name a suite, as in `openline eval single`, or give --tau2")
    if against and not llm:
        raise typer.BadParameter("--against compares with --llm: name that too")
    options = Options(repeats, only, spoken, caller, seed, plain)
    kept = run(
        wanted=suite or [],
        config=config,
        llms=[*(llm or []), *([against] if against else [])],
        options=options,
        agent=agent,
        tau2=(tau2, domain) if tau2 else None,
        out=out,
    )
    if not kept:
        raise typer.Exit(1)
