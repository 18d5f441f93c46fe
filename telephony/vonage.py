"""Vonage Voice API websockets: JSON events, and PCM16LE in binary messages of exactly 20 ms.

The NCCO's content-type says the rate: 8, 16 or 24 kHz. Who calls whom is not in the stream: the
NCCO gives it in `headers` as "caller", "called" and "call"; they come in the first message.
When the connection is closed, the call goes on to the NCCO's next action, or ends.
pipecat's serializer is not used: it knows no notify (Vonage's mark), and cuts nothing to 20 ms.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from telephony.encodings import LINEAR
from telephony.events import Bad, Dtmf, Ended, Event, Started
from telephony.line import Ability, Message
from telephony.marks import Marks
from telephony.protocol import FRAME, Count, Digit, Part, Wire, parse

RATES = (8000, 16000, 24000)  # Hz


class _Connected(Part):
    model_config = ConfigDict(extra="allow")  # the NCCO's headers

    event: Literal["websocket:connected"]
    content_type: str = Field("audio/l16;rate=16000", alias="content-type")


class _Dtmf(Part):
    event: Literal["websocket:dtmf"]
    digit: Digit
    duration: Count = 0  # ms


class _Name(Part):
    name: str


class _Notify(Part):
    event: Literal["websocket:notify"]
    payload: _Name


class _Cleared(Part):
    event: Literal["websocket:cleared"]


_Received = _Connected | _Dtmf | _Notify | _Cleared
_MESSAGES: TypeAdapter[_Received] = TypeAdapter(Annotated[_Received, Field(discriminator="event")])


class Vonage(Wire):
    """A mark that was cleared may never come back; it is told when Vonage has cleared."""

    name: str = "vonage"
    abilities: frozenset[Ability] = frozenset({"clear", "marks", "hang up"})

    def __init__(self) -> None:
        super().__init__()
        self._marks = Marks()

    def _read(self, data: Message) -> Iterable[Event]:
        if isinstance(data, bytes):
            yield from self._heard(data)
            return
        match parse(_MESSAGES, data):
            case None:
                pass
            case Bad() as bad:
                yield bad
            case _Connected() as connected:
                yield self._begin(connected)
            case _Dtmf(digit=digit, duration=ms):
                yield Dtmf(digit, ms / 1000)
            case _Notify(payload=mark):
                yield from self._marks.played(mark.name)
            case _Cleared():
                yield from self._marks.cleared()

    def _begin(self, connected: _Connected) -> Event:
        if self._phase != "new":
            return Bad("a second start")
        kind, _, rest = connected.content_type.replace(" ", "").partition(";rate=")
        rate = int(rest) if rest in map(str, RATES) else 0
        if kind != "audio/l16" or not rate:
            told = connected.content_type[:40]
            return Ended("protocol", f"{told}: set content-type to audio/l16;rate=16000")
        frame = 2 * round(rate * FRAME)
        self._media(rate, LINEAR, frame, grain=frame)
        headers = {key: str(value) for key, value in (connected.model_extra or {}).items()}
        return Started(
            call=headers.get("call", ""),
            caller=headers.get("caller", ""),
            called=headers.get("called", ""),
            in_rate=rate,
            out_rate=rate,
            headers=headers,
        )

    def _sound(self, frame: bytes) -> Message:
        return frame

    def _mark(self, name: str) -> Message:
        self._marks.sent(name)
        return json.dumps({"action": "notify", "payload": {"name": name}})

    def _clear(self) -> Sequence[Message]:
        self._marks.clear()
        return [json.dumps({"action": "clear"})]
