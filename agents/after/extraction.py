"""A form filled from a call: every value with the line and the words that it rests on, or null.

The model only points: which line says it, and which words of that line. Code makes the value of
the words, so nothing can be in a form that was not said.
"""

import datetime as dt
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from agents.after.form import Field, Form
from agents.after.record import Line
from agents.llm.engine import Engine, Message, Request, Text
from agents.llm.gbnf import quoted, runs
from agents.spoken import Language

SLOT = "after"  # prompts of its own, so that those of live calls stay warm
_MOST = 8  # values of a list
_SURE = 0.5  # of the lines' probability; with less the entry stays empty
# Of 15 questions about two calls the 1.5B got 12 lines right so, 11 with "Which line says: …?".
_SYSTEM = (
    "You read the transcript of a phone call and fill in a form. For each entry write the number "
    "of the line that says it, or 0 where nobody says it."
)
_EXAMPLE = (
    "1 Agent: Hello, how can I help?\n2 Caller: Hi, my sink leaks since Monday.\n"
    "3 Agent: What is your name?\n4 Caller: Ann Lee.\n"
    "5 Agent: Thank you. A plumber comes tomorrow at nine."
)
_ENTRIES = (
    ("what is broken", "2"),
    ("the price", "0"),
    ("the caller's name", "4"),
    ("the address", "0"),
    ("when the plumber comes", "5"),
)

Quiet = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Found:
    """A value, the words it was made of and the line they stand in."""

    value: str | int | float | bool
    quote: str
    line: int


Values = dict[tuple[str, ...], Found | list[Found] | None]


class Extraction:
    """Asks an engine, one short request after the other; `quiet` is awaited before each, so that
    live calls come first. Raises EngineError."""

    def __init__(self, engine: Engine, language: Language, today: dt.date, quiet: Quiet) -> None:
        self._engine = engine
        self._language = language
        self._today = today
        self._quiet = quiet

    async def fill(self, form: Form, lines: Sequence[Line]) -> Values:
        return {field.path: await self._field(field, lines) for field in form.fields}

    async def _field(self, field: Field, lines: Sequence[Line]) -> Found | list[Found] | None:
        if not field.several:
            return await self._one(field, lines, lines)
        found: list[Found] = []
        left = list(lines)
        while len(found) < _MOST and (one := await self._one(field, left, lines)):
            found.append(one)
            left = [line for line in left if line.number != one.line]
        return found

    async def _one(
        self, field: Field, lines: Sequence[Line], whole: Sequence[Line]
    ) -> Found | None:
        able = [line for line in lines if self._can_hold(field, line)]
        line = await self.line(field.slot.label, able, whole)
        if line is None:
            return None
        words = self._language.words(line.text)
        if field.yes_no:
            said = await self._choose(field.slot.label, line, ("yes", "no"), whole)
            return Found(said == "yes", line.text, line.number) if said else None
        if field.slot.kind == "enum":
            said = await self._choose(field.slot.label, line, field.slot.options, whole)
            return Found(said, line.text, line.number) if said else None
        if field.slot.kind == "text":
            quote = await self._quote(field.slot.label, line, words, whole)
            return Found(quote, quote, line.number) if quote else None
        hits = self._language.find(field.slot.kind, words, field.slot, self._today, True)
        if not hits:
            return None
        best = hits[-1] if self._language.corrects(words) else hits[0]
        return Found(best.value, " ".join(words[best.start : best.end]), line.number)

    def _can_hold(self, field: Field, line: Line) -> bool:
        if line.who == "agent" and line.text.rstrip().endswith("?"):
            return False  # a question says nothing
        if field.yes_no or field.slot.kind in ("text", "enum"):
            return True
        words = self._language.words(line.text)
        return bool(self._language.find(field.slot.kind, words, field.slot, self._today, True))

    async def line(
        self, what: str, able: Sequence[Line], whole: Sequence[Line], least: float = _SURE
    ) -> Line | None:
        """The line of `able` that says `what`, by the model; None where none does."""
        if not able:
            return None
        numbers = [str(line.number) for line in able]
        said, sure = await self._ask(whole, f"{what}: line", ["0", *numbers])
        if said == "0" or 0 < sure < least:
            return None
        return next((line for line in able if str(line.number) == said), None)

    async def _choose(
        self, what: str, line: Line, options: Sequence[str], whole: Sequence[Line]
    ) -> str:
        asked = f"Line {line.number} says {what}. Which is it: {', '.join(options)}?"
        said, _ = await self._ask(whole, asked, options)
        return said if said in options else ""  # an engine without grammars wrote something else

    async def _quote(
        self, what: str, line: Line, words: Sequence[str], whole: Sequence[Line]
    ) -> str:
        """Words of the line, as they stand there."""
        shown = line.text.split()
        asked = f"Line {line.number} says {what}. Copy only the words that say it."
        said, _ = await self._ask(whole, asked, shown, spans=True)
        plain = self._language.words(said)
        for at in range(len(words) - len(plain) + 1):
            if plain and list(words[at : at + len(plain)]) == plain:
                return said.strip(" .,;:!?")
        return ""

    async def _ask(
        self, whole: Sequence[Line], asked: str, options: Sequence[str], *, spans: bool = False
    ) -> tuple[str, float]:
        """The model's answer and how sure it is (0: it does not tell)."""
        await self._quiet()
        request = Request(
            [
                Message("system", _SYSTEM),
                *_shown(),
                Message("user", f"{transcript(whole)}\n\n{asked}"),
            ],
            max_tokens=48 if spans else 8,
            stop=("\n",),
            grammar=_spans(options) if spans else _one_of(options),
            probabilities=20,
            slot=SLOT,
        )
        said, odds = "", dict[str, float]()
        async for delta in self._engine.stream(request):
            if isinstance(delta, Text):
                said += delta.text
                odds = odds or dict(delta.alternatives)
        answer = said.strip().strip('"')
        likely = {o: sum(p for t, p in odds.items() if t.strip() == o) for o in options}
        sure = likely.get(answer, 0.0) / (sum(likely.values()) or 1.0)
        if not spans and answer not in options and (number := re.match(r"\d+", answer)):
            answer = number[0]  # an engine without grammars: "2, the caller says so"
        return answer, sure


def _shown() -> Iterator[Message]:
    for what, line in _ENTRIES:
        yield Message("user", f"{_EXAMPLE}\n\n{what}: line")
        yield Message("assistant", line)


def transcript(lines: Sequence[Line]) -> str:
    """Numbered, each with its speaker."""
    return "\n".join(f"{line.number} {shown(line.who)}: {line.text}" for line in lines)


def shown(who: str) -> str:
    """A speaker as a transcript shows them."""
    return f"{who[:1].upper()}{who[1:]}"


def _one_of(options: Sequence[str]) -> str:
    return "root ::= " + " | ".join(quoted(option) for option in options)


def _spans(words: Sequence[str]) -> str:
    """Any run of the words, as they stand."""
    starts = " | ".join(f"s{at}" for at in range(len(words)))
    return "\n".join([f"root ::= {starts}", *runs(words)])
