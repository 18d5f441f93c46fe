"""A definition looked over before it takes calls: what cannot work, and what will work badly."""

import inspect
import re
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.conversation import Agent
from agents.definition import AgentDefinition, DefinitionError
from agents.document import Document
from agents.llm.engine import Delta, EngineError, Message, Request
from agents.tools import FREE, Slot, Tool
from agents.understand import prefix

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")  # what OpenAI's API and our grammars take
_LETTERS_PER_TOKEN = 3.5  # of English in Qwen2.5's tokenizer: 4.1 for prose, less for lists
_REMAINS = 512  # tokens of the context that a turn itself needs: the line, results, an answer
_FACT = 300  # letters; a longer fact is read out whole, or cut by the model


@dataclass(frozen=True, slots=True)
class Note:
    """One thing about a definition. `where` is a file and line."""

    level: Literal["error", "warning"]
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.level}: {self.text}"


@dataclass(slots=True)
class NoEngine:
    """Stands where an engine has to be, for who only looks at an agent."""

    name: str = "none"
    grammars: bool = True
    native_tools: bool = False

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        raise EngineError("nothing was loaded to think with")
        yield

    async def warm_up(self, request: Request) -> None: ...

    async def prepare(self, request: Request, *, whole: bool = False) -> None: ...

    async def close(self) -> None: ...


def review(path: Path, context: int = 4096) -> list[Note]:
    """Everything that is wrong or weak; `context` is the LLM's, in tokens.

    Its tools are imported and made: what their constructors do is done.
    """
    try:
        definition = AgentDefinition.read(path)
        agent = Agent.of(definition, path, NoEngine())
    except DefinitionError as exc:
        return [_error(path, str(exc))]
    lines = _Lines(path)
    notes = list(_about(definition, lines))
    for spoken in agent.languages.values():
        notes += _size(spoken, lines, context)
    for tool in agent.tools.values():
        if not tool.policy.says:  # a refused topic, not written in Python
            notes += _tool(tool)
    return sorted(notes, key=lambda note: note.level)


def _error(path: Path, message: str) -> Note:
    """The message names its file, and a line where it knows one."""
    known = re.match(rf"{re.escape(str(path))}(:\d+)?: (.*)", message, re.DOTALL)
    if known is None:
        return Note("error", str(path), message)
    text = known[2]
    line = known[1] or _Lines(path).of(text.split(":")[0])
    return Note("error", f"{path}{line}", text)


class _Lines:
    """Where the keys of a definition stand."""

    def __init__(self, path: Path) -> None:
        self._document = Document.read(path, "an agent")

    def of(self, *where: str | int) -> str:
        """ "PATH:LINE" has this after PATH."""
        return self.place(*where).removeprefix(str(self._document.path))

    def place(self, *where: str | int) -> str:
        return self._document.place(where)


def _about(definition: AgentDefinition, lines: _Lines) -> Iterator[Note]:
    if not definition.greeting:
        yield Note("warning", lines.place(), "no greeting: the caller has to speak first")
    if not definition.facts:
        yield Note("warning", lines.place(), 'no facts: every question gets "I don\'t know"')
    for number, fact in enumerate(definition.facts):
        if len(fact) > _FACT:
            text = f"a fact of {len(fact)} letters; split it: one fact, one sentence"
            yield Note("warning", lines.place("facts", number), text)
        elif not fact.rstrip().endswith((".", "!", "?")):
            text = "a fact that is no sentence; small models read them aloud as they stand"
            yield Note("warning", lines.place("facts", number), text)


def _size(agent: Agent, lines: _Lines, context: int) -> Iterator[Note]:
    """The two constant prompts of a small model: each has the context to itself."""
    definition = agent.definition
    understand = prefix(definition, list(agent.tools.values()), agent.language.prompts)
    answer = [Message("system", " ".join([definition.persona, *definition.facts]))]
    for what, messages in (("tools", understand), ("facts", answer)):
        tokens = round(sum(len(message.content) for message in messages) / _LETTERS_PER_TOKEN)
        if tokens + _REMAINS > context:
            text = (
                f"about {tokens} tokens of {what}, and {_REMAINS} are needed for a turn: "
                f"more than the context of {context}; shorten them, or set llm.context"
            )
            yield Note("error", lines.place(what), text)
        elif tokens * 2 > context:
            text = f"about {tokens} tokens of {what}, half of the context of {context}"
            yield Note("warning", lines.place(what), text)


def _tool(tool: Tool) -> Iterator[Note]:
    where = _source(tool)
    policy = tool.policy
    if not _NAME.fullmatch(tool.name):
        yield Note("error", where, f"tool {tool.name!r}: models take letters, digits, _ and - only")
    wrong = [name for name in tool.slots if not _NAME.fullmatch(name)]
    for name in wrong:
        yield Note("error", where, f"{tool.name}: argument {name!r} cannot be made into a grammar")
    if policy.read_only and policy.irreversible:
        yield Note("error", where, f"{tool.name} is read_only and irreversible")
    doc = (inspect.getdoc(tool.function) or "").split("\n")[0].rstrip(".").lower()
    plain = tool.name.replace("_", " ")
    if not policy.internal and (policy.wants == plain or (policy.wants == doc and not policy.asks)):
        text = f"{tool.name} has no wants=: say what a caller wants, as an imperative"
        yield Note("warning", where, text)
    elif not policy.internal and not policy.asks:
        text = f"{tool.name} has no asks=: a small model is shown how callers put it"
        yield Note("warning", where, text)
    for name, slot in tool.slots.items():
        yield from _slot(tool.name, name, slot, where)


def _slot(tool: str, name: str, slot: Slot, where: str) -> Iterator[Note]:
    if slot.label == name.replace("_", " ") and not (slot.ask or slot.hidden):
        yield Note("warning", where, f"{tool}: {name} has no Slot: give it a label, or an ask")
    if slot.kind == "id" and not (slot.pattern or slot.hidden):
        text = f"{tool}: {name} is an id without a pattern: any word could be one"
        yield Note("warning", where, text)
    if slot.pattern:
        try:
            re.compile(slot.pattern)
        except re.error as exc:
            yield Note("error", where, f"{tool}: {name}: pattern {slot.pattern!r}: {exc}")
    unknown = [option for option in slot.synonyms if option not in slot.options]
    if unknown:
        yield Note(
            "error", where, f"{tool}: {name}: synonyms of {unknown[0]!r}, which is no option"
        )
    if slot.synonyms and slot.kind in FREE:
        yield Note("warning", where, f"{tool}: {name}: synonyms of free text are not looked at")


def _source(tool: Tool) -> str:
    """The file and line of a tool's function."""
    function = inspect.unwrap(tool.function)
    try:
        file = Path(inspect.getsourcefile(function) or "")
        line = inspect.getsourcelines(function)[1]
    except (OSError, TypeError):  # an MCP server's or an API's tool has no source here
        return tool.name
    here = Path.cwd()
    return f"{file.relative_to(here) if file.is_relative_to(here) else file}:{line}"
