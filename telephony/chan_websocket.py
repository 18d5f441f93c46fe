"""Asterisk's chan_websocket, Dial(WebSocket/NAME/c(slin16)f(json)): events in JSON or plain text.

Sound is in binary messages, in the codec that c() chose. Asterisk paces and cuts it: whole frames
of optimal_frame_size are kept, 20 s of them, the rest of a message is dropped. Who calls whom
comes in the channel's variables, in JSON only: Set(__caller=${CALLERID(num)}),
Set(__called=${EXTEN}) before Dial. pipecat has no serializer for it.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from telephony.encodings import ALAW, LINEAR, MULAW, Encoding
from telephony.events import Bad, Dtmf, Ended, Event, Flow, Reply, Started
from telephony.line import Ability, Message
from telephony.marks import Marks
from telephony.protocol import LONGEST_TEXT, Digit, Part, Wire, parse

SUBPROTOCOL = "media"
LONGEST = 65500  # bytes of a message; Asterisk hangs up on more
FORMATS: dict[str, tuple[int, Encoding]] = {
    "ulaw": (8000, MULAW),
    "alaw": (8000, ALAW),
    "slin": (8000, LINEAR),
    "slin12": (12000, LINEAR),
    "slin16": (16000, LINEAR),
    "slin24": (24000, LINEAR),
    "slin32": (32000, LINEAR),
    "slin44": (44100, LINEAR),
    "slin48": (48000, LINEAR),
    "slin96": (96000, LINEAR),
    "slin192": (192000, LINEAR),
}
_CLEARED = "cleared"  # begins the marks that tell us so


class _Start(Part):
    event: Literal["MEDIA_START"]
    connection_id: str = ""
    channel: str = ""
    channel_id: str = ""
    format: str
    optimal_frame_size: Annotated[int, Field(ge=1, le=LONGEST)]
    channel_variables: dict[str, str] = Field(default_factory=dict)


class _Dtmf(Part):
    event: Literal["DTMF_END"]
    digit: Digit


class _Marked(Part):
    event: Literal["MEDIA_MARK_PROCESSED"]
    correlation_id: str = ""


class _Full(Part):
    event: Literal["MEDIA_XOFF"]


class _Taking(Part):
    event: Literal["MEDIA_XON"]


class _Other(Part):
    event: Literal["QUEUE_DRAINED", "MEDIA_BUFFERING_COMPLETED", "STATUS"]


class _Error(Part):
    event: Literal["ERROR"]
    error_text: str = ""


_Received = _Start | _Dtmf | _Marked | _Full | _Taking | _Other | _Error
_MESSAGES: TypeAdapter[_Received] = TypeAdapter(Annotated[_Received, Field(discriminator="event")])


class ChanWebSocket(Wire):
    """The names of marks are for 64 characters at most: Asterisk ignores longer commands.

    Asterisk forgets marks when it flushes, so a mark of ours behind the flush tells of them.
    """

    name: str = "chan_websocket"
    abilities: frozenset[Ability] = frozenset({"clear", "marks", "hang up"})

    def __init__(self, answer: bool = False) -> None:
        """`answer`: the dialplan's Dial has the option n, which leaves it to us."""
        super().__init__()
        self._answer = answer
        self._json = False
        self._marks = Marks()

    def _read(self, data: Message) -> Iterable[Event]:
        if isinstance(data, bytes):
            yield from self._heard(data)
            return
        plain = not data.lstrip().startswith("{")
        match parse(_MESSAGES, _as_json(data) if plain else data):
            case None:
                pass
            case Bad() as bad:
                yield bad
            case _Start() as start:
                yield from self._begin(start, plain)
            case _Dtmf(digit=digit):
                yield Dtmf(digit)
            case _Marked(correlation_id=name):
                told = self._marks.cleared() if name == _CLEARED else self._marks.played(name)
                yield from told
            case _Full():
                yield Flow(open=False)
            case _Taking():
                yield Flow(open=True)
            case _Error(error_text=text):
                yield Bad(f"Asterisk says: {text[:100]}")
            case _Other():
                pass

    def _begin(self, start: _Start, plain: bool) -> Iterable[Event]:
        if self._phase != "new":
            yield Bad("a second start")
            return
        if start.format not in FORMATS:
            yield Ended("protocol", f"{start.format[:20]}: set c(slin16), c(ulaw) or c(alaw)")
            return
        rate, encoding = FORMATS[start.format]
        if start.optimal_frame_size % encoding.width:
            yield Ended("protocol", f"frames of {start.optimal_frame_size} bytes of {start.format}")
            return
        self._json = not plain
        frame = 2 * start.optimal_frame_size // encoding.width
        self._media(rate, encoding, frame, grain=frame)
        if self._answer:
            yield Reply(self._say("ANSWER"))
        # an inherited variable keeps its underscores
        told = {name.lstrip("_"): value for name, value in start.channel_variables.items()}
        yield Started(
            call=start.channel_id or start.connection_id,
            caller=told.get("caller", ""),
            called=told.get("called", ""),
            in_rate=rate,
            out_rate=rate,
            headers=told | {"channel": start.channel},
        )

    def _sound(self, frame: bytes) -> Message:
        return self._encoding.encode(frame)

    def _mark(self, name: str) -> Message:
        self._marks.sent(name)
        return self._say("MARK_MEDIA", name)

    def _clear(self) -> Sequence[Message]:
        self._marks.clear()
        return [self._say("FLUSH_MEDIA"), self._say("MARK_MEDIA", _CLEARED)]

    def _hang_up(self) -> Sequence[Message]:
        return [self._say("HANGUP")]

    def _say(self, command: str, about: str = "") -> Message:
        if not self._json:
            return f"{command} {about}".rstrip()
        body = {"command": command} | ({"correlation_id": about} if about else {})
        return json.dumps(body, separators=(",", ":"))


def _as_json(line: str) -> str:
    """A plain-text event in the form of the JSON one: EVENT key:value …, or EVENT id."""
    if len(line) > LONGEST_TEXT:
        return line
    event, _, rest = line.strip().partition(" ")
    fields = {"event": event}
    if event == "MEDIA_MARK_PROCESSED":
        fields["correlation_id"] = rest
    elif event == "ERROR":
        fields["error_text"] = rest
    else:
        for pair in rest.split():
            name, _, value = pair.partition(":")
            fields.setdefault(name, value)
    return json.dumps(fields)
