"""Exotel AgentStream (the Voicebot applet, Connect Voice AI): JSON with base64 PCM16LE.

The rate is 8 kHz unless the address ends in ?sample-rate=16000 or 24000. What is sent has to be
of 3,200 bytes or more and a multiple of 320, or its playing stutters. When the connection is
closed, the call goes on to the next applet.
pipecat's serializer is not used: it drops marks, does not cut to these sizes, has no media time.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from telephony.encodings import LINEAR
from telephony.events import Bad, Dtmf, Ended, Event, Played, Started
from telephony.line import Ability, Message
from telephony.media_stream import Connected, Mark, Media, MediaStream, Pressed, Stop
from telephony.protocol import Part, encoded, parse

RATES = (8000, 16000, 24000)  # Hz
LEAST = 3200  # bytes in a message


class _Format(Part):
    sample_rate: int = 8000


class _Stream(Part):
    stream_sid: str
    call_sid: str
    caller: str | None = Field(None, alias="from")
    called: str | None = Field(None, alias="to")
    custom_parameters: dict[str, str] | None = None
    media_format: _Format = _Format()


class _Start(Part):
    event: Literal["start"]
    start: _Stream


_Received = Connected | _Start | Media | Pressed | Mark | Stop
_MESSAGES: TypeAdapter[_Received] = TypeAdapter(Annotated[_Received, Field(discriminator="event")])


class Exotel(MediaStream):
    """`cleared` of Played stays False: whether Exotel sends a cleared mark back is not written."""

    name: str = "exotel"
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
        rate = start.media_format.sample_rate
        if rate not in RATES:
            return Ended("protocol", f"sound of {rate} Hz; 8000, 16000 and 24000 are known")
        self._stream = start.stream_sid
        frame = max(LEAST, rate // 5)  # 0.1 s, a multiple of 320 bytes at each rate
        self._media(rate, LINEAR, frame, grain=frame, numbered=True)
        return Started(
            call=start.call_sid,
            caller=start.caller or "",
            called=start.called or "",
            in_rate=rate,
            out_rate=rate,
            headers=start.custom_parameters or {},
        )

    def _sound(self, frame: bytes) -> Message:
        return self._say("media", media={"payload": encoded(frame)})

    def _mark(self, name: str) -> Message:
        return self._say("mark", mark={"name": name})

    def _clear(self) -> Sequence[Message]:
        return [self._say("clear")]

    def _say(self, event: str, **body: dict[str, str]) -> Message:
        return json.dumps({"event": event, "stream_sid": self._stream, **body})
