"""Calls as each protocol has them, and what a broken or hostile other side may make of them."""

import base64
import json
import random
import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from telephony.line import Message

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

_SOUND = bytes(range(160))  # mu-law, A-law or PCM16 alike
_BASE64 = base64.b64encode(_SOUND).decode()
_ODD: tuple[Json, ...] = (
    *(None, True, False, 0, -1, 1, 2, 2**31, 2**53, 2**64, 1.5, 1e308, float("nan")),
    *("", "0", "1", "-1", "1.5", "9" * 400, "1e999", "\x00", "\u2028", "inbound", "outbound"),
    *("PT1S", "PT999999999S", "AA==", "A", "%%%", "PCMA", "L16", "alaw", "slin192", "stereo"),
    *([], {}, [[]], {"name": "x"}, ["external"], [{"event": "media"}], {"event": "start"}),
)
_BYTES = ("\x00", "\n", '"', "\\", "{", "}", "[", "]", ",", ":", "9", "\ud800", "\U0001f600", "é")


def _texts(*messages: Json) -> tuple[Message, ...]:
    return tuple(json.dumps(message) for message in messages)


def _media(number: int, stamp: int, **more: Json) -> Json:
    packet: dict[str, Json] = {"payload": _BASE64, "chunk": str(number), "timestamp": str(stamp)}
    return {"event": "media", "media": packet | more}


def _key(digit: str) -> Json:
    return {"event": "dtmf", "dtmf": {"digit": digit}}


def _mark(name: str) -> Json:
    return {"event": "mark", "mark": {"name": name}}


def _socket(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BH", kind, len(payload)) + payload


def _genesys(seq: int, kind: str, **parameters: Json) -> Json:
    head: dict[str, Json] = {"version": "2", "type": kind, "seq": seq, "serverseq": 0, "id": "e160"}
    return head | {"position": "PT0.1S", "parameters": parameters}


_MEDIA: tuple[Json, ...] = tuple(_media(i, 20 * i) for i in (1, 2, 4, 3))
_OFFER: Json = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}
_BOTH: Json = {"type": "audio", "format": "L16", "channels": ["internal", "external"], "rate": 8000}

# the start of a call first, its end last
CALLS: dict[str, tuple[Message, ...]] = {
    "audiohook": (
        *_texts(
            _genesys(
                1,
                "open",
                conversationId="090e",
                participant={"ani": "+1", "dnis": "+2"},
                media=[_BOTH, _OFFER],
                inputVariables={"order": 1},
            )
        ),
        _SOUND,
        *_texts(
            _genesys(2, "ping", rtt="PT0.1S"),
            _genesys(3, "paused"),
            _genesys(4, "resumed", start="PT1S", discarded="PT2.5S"),
            _genesys(5, "dtmf", digit="5"),
            _genesys(6, "error", code=429, message="slow down"),
            _genesys(7, "update", language="es-ES"),
            _genesys(8, "close", reason="end"),
        ),
    ),
    "audiosocket": (
        _socket(0x01, uuid.UUID(int=7).bytes),
        _socket(0x10, _SOUND),
        _socket(0x03, b"5") + _socket(0x10, _SOUND),
        _socket(0x12, _SOUND),
        _socket(0xFF, b"\x01"),
    ),
    "chan_websocket": (
        "MEDIA_START connection_id:e226 channel:WebSocket/x channel_id:pbx1-1.9 format:ulaw "
        "optimal_frame_size:160 ptime:20",
        *_texts(
            {
                "event": "MEDIA_START",
                "connection_id": "e226",
                "channel_id": "pbx1-1.9",
                "format": "slin16",
                "optimal_frame_size": 640,
                "channel_variables": {"caller": "1001"},
            },
            {"event": "DTMF_END", "digit": "5"},
            {"event": "MEDIA_MARK_PROCESSED", "correlation_id": "m"},
            {"event": "MEDIA_XOFF"},
        ),
        _SOUND,
        "MEDIA_MARK_PROCESSED cleared",
        "DTMF_END digit:5 channel_id:pbx1-1.9",
        "ERROR channel_id:pbx1-1.9 error_text:no such thing",
        "MEDIA_XON",
    ),
    "exotel": _texts(
        {
            "event": "start",
            "start": {
                "stream_sid": "MZ",
                "call_sid": "CA",
                "from": "+91",
                "to": "+92",
                "custom_parameters": {"a": "b"},
                "media_format": {"encoding": "audio/x-raw", "sample_rate": "8000"},
            },
        },
        *_MEDIA,
        _key("5"),
        _mark("m"),
        {"event": "stop", "stop": {"reason": "callended"}},
    ),
    "freeswitch": (
        '{"call": "6b1d", "caller": "1001", "sampleRate": 16000}',
        _SOUND,
        *_texts(
            {"event": "dtmf", "dtmf": "5", "duration": "1600"},
            {"type": "mark", "data": {"name": "m", "event": "playout"}},
        ),
        "any text",
    ),
    "jambonz": (
        *_texts(
            {"callSid": "e5c0", "from": "+1", "to": "+2", "sampleRate": 8000, "mixType": "mono"}
        ),
        _SOUND,
        *_texts(
            {"event": "dtmf", "dtmf": "5", "duration": "1600"},
            {"type": "mark", "data": {"name": "m", "event": "cleared"}},
            {"type": "playDone"},
        ),
    ),
    "plivo": _texts(
        {
            "event": "start",
            "start": {
                "callId": "5401",
                "streamId": "2017",
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
            },
            "extra_headers": "{X-PH-caller: +1}",
        },
        *_MEDIA,
        _key("5"),
        {"event": "playedStream", "name": "m"},
        {"event": "clearedAudio"},
        {"event": "stop"},
    ),
    "telnyx": _texts(
        {
            "event": "start",
            "start": {
                "call_control_id": "v2:T02",
                "from": "+1",
                "to": "+2",
                "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
            },
        },
        *_MEDIA,
        _key("5"),
        _mark("m"),
        {"event": "error", "payload": {"code": 100004, "title": "malformed_frame"}},
        {"event": "stop"},
    ),
    "twilio": _texts(
        {
            "event": "start",
            "start": {
                "streamSid": "MZ",
                "callSid": "CA",
                "customParameters": {"caller": "+1"},
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            },
        },
        *_MEDIA,
        _media(5, 100, track="outbound"),
        _key("5"),
        _mark("m"),
        {"event": "stop", "stop": {"callSid": "CA"}},
    ),
    "vonage": (
        *_texts(
            {
                "event": "websocket:connected",
                "content-type": "audio/l16;rate=16000",
                "caller": "447700900123",
            }
        ),
        _SOUND,
        *_texts(
            {"event": "websocket:dtmf", "digit": "5", "duration": 260},
            {"event": "websocket:notify", "payload": {"name": "m"}},
            {"event": "websocket:cleared"},
        ),
    ),
}


def broken(call: Sequence[Message], rng: random.Random) -> Message:
    """A message of `call`, usually with something done to it."""
    message = rng.choice(call)
    if rng.random() < 0.2:
        return message
    for _ in range(rng.randint(1, 3)):
        message = _of_bytes(message, rng) if isinstance(message, bytes) else _of_text(message, rng)
    return message


def _of_text(text: str, rng: random.Random) -> Message:
    return rng.choice(_TEXT_CHANGES)(text, rng)


def _of_bytes(data: bytes, rng: random.Random) -> Message:
    at, to = sorted(rng.randint(0, len(data)) for _ in range(2))
    match rng.randint(0, 6):
        case 0:
            return data[:at] + data[to:]
        case 1:
            return data[:at] + rng.randbytes(rng.choice((1, 2, 3, 700))) + data[to:]
        case 2:
            return data + data[at:to]
        case 3:
            return rng.randbytes(rng.choice((0, 1, 3, 320, 5000)))
        case 4:
            return data * rng.choice((2, 100)) if len(data) < 2000 else data
        case 5:
            return bytes(byte ^ (rng.random() < 0.02) << rng.randint(0, 7) for byte in data)
        case _:
            return data.decode("latin-1")


def _cut(text: str, rng: random.Random) -> Message:
    at, to = sorted(rng.randint(0, len(text)) for _ in range(2))
    return text[:at] + text[to:]


def _doubled(text: str, rng: random.Random) -> Message:
    at, to = sorted(rng.randint(0, len(text)) for _ in range(2))
    return text[:to] + text[at:]


def _typed(text: str, rng: random.Random) -> Message:
    at = rng.randint(0, len(text))
    return text[:at] + "".join(rng.choices(_BYTES, k=rng.randint(1, 5))) + text[at + 1 :]


def _binary(text: str, rng: random.Random) -> Message:
    return text.encode("utf-8", "surrogatepass")


def _nested(text: str, rng: random.Random) -> Message:
    return "[" * rng.choice((1, 50, 5000)) + text


def _long(text: str, rng: random.Random) -> Message:
    return text + "9" * rng.choice((10, 1000, 70_000 if rng.random() < 0.02 else 10))


def _twisted(text: str, rng: random.Random) -> Message:
    """Still JSON: one value of it is another, gone, or under another name."""
    try:
        root: Json = json.loads(text)
    except (ValueError, RecursionError):
        return _typed(text, rng)
    try:
        return json.dumps(_with_another(root, rng))
    except RecursionError:
        return text


def _with_another(value: Json, rng: random.Random) -> Json:
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        rest = {name: other for name, other in value.items() if name != key}
        match rng.randint(0, 9):
            case 0:
                return cast(Json, rest)
            case 1:
                return rest | {rng.choice(("", "event", "media", "from", key * 2)): value[key]}
            case _:
                return rest | {key: _with_another(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return [*value[:at], _with_another(value[at], rng), *value[at + rng.randint(0, 2) :]]
    return rng.choice(_ODD)


_TEXT_CHANGES: tuple[Callable[[str, random.Random], Message], ...] = (
    *(_twisted,) * 6,  # the others are mostly no JSON any more
    *(_cut, _doubled, _typed, _binary, _nested, _long),
)
