"""What a carrier wants to hear when it asks what to do with a call: its own XML or JSON.

No I/O: fields of the carrier's request in, a document out. The media socket's address carries a
one-time token (telephony.tokens): as a custom parameter for Twilio, which drops query strings,
as the last part of the path for the others.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, assert_never, get_args
from xml.sax.saxutils import escape, quoteattr

Carrier = Literal["twilio", "telnyx", "plivo", "vonage", "exotel", "jambonz"]
CARRIERS: tuple[Carrier, ...] = get_args(Carrier)  # that ask before they open a socket
RATE = 16000  # Hz, where the carrier lets us choose; the telephone network itself has 8000 or 16000


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call that a carrier asks about. Numbers as the carrier writes them; "" where withheld."""

    call: str
    caller: str
    called: str


@dataclass(frozen=True, slots=True)
class Document:
    media_type: str
    text: str


def incoming(carrier: Carrier, fields: Mapping[str, str]) -> Incoming:
    """From the fields of the form, the query or the JSON body."""
    match carrier:
        case "twilio" | "telnyx" | "exotel":
            names = ("CallSid", "From", "To")
        case "plivo":
            names = ("CallUUID", "From", "To")
        case "vonage":
            names = ("uuid", "from", "to")
        case "jambonz":
            names = ("call_sid", "from", "to")
            if "callSid" in fields:
                names = ("callSid", "from", "to")
        case _:
            assert_never(carrier)
    return Incoming(*(fields.get(name, "") for name in names))


def status(carrier: Carrier, fields: Mapping[str, str]) -> str:
    """How a call goes, in the carrier's own word: "ringing", "completed", "busy"."""
    names = {"vonage": "status", "jambonz": "call_status", "exotel": "Status"}
    return fields.get(names.get(carrier, "CallStatus"), "")


def answer(carrier: Carrier, about: Incoming, socket: str, token: str) -> Document:
    """Connect the call with our socket; `socket` is its address without the token."""
    address = socket if carrier == "twilio" else f"{socket}/{token}"
    match carrier:
        case "twilio":
            told = {"token": token, "caller": about.caller, "called": about.called}
            parameters = "".join(
                f"<Parameter name={quoteattr(name)} value={quoteattr(value)}/>"
                for name, value in told.items()
            )
            stream = f"<Stream url={quoteattr(address)}>{parameters}</Stream>"
            return _xml(f"<Connect>{stream}</Connect>")
        case "telnyx":
            stream = (
                f"<Stream url={quoteattr(address)} "
                'bidirectionalMode="rtp" bidirectionalCodec="PCMU"/>'
            )
            return _xml(f"<Connect>{stream}</Connect>")
        case "plivo":
            # Plivo allows letters and digits only
            numbers = f"caller={_plain(about.caller)},called={_plain(about.called)}"
            return _xml(
                '<Stream bidirectional="true" keepCallAlive="true" '
                f'contentType="audio/x-l16;rate={RATE}" extraHeaders={quoteattr(numbers)}>'
                f"{escape(address)}</Stream>"
            )
        case "vonage":
            endpoint = {
                "type": "websocket",
                "uri": address,
                "content-type": f"audio/l16;rate={RATE}",
                "headers": {
                    "call": about.call,
                    "caller": about.caller,
                    "called": about.called,
                },
            }
            return _json([{"action": "connect", "endpoint": [endpoint]}])
        case "exotel":
            return _json({"url": address})
        case "jambonz":
            listen = {
                "verb": "listen",
                "url": address,
                "mixType": "mono",
                "sampleRate": RATE,
                "passDtmf": True,
                "bidirectionalAudio": {"enabled": True, "streaming": True, "sampleRate": RATE},
            }
            return _json([{"verb": "answer"}, listen, {"verb": "hangup"}])
        case _:
            assert_never(carrier)


def busy(carrier: Carrier) -> Document:
    """Take no call now; the caller hears the network's busy tone where the carrier has one."""
    match carrier:
        case "twilio" | "telnyx":
            return _xml('<Reject reason="busy"/>')
        case "plivo":
            return _xml('<Hangup reason="busy"/>')
        case "vonage":
            return _json([])  # no action: the call ends
        case "exotel":
            return _json({})
        case "jambonz":
            return _json([{"verb": "sip:decline", "status": 486}])
        case _:
            assert_never(carrier)


def dial(carrier: Literal["twilio", "plivo"], to: str) -> Document:
    """Put the call through to another number."""
    match carrier:
        case "twilio":
            return _xml(f"<Dial>{escape(to)}</Dial>")
        case "plivo":
            return _xml(f"<Dial><Number>{escape(to)}</Number></Dial>")
        case _:
            assert_never(carrier)


def _plain(number: str) -> str:
    return "".join(sign for sign in number if sign.isascii() and sign.isalnum())


def _xml(inside: str) -> Document:
    text = f'<?xml version="1.0" encoding="UTF-8"?><Response>{inside}</Response>'
    return Document("application/xml", text)


def _json(value: object) -> Document:
    return Document("application/json", json.dumps(value, ensure_ascii=False))
