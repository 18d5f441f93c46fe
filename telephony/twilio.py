"""Twilio Media Streams, bidirectional (<Connect><Stream>): JSON with base64 mu-law of 8 kHz.

Who calls whom is not in the stream: the TwiML gives it as <Parameter name="caller"> and
"called". The call goes on to the next verb of the TwiML when the connection is closed.
pipecat's serializer is not used: it drops marks, so nobody knows what was heard, and media time.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from telephony.encodings import MULAW
from telephony.events import Bad, Dtmf, Ended, Event, Played, Started
from telephony.line import Ability, Message
from telephony.media_stream import Connected, Mark, Media, MediaStream, Pressed, Stop
from telephony.protocol import Part, encoded, parse


class _Format(Part):
    encoding: str = "audio/x-mulaw"
    sampleRate: int = 8000


class _Stream(Part):
    streamSid: str
    callSid: str
    customParameters: dict[str, str] = Field(default_factory=dict)
    mediaFormat: _Format = _Format()


class _Start(Part):
    event: Literal["start"]
    start: _Stream


_Received = Connected | _Start | Media | Pressed | Mark | Stop
_MESSAGES: TypeAdapter[_Received] = TypeAdapter(Annotated[_Received, Field(discriminator="event")])


class Twilio(MediaStream):
    """`cleared` of Played stays False: Twilio sends a mark back either way."""

    name: str = "twilio"
    abilities: frozenset[Ability] = frozenset({"clear", "marks", "hang up"})

    def _read(self, data: Message) -> Iterable[Event]:
        match parse(_MESSAGES, data):
            case None | Connected():
                pass
            case Bad() as bad:
                yield bad
            case _Start(start=start):
                yield self._begin(start)
            case Media(media=packet):
                yield from self._packet(packet)
            case Pressed(dtmf=key):
                yield Dtmf(key.digit)
            case Mark(mark=mark):
                yield Played(mark.name)
            case Stop():
                yield from self._over("hung up")

    def _begin(self, start: _Stream) -> Event:
        if self._phase != "new":
            return Bad("a second start")
        if start.mediaFormat != _Format():
            return Ended("protocol", "sound that is not mu-law of 8 kHz")
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

    def _clear(self) -> Sequence[Message]:
        return [self._say("clear")]

    def _say(self, event: str, **body: dict[str, str]) -> Message:
        return json.dumps({"event": event, "streamSid": self._stream, **body})
