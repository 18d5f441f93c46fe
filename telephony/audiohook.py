"""Genesys AudioHook (Audio Connector): a dialogue of numbered JSON messages, sound in binary.

Genesys offers formats in `open`, we choose one in `opened`: mu-law of the external channel (the
caller) by preference. A connection probe, whose conversation is the null UUID, is answered and
never becomes a call. Genesys takes five binary messages a second (bursts of 25), so a message of
ours has 0.2 s. A transfer is a disconnect with the output variable `transfer_to`, for the
Architect flow to act upon. Nothing tells what was played: there are no marks.
pipecat's serializer is not used: it loses what was discarded from the clock, checks no numbers,
answers probes as calls, and speaks no L16.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import Field, JsonValue, TypeAdapter

from telephony.encodings import LINEAR, MULAW, Encoding
from telephony.events import Bad, Dtmf, Ended, Ending, Event, Held, Reply, Started
from telephony.line import Ability, Message
from telephony.protocol import DIGITS, Count, Part, Wire, parse

RATE = 8000  # Hz, the only one there is
FRAME = 0.2  # s of sound in a message of ours
NOBODY = "00000000-0000-0000-0000-000000000000"
_ENCODINGS: dict[str, Encoding] = {"PCMU": MULAW, "L16": LINEAR}
_DURATION = re.compile(r"PT(\d{1,9}(?:\.\d{1,9})?)S")
_ENDINGS: dict[str, Ending] = {
    "end": "hung up",
    "disconnect": "hung up",
    "error": "lost",
    "reconnect": "replaced",
}


class _Media(Part):
    type: str = "audio"
    format: str
    channels: list[str]
    rate: int = RATE


class _Participant(Part):
    ani: str = ""
    dnis: str = ""


class _Parameters(Part):
    """Of all messages; each has some of them."""

    conversationId: str = ""
    participant: _Participant = _Participant()
    media: list[_Media] = Field(default_factory=list[_Media])
    language: str = ""
    inputVariables: dict[str, JsonValue] = Field(default_factory=dict)
    reason: str = ""
    start: str = ""
    discarded: str = ""
    digit: str = ""
    code: int = 0
    message: str = ""


class _Message(Part):
    version: Literal["2"]
    type: str
    seq: Count
    id: str
    parameters: _Parameters = _Parameters()


_MESSAGE: TypeAdapter[_Message] = TypeAdapter(_Message)


class AudioHook(Wire):
    name: str = "audiohook"
    abilities: frozenset[Ability] = frozenset({"clear", "hang up", "transfer"})

    def __init__(self) -> None:
        super().__init__()
        self._id = ""
        self._theirs = 0  # the number of their last message
        self._ours = 0
        self._channels = 1
        self._external = 0  # which of them is the caller
        self._position = 0.0  # s of the stream, where the next sound begins
        self._moved = False  # transferred by us

    def _read(self, data: Message) -> Iterable[Event]:
        if isinstance(data, bytes):
            yield from self._sound_of_caller(data)
            return
        match parse(_MESSAGE, data):
            case None:
                pass
            case Bad() as bad:
                yield bad
            case message:
                yield from self._message(message)

    def _message(self, message: _Message) -> Iterable[Event]:
        if self._id and message.id != self._id:
            yield Bad("a message of another session")
            return
        if message.seq <= self._theirs:
            yield Bad(f"message {message.seq} after {self._theirs}")
            return
        if message.seq != self._theirs + 1:
            yield Bad(f"message {message.seq} after {self._theirs}: some are lost")
        self._theirs = message.seq
        about = message.parameters
        match message.type:
            case "open":
                yield from self._opened(message)
            case "close":
                yield Reply(self._say("closed"))
                reason = _ENDINGS.get(about.reason, "lost")
                yield Ended("replaced" if self._moved else reason, about.reason[:40])
            case "ping":
                yield Reply(self._say("pong"))
            case "update":
                yield Reply(self._say("updated"))
            case "paused":
                yield Held(on=True)
            case "resumed":
                self._skip(about)
                yield Held(on=False)
            case "discarded":
                self._skip(about)
            case "dtmf":
                known = about.digit in DIGITS
                yield Dtmf(about.digit) if known else Bad("a digit that no telephone has")
            case "error":
                yield Bad(f"Genesys says: {about.code} {about.message[:100]}")
            case _:
                pass  # playback_started and what Genesys may add

    def _opened(self, message: _Message) -> Iterable[Event]:
        about = message.parameters
        if self._id:
            yield Bad("a second start")
            return
        self._id = message.id
        media = _chosen(about.media)
        if media is None:
            info = "media: PCMU or L16 of 8000 Hz with the external channel is needed"
            yield Reply(self._say("disconnect", {"reason": "error", "info": info}))
            yield Ended("protocol", info)
            return
        self._channels = len(media.channels)
        self._external = media.channels.index("external")
        frame = 2 * round(RATE * FRAME)
        self._media(RATE, _ENCODINGS[media.format], frame)
        opened = {"startPaused": False, "media": [media.model_dump()]}
        yield Reply(self._say("opened", opened))
        if about.conversationId == NOBODY:
            return
        told = {name: value for name, value in about.inputVariables.items() if value is not None}
        headers = {name: str(value) for name, value in told.items()}
        yield Started(
            call=about.conversationId,
            caller=about.participant.ani,
            called=about.participant.dnis,
            in_rate=RATE,
            out_rate=RATE,
            headers=headers | ({"language": about.language} if about.language else {}),
        )

    def _sound_of_caller(self, data: bytes) -> Iterable[Event]:
        width = self._encoding.width
        samples, odd = divmod(len(data), width * self._channels)
        if odd:
            yield Bad(f"{len(data)} bytes of sound in {self._channels} channels")
            return
        if self._channels > 1:
            parts = range(width * self._external, len(data), width * self._channels)
            data = b"".join(data[at : at + width] for at in parts)
        yield from self._heard(data, self._position)
        self._position += samples / RATE

    def _skip(self, about: _Parameters) -> None:
        """The clock went on over sound that was not sent."""
        start, discarded = map(_DURATION.fullmatch, (about.start, about.discarded))
        if start and discarded:
            self._position = max(self._position, float(start[1]) + float(discarded[1]))

    def _sound(self, frame: bytes) -> Message:
        return self._encoding.encode(frame)

    def _clear(self) -> Sequence[Message]:
        barge_in: dict[str, object] = {"type": "barge_in", "data": {}}
        return [self._say("event", {"entities": [barge_in]})]

    def _transfer(self, to: str) -> Message:
        self._moved = self._hung_up = True  # nothing can be said any more
        about = {"reason": "completed", "outputVariables": {"transfer_to": to}}
        return self._say("disconnect", about)

    def _hang_up(self) -> Sequence[Message]:
        return [self._say("disconnect", {"reason": "completed"})]

    def _say(self, kind: str, parameters: object | None = None) -> str:
        self._ours += 1
        body = {"version": "2", "type": kind, "seq": self._ours, "clientseq": self._theirs}
        return json.dumps(body | {"id": self._id, "parameters": parameters or {}})


def _chosen(offers: Sequence[_Media]) -> _Media | None:
    """mu-law before L16, the caller alone before both channels."""
    known = [
        offer
        for offer in offers
        if offer.format in _ENCODINGS and offer.rate == RATE and "external" in offer.channels
    ]
    known.sort(key=lambda offer: (len(offer.channels), offer.format != "PCMU"))
    return known[0] if known else None
