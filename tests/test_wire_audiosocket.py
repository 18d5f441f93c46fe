"""A call on Asterisk's AudioSocket: the stream may be cut anywhere."""

import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.audiosocket import RATES, AudioSocket
from telephony.events import Audio, Bad, Dtmf, Ended, Started
from tests.wires import hear, sound_of, speech

CALL = uuid.UUID("40325ec2-5efd-4bd3-805f-53576e581d13")


def message(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BH", kind, len(payload)) + payload


HELLO = message(0x01, CALL.bytes)
FRAME = speech(8000, 0.02).tobytes()


def started(kind: int = 0x10) -> AudioSocket:
    wire = AudioSocket()
    hear(wire, HELLO, message(kind, bytes(2)))
    return wire


def test_a_call_from_its_uuid_to_its_hang_up():
    wire = AudioSocket()
    assert hear(wire, HELLO) == []
    assert hear(wire, message(0x10, FRAME)) == [
        Started(call=str(CALL), caller="", called="", in_rate=8000, out_rate=8000),
        Audio(FRAME),
    ]
    assert hear(wire, message(0x03, b"#")) == [Dtmf("#")]
    assert hear(wire, message(0x00)) == [Ended("hung up")]
    assert hear(wire, message(0x10, FRAME)) == []


@pytest.mark.parametrize("kind", range(0x10, 0x19))
def test_the_type_of_its_sound_tells_the_rate_both_ways(kind: int):
    wire, rate = AudioSocket(), RATES[kind - 0x10]
    begin, _ = hear(wire, HELLO + message(kind, FRAME))
    assert isinstance(begin, Started)
    assert (begin.in_rate, begin.out_rate) == (rate, rate)
    size = 2 * round(rate * 0.02)
    assert wire.play(bytes(size)) == [message(kind, bytes(size))]


def test_16_khz_frames_are_640_bytes_of_type_0x12():
    assert started(0x12).play(bytes(640)) == [b"\x12\x02\x80" + bytes(640)]


@given(st.lists(st.integers(1, 700), max_size=40))
def test_any_split_of_the_bytes_tells_the_same(cuts: list[int]):
    sound = speech(8000, 0.2).tobytes()
    stream = HELLO + b"".join(message(0x10, sound[i : i + 320]) for i in range(0, 3200, 320))
    stream += message(0x03, b"5") + message(0xFF, b"\x01")
    wire = AudioSocket()
    pieces: list[bytes] = []
    at = 0
    for cut in [*cuts, len(stream)]:
        pieces.append(stream[at : at + cut])
        at += cut
    events = hear(wire, *pieces)
    assert sound_of(events) == sound
    assert events[-2:] == [Dtmf("5"), Ended("hung up", "error 1: the caller hung up")]


def test_our_sound_goes_out_whole():
    wire, sound = started(), speech(8000, 0.333).tobytes()
    sent = [m for i in range(0, len(sound), 101) for m in wire.play(sound[i : i + 101])]
    sent += wire.hang_up()
    assert sent[-1] == b"\x00\x00\x00"
    assert b"".join(m[3:] for m in sent if isinstance(m, bytes)) == sound
    assert wire.closed() == [Ended("hung up", "by this side")]


@pytest.mark.parametrize(
    "stream", [b"GET / HTTP/1.1\r\n", message(0x10, FRAME), message(0x01, b"short")]
)
def test_who_does_not_begin_with_a_uuid_is_not_asterisk(stream: bytes):
    (event,) = hear(AudioSocket(), stream)
    assert isinstance(event, Ended)
    assert event.reason == "protocol"


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (message(0x10, b"odd"), "3 bytes of sound"),
        (message(0x10), "0 bytes of sound"),
        (message(0x03, b"x"), "no telephone"),
        (message(0x44, b"later"), "type 0x44 and 5 bytes"),
        (message(0x10, bytes(33_000)), "more than 2 s"),
    ],
)
def test_what_asterisk_would_not_send_is_named_and_passed_over(stream: bytes, problem: str):
    wire = started()
    bad, after = hear(wire, stream + message(0x10, FRAME))
    assert isinstance(bad, Bad)
    assert problem in bad.problem
    assert after == Audio(FRAME)


def test_a_silent_caller_is_answered_at_8_khz():
    begin = Started(call=str(CALL), caller="", called="", in_rate=8000, out_rate=8000)
    wire = AudioSocket()
    assert wire.waited() == []  # nobody is there yet
    assert hear(wire, HELLO) == []
    assert wire.waited() == [begin]
    assert wire.waited() == []
    assert hear(wire, message(0x10, FRAME)) == [Audio(FRAME)]
    (ended,) = hear(wire, message(0x12, FRAME))
    assert isinstance(ended, Ended)
    assert ended.detail == "sound of 16000 Hz in a call of 8000 Hz; nothing was heard at its start"
    keyed = AudioSocket()
    assert hear(keyed, HELLO, message(0x03, b"1")) == [begin, Dtmf("1")]


def test_asterisks_errors_end_the_call():
    assert hear(started(), message(0xFF, b"\x02"))[0] == Ended(
        "lost", "error 2: a frame could not be passed on"
    )
    assert hear(started(), message(0xFF))[0] == Ended("lost", "error without code")
