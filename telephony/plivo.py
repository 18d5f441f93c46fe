"""Plivo audio streaming (<Stream bidirectional="true" keepCallAlive="true">): JSON with base64.

mu-law of 8 kHz or L16 of 8 or 16 kHz, both ways alike, as the XML's contentType says. Who calls
whom is not in the stream: the XML gives it as extraHeaders="caller=…,called=…".
pipecat's serializer is not used: it has no checkpoints, no L16 and no media time.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from telephony.encodings import LINEAR, MULAW, Encoding
from telephony.events import Bad, Dtmf, Ended, Event, Started
from telephony.line import Ability, Message
from telephony.marks import Marks
from telephony.media_stream import Media, MediaStream, Pressed, Stop
from telephony.protocol import Part, encoded, parse

RATES = (8000, 16000)  # Hz
_ENCODINGS: dict[str, Encoding] = {"audio/x-mulaw": MULAW, "audio/x-l16": LINEAR}


class _Format(Part):
    encoding: str = "audio/x-mulaw"
    sampleRate: int = 8000


class _Stream(Part):
    callId: str
    streamId: str
    mediaFormat: _Format = _Format()


class _Start(Part):
    event: Literal["start"]
    start: _Stream
    extra_headers: str | None = None


class _PlayedStream(Part):
    event: Literal["playedStream"]
    name: str


class _ClearedAudio(Part):
    event: Literal["clearedAudio"]


_Received = _Start | Media | Pressed | _PlayedStream | _ClearedAudio | Stop
_MESSAGES: TypeAdapter[_Received] = TypeAdapter(Annotated[_Received, Field(discriminator="event")])


class Plivo(MediaStream):
    """A checkpoint that was cleared never comes back; it is told when Plivo has cleared."""

    name: str = "plivo"
    abilities: frozenset[Ability] = frozenset({"clear", "marks", "hang up"})

    def __init__(self) -> None:
        super().__init__()
        self._format = _Format()
        self._marks = Marks()

    def _read(self, data: Message) -> Iterable[Event]:
        match parse(_MESSAGES, data):
            case None:
                pass
            case Bad() as bad:
                yield bad
            case _Start() as start:
                yield self._begin(start)
            case Media(media=packet):
                yield from self._packet(packet)
            case Pressed(dtmf=key):
                yield Dtmf(key.digit)
            case _PlayedStream(name=name):
                yield from self._marks.played(name)
            case _ClearedAudio():
                yield from self._marks.cleared()
            case Stop():
                yield from self._over("hung up")

    def _begin(self, message: _Start) -> Event:
        if self._phase != "new":
            return Bad("a second start")
        start, form = message.start, message.start.mediaFormat
        if form.encoding not in _ENCODINGS or form.sampleRate not in RATES:
            told = f"{form.encoding[:20]} of {form.sampleRate} Hz"
            return Ended("protocol", f"{told}: set contentType to audio/x-mulaw;rate=8000")
        self._stream, self._format, rate = start.streamId, form, form.sampleRate
        self._media(rate, _ENCODINGS[form.encoding], numbered=True)
        headers = dict(_headers(message.extra_headers or ""))
        return Started(
            call=start.callId,
            caller=headers.get("caller", ""),
            called=headers.get("called", ""),
            in_rate=rate,
            out_rate=rate,
            headers=headers,
        )

    def _sound(self, frame: bytes) -> Message:
        media = {
            "contentType": self._format.encoding,
            "sampleRate": self._format.sampleRate,
            "payload": encoded(self._encoding.encode(frame)),
        }
        return json.dumps({"event": "playAudio", "media": media})

    def _mark(self, name: str) -> Message:
        self._marks.sent(name)
        return json.dumps({"event": "checkpoint", "streamId": self._stream, "name": name})

    def _clear(self) -> Sequence[Message]:
        self._marks.clear()
        return [json.dumps({"event": "clearAudio", "streamId": self._stream})]


def _headers(text: str) -> Iterable[tuple[str, str]]:
    """Plivo writes them as JSON or as `{X-PH-key: value, …}`, with a prefix of its own."""
    for pair in text.strip("{} ").split(","):
        name, colon, value = pair.partition(":")
        if colon:
            yield name.strip(' "').removeprefix("X-PH-"), value.strip(' "')
