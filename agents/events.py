"""What an agent's turn yields: a closed union that the voice side speaks and shows."""

from dataclasses import dataclass
from typing import Any, Literal

HandOver = Literal["", "asked", "anger", "failures", "identity", "limits"]


@dataclass(frozen=True, slots=True)
class Say:
    """Text to be spoken, in order. A model's answer arrives as several pieces.

    `complete` marks the end of a sentence that code composed, so that it can be spoken without
    waiting for more text.
    """

    text: str
    complete: bool = False


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool is running. `id` is unique in the call."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """A tool returned, failed or timed out. Exactly one of `result` and `error` is set.

    `say` is the sentence that the tool itself gave for its result, if any; `slot` and `options`
    are those of a refusal, see ToolError.
    """

    id: str
    name: str
    result: Any
    error: str | None
    seconds: float
    say: str = ""
    slot: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quoted:
    """What was said last rests on this passage of the agent's documents, see Passage."""

    file: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Put the caller through; blind."""

    to: str  # a number or SIP address


@dataclass(frozen=True, slots=True)
class SendKeys:
    """Press keys: 0-9, *, #."""

    keys: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Put the caller on hold for so long."""

    seconds: float


LineCommand = Transfer | SendKeys | Hold


@dataclass(frozen=True, slots=True)
class Finished:
    """The turn is over.

    After the last word was heard, `hang_up` asks for the call to end, and `hand_over` for a person
    to take it: because the caller asked for one or was angry, turns in a row failed, the caller
    could not prove who they are, or the call has cost what it may. `then` is what a telephone line
    is to do; a transfer that belongs to the hand-over is among it.
    """

    hang_up: bool = False
    hand_over: HandOver = ""
    then: tuple[LineCommand, ...] = ()


Event = Say | ToolStarted | ToolEnded | Quoted | Finished
