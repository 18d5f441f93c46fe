"""Carriers' sides of their websockets, for whole calls: what each sends and what it obeys."""

import base64
import json
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from telephony.g711 import decode_mulaw, encode_mulaw
from telephony.line import Message
from voice.phone.caller import RATE, CarrierCaller, Clear, Mark, Order, Sound, TwilioCaller

CALLER, CALLED = "+4930111", "+4930222"


def packed(sound: bytes) -> str:
    return base64.b64encode(sound).decode()


class Twilio(TwilioCaller):
    """As voice/phone/caller.py has it."""


class Telnyx(TwilioCaller):
    def begin(self) -> list[Message]:
        form = {"encoding": "PCMU", "sample_rate": RATE, "channels": 1}
        start = {"call_control_id": "v3:1", "from": CALLER, "to": CALLED, "media_format": form}
        return [self._say("connected"), self._say("start", start=start)]


class Plivo(TwilioCaller):
    def begin(self) -> list[Message]:
        form = {"encoding": "audio/x-mulaw", "sampleRate": RATE}
        start = {"callId": "P1", "streamId": "S1", "mediaFormat": form}
        headers = f"{{X-PH-caller: {CALLER}, X-PH-called: {CALLED}}}"
        return [self._say("start", start=start, extra_headers=headers)]

    def order(self, message: Message) -> Order | None:
        told = json.loads(message)
        match told["event"]:
            case "playAudio":
                return Sound(decode_mulaw(base64.b64decode(told["media"]["payload"])))
            case "checkpoint":
                return Mark(told["name"])
            case "clearAudio":
                return Clear()
            case _:
                return None

    def marked(self, name: str) -> Message:
        return self._say("playedStream", name=name)

    def cleared(self, names: Sequence[str]) -> list[Message]:
        return [self._say("clearedAudio")]


class Exotel(TwilioCaller):
    def begin(self) -> list[Message]:
        form = {"sample_rate": str(RATE)}
        numbers = {"from": CALLER, "to": CALLED}
        start = {"stream_sid": "S1", "call_sid": "E1", "media_format": form, **numbers}
        return [self._say("connected"), self._say("start", start=start)]

    def sound(self, samples: bytes) -> Message:
        media = {
            "chunk": self.number,
            "timestamp": str(20 * self.number),
            "payload": packed(samples),
        }
        return self._say("media", media=media)

    def order(self, message: Message) -> Order | None:
        told = json.loads(message)
        if told["event"] == "media":
            return Sound(base64.b64decode(told["media"]["payload"]))
        return super().order(message)


class Binary(CarrierCaller):
    """Sound in binary messages, the rest in JSON."""

    def sound(self, samples: bytes) -> Message:
        return samples

    def order(self, message: Message) -> Order | None:
        return Sound(message) if isinstance(message, bytes) else self.told(json.loads(message))

    @abstractmethod
    def told(self, message: Any) -> Order | None: ...

    def goodbye(self) -> Message | None:
        return None


class Vonage(Binary):
    def begin(self) -> list[Message]:
        headers = {"caller": CALLER, "called": CALLED, "call": "V1"}
        form = f"audio/l16;rate={RATE}"
        return [json.dumps({"event": "websocket:connected", "content-type": form, **headers})]

    def key(self, key: str) -> Message:
        return json.dumps({"event": "websocket:dtmf", "digit": key, "duration": 260})

    def told(self, message: Any) -> Order | None:
        match message["action"]:
            case "notify":
                return Mark(message["payload"]["name"])
            case "clear":
                return Clear()
            case _:
                return None

    def marked(self, name: str) -> Message:
        return json.dumps({"event": "websocket:notify", "payload": {"name": name}})

    def cleared(self, names: Sequence[str]) -> list[Message]:
        return [json.dumps({"event": "websocket:cleared"})]


class Jambonz(Binary):
    subprotocol = "audio.jambonz.org"

    def begin(self) -> list[Message]:
        about = {"callSid": "J1", "from": CALLER, "to": CALLED, "sampleRate": RATE}
        return [json.dumps({**about, "mixType": "mono"})]

    def key(self, key: str) -> Message:
        return json.dumps({"event": "dtmf", "dtmf": key, "duration": "1600"})

    def told(self, message: Any) -> Order | None:
        match message["type"]:
            case "mark":
                return Mark(message["data"]["name"])
            case "killAudio":
                return Clear()
            case _:
                return None

    def marked(self, name: str) -> Message:
        return json.dumps({"type": "mark", "data": {"name": name, "event": "playout"}})

    def cleared(self, names: Sequence[str]) -> list[Message]:
        told = [{"name": name, "event": "cleared"} for name in names]
        return [json.dumps({"type": "mark", "data": data}) for data in told]


class FreeSwitch(Jambonz):
    subprotocol = "audio.drachtio.org"

    def begin(self) -> list[Message]:
        return [json.dumps({"call": "F1", "caller": CALLER, "called": CALLED})]


class ChanWebSocket(Binary):
    subprotocol = "media"

    def begin(self) -> list[Message]:
        variables = {"__caller": CALLER, "__called": CALLED}
        start = {"channel": "WebSocket/1", "channel_id": "A1", "channel_variables": variables}
        form = {"format": "slin", "optimal_frame_size": 320, "ptime": 20}
        return [json.dumps({"event": "MEDIA_START", **start, **form})]

    def key(self, key: str) -> Message:
        return json.dumps({"event": "DTMF_END", "digit": key})

    def told(self, message: Any) -> Order | None:
        match message["command"]:
            case "MARK_MEDIA":
                return Mark(message["correlation_id"])
            case "FLUSH_MEDIA":
                return Clear()
            case _:
                return None

    def marked(self, name: str) -> Message:
        return json.dumps({"event": "MEDIA_MARK_PROCESSED", "correlation_id": name})

    def cleared(self, names: Sequence[str]) -> list[Message]:
        return []  # Asterisk forgets them


class Genesys(Binary):
    """AudioHook: numbers its messages, plays mu-law, has no marks."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._seq = self._theirs = 0

    def begin(self) -> list[Message]:
        form = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": RATE}
        who = {"id": "1", "ani": CALLER, "aniName": "", "dnis": CALLED}
        about = {"organizationId": "1", "conversationId": "G1", "participant": who}
        return [self._say("open", **about, media=[form])]

    def sound(self, samples: bytes) -> Message:
        return encode_mulaw(samples)

    def order(self, message: Message) -> Order | None:
        if isinstance(message, bytes):
            return Sound(decode_mulaw(message))
        return super().order(message)

    def key(self, key: str) -> Message:
        return self._say("dtmf", digit=key)

    def told(self, message: Any) -> Order | None:
        self._theirs = message["seq"]
        named = [one.get("type") for one in message["parameters"].get("entities", [])]
        return Clear() if message["type"] == "event" and "barge_in" in named else None

    def marked(self, name: str) -> Message | None:
        return None

    def goodbye(self) -> Message:
        return self._say("close", reason="end")

    def _say(self, kind: str, **parameters: Any) -> str:
        self._seq += 1
        about = {"version": "2", "type": kind, "seq": self._seq, "serverseq": self._theirs}
        return json.dumps({**about, "id": "S1", "position": "PT0S", "parameters": parameters})


CARRIERS: dict[str, type[CarrierCaller]] = {
    "twilio": Twilio,
    "telnyx": Telnyx,
    "plivo": Plivo,
    "exotel": Exotel,
    "vonage": Vonage,
    "jambonz": Jambonz,
    "freeswitch": FreeSwitch,
    "chan_websocket": ChanWebSocket,
    "audiohook": Genesys,
}
