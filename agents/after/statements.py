"""Sentences about a conversation, each with the lines it rests on, and a check that it does.

The model writes under a grammar that admits only lines which are there. Code then reads the lines:
what they do not say is left out, and a line that was named wrongly is found again (the 1.5B names
the line beside the right one as often as not).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from agents.after.extraction import SLOT, shown, transcript
from agents.after.record import Line
from agents.llm.engine import Engine, Message, Request, Text
from agents.llm.gbnf import quoted

_FEELINGS: Mapping[str, float] = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}
_SYSTEM = (
    "You read the transcript of a phone call, whose lines are numbered, and write about it. Say "
    "only what the lines say, in their own words where you can, and name the lines."
)
_EXAMPLE = (
    "1 Agent: Hello, how can I help?\n2 Ann: Hi, my sink leaks since Monday, and nobody came.\n"
    "3 Agent: I am sorry. The note about it was lost.\n"
    "4 Agent: I will send a plumber tomorrow at nine.\n"
    "5 Ann: Wonderful, thank you. And I will pay the bill online then.\n6 Agent: Yes, please."
)
_SUMMARY = "Summary: why they speak, what they find out, and what they agree on."
_TOPICS = "Topics: at most four, of one to four words, each with its line."
_ACTIONS = "To do after the call: who has to do what, each with its line; or: nothing"
_MOOD = "Line {}: does it sound negative, neutral or positive?"
_QUESTION = "Question: {}\nThe answer in the words of a line, with the line; or: not said"
# One conversation with all tasks, so that a transcript is read once for all of them.
_SHOWN = (
    (
        _SUMMARY,
        "Why: Ann's sink leaks since Monday, and nobody came. [2]\n"
        "Found: The note about it was lost. [3]\n"
        "Agreed: A plumber comes tomorrow at nine, and Ann pays the bill online. [4,5]",
    ),
    (_TOPICS, "leaking sink [2]\nlost note [3]\nplumber [4]\nbill [5]"),
    (_ACTIONS, "Agent: send a plumber tomorrow at nine [4]\nAnn: pay the bill online [5]"),
    (_MOOD.format(2), "negative"),
    (_MOOD.format(5), "positive"),
    (_MOOD.format(4), "neutral"),
    (_QUESTION.format("When does the plumber come?"), "tomorrow at nine [4]"),
    (_QUESTION.format("What does it cost?"), "not said"),
)
# English and Spanish
_PROMISE = re.compile(
    r"\b(?:I|we)(?:'ll| will| shall| am going to|'m going to| are going to|'re going to)\b"
    r"|\blet me\b"
    r"|\b(?:voy|vamos) a\b|\b\w+(?:aré|eré|iré|aremos|eremos|iremos)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"\b(?:please|(?:can|could|would|will) you|you (?:need|have) to|you (?:must|should))\b"
    r"|\bpor favor\b|\b(?:puede|podría|tiene que|debe)\b",
    re.IGNORECASE,
)
_FEW = 4  # words; fewer have no mood that text could tell
_MOST = 4  # of each, for one stretch of a conversation
_SENTENCE_TEXT = "[^\\[\\]\\n.?!]{10,140} [.?!]"
# Of a sentence's content words so many have to be in its lines; the rest may be the model's own.
_SENTENCE, _WORDS = 0.5, 0.75


@dataclass(frozen=True, slots=True)
class Claim:
    """What the model says, the lines that hold it, and of something to do, whose it is."""

    text: str
    lines: tuple[Line, ...]
    owner: str = ""


class Reader:
    """Asks an engine about one stretch of a conversation, which has to fit its context.

    Every method raises EngineError.
    """

    def __init__(self, engine: Engine, lines: Sequence[Line]) -> None:
        self._engine = engine
        self._lines = {line.number: line for line in lines}
        self._who = tuple(dict.fromkeys(line.who for line in lines))

    async def summary(self) -> list[Claim]:
        """Why they speak, what they find out and what they agree on, as far as lines say so."""
        rows = ' "\\n" '.join(f'"{part}: " row' for part in ("Why", "Found", "Agreed"))
        said = await self._ask(_SUMMARY, f"root ::= {rows}", _SENTENCE_TEXT, most=3)
        return self._claims(re.sub(r"^(Why|Found|Agreed): ", "", said, flags=re.MULTILINE))

    async def topics(self) -> list[Claim]:
        said = await self._ask(_TOPICS, _rows(), '[^A-Z \\[\\]\\n:,."] [^\\[\\]\\n:,.]{2,32}')
        return self._claims(said, least=_WORDS)

    async def actions(self) -> list[Claim]:
        """What somebody still has to do, with the speaker who has to."""
        who = " | ".join(quoted(f"{shown(name)}: ") for name in self._who)
        root = f'{_rows("who row")} | "nothing"\nwho ::= {who}'
        found: list[Claim] = []
        for row in (await self._ask(_ACTIONS, root, "[^\\[\\]\\n]{6,120}")).splitlines():
            name = next((who for who in self._who if row.startswith(f"{shown(who)}: ")), "")
            made = self._claims(row.removeprefix(f"{shown(name)}: ")) if name else []
            found += [replace(claim, owner=self._owner(claim, name)) for claim in made]
        return found

    async def answer(self, question: str) -> Claim | None:
        """In the words of the lines; None where they do not say."""
        asked = _QUESTION.format(question)
        said = await self._ask(asked, 'root ::= row | "not said"', "[^\\[\\]\\n]{1,160}")
        found = self._claims(said, least=_WORDS)
        return found[0] if found else None

    async def moods(self) -> list[tuple[Line, float]]:
        """How each line of some words sounds, from -1 to 1; by the model's probabilities where it
        tells them."""
        grammar = "root ::= " + " | ".join(map(quoted, _FEELINGS))
        found: list[tuple[Line, float]] = []
        for line in self._lines.values():
            if len(line.text.split()) < _FEW:
                continue
            said, odds = await self._answered(_MOOD.format(line.number), grammar, max_tokens=4)
            likely = {
                feeling: sum(p for token, p in odds.items() if _begins(feeling, token))
                for feeling in _FEELINGS
            }
            whole = sum(likely.values())
            if whole:
                value = sum(p * _FEELINGS[feeling] for feeling, p in likely.items()) / whole
                found.append((line, round(value, 2)))
            elif said.strip() in _FEELINGS:
                found.append((line, _FEELINGS[said.strip()]))
        return found

    async def _ask(self, asked: str, root: str, text: str, *, most: int = 1) -> str:
        """`root` may use `row`, which is `text` with up to `most` lines."""
        more = f' ("," n){{0,{most - 1}}}' if most > 1 else ""
        numbers = " | ".join(f'"{number}"' for number in self._lines)
        grammar = f'{root}\nrow ::= text " [" n{more} "]"\ntext ::= {text}\nn ::= {numbers}'
        return (await self._answered(asked, grammar, max_tokens=240))[0]

    async def _answered(
        self, asked: str, grammar: str, *, max_tokens: int
    ) -> tuple[str, Mapping[str, float]]:
        lines = transcript(tuple(self._lines.values()))
        request = Request(
            [*_preamble(), Message("user", f"{lines}\n\n{asked}")],
            max_tokens=max_tokens,
            stop=("\n\n",),
            grammar=grammar,
            probabilities=20,
            slot=SLOT,
        )
        return await _said(self._engine, request)

    def _claims(self, said: str, least: float = _SENTENCE) -> list[Claim]:
        found: list[Claim] = []
        for row in said.splitlines()[:_MOST]:
            match = re.fullmatch(r"\s*[-*]?\s*(.+?)\s*\[([\d, ]+)\]\.?\s*", row)
            if match is None:
                continue  # an engine without grammars
            numbers = dict.fromkeys(int(number) for number in re.findall(r"\d+", match[2]))
            named = tuple(self._lines[number] for number in numbers if number in self._lines)
            if lines := self._evidence(match[1], named, least):
                found.append(Claim(match[1], lines))
        return found

    def _owner(self, claim: Claim, named: str) -> str:
        """Who promises it in the line, or whom the line asks; else whom the model names, which the
        1.5B does by the toss of a coin."""
        line = claim.lines[0]
        sentences = re.split(r"(?<=[.?!])\s+", line.text)
        sentence = max(sentences, key=lambda one: holds(claim.text, [Line(0, line.who, one)]))
        others = [who for who in self._who if who != line.who]
        if _PROMISE.search(sentence):
            return line.who
        return others[0] if _REQUEST.search(sentence) and len(others) == 1 else named

    def _evidence(self, text: str, named: tuple[Line, ...], least: float) -> tuple[Line, ...]:
        """The lines that were named where they hold the text, else the one that holds most of it,
        or two after one another; two where it names nobody, for it might be about the other."""
        if named and holds(text, named, self._who) >= least:
            return named
        lines = tuple(self._lines.values())
        ways: list[tuple[Line, ...]] = [(line,) for line in lines]
        if not _stems(text) & _stems(" ".join(self._who)):
            ways += pairwise(lines)
        best = max(ways, key=lambda way: (holds(text, way, self._who), -len(way)))
        return best if holds(text, best, self._who) >= max(least, _WORDS) else ()


async def most_important(engine: Engine, claims: Sequence[Claim], most: int) -> list[Claim]:
    """At most `most` of them, in their order. Raises EngineError."""
    if len(claims) <= most:
        return list(claims)
    rows = "\n".join(f"{number} {claim.text}" for number, claim in enumerate(claims, 1))
    numbers = " | ".join(f'"{number}"' for number in range(1, len(claims) + 1))
    request = Request(
        [
            Message("system", "You choose what matters most in the summary of a phone call."),
            Message("user", f"{rows}\n\nThe numbers of the {most} most important sentences:"),
        ],
        max_tokens=6 * most,
        stop=("\n",),
        grammar=f'root ::= n (", " n){{{most - 1}}}\nn ::= {numbers}',
        slot=SLOT,
    )
    said, _ = await _said(engine, request)
    chosen = {int(number) for number in re.findall(r"\d+", said)}
    kept = [claim for number, claim in enumerate(claims, 1) if number in chosen]
    return kept[:most] or list(claims[:most])


def holds(text: str, lines: Sequence[Line], who: Sequence[str] = ()) -> float:
    """The part of its content words that the lines or their speakers' names say; 0 where a figure,
    a name or one of `who` is not there."""
    known = _stems(" ".join(f"{line.who} {line.text}" for line in lines))
    if (_stems(" ".join(who)) & _stems(text)) - known:
        return 0.0
    words = re.findall(r"[\w']+", text)
    for at, word in enumerate(words):
        exact = any(c.isdigit() for c in word) or (at > 0 and word[0].isupper() and len(word) > 1)
        if exact and _stem(word) not in known:
            return 0.0
    content = [_stem(word) for word in words if len(word) > 3] or list(map(_stem, words))
    return sum(word in known for word in content) / max(1, len(content))


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in re.findall(r"[\w']+", text)}


def _stem(word: str) -> str:
    """Enough of it to know its other forms by (send, sends; Ann, Ann's)."""
    return word.lower().split("'")[0][:4]


def _rows(row: str = "row") -> str:
    return f'root ::= {row} ("\\n" {row}){{0,{_MOST - 1}}}'


def _preamble() -> list[Message]:
    made = [Message("system", _SYSTEM)]
    for number, (asked, answer) in enumerate(_SHOWN):
        made.append(Message("user", asked if number else f"{_EXAMPLE}\n\n{asked}"))
        made.append(Message("assistant", answer))
    return made


def _begins(word: str, token: str) -> bool:
    """Whether a token can be the beginning of this word and of no other."""
    token = token.strip().lower()
    return len(token) > 1 and (word.startswith(token) or token.startswith(word))


async def _said(engine: Engine, request: Request) -> tuple[str, Mapping[str, float]]:
    """The answer, and what could have stood in its first word's place."""
    said, odds = "", dict[str, float]()
    async for delta in engine.stream(request):
        if isinstance(delta, Text):
            said += delta.text
            odds = odds or dict(delta.alternatives)
    return said, odds
