"""A call on Plivo audio streaming, in the messages of its documentation."""

import base64
import json

import pytest

from telephony.events import Audio, Dtmf, Ended, Played, Started
from telephony.g711 import decode_mulaw
from telephony.plivo import Plivo
from tests.wires import hear, sound_of, speech

STREAM = "20170ada-f610-433b-8758-c02a2aab3662"


def start(encoding: str = "audio/x-mulaw", rate: int = 8000, headers: str = "{}") -> str:
    body = {
        "callId": "5401fd2e-6344-40df-a22c-c8ffea7a92e7",
        "streamId": STREAM,
        "accountId": "500025",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": encoding, "sampleRate": rate},
    }
    return json.dumps(
        {"sequenceNumber": 0, "event": "start", "start": body, "extra_headers": headers}
    )


def media(chunk: int, payload: bytes) -> str:
    packet = {
        "track": "inbound",
        "timestamp": str(1711216222735 + 20 * chunk),
        "chunk": chunk,
        "payload": base64.b64encode(payload).decode(),
    }
    body = {"sequenceNumber": chunk, "streamId": STREAM, "event": "media", "media": packet}
    return json.dumps(body | {"extra_headers": "{}"})


CLEARED = json.dumps({"sequenceNumber": 9, "event": "clearedAudio", "streamId": STREAM})


def played(name: str) -> str:
    body = {"event": "playedStream", "sequenceNumber": "2", "streamId": STREAM, "name": name}
    return json.dumps(body)


def test_a_call_from_its_start_to_its_stop():
    wire = Plivo()
    (begin,) = hear(wire, start(headers="{X-PH-caller: +15550001, X-PH-called: +15550002}"))
    assert begin == Started(
        call="5401fd2e-6344-40df-a22c-c8ffea7a92e7",
        caller="+15550001",
        called="+15550002",
        in_rate=8000,
        out_rate=8000,
        headers={"caller": "+15550001", "called": "+15550002"},
    )
    codes = bytes(range(160))
    assert hear(wire, media(1, codes)) == [Audio(decode_mulaw(codes), time=0.0, sequence=1)]
    assert hear(wire, media(2, codes)) == [Audio(decode_mulaw(codes), time=0.02, sequence=2)]
    key = {"track": "inbound", "digit": "5", "timestamp": "1711216222735"}
    assert hear(wire, json.dumps({"event": "dtmf", "sequenceNumber": 3, "dtmf": key})) == [
        Dtmf("5")
    ]
    assert hear(wire, '{"event": "stop"}') == [Ended("hung up")]


def test_what_we_say_is_what_plivo_documents():
    wire = Plivo()
    hear(wire, start())
    media = {
        "contentType": "audio/x-mulaw",
        "sampleRate": 8000,
        "payload": base64.b64encode(b"\xff" * 160).decode(),
    }
    assert [json.loads(m) for m in wire.play(bytes(320))] == [
        {"event": "playAudio", "media": media}
    ]
    assert [json.loads(m) for m in wire.mark("response-3")] == [
        {"event": "checkpoint", "streamId": STREAM, "name": "response-3"}
    ]
    assert [json.loads(m) for m in wire.clear()] == [{"event": "clearAudio", "streamId": STREAM}]


def test_checkpoints_that_were_cleared_are_told_as_cleared():
    wire = Plivo()
    hear(wire, start())
    for name in ("one", "two", "three"):
        wire.mark(name)
    assert hear(wire, played("one")) == [Played("one")]
    wire.clear()
    wire.mark("of the next sentence")
    assert hear(wire, played("two")) == [Played("two")]  # played before the clear came
    assert hear(wire, CLEARED) == [Played("three", cleared=True)]
    assert hear(wire, played("of the next sentence")) == [Played("of the next sentence")]
    assert hear(wire, played("three"), CLEARED) == []


@pytest.mark.parametrize("rate", [8000, 16000])
def test_l16_is_sample_exact_both_ways(rate: int):
    wire, sound = Plivo(), speech(rate, 0.4).tobytes()
    hear(wire, start("audio/x-l16", rate))
    size = rate // 25
    packets = [sound[i : i + size] for i in range(0, len(sound), size)]
    assert sound_of(hear(wire, *(media(i + 1, p) for i, p in enumerate(packets)))) == sound
    sent = [json.loads(m)["media"] for m in wire.play(sound)]
    assert {(m["contentType"], m["sampleRate"]) for m in sent} == {("audio/x-l16", rate)}
    assert b"".join(base64.b64decode(m["payload"]) for m in sent) == sound


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ('{"X-PH-key1": "value1", "key2": "v"}', {"key1": "value1", "key2": "v"}),
        ("{X-PH-key1: value1}", {"key1": "value1"}),
        ("{}", {}),
        ("nonsense", {}),
    ],
)
def test_headers_are_read_as_plivo_writes_them(text: str, headers: dict[str, str]):
    (begin,) = hear(Plivo(), start(headers=text))
    assert isinstance(begin, Started)
    assert begin.headers == headers


def test_a_format_that_is_not_spoken_ends_the_call_with_what_to_do():
    assert hear(Plivo(), start("audio/x-opus", 48000)) == [
        Ended("protocol", "audio/x-opus of 48000 Hz: set contentType to audio/x-mulaw;rate=8000")
    ]
