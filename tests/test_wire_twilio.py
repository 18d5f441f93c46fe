"""A call on Twilio Media Streams, in the messages of its documentation."""

import base64
import json

import pytest

from telephony.events import Audio, Bad, Dtmf, Ended, Played, Started
from telephony.g711 import decode_mulaw, encode_mulaw
from telephony.line import NotOnThisWire
from telephony.twilio import Twilio
from tests.wires import correlation, hear, sound_of, speech

CONNECTED = '{"event": "connected", "protocol": "Call", "version": "1.0.0"}'
START = """{
 "event": "start",
 "sequenceNumber": "1",
 "start": {
   "accountSid": "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
   "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
   "callSid": "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
   "tracks": ["inbound"],
   "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
   "customParameters": {"caller": "+15550001", "called": "+15550002", "token": "t1"}
 },
 "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"
}"""
STREAM = "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"
STOP = """{"event": "stop", "sequenceNumber": "5", "streamSid": "MZX",
 "stop": {"accountSid": "ACX", "callSid": "CAX"}}"""


def media(chunk: int, payload: bytes, track: str = "inbound") -> str:
    packet = {
        "track": track,
        "chunk": str(chunk),
        "timestamp": str(20 * (chunk - 1)),
        "payload": base64.b64encode(payload).decode(),
    }
    return json.dumps({"event": "media", "sequenceNumber": str(chunk + 1), "media": packet})


def started() -> Twilio:
    wire = Twilio()
    hear(wire, CONNECTED, START)
    return wire


def test_a_call_from_its_start_to_its_stop():
    wire = Twilio()
    assert hear(wire, CONNECTED) == []
    assert hear(wire, START) == [
        Started(
            call="CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
            caller="+15550001",
            called="+15550002",
            in_rate=8000,
            out_rate=8000,
            headers={"caller": "+15550001", "called": "+15550002", "token": "t1"},
        )
    ]
    codes = bytes(range(160))
    assert hear(wire, media(1, codes)) == [Audio(decode_mulaw(codes), time=0.0, sequence=1)]
    assert hear(wire, media(2, codes)) == [Audio(decode_mulaw(codes), time=0.02, sequence=2)]
    key = (
        '{"event": "dtmf", "sequenceNumber": "5", "dtmf": {"track": "inbound_track", "digit": "1"}}'
    )
    assert hear(wire, key) == [Dtmf("1")]
    mark = '{"event": "mark", "sequenceNumber": "4", "mark": {"name": "my label"}}'
    assert hear(wire, mark) == [Played("my label")]
    assert hear(wire, STOP) == [Ended("hung up")]
    assert hear(wire, STOP, START, media(3, codes)) == []
    assert wire.closed() == []


def test_what_we_say_is_what_twilio_documents():
    wire = started()
    (message,) = wire.play(bytes(320))
    assert json.loads(message) == {
        "event": "media",
        "streamSid": STREAM,
        "media": {"payload": base64.b64encode(b"\xff" * 160).decode()},
    }
    (message,) = wire.mark("my label")
    assert json.loads(message) == {
        "event": "mark",
        "streamSid": STREAM,
        "mark": {"name": "my label"},
    }
    (message,) = wire.clear()
    assert json.loads(message) == {"event": "clear", "streamSid": STREAM}
    with pytest.raises(NotOnThisWire, match="twilio has no words for: dtmf"):
        wire.send_dtmf("1")


def test_our_sound_goes_out_whole_in_frames_of_20_ms():
    wire, sound = started(), speech(8000, 1.237).tobytes()
    messages = [
        message
        for i in range(0, len(sound), 333)  # an odd number of bytes: samples come in pieces
        for message in wire.play(sound[i : i + 333])
    ]
    payloads = [base64.b64decode(json.loads(m)["media"]["payload"]) for m in messages]
    assert {len(payload) for payload in payloads} == {160}
    rest, mark = wire.mark("end")
    payloads.append(base64.b64decode(json.loads(rest)["media"]["payload"]))
    assert json.loads(mark)["event"] == "mark"
    assert b"".join(payloads) == encode_mulaw(sound)
    assert correlation(decode_mulaw(b"".join(payloads)), sound) >= 0.99


def test_what_was_cleared_is_not_played_later():
    wire = started()
    assert wire.play(bytes(318)) == []
    assert len(wire.clear()) == 1
    assert wire.play(bytes(2)) == []


def test_the_callers_sound_comes_whole_and_in_order():
    wire, codes = started(), encode_mulaw(speech(8000, 1.0).tobytes())
    packets = [codes[i : i + 160] for i in range(0, len(codes), 160)]
    messages = [media(i + 1, packet) for i, packet in enumerate(packets)]
    messages[4], messages[5] = messages[5], messages[4]
    messages.insert(9, messages[8])  # sent twice
    assert sound_of(hear(wire, *messages)) == decode_mulaw(codes)


def test_a_lost_packet_is_a_number_that_never_comes():
    wire = started()
    events = hear(wire, *(media(i, bytes(160)) for i in range(1, 9) if i != 3))
    assert [e.sequence for e in events if isinstance(e, Audio)] == [1, 2, 4, 5, 6, 7, 8]


def test_the_other_track_is_not_the_caller():
    assert hear(started(), media(1, bytes(160), track="outbound")) == []


def test_a_broken_connection_gives_up_what_waited():
    wire = started()
    assert hear(wire, media(2, bytes(160))) == []
    audio, ended = wire.closed()
    assert isinstance(audio, Audio)
    assert ended == Ended("lost")
    assert wire.play(bytes(640)) == wire.clear() == wire.mark("x") == []


def test_hanging_up_plays_the_rest_and_ends_with_the_connection():
    wire = started()
    wire.play(bytes(100))
    assert len(wire.hang_up()) == 1
    assert wire.play(bytes(640)) == wire.hang_up() == []
    assert wire.closed() == [Ended("hung up", "by this side")]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("hello", "JSON"),
        (b"\x00", "a binary message of 1 bytes"),
        ("[1]", "object"),
        ('{"event": "media"}', "media: Field required"),
        ('{"event": "media", "media": {"payload": "%%"}}', "not base64"),
        ('{"event": "media", "media": {"payload": ""}}', "0 bytes of sound"),
        (media(1, bytes(16001)), "more than 2 s"),
        ('{"event": "dtmf", "dtmf": {"digit": "12"}}', "dtmf.digit"),
        ('{"event": "media", "media": {"payload": "AA==", "timestamp": -1}}', "timestamp"),
        ("x" * 70_000, "characters"),
        (START, "a second start"),
    ],
)
def test_what_twilio_would_not_send_is_named(message: str | bytes, problem: str):
    (event,) = hear(started(), message)
    assert isinstance(event, Bad)
    assert problem in event.problem


def test_nothing_is_heard_before_the_start():
    wire = Twilio()
    (event,) = hear(wire, media(1, bytes(160)))
    assert event == Bad("Audio before the call has started")
    assert wire.play(bytes(640)) == wire.clear() == wire.hang_up() == []


def test_messages_that_twilio_may_add_are_passed_over():
    assert hear(started(), '{"event": "emotion", "emotion": {}}') == []
