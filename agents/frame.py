"""The pending action: what an agent is about to do, what is missing, what was consented to."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from agents.events import Event
from agents.tools import Kind, Tool

# What says who or what a call is about is remembered for later actions; a day or a reason is not.
LASTING: frozenset[Kind] = frozenset({"id", "name", "phone", "email", "address"})

Source = Literal[
    "caller",  # said in this line or a line since the action began
    "memory",  # said earlier in the call, for something else
    "model",  # one of a closed list, chosen by the model from the caller's words
    "option",  # the one value a tool offered that is nearly what the caller said
    "tool",  # settled by the tool's check
]
Expects = Literal["", "yes_no", "digits", "name", "open"]


@dataclass(frozen=True, slots=True)
class Val:
    """A value of a slot and where it came from."""

    value: str | int
    source: Source
    turn: int = 0  # of the call, in which it was said


@dataclass(slots=True)
class ReadBack:
    """A read-back that was spoken. It is shared by every copy of a frame: what the caller heard of
    it is known only after the turn that spoke it."""

    text: str
    cut: bool = False  # the caller interrupted before its last words


@dataclass(slots=True)
class Frame:
    """One pending action. `asked` is the slot that was asked for last."""

    tool: Tool
    values: dict[str, Val] = field(default_factory=dict[str, Val])
    asked: str = ""
    read_back: ReadBack | None = None  # set while the agent waits for a yes or no
    misses: int = 0  # questions in a row that brought nothing

    def copy(self) -> "Frame":
        return replace(self, values=dict(self.values))

    @property
    def missing(self) -> str:
        """The first required slot without a value, or ""."""
        for name, slot in self.tool.slots.items():
            if slot.required and name not in self.values:
                return name
        return ""

    @property
    def arguments(self) -> dict[str, Any]:
        return {name: self.values[name].value for name in self.tool.slots if name in self.values}

    def take(self, name: str, val: Val) -> None:
        """A value that was said; whatever was read back before no longer holds."""
        self.values[name] = val
        self.read_back = None
        self.misses = 0


@dataclass(slots=True)
class State:
    """What a call knows besides its history. A turn works on a copy until it is committed."""

    frames: list[Frame] = field(default_factory=list[Frame])  # the last one is being worked on
    known: dict[str, Val] = field(default_factory=dict[str, Val])  # slot name -> last value said
    lines: list[str] = field(default_factory=list[str])  # of the caller
    findings: str = ""  # the last result, as text, for questions about it
    said: str = ""  # the agent's last sentence, for "pardon?"
    unsaid: list[Event] = field(default_factory=list[Event])  # how an interrupted action ended
    turn: int = 0
    expects: Expects = ""

    def copy(self) -> "State":
        return replace(
            self,
            frames=[frame.copy() for frame in self.frames],
            known=dict(self.known),
            lines=list(self.lines),
            unsaid=list(self.unsaid),
        )

    @property
    def frame(self) -> Frame | None:
        return self.frames[-1] if self.frames else None
