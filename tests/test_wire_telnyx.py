"""A call on Telnyx media streaming, in the messages of its documentation."""

import base64
import json

import numpy as np
import pytest

from telephony.events import Audio, Bad, Dtmf, Ended, Event, Played, Started
from telephony.g711 import decode_mulaw, encode_alaw, encode_mulaw
from telephony.telnyx import Telnyx
from tests.wires import correlation, hear, sound_of, speech

CONNECTED = '{"event": "connected", "version": "1.0.0"}'


def start(encoding: str = "PCMU", rate: int = 8000, caller: str | None = "+13122010094") -> str:
    body = {
        "user_id": "3E6F995F-85F7-4705-9741-53B116D28237",
        "call_control_id": "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",
        "call_session_id": "ff55a038-6f5d-11ef-9692-02420aeffb1f",
        "from": caller,
        "to": "+13122123456",
        "tags": ["TAG1", "TAG2"],
        "client_state": "aGF2ZSBhIG5pY2UgZGF5ID1d",
        "custom_parameters": {"customer_id": "customer_123"},
        "media_format": {"encoding": encoding, "sample_rate": rate, "channels": 1},
    }
    stream = "32DE0DEA-53CB-4B21-89A4-9E1819C043BC"
    return json.dumps(
        {"event": "start", "sequence_number": "1", "stream_id": stream, "start": body}
    )


def media(chunk: int, payload: bytes, track: str = "inbound") -> str:
    packet = {
        "track": track,
        "chunk": str(chunk),
        "timestamp": str(5 + 20 * (chunk - 1)),
        "payload": base64.b64encode(payload).decode(),
    }
    return json.dumps({"event": "media", "sequence_number": str(chunk + 4), "media": packet})


def started() -> Telnyx:
    wire = Telnyx()
    hear(wire, CONNECTED, start())
    return wire


def test_a_call_from_its_start_to_its_stop():
    wire = Telnyx()
    assert hear(wire, CONNECTED, start()) == [
        Started(
            call="v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",
            caller="+13122010094",
            called="+13122123456",
            in_rate=8000,
            out_rate=8000,
            headers={"customer_id": "customer_123", "client_state": "aGF2ZSBhIG5pY2UgZGF5ID1d"},
        )
    ]
    codes = bytes(range(160))
    assert hear(wire, media(1, codes)) == [Audio(decode_mulaw(codes), time=0.0, sequence=1)]
    assert hear(wire, media(2, codes)) == [Audio(decode_mulaw(codes), time=0.02, sequence=2)]
    assert hear(wire, media(2, codes, "outbound")) == []
    assert hear(wire, '{"event": "dtmf", "sequence_number": "5", "dtmf": {"digit": "1"}}') == [
        Dtmf("1")
    ]
    assert hear(wire, '{"event": "mark", "mark": {"name": "my label"}}') == [Played("my label")]
    error = '{"event": "error", "payload": {"code": 100004, "title": "malformed_frame"}}'
    assert hear(wire, error) == [Bad("Telnyx says: malformed_frame (100004)")]
    stop = '{"event": "stop", "sequence_number": "5", "stop": {"user_id": "x"}}'
    assert hear(wire, stop) == [Ended("hung up")]


def test_what_we_say_is_what_telnyx_documents():
    wire = started()
    payload = base64.b64encode(b"\xff" * 160).decode()
    assert [json.loads(m) for m in wire.play(bytes(320))] == [
        {"event": "media", "media": {"payload": payload}}
    ]
    assert [json.loads(m) for m in wire.mark("my label")] == [
        {"event": "mark", "mark": {"name": "my label"}}
    ]
    assert [json.loads(m) for m in wire.clear()] == [{"event": "clear"}]


def test_less_than_20_ms_are_never_sent():
    wire = started()
    assert wire.play(bytes(100)) == []
    assert [json.loads(m)["event"] for m in wire.mark("in a sentence")] == ["mark"]
    (rest,) = wire.flush()
    assert len(base64.b64decode(json.loads(rest)["media"]["payload"])) == 160


def test_the_callers_sound_is_put_in_order():
    wire, sound = Telnyx(), speech(8000, 2.0).tobytes()
    codes = encode_alaw(sound)
    packets = [media(i + 1, codes[160 * i : 160 * i + 160]) for i in range(100)]
    order = np.arange(100)
    rng = np.random.default_rng(3)
    for at in rng.integers(0, 98, 40):  # neighbours change places, the first packet too
        order[at : at + 2] = order[at : at + 2][::-1].copy()
    assert list(order) != list(range(100))
    late = [abs(int(place) - at) for at, place in enumerate(order)]
    assert max(late) <= 3
    events = hear(wire, start("PCMA"), *(packets[i] for i in order))
    assert correlation(sound_of(events), sound) >= 0.99
    assert [e.sequence for e in events if isinstance(e, Audio)] == list(range(1, 101))


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_l16_is_sample_exact_both_ways(rate: int):
    wire, sound = Telnyx("L16", rate), speech(rate, 0.4).tobytes()
    hear(wire, start("L16", rate))
    size = rate // 25
    packets = [sound[i : i + size] for i in range(0, len(sound), size)]
    assert sound_of(hear(wire, *(media(i + 1, p) for i, p in enumerate(packets)))) == sound
    sent = [base64.b64decode(json.loads(m)["media"]["payload"]) for m in wire.play(sound)]
    assert b"".join(sent) == sound


def test_each_way_may_have_a_codec_of_its_own():
    wire, sound = Telnyx("PCMU"), speech(8000, 0.2).tobytes()
    (begin,) = hear(wire, start("PCMA"))
    assert isinstance(begin, Started)
    heard: list[Event] = hear(wire, media(1, encode_alaw(sound)))
    assert correlation(sound_of(heard), sound) >= 0.99
    sent = [base64.b64decode(json.loads(m)["media"]["payload"]) for m in wire.play(sound)]
    assert b"".join(sent) == encode_mulaw(sound)


def test_a_number_may_be_withheld():
    (begin,) = hear(Telnyx(), start(caller=None))
    assert isinstance(begin, Started)
    assert begin.caller == ""


def test_a_codec_that_is_not_spoken_ends_the_call_with_what_to_do():
    assert hear(Telnyx(), start("OPUS", 16000)) == [
        Ended("protocol", "OPUS of 16000 Hz: set stream_codec to PCMU, PCMA or L16")
    ]
