"""Callers. A scripted one hears only the agent's words, and answers what it takes them to ask."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from agents.evals.suite import Case

CONFIRM = "confirm"  # what a caller is asked for a yes
_CONSENT = re.compile(
    r"\b(shall|should|may|can) i\b(?! (ask|have|get))|\bclear yes or no\b|\bdo you want me to\b|"
    r"\bis (that|this|it) (right|correct|ok|okay|all right)\b|\bwould you like me to\b|"
    r"\bare you sure\b|\bcorrect\?"
)
_ASKING = re.compile(r"\?|\b(please (tell|give|provide|say)|could you|let me know|i need)\b")
_OPEN = re.compile(r"\banything else\b|\b(how|what) can i (help|do)\b|\bis there something else\b")
_MISHEARD = re.compile(
    r"\bdid not catch\b|\bdidn't catch\b|\bsay that again\b|\btrouble thinking\b"
)
_HANDED_OVER = re.compile(r"\b(connecting|transferring|putting) you\b|\bput you through\b")
_SAME = 4  # times the same thing is answered; more is no conversation
_LOST = 2  # times a caller says that they don't know, or the same again


@dataclass(frozen=True, slots=True)
class Reply:
    """A caller's line; `answers` is what it was asked for, as the caller took it, or ""."""

    line: str
    answers: str = ""


class Caller(Protocol):
    async def reply(self, said: str) -> Reply | None:
        """The next line after the agent said this; None hangs up."""
        ...


@dataclass(slots=True)
class ScriptedCaller:
    """Says the case's lines while nothing is asked, and the case's answers to what is."""

    case: Case
    listens: Mapping[str, str]
    _next: int = 0
    _answered: dict[str, int] = field(default_factory=dict[str, int])
    _digressed: set[str] = field(default_factory=set[str])
    _lost: int = 0

    async def reply(self, said: str) -> Reply | None:
        said = said.lower()
        if _HANDED_OVER.search(said):  # what follows is between the caller and a person
            return None
        asked = self._asked(said)
        if asked in self.case.instead and asked not in self._digressed:
            self._digressed.add(asked)
            return Reply(self.case.instead[asked])
        if (answers := self.case.says.get(asked)) and self._answered.get(asked, 0) < _SAME:
            count = self._answered.get(asked, 0)
            self._answered[asked] = count + 1
            return Reply(answers[min(count, len(answers) - 1)], asked)
        if self._next and self._lost < _LOST and _MISHEARD.search(said):
            self._lost += 1
            return Reply(self.case.lines[self._next - 1])
        if self._next < len(self.case.lines):
            self._next += 1
            return Reply(self.case.lines[self._next - 1])
        if self.case.says and asked != "" and self._lost < _LOST:
            self._lost += 1
            return Reply("no" if asked == CONFIRM else "i don't know", asked)
        return None

    def _asked(self, said: str) -> str:
        """What the agent asks for: a name of `listens`, CONFIRM, "?" for something else, or ""."""
        asking = _asking(said)
        if not asking:
            return ""
        if _CONSENT.search(asking):
            return CONFIRM
        heard = (name for name, cue in self.listens.items() if re.search(cue, asking))
        return next(heard, "?")


def asks_consent(said: str) -> bool:
    """Whether the agent waits for a yes or no."""
    return bool(_CONSENT.search(_asking(said.lower())))


def _asking(said: str) -> str:
    """The sentences that ask for something; an offer of more help is none."""
    sentences = re.split(r"(?<=[.!?;])\s+", said)
    return " ".join(s for s in sentences if _ASKING.search(s) and not _OPEN.search(s))
