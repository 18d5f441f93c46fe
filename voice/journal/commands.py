"""`openline calls`: list, show, export, correct, tuning, remove."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from voice.journal.files import JournalError, journal_folder, write_private

app = typer.Typer(
    no_args_is_help=True,
    help="The recorded calls: what was heard, said and decided. They lie on this machine only.",
)

CallArgument = Annotated[
    str, typer.Argument(help="An id from `calls list`, its beginning, or `last`.")
]
FolderOption = Annotated[
    Path | None, typer.Option("--folder", help="Where the calls lie; default: the config's.")
]
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The config whose journal.folder is used.")
]
DEMO = Path("configs/demo.yaml")


def shelf_of(folder: Path | None, config: Path) -> Path:
    """--folder, else the config's; the default place where there is no config here."""
    if folder is not None:
        return folder
    if config == DEMO and not config.exists():
        return journal_folder()
    from voice.config import load_config

    return journal_folder(load_config(config))


@app.command("list", epilog="Examples:  openline calls list   |   openline calls list --json")
def list_calls(
    folder: FolderOption = None,
    config: ConfigOption = DEMO,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show the recorded calls, newest first."""
    from voice.journal.record import summary
    from voice.journal.shelf import folders

    shelf = shelf_of(folder, config)
    found = [summary(path) for path in folders(shelf)]
    if as_json:
        made = [{**asdict(call), "began": call.began.isoformat()} for call in found]
        typer.echo(json.dumps(made, indent=2))
        return
    if not found:
        typer.echo(f"no calls are recorded in {shelf}")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("call", "when", "agent", "length", "turns", "cut", "median silence", ""):
        table.add_column(name, justify="left" if name in ("call", "when", "agent", "") else "right")
    for call in found:
        silence = "" if call.median_silence_ms is None else f"{call.median_silence_ms:.0f} ms"
        wrong = [f"{call.heard_errors} memory errors"] if call.heard_errors else []
        wrong += [] if call.complete else ["no end"]
        table.add_row(
            call.call,
            f"{call.began.astimezone():%Y-%m-%d %H:%M}",
            call.agent,
            f"{call.seconds:.0f} s",
            str(call.turns),
            str(call.interruptions),
            silence,
            ", ".join(wrong),
        )
    Console(highlight=False).print(table)


@app.command(
    epilog="Examples:  openline calls show last   |   openline calls show last --html call.html"
)
def show(
    call: CallArgument,
    html: Annotated[Path | None, typer.Option(help="Write one page with the picture.")] = None,
    folder: FolderOption = None,
    config: ConfigOption = DEMO,
) -> None:
    """Print a call as a conversation, with times, silences, tools and what was cut."""
    from rich.console import Console

    from voice.journal.record import read
    from voice.journal.shelf import find
    from voice.journal.show import conversation

    recorded = read(find(shelf_of(folder, config), call))
    if html is not None:
        from voice.journal.page import call_page

        write_private(html, call_page(recorded))
        typer.echo(str(html))
        return
    console = Console(highlight=False)
    for line in conversation(recorded):
        console.print(line)


@app.command(epilog="Example:  openline calls export last --out call.zip")
def export(
    call: CallArgument,
    out: Annotated[Path, typer.Option(help="The zip file to write.")],
    folder: FolderOption = None,
    config: ConfigOption = DEMO,
) -> None:
    """Write a call's sound, events and page into one zip file."""
    from voice.journal.page import call_page
    from voice.journal.record import read
    from voice.journal.shelf import export as pack
    from voice.journal.shelf import find

    found = find(shelf_of(folder, config), call)
    pack(found, out, [("call.html", call_page(read(found)))])
    typer.echo(str(out))


@app.command(
    epilog='Example:  openline calls correct last 2 "It left on Monday and comes on Thursday."'
)
def correct(
    call: CallArgument,
    turn: Annotated[int, typer.Argument(help="The caller's turn; 1 is the first.")],
    better: Annotated[str, typer.Argument(help="What the agent should have said.")],
    folder: FolderOption = None,
    config: ConfigOption = DEMO,
) -> None:
    """Keep a better answer beside a call, for `calls tuning`."""
    from voice.journal.record import read
    from voice.journal.shelf import find
    from voice.journal.tuning import correct as keep

    found = find(shelf_of(folder, config), call)
    keep(found, read(found), turn, better)
    typer.echo(f"turn {turn} of {found.name} is corrected")


@app.command(
    epilog="Examples:  openline calls tuning --agent configs/agents/shop.yaml --out chats.jsonl"
    "   |   openline calls tuning 3f2a --pairs --agent configs/agents/shop.yaml --out pairs.jsonl"
)
def tuning(
    agent: Annotated[Path, typer.Option(help="The definition: its persona, facts and tools.")],
    out: Annotated[Path, typer.Option(help="The JSONL file to write.")],
    calls: Annotated[list[str] | None, typer.Argument(help="Ids; default: the agent's.")] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="Corrected turns, for DPO.")] = False,
    evaluation: Annotated[
        list[Path] | None, typer.Option("--eval", help="An eval.json; its right runs.")
    ] = None,
    mask: Annotated[bool, typer.Option(help="E-mails, cards and phone numbers.")] = True,
    folder: FolderOption = None,
    config: ConfigOption = DEMO,
) -> None:
    """Write calls and evaluations as chats that a model is tuned on."""
    from voice.journal import tuning as data
    from voice.journal.masking import light, masked, unmasked
    from voice.journal.record import read
    from voice.journal.shelf import find, folders, header_of

    shelf = shelf_of(folder, config)
    frame = data.frame_of(agent)
    if calls:
        found = [find(shelf, call) for call in calls]
    else:
        found = [path for path in folders(shelf) if header_of(path)["agent"] == agent.stem]
    lines: list[dict[str, object]] = []
    for path in found:
        call, better = read(path), data.corrections(path)
        if pairs:
            lines += data.preferences_of(call, frame, better)
        elif call.turns:
            lines.append(data.chat_of(call, frame, better))
    for path in () if pairs else evaluation or ():
        lines += data.chats_of_evaluation(path, frame)
    count = data.write(out, (masked(line, light if mask else unmasked) for line in lines))
    typer.echo(f"{out}: {count} {'pairs' if pairs else 'chats'}")


@app.command(
    epilog="Examples:  openline calls remove 3f2a   |   openline calls remove --older-than 7"
)
def remove(
    calls: Annotated[list[str] | None, typer.Argument(help="Ids from `calls list`.")] = None,
    older_than: Annotated[float | None, typer.Option(help="Days; 0 removes all.", min=0)] = None,
    folder: FolderOption = None,
    config: ConfigOption = DEMO,
) -> None:
    """Delete recordings for good."""
    import time

    from voice.journal.shelf import find, remove_older
    from voice.journal.shelf import remove as delete

    if not calls and older_than is None:
        raise JournalError("which calls? give ids, or --older-than DAYS")
    shelf = shelf_of(folder, config)
    gone = [find(shelf, call) for call in calls or []]
    for path in gone:
        delete(path)
    if older_than is not None:
        gone += remove_older(shelf, time.time() - 86400 * older_than)
    typer.echo(f"{len(gone)} {'call' if len(gone) == 1 else 'calls'} removed")


def replay(
    call: CallArgument,
    config: Annotated[
        Path, typer.Option("--config", "-c", help="The models and settings to replay it with.")
    ] = DEMO,
    changed: Annotated[
        list[str] | None, typer.Option("--set", help="Another setting: turns.partial_seconds=1.")
    ] = None,
    costs: Annotated[
        str, typer.Option(help="What model work costs on the clock: measured or none.")
    ] = "measured",
    as_test: Annotated[
        Path | None, typer.Option(help="Make the call a regression case in this folder.")
    ] = None,
    folder: FolderOption = None,
) -> None:
    """Run a call's caller again through the present build and say what changed, turn by turn.

    The clock jumps over waiting; only model work takes its time. Tools answer as they did in the
    call, and no action is done again.
    """
    import yaml
    from rich.console import Console

    from voice.config import load_config
    from voice.journal.again import make_case, run_again
    from voice.journal.compare import report
    from voice.journal.record import read
    from voice.journal.shelf import find

    if costs not in ("measured", "none"):
        raise JournalError(f"--costs {costs}: give measured or none")
    settings: dict[str, object] = {}
    for setting in changed or []:
        key, equals, value = setting.partition("=")
        if not equals:
            raise JournalError(f"--set {setting}: give KEY=VALUE, e.g. turns.partial_seconds=1")
        settings[key] = yaml.safe_load(value)
    loaded = load_config(config, settings)
    shelf = folder if folder is not None else journal_folder(loaded)
    recorded = read(find(shelf, call))
    console = Console(highlight=False)
    if as_test is not None:
        make_case(recorded, as_test, loaded, config.parent)
        console.print(
            f"{as_test}: correct expected.json where the call went wrong, then run\n"
            "python -m pytest tests/test_recorded_calls.py",
            soft_wrap=True,
        )
        return
    cost = "none" if costs == "none" else "measured"
    again = run_again(recorded, loaded, config.parent, cost=cost)
    for line in report(recorded, again):
        console.print(line)
