"""Twilio Media Streams, bidirectional (<Connect><Stream>): JSON with base64 mu-law of 8 kHz.

Who calls whom is not in the stream: the TwiML gives it as <Parameter name="caller"> and
"called". The call goes on to the next verb of the TwiML when the connection is closed.
pipecat's serializer is not used: it drops marks, so nobody knows what was heard, and media time.
"""

import json
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from telephony.encodings import MULAW
from telephony.events import Bad, Dtmf, Ended, Event, Played, Started
from telephony.line import Ability, Message
from telephony.protocol import Count, Digit, Part, Wire, encoded, parse


class _Connected(Part):
    event: Literal["connected"]


class _Format(Part):
    encoding: Literal["audio/x-mulaw"] = "audio/x-mulaw"
    sampleRate: Literal[8000] = 8000
    channels: Literal[1] = 1


class _Stream(Part):
    streamSid: str
    callSid: str
    customParameters: dict[str, str] = Field(default_factory=dict)
    mediaFormat: _Format = _Format()


class _Start(Part):
    event: Literal["start"]
    start: _Stream


class _Packet(Part):
    payload: str
    track: str = "inbound"
    chunk: Count | None = None  # counts the packets of a track from 1
    timestamp: Count | None = None  # ms from the start of the stream


class _Media(Part):
    event: Literal["media"]
    media: _Packet


class _Key(Part):
    digit: Digit


class _Dtmf(Part):
    event: Literal["dtmf"]
    dtmf: _Key


class _Name(Part):
    name: str


class _Mark(Part):
    event: Literal["mark"]
    mark: _Name


class _Stop(Part):
    event: Literal["stop"]


_MESSAGES: TypeAdapter[_Connected | _Start | _Media | _Dtmf | _Mark | _Stop] = TypeAdapter(
    Annotated[_Connected | _Start | _Media | _Dtmf | _Mark | _Stop, Field(discriminator="event")]
)


class Twilio(Wire):
    """`cleared` of Played stays False: Twilio sends a mark back either way."""

    name: str = "twilio"
    abilities: frozenset[Ability] = frozenset({"clear", "marks", "hang up"})

    def __init__(self) -> None:
        super().__init__()
        self._stream = ""

    def _read(self, data: Message) -> Iterable[Event]:
        match parse(_MESSAGES, data):
            case None | _Connected():
                pass
            case Bad() as bad:
                yield bad
            case _Start(start=start):
                yield self._begin(start)
            case _Media(media=packet):
                if packet.track == "inbound":
                    time = None if packet.timestamp is None else packet.timestamp / 1000
                    yield from self._heard_base64(packet.payload, time, packet.chunk)
            case _Dtmf(dtmf=key):
                yield Dtmf(key.digit)
            case _Mark(mark=mark):
                yield Played(mark.name)
            case _Stop():
                yield from self._late()
                yield Ended("hung up")

    def _begin(self, start: _Stream) -> Event:
        if self._phase != "new":
            return Bad("a second start")
        self._stream = start.streamSid
        self._media(8000, MULAW, numbered=True)
        told = start.customParameters
        return Started(
            call=start.callSid,
            caller=told.get("caller", ""),
            called=told.get("called", ""),
            in_rate=8000,
            out_rate=8000,
            headers=told,
        )

    def _sound(self, frame: bytes) -> Message:
        return self._say("media", media={"payload": encoded(MULAW.encode(frame))})

    def _mark(self, name: str) -> Message:
        return self._say("mark", mark={"name": name})

    def _clear(self) -> Message:
        return self._say("clear")

    def _say(self, event: str, **body: dict[str, str]) -> Message:
        return json.dumps({"event": event, "streamSid": self._stream, **body})
