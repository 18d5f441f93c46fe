"""Telnyx media streaming (stream_bidirectional_mode "rtp"): JSON with base64 sound, in any order.

What comes is encoded as the start says, which follows the caller's network: PCMA from most of
the world, PCMU from North America. What we send is encoded as stream_bidirectional_codec said
when the call was answered, and no message repeats that. Packets are put in order by their numbers.
pipecat's serializer is not used: it drops marks, does not order packets, and has no media time.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from telephony.encodings import ALAW, LINEAR, MULAW, Encoding
from telephony.events import Bad, Dtmf, Ended, Event, Played, Started
from telephony.line import Ability, Message
from telephony.media_stream import Connected, Mark, Media, MediaStream, Pressed, Stop
from telephony.protocol import FRAME, Part, encoded, parse

Codec = Literal["PCMU", "PCMA", "L16"]
RATES = (8000, 16000, 22050, 24000, 48000)  # Hz, of L16; the others have 8 kHz
_ENCODINGS: dict[Codec, Encoding] = {
    "PCMU": MULAW,
    "PCMA": ALAW,
    "L16": LINEAR,  # little-endian, unlike RFC 3551's
}


class _Format(Part):
    encoding: str = "PCMU"
    sample_rate: int = 8000


class _Stream(Part):
    call_control_id: str
    caller: str | None = Field(None, alias="from")
    called: str | None = Field(None, alias="to")
    custom_parameters: dict[str, str] | None = None
    client_state: str | None = None  # base64
    media_format: _Format = _Format()


class _Start(Part):
    event: Literal["start"]
    start: _Stream


class _Problem(Part):
    code: int | None = None
    title: str = "an error"


class _Error(Part):
    event: Literal["error"]
    payload: _Problem = _Problem()


_Received = Connected | _Start | Media | Pressed | Mark | _Error | Stop
_MESSAGES: TypeAdapter[_Received] = TypeAdapter(Annotated[_Received, Field(discriminator="event")])


class Telnyx(MediaStream):
    """`cleared` of Played stays False: Telnyx sends a mark back either way."""

    name: str = "telnyx"
    abilities: frozenset[Ability] = frozenset({"clear", "marks", "hang up"})

    def __init__(self, send: Codec = "PCMU", rate: int = 8000) -> None:
        """As stream_bidirectional_codec and stream_bidirectional_sampling_rate said."""
        super().__init__()
        self._send = _ENCODINGS[send]
        self._out_rate = rate

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
            case _Error(payload=problem):
                yield Bad(f"Telnyx says: {problem.title[:100]} ({problem.code})")
            case Stop():
                yield from self._over("hung up")

    def _begin(self, start: _Stream) -> Event:
        if self._phase != "new":
            return Bad("a second start")
        form = start.media_format
        if form.encoding not in _ENCODINGS or form.sample_rate not in RATES:
            told = f"{form.encoding[:20]} of {form.sample_rate} Hz"
            return Ended("protocol", f"{told}: set stream_codec to PCMU, PCMA or L16")
        frame = 2 * round(self._out_rate * FRAME)
        # less than 20 ms in a message are refused
        self._media(form.sample_rate, _ENCODINGS[form.encoding], frame, grain=frame, numbered=True)
        headers = dict(start.custom_parameters or {})
        if start.client_state:
            headers["client_state"] = start.client_state
        return Started(
            call=start.call_control_id,
            caller=start.caller or "",
            called=start.called or "",
            in_rate=form.sample_rate,
            out_rate=self._out_rate,
            headers=headers,
        )

    def _sound(self, frame: bytes) -> Message:
        return json.dumps(
            {"event": "media", "media": {"payload": encoded(self._send.encode(frame))}}
        )

    def _mark(self, name: str) -> Message:
        return json.dumps({"event": "mark", "mark": {"name": name}})

    def _clear(self) -> Sequence[Message]:
        return [json.dumps({"event": "clear"})]
