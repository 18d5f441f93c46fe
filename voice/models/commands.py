"""`openline models`: list, get, verify, remove, path."""

import json
from typing import Annotated

import typer

from voice.models.cache import is_here, missing_files, model_path, remove, served_line, verify
from voice.models.card import Card, Kind, ModelError, card, cards
from voice.models.fetching import fetch, human

app = typer.Typer(
    no_args_is_help=True,
    help="What models there are, what they may be used for, and which are on this machine.",
)

KINDS: dict[Kind, str] = {
    "transcriber": "transcribers",
    "llm": "language models",
    "synthesizer": "synthesizers",
    "vad": "voice activity",
    "endpoint": "end of turn",
    "speaker": "who spoke",
}

Names = Annotated[list[str], typer.Argument(help="Names from `openline models list`.")]


@app.command(
    "list",
    epilog="Examples:  openline models list --kind llm   |   openline models list --here --json",
)
def list_models(
    kind: Annotated[str, typer.Option(help="Only this kind, e.g. transcriber or llm.")] = "",
    here: Annotated[bool, typer.Option("--here", help="Only what is on this machine.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show the cards: size, memory, licence, and whether the files are here."""
    shown = [c for c in cards().values() if kind in ("", c.kind) and (not here or is_here(c))]
    if kind and kind not in KINDS:
        raise ModelError(f"no kind of model is called {kind!r}; there are {', '.join(KINDS)}")
    if as_json:
        typer.echo(json.dumps([describe(c) for c in shown], indent=2))
        return
    _show(shown)


def _show(shown: list[Card]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    width = max((len(c.name) for c in shown), default=0)
    for kind, plural in KINDS.items():
        group = sorted((c for c in shown if c.kind == kind), key=lambda c: c.memory_bytes)
        if not group:
            continue
        table = Table(box=None, pad_edge=False, title_justify="left", header_style="dim")
        table.add_column(Text(plural, style="bold"), width=width, no_wrap=True)
        table.add_column("size", justify="right", width=9)
        table.add_column("memory", justify="right", width=9)
        table.add_column("here", width=6)
        table.add_column("licence and what it is", overflow="fold")
        for c in group:
            where = "served" if c.served else ("yes" if is_here(c) else "no")
            what = Text(f"{c.licence}. {c.title}")
            if c.restrictions:
                what.append(f"; {c.restrictions}", style="yellow")
            table.add_row(
                Text(c.name, style="cyan"),
                human(c.size_bytes),
                human(c.memory_bytes),
                Text(where, style="green" if where == "yes" else "dim"),
                what,
            )
        console.print(table)
        console.print()
    console.print(
        "Get one: openline models get NAME. A config also takes a folder, a hub id (org/name)\n"
        "or the address of an OpenAI-compatible server.",
        style="dim",
    )


def describe(of: Card) -> dict[str, object]:
    """A card as `--json` shows it."""
    return {
        "name": of.name,
        "kind": of.kind,
        "engine": of.engine,
        "title": of.title,
        "languages": list(of.languages),
        "licence": of.licence,
        "restrictions": of.restrictions,
        "size_bytes": of.size_bytes,
        "memory_bytes": of.memory_bytes,
        "hub": of.hub,
        "serve": of.serve,
        "sources": [source.uri for source in of.sources],
        "here": is_here(of),
    }


@app.command(epilog="Example:  openline models get whisper-base kokoro-82m")
def get(names: Names) -> None:
    """Fetch models, all at once; what is here already costs nothing. A kill loses nothing."""
    for name in names:
        if name in cards() and card(name).served:
            raise ModelError(served_line(card(name)))
    fetch(names)
    for name in names:
        typer.echo(f"{name}  {model_path(name)}")


@app.command("verify", epilog="Example:  openline models verify   (all that are here)")
def verify_models(
    names: Annotated[list[str] | None, typer.Argument(help="Default: all that are here.")] = None,
) -> None:
    """Hash the files again and compare them with the cards. Exit code 1 when one is wrong."""
    present = [c.name for c in cards().values() if not c.served and c.files and _touched(c)]
    bad = False
    for name in names or present:
        wrong = verify([name])
        bad = bad or bool(wrong)
        for line in wrong or [f"{name}: good"]:
            typer.echo(line, err=bool(wrong))
        if wrong:
            typer.echo(f"mend it: openline models get {name}", err=True)
    if bad:
        raise typer.Exit(1)


def _touched(of: Card) -> bool:
    return len(missing_files(of)) < len(of.files)


@app.command("remove", epilog="Example:  openline models remove qwen2.5-coder-0.5b")
def remove_models(names: Names) -> None:
    """Delete models from the cache."""
    for name in names:
        typer.echo(f"{name}: {human(remove(name))} freed")


@app.command(epilog='Example:  ls "$(openline models path whisper-tiny.en)"')
def path(name: Annotated[str, typer.Argument(help="A name, a hub id or a path.")]) -> None:
    """Print the folder of a model that is here; exit code 1 when it is not."""
    typer.echo(model_path(name))
