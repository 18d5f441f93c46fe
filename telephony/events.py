"""What a wire of the phone world tells: a closed union, the same for every protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Ending = Literal[
    "hung up",  # by the other side, in order
    "busy",
    "declined",
    "no answer",
    "not reachable",
    "replaced",  # a transfer took the call elsewhere
    "lost",  # the wire broke off
    "protocol",  # the other side does not speak this protocol
]


@dataclass(frozen=True, slots=True)
class Started:
    """Media flows from here on; the first event of every call, given once."""

    call: str  # as the carrier names it
    caller: str  # number or SIP address; "" where it is withheld
    called: str
    in_rate: int  # Hz, of the caller's Audio
    out_rate: int  # Hz, of what is to be played
    headers: Mapping[str, str] = field(default_factory=dict[str, str])  # and custom parameters


@dataclass(frozen=True, slots=True)
class Audio:
    """The caller's sound: PCM16LE mono at Started.in_rate.

    `time` is where it begins in the carrier's media clock, s from its first packet; None where the
    protocol carries none. `sequence` is the carrier's own number of the packet.
    """

    samples: bytes
    time: float | None = None
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key was pressed: 0-9, *, #, A-D."""

    digit: str
    seconds: float = 0.0  # 0: not told


@dataclass(frozen=True, slots=True)
class Played:
    """All that was sent before this mark has been played, or was cleared (where a carrier tells
    the two apart, `cleared` says which)."""

    mark: str
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """The other side's buffer is full (`open` False) or takes sound again."""

    open: bool


@dataclass(frozen=True, slots=True)
class Held:
    """The other side put the call on hold, or took it back (`on` False)."""

    on: bool


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """The other side wants the call to go on elsewhere (SIP's REFER)."""

    to: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """How far a transfer that we asked for has come; `problem` says why it failed."""

    done: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The protocol itself wants this sent back at once: a pong, an acknowledgement."""

    data: str | bytes


@dataclass(frozen=True, slots=True)
class Bad:
    """Something that the protocol forbids was received and ignored; one line."""

    problem: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event of every call, given once."""

    reason: Ending
    detail: str = ""  # the carrier's own words or code: "486 Busy Here"


Event = (
    Started
    | Audio
    | Dtmf
    | Played
    | Flow
    | Held
    | TransferAsked
    | Transferred
    | Reply
    | Bad
    | Ended
)
