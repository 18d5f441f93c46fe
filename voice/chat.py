"""`openline agents chat`: an agent by typing, with its tool calls shown."""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import assert_never

from rich.console import Console
from rich.markup import escape

from agents.conversation import Agent, Conversation
from agents.events import Finished, Quoted, Say, ToolEnded, ToolStarted
from voice.config import load_config
from voice.engines import open_llm
from voice.models import fetch


def chat(path: Path, config: Path, llm: str | None) -> None:
    """Read lines until the agent hangs up or the input ends.

    Raises ConfigError, DefinitionError, ModelError, EngineError.
    """
    loaded = load_config(config, {"llm": llm} if llm else {})
    console = Console(highlight=False)
    if not loaded.llm.url:
        fetch(loaded.llm.model, console=console)
    engine = open_llm(loaded.llm)
    agent = Agent.load(path, engine)

    async def talk() -> None:
        try:
            await agent.warm_up()
            await _talk(agent, console)
        finally:
            await agent.close()
            await engine.close()

    asyncio.run(talk())


async def _talk(agent: Agent, console: Console) -> None:
    conversation = agent.conversation()
    try:
        if agent.definition.greeting:
            console.print(f"[bold]agent[/]  {escape(agent.definition.greeting)}")
            conversation.heard(agent.definition.greeting)
        while (line := await asyncio.to_thread(_line, console)) is not None:
            if line.strip() and await _turn(conversation, line, console):
                return
    finally:
        await conversation.close()


def _line(console: Console) -> str | None:
    try:
        return console.input("[bold]you[/]    ")
    except EOFError:
        return None


async def _turn(conversation: Conversation, line: str, console: Console) -> bool:
    """One exchange, written as it comes; whether the agent hangs up."""
    committed = asyncio.Event()
    committed.set()
    pieces: list[str] = []
    hangs_up = False

    def begin(text: str) -> None:
        console.print(text if pieces else f"[bold]agent[/]  {text}", end="", soft_wrap=True)
        pieces.append(text)

    async with aclosing(conversation.turn(line, committed)) as events:
        async for event in events:
            match event:
                case Say(text):
                    begin(escape(text + " " * event.complete))
                case ToolStarted():
                    given = ", ".join(f"{name}={value}" for name, value in event.arguments.items())
                    console.print(f"[dim]       {escape(f'{event.name}({given})')}[/]")
                case ToolEnded():
                    ended = event.error or json.dumps(event.result, default=str)
                    console.print(f"[dim]       → {escape(ended)}, {event.seconds:.2f} s[/]")
                case Quoted():
                    source = ", ".join(filter(None, (event.file, event.heading)))
                    console.print(f"\n[dim]       source: {escape(source)}[/]")
                case Finished(hang_up):
                    hangs_up = hang_up
                case _:
                    assert_never(event)
    console.print()
    conversation.heard("".join(pieces))
    return hangs_up
