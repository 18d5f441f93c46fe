"""`openline agents`: check, chat, new, draw."""

import keyword
import re
from pathlib import Path
from typing import Annotated

import typer

DEMO = Path("configs/demo.yaml")
app = typer.Typer(
    no_args_is_help=True, help="The definitions of agents: who they are, what they may do."
)
AgentArgument = Annotated[
    str, typer.Argument(help="A name in configs/agents, or a definition's file.")
]
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The config; agents lie in agents/ beside it.")
]


class AgentsError(Exception):
    """It cannot be done. The message is one line."""


def find(name: str, config: Path) -> Path:
    """The file of a definition. Raises AgentsError."""
    folder = config.parent / "agents"
    for path in (Path(name), folder / f"{name}.yaml"):
        if path.is_file():
            return path
    known = ", ".join(path.stem for path in sorted(folder.glob("*.yaml"))) or "none"
    raise AgentsError(f"{name}: no such agent; {folder} has: {known}")


@app.command(epilog="Examples:  openline agents check   |   openline agents check mine.yaml")
def check(
    name: Annotated[
        str, typer.Argument(help="A name or a file; without one, every agent of the config.")
    ] = "",
    config: ConfigOption = DEMO,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
) -> None:
    """Say what cannot work in a definition, and what will work badly. Its tools are imported."""
    from agents.review import review

    folder = config.parent / "agents"
    paths = [find(name, config)] if name else sorted(folder.glob("*.yaml"))
    if not paths:
        raise AgentsError(f"{folder}: no agents there; `openline agents new NAME` makes one")
    context = _context(config)
    failed = False
    for path in paths:
        notes = review(path, context)
        for note in notes:
            typer.echo(str(note))
        errors = sum(note.level == "error" or strict for note in notes)
        failed |= bool(errors)
        if not notes:
            typer.echo(f"{path}: good")
    if failed:
        raise typer.Exit(1)


def _context(config: Path) -> int:
    from voice.config import Config, load_config

    return (load_config(config) if config.exists() else Config()).llm.context


@app.command(epilog="Example:  openline agents chat shop --llm qwen2.5-coder-0.5b")
def chat(
    name: AgentArgument = "shop",
    llm: Annotated[
        str | None, typer.Option(help="Another LLM: a card, a path, a hub id or an address.")
    ] = None,
    config: ConfigOption = DEMO,
) -> None:
    """Talk with an agent by typing; its tool calls are shown, and they are real."""
    from voice.chat import chat as run

    run(find(name, config), config, llm)


@app.command(epilog="Example:  openline agents draw shop --out shop.svg")
def draw(
    name: AgentArgument,
    out: Annotated[Path | None, typer.Option(help="The SVG; default: NAME.svg.")] = None,
    config: ConfigOption = DEMO,
) -> None:
    """Draw an agent as a state machine: what is asked, checked, read back and done."""
    from agents.conversation import Agent
    from agents.picture import picture
    from agents.review import NoEngine

    path = find(name, config)
    target = out or Path(f"{path.stem}.svg")
    target.write_text(picture(Agent.load(path, NoEngine())), encoding="utf-8")
    typer.echo(f"written: {target}")


@app.command(epilog="Example:  openline agents new dentist")
def new(
    name: Annotated[str, typer.Argument(help="A short name: letters, digits, _.")],
    config: ConfigOption = DEMO,
) -> None:
    """Write a definition to start from, and a module with its tools, in the current folder."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise AgentsError(f"{name!r} is no good name: small letters, digits and _, a letter first")
    definition = config.parent / "agents" / f"{name}.yaml"
    tools = Path(f"{name}_tools.py")
    for path in (definition, tools):
        if path.exists():
            raise AgentsError(f"{path} is there already; give another name")
    definition.parent.mkdir(parents=True, exist_ok=True)
    definition.write_text(_DEFINITION.format(name=name), encoding="utf-8")
    tools.write_text(_TOOLS.format(name=name), encoding="utf-8")
    typer.echo(f"written: {definition}, {tools}")
    typer.echo(f"next:    openline agents check {name}   |   openline agents chat {name}")


_DEFINITION = """\
title: My company
description: What the page shows beside the agent's name
language: en
greeting: My company, hello. How can I help you?

# Who the agent is. It never says that it did something: code says that, after it was done.
persona: You are the friendly automatic assistant on the phone of My company. You are not a person.

# What it knows. One fact, one sentence: whatever a fact does not say, the agent does not know.
facts:
  - We are open Monday to Friday from 9 to 17.
  - You find us at 1 Main Street.

# What it can do: classes or modules whose functions are marked with @tool.
tools:
  - {name}_tools:Desk

limits:
  turn_seconds: 30

# Shown beside the call.
examples:
  - When are you open?
  - I want to leave a message.
"""
_TOOLS = '''\
"""The tools of the agent {name}."""

from typing import Annotated, Any

from agents.tools import Slot, ToolError, tool


class Desk:
    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []  # a database, in life

    @tool(
        wants="tell whether somebody is in today",  # an imperative; also spoken: "Shall I ...?"
        asks=["is somebody in today"],  # how callers put it, without the values
        read_only=True,  # changes nothing, so nobody is asked for consent
    )
    def who_is_in(
        self,
        name: Annotated[str, Slot("name", kind="name", ask="Who are you looking for?")],
    ) -> dict[str, Any]:
        """Whether a colleague is in."""
        if name.lower() not in ("ann", "bob"):
            raise ToolError(f"nobody here is called {{name}}", "name")  # "name" is asked again
        return {{"name": name, "in": name.lower() == "ann"}}

    @tool(
        wants="leave a message",
        asks=["i want to leave a message", "please call me back"],
        confirm="The message is: {{message}}. We call you back at {{phone}}. Shall I pass it on?",
        done="I have passed it on.",
    )
    def leave_message(
        self,
        message: Annotated[str, Slot("message", ask="What is the message?")],
        phone: Annotated[str, Slot("number", kind="phone", ask="Where can we call you back?")],
    ) -> dict[str, Any]:
        """Leave a message."""
        self.messages.append({{"message": message, "phone": phone}})
        return {{"passed on": True}}
'''
