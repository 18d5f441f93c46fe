"""A call on Asterisk's chan_websocket, in both forms of its control messages."""

import json

import pytest

from telephony.chan_websocket import FORMATS, ChanWebSocket
from telephony.events import Audio, Bad, Dtmf, Ended, Event, Flow, Played, Reply, Started
from telephony.g711 import decode_mulaw, encode_mulaw
from tests.wires import correlation, hear, sound_of, speech

PLAIN = (
    "MEDIA_START connection_id:e226e283-c90a-4ea9-9e37-389000b9ef47 channel:WebSocket/connectionid "
    "channel_id:pbx1-123456789.999 format:ulaw optimal_frame_size:160 ptime:20"
)


def start(form: str = "ulaw", size: int = 160) -> str:
    event = {
        "event": "MEDIA_START",
        "connection_id": "e226e283-c90a-4ea9-9e37-389000b9ef47",
        "channel": "WebSocket/connectionid",
        "channel_id": "pbx1-123456789.999",
        "format": form,
        "optimal_frame_size": size,
        "ptime": 20,
        "channel_variables": {"__caller": "1001", "__called": "500", "token": "t1"},
    }
    return json.dumps(event)


def event(name: str, **fields: str) -> str:
    return json.dumps({"event": name, "channel_id": "pbx1-123456789.999", **fields})


def begun(*messages: str, wire: ChanWebSocket | None = None) -> ChanWebSocket:
    wire = wire or ChanWebSocket()
    hear(wire, *messages)
    return wire


def test_a_call_in_json():
    wire = ChanWebSocket()
    assert hear(wire, start()) == [
        Started(
            call="pbx1-123456789.999",
            caller="1001",
            called="500",
            in_rate=8000,
            out_rate=8000,
            headers={
                "caller": "1001",
                "called": "500",
                "token": "t1",
                "channel": "WebSocket/connectionid",
            },
        )
    ]
    codes = bytes(range(160))
    assert hear(wire, codes) == [Audio(decode_mulaw(codes))]
    assert hear(wire, event("DTMF_END", digit="1")) == [Dtmf("1")]
    assert hear(wire, event("MEDIA_XOFF"), event("MEDIA_XON")) == [Flow(False), Flow(True)]
    wire.mark("m1")
    assert hear(wire, event("MEDIA_MARK_PROCESSED", correlation_id="m1")) == [Played("m1")]
    assert hear(wire, event("QUEUE_DRAINED"), event("STATUS")) == []
    error = event("ERROR", error_text="MARK_MEDIA not supported in passthrough mode")
    assert hear(wire, error) == [Bad("Asterisk says: MARK_MEDIA not supported in passthrough mode")]
    assert [json.loads(m) for m in wire.hang_up()] == [{"command": "HANGUP"}]
    assert wire.closed() == [Ended("hung up", "by this side")]


def test_a_call_in_plain_text():
    wire = ChanWebSocket()
    (begin,) = hear(wire, PLAIN)
    assert isinstance(begin, Started)
    assert (begin.call, begin.in_rate) == ("pbx1-123456789.999", 8000)
    assert hear(wire, "DTMF_END digit:# channel_id:pbx1-123456789.999") == [Dtmf("#")]
    assert hear(wire, "MEDIA_XOFF", "MEDIA_XON") == [Flow(False), Flow(True)]
    assert wire.mark("greeting 1") == ["MARK_MEDIA greeting 1"]
    assert hear(wire, "MEDIA_MARK_PROCESSED greeting 1") == [Played("greeting 1")]
    assert hear(wire, "MEDIA_BUFFERING_COMPLETED x", "QUEUE_DRAINED") == []
    assert wire.clear() == ["FLUSH_MEDIA", "MARK_MEDIA cleared"]
    assert wire.hang_up() == ["HANGUP"]


def test_marks_that_asterisk_forgets_are_told_as_cleared():
    def processed(name: str) -> list[Event]:
        return hear(wire, event("MEDIA_MARK_PROCESSED", correlation_id=name))

    wire = begun(start())
    assert [json.loads(m) for m in wire.mark("one")] == [
        {"command": "MARK_MEDIA", "correlation_id": "one"}
    ]
    wire.mark("two")
    flush, behind = (json.loads(m) for m in wire.clear())
    assert flush == {"command": "FLUSH_MEDIA"}
    wire.mark("of the next sentence")
    assert processed("one") == [Played("one")]  # was on its way
    assert processed(behind["correlation_id"]) == [Played("two", cleared=True)]
    assert processed("of the next sentence") == [Played("of the next sentence")]


@pytest.mark.parametrize("form", FORMATS)
def test_sound_both_ways_in_frames_of_the_size_that_asterisk_wants(form: str):
    rate, encoding = FORMATS[form]
    size = encoding.width * round(rate * 0.02)
    wire, sound = begun(start(form, size)), speech(rate, 0.15).tobytes()
    sent = [m for i in range(0, len(sound), 901) for m in wire.play(sound[i : i + 901])]
    sent += wire.flush()
    assert {len(message) for message in sent} == {size}
    heard = sound_of(hear(wire, *sent))
    assert correlation(heard[: len(sound)], sound) >= 0.99
    if encoding.width == 2:
        assert heard[: len(sound)] == sound
        assert not any(heard[len(sound) :])


def test_a_mark_in_a_sentence_puts_no_silence_into_it():
    wire, sound = begun(start()), speech(8000, 0.1).tobytes()
    sent = [*wire.play(sound[:500]), *wire.mark("here"), *wire.play(sound[500:])]
    assert b"".join(m for m in sent if isinstance(m, bytes)) == encode_mulaw(sound)


def test_the_call_is_answered_where_the_dialplan_leaves_it_to_us():
    answer, begin = hear(ChanWebSocket(answer=True), start())
    assert answer == Reply('{"command":"ANSWER"}')
    assert isinstance(begin, Started)


@pytest.mark.parametrize(
    ("first", "detail"),
    [
        (start("opus"), "opus: set c(slin16), c(ulaw) or c(alaw)"),
        (start("slin16", 641), "frames of 641 bytes of slin16"),
    ],
)
def test_what_cannot_be_played_ends_the_call_with_what_to_do(first: str, detail: str):
    assert hear(ChanWebSocket(), first) == [Ended("protocol", detail)]


@pytest.mark.parametrize(
    "message", ["MEDIA_START format:ulaw", "DTMF_END digit:x", PLAIN, '{"event": ', "x" * 70_000]
)
def test_what_asterisk_would_not_send_is_named(message: str):
    (bad,) = hear(begun(PLAIN), message)
    assert isinstance(bad, Bad)
