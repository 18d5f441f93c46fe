"""The pending action: what an agent is about to do, what is missing, what was consented to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from agents.events import Event
from agents.tools import Kind, Slot, Tool

# What says who or what a call is about is remembered for later actions; a day or a reason is not.
LASTING: frozenset[Kind] = frozenset({"id", "name", "phone", "email", "address"})

AT_ONCE = 3  # records in one breath; nobody keeps more in mind
Source = Literal[
    "caller",  # said in this line or a line since the action began
    "memory",  # said earlier in the call, for something else
    "model",  # one of a closed list, chosen by the model from the caller's words
    "option",  # the one value a tool offered that is nearly what the caller said
    "tool",  # settled by the tool's check
    "result",  # what a look-up returned for what was said
    "record",  # the one of a look-up's records that the caller named
    "only",  # the one record there was; nobody named it
]
Expects = Literal["", "yes_no", "digits", "name", "open"]


@dataclass(frozen=True, slots=True)
class Val:
    """A value of a slot and where it came from."""

    value: str | int
    source: Source
    turn: int = 0  # of the call, in which it was said
    spoken: str = ""  # how it is said, where that is not the value: the record behind an id
    record: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Offer:
    """Records of a look-up, read out a few at a time; `first` is the first of those read last."""

    records: tuple[Mapping[str, Any], ...]
    first: int = 0

    @property
    def shown(self) -> range:
        """The places of the records that were read last."""
        return range(self.first, min(self.first + AT_ONCE, len(self.records)))


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
    since: int = 0  # the caller's line that began it
    unknown: set[str] = field(default_factory=set[str])  # slots the caller does not know
    offers: dict[str, Offer] = field(default_factory=dict[str, Offer])  # slot -> what to choose of
    # look-ups that were refused, as made, and what to ask where the caller says the same again
    failed: dict[str, str] = field(default_factory=dict[str, str])

    def copy(self) -> "Frame":
        return replace(
            self,
            values=dict(self.values),
            unknown=set(self.unknown),
            offers=dict(self.offers),
            failed=dict(self.failed),
        )

    @property
    def slots(self) -> Mapping[str, Slot]:
        """What the caller may say for it."""
        slots = dict(self.tool.said)
        for name in self.unknown & self.tool.providers.keys():
            slots = {**self.tool.providers[name].said, **slots}
        return slots

    @property
    def choosing(self) -> Offer | None:
        """The records that were read out, while the caller is asked which."""
        return None if self.read_back else self.offers.get(self.asked)

    @property
    def arguments(self) -> dict[str, Any]:
        return self.arguments_of(self.tool)

    def arguments_of(self, tool: Tool) -> dict[str, Any]:
        """What is known of the arguments of `tool`, the action's own or one that is asked first."""
        return {name: self.values[name].value for name in tool.slots if name in self.values}

    def made(self, tool: Tool) -> str:
        """A look-up with what is known now."""
        return json.dumps([tool.name, self.arguments_of(tool)], sort_keys=True, default=str)

    def stale(self, changed: str) -> list[Tool]:
        """Forget what was looked up with a value that has changed, and which tools said it."""
        gone = [tool for tool in behind(self.tool) if changed in tool.said]
        for name in [name for tool in gone for name in tool.policy.returns]:
            if name in self.values and self.values[name].source in ("result", "record", "only"):
                del self.values[name]
            self.offers.pop(name, None)
        return gone

    def take(self, name: str, val: Val) -> None:
        """A value that was said; whatever was read back before no longer holds."""
        self.values[name] = val
        self.read_back = None
        self.misses = 0


def behind(tool: Tool) -> list[Tool]:
    """The tools that are asked before this one can run, the first ones first."""
    found: dict[str, Tool] = {}
    for other in (*filter(None, (tool.guard,)), *tool.providers.values()):
        found |= {one.name: one for one in (*behind(other), other)}
    return list(found.values())


@dataclass(slots=True)
class State:
    """What a call knows besides its history. A turn works on a copy until it is committed."""

    frames: list[Frame] = field(default_factory=list[Frame])  # the last one is being worked on
    known: dict[str, Val] = field(default_factory=dict[str, Val])  # slot name -> last value said
    lines: list[str] = field(default_factory=list[str])  # of the caller
    findings: str = ""  # the last result, as text, for questions about it
    said: str = ""  # the agent's last sentence, for "pardon?"
    unsaid: list[Event] = field(default_factory=list[Event])  # how an interrupted action ended
    granted: dict[str, dict[str, Val]] = field(default_factory=dict[str, dict[str, Val]])
    attempts: dict[str, int] = field(default_factory=dict[str, int])  # refusals by granted state
    ran: set[str] = field(default_factory=set[str])  # tools that succeeded in this call
    failures: int = 0  # turns in a row that brought nothing
    turn: int = 0
    expects: Expects = ""
    language: str = ""  # that the caller speaks; "": not known yet

    def copy(self) -> "State":
        return replace(
            self,
            frames=[frame.copy() for frame in self.frames],
            known=dict(self.known),
            lines=list(self.lines),
            unsaid=list(self.unsaid),
            granted=dict(self.granted),
            attempts=dict(self.attempts),
            ran=set(self.ran),
        )

    @property
    def frame(self) -> Frame | None:
        return self.frames[-1] if self.frames else None
