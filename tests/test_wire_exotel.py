"""A call on Exotel AgentStream, in the messages of its documentation."""

import base64
import json

import pytest

from telephony.events import Audio, Dtmf, Ended, Played, Started
from telephony.exotel import Exotel
from tests.wires import hear, sound_of, speech

STREAM = "MZxxxxxxxxxxxxxxxxxxxxxxxx"


def start(rate: str | int = "8000") -> str:
    body = {
        "stream_sid": STREAM,
        "call_sid": "CAxxxxxxxxxxxxxxxxxxxxxxxx",
        "account_sid": "ACxxxxxxxxxxxxxxxxxxxxxxxx",
        "from": "+919876543210",
        "to": "+918047491899",
        "custom_parameters": {"key1": "value1"},
        "media_format": {"encoding": "audio/x-raw", "sample_rate": rate, "bit_rate": "16"},
    }
    return json.dumps(
        {"event": "start", "sequence_number": "1", "stream_sid": STREAM, "start": body}
    )


def media(chunk: int, payload: bytes) -> str:
    packet = {
        "chunk": str(chunk),
        "timestamp": str(100 * chunk),
        "payload": base64.b64encode(payload).decode(),
    }
    body = {"event": "media", "sequence_number": str(chunk + 1), "stream_sid": STREAM}
    return json.dumps(body | {"media": packet})


def test_a_call_from_its_start_to_its_stop():
    wire = Exotel()
    assert hear(wire, '{ "event": "connected" }', start()) == [
        Started(
            call="CAxxxxxxxxxxxxxxxxxxxxxxxx",
            caller="+919876543210",
            called="+918047491899",
            in_rate=8000,
            out_rate=8000,
            headers={"key1": "value1"},
        )
    ]
    sound = speech(8000, 0.1).tobytes()
    assert hear(wire, media(1, sound)) == [Audio(sound, time=0.0, sequence=1)]
    assert hear(wire, media(2, sound)) == [Audio(sound, time=0.1, sequence=2)]
    key = {"digit": "5", "duration": "100"}
    assert hear(wire, json.dumps({"event": "dtmf", "stream_sid": STREAM, "dtmf": key})) == [
        Dtmf("5")
    ]
    mark = {"event": "mark", "sequence_number": "15", "mark": {"name": "greeting"}}
    assert hear(wire, json.dumps(mark)) == [Played("greeting")]
    stop = {"event": "stop", "sequence_number": "20", "stop": {"reason": "callended"}}
    assert hear(wire, json.dumps(stop)) == [Ended("hung up")]


def test_what_we_say_is_what_exotel_documents():
    wire = Exotel()
    hear(wire, start())
    payload = base64.b64encode(bytes(3200)).decode()
    assert [json.loads(m) for m in wire.play(bytes(3200))] == [
        {"event": "media", "stream_sid": STREAM, "media": {"payload": payload}}
    ]
    assert [json.loads(m) for m in wire.mark("greeting")] == [
        {"event": "mark", "stream_sid": STREAM, "mark": {"name": "greeting"}}
    ]
    assert [json.loads(m) for m in wire.clear()] == [{"event": "clear", "stream_sid": STREAM}]


@pytest.mark.parametrize(("rate", "size"), [("8000", 3200), (16000, 3200), ("24000", 4800)])
def test_messages_are_of_the_size_that_exotel_plays_well(rate: str | int, size: int):
    wire, sound = Exotel(), speech(int(rate), 1.03).tobytes()
    hear(wire, start(rate))
    messages = [m for i in range(0, len(sound), 700) for m in wire.play(sound[i : i + 700])]
    messages += wire.flush()
    sent = [base64.b64decode(json.loads(m)["media"]["payload"]) for m in messages]
    assert {len(payload) for payload in sent} == {size}
    whole = b"".join(sent)
    assert whole[: len(sound)] == sound
    assert not any(whole[len(sound) :])
    heard = hear(wire, *(media(i + 1, payload) for i, payload in enumerate(sent)))
    assert sound_of(heard) == whole


def test_a_rate_that_is_not_known_ends_the_call():
    assert hear(Exotel(), start("11025")) == [
        Ended("protocol", "sound of 11025 Hz; 8000, 16000 and 24000 are known")
    ]
