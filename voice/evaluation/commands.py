"""The command `openline eval`."""

from pathlib import Path
from typing import Annotated

import typer

DEMO = Path("configs/demo.yaml")


def evaluate(
    suite: Annotated[
        list[str], typer.Argument(help="A suite's file or folder, or its name in configs/evals.")
    ],
    llm: Annotated[
        str | None, typer.Option(help="The LLM: a card, a path, a hub id or an address.")
    ] = None,
    against: Annotated[str | None, typer.Option(help="Another LLM, to compare with.")] = None,
    agent: Annotated[
        Path | None, typer.Option(help="Another definition than the suites' own.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often each case is run (pass^k).")] = 1,
    only: Annotated[
        str, typer.Option(help="Only cases whose group/suite/name this regular expression finds.")
    ] = "",
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

    options = Options(repeats, only)
    kept = run(
        wanted=suite,
        config=config,
        llm=llm,
        against=against,
        options=options,
        agent=agent,
        out=out,
    )
    if not kept:
        raise typer.Exit(1)
