"""What is left of a call when it is over: what was heard of each side, and what was done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.llm.engine import Message

Who = str  # "caller" and "agent" of a live call; of a recorded one the names of its speakers


@dataclass(frozen=True, slots=True)
class Line:
    """`number` counts from 1; 0 means no line wherever lines are named."""

    number: int
    who: Who
    text: str


@dataclass(frozen=True, slots=True)
class Act:
    """A tool that ran. Exactly one of `result` and `error` is set."""

    tool: str
    arguments: Mapping[str, Any]
    result: Mapping[str, Any] | None
    error: str | None
    read_only: bool
    wants: str  # "cancel an order"


@dataclass(frozen=True, slots=True)
class CallRecord:
    """`started` in ISO 8601, `seconds` from the first to the last moment of the call."""

    call: str
    agent: str
    started: str
    seconds: float
    lines: tuple[Line, ...]
    acts: tuple[Act, ...]


def lines(history: Sequence[Message]) -> tuple[Line, ...]:
    """The lines of a conversation's history."""
    said = [(m.role, m.content) for m in history if m.role in ("user", "assistant") and m.content]
    return tuple(
        Line(number, "caller" if role == "user" else "agent", text)
        for number, (role, text) in enumerate(said, 1)
    )
