"""A call on a wire, in two views: the protocol without I/O, and the line that a voice uses."""

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

from telephony.events import Event, Started

Ability = Literal["clear", "marks", "dtmf", "hang up", "transfer", "hold"]
Message = str | bytes  # a text or a binary message of a websocket; bytes of a TCP stream


class NotOnThisWire(Exception):
    """A command that the protocol has no words for. The message is one line."""


class WireProtocol(Protocol):
    """The Sans-I/O side of one call: messages in, events out; commands in, messages out.

    `receive` never raises: what cannot be understood becomes Bad, and Ended("protocol") where
    nothing can follow. Commands raise NotOnThisWire without the ability, and return nothing to
    send before Started and after Ended.
    """

    name: str
    abilities: frozenset[Ability]

    def receive(self, data: Message) -> Sequence[Event]: ...

    def closed(self) -> Sequence[Event]:
        """The connection is gone: Ended, if it was not given yet."""
        ...

    def waited(self) -> Sequence[Event]:
        """Nothing came for a moment: Started, where it only waits for the caller's first sound."""
        ...

    def play(self, samples: bytes) -> Sequence[Message]:
        """PCM16LE mono at Started.out_rate, any length; what fills no frame waits for more."""
        ...

    def flush(self) -> Sequence[Message]:
        """Nothing more is said for now: what waits goes out, filled up with silence."""
        ...

    def mark(self, name: str) -> Sequence[Message]:
        """May be played less than a frame early: a mark in a sentence puts no silence into it."""
        ...

    def clear(self) -> Sequence[Message]: ...
    def send_dtmf(self, digits: str) -> Sequence[Message]: ...
    def transfer(self, to: str) -> Sequence[Message]: ...
    def hang_up(self) -> Sequence[Message]:
        """To be sent before the connection is closed, which on some wires is what ends the call."""
        ...


class Line(Protocol):
    """One call, whatever carries it: a websocket, a TCP stream, or SIP.

    Nothing here blocks; what cannot be sent any more is dropped silently, and events() ends with
    Ended. Commands raise NotOnThisWire without the ability.
    """

    name: str  # of the wire: "twilio", "sip"
    about: Started
    abilities: frozenset[Ability]

    def events(self) -> AsyncIterator[Event]:
        """Everything after Started, to Ended. To be read by one task only."""
        ...

    async def play(self, samples: bytes) -> None: ...
    async def flush(self) -> None:
        """Nothing more is said for now. Without it, the end of a sentence may wait for the next."""
        ...

    async def mark(self, name: str) -> None: ...
    async def clear(self) -> None: ...
    async def send_dtmf(self, digits: str) -> None: ...
    async def transfer(self, to: str) -> None:
        """Blind; Transferred or Ended("replaced") tells how it went."""
        ...

    async def hold(self, on: bool) -> None: ...
    async def hang_up(self) -> None: ...
