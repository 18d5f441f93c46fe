"""A call on Vonage's websockets, in the messages of its documentation."""

import json

import pytest

from telephony.events import Audio, Bad, Dtmf, Ended, Played, Started
from telephony.vonage import Vonage
from tests.wires import hear, sound_of, speech


def connected(content_type: str = "audio/l16;rate=16000") -> str:
    headers = {"caller": "447700900123", "called": "442079460000", "call": "aaaa-bbbb"}
    event = {"event": "websocket:connected", "content-type": content_type}
    return json.dumps(event | headers | {"prop1": "value1"})


def notify(name: str) -> str:
    return json.dumps({"event": "websocket:notify", "payload": {"name": name}})


CLEARED = '{"event": "websocket:cleared"}'


def test_a_call_from_its_first_message():
    wire = Vonage()
    assert hear(wire, connected()) == [
        Started(
            call="aaaa-bbbb",
            caller="447700900123",
            called="442079460000",
            in_rate=16000,
            out_rate=16000,
            headers={
                "caller": "447700900123",
                "called": "442079460000",
                "call": "aaaa-bbbb",
                "prop1": "value1",
            },
        )
    ]
    sound = speech(16000, 0.02).tobytes()
    assert hear(wire, sound) == [Audio(sound)]
    assert hear(wire, '{"event":"websocket:dtmf","digit":"5","duration":260}') == [
        Dtmf("5", seconds=0.26)
    ]
    assert wire.closed() == [Ended("lost")]


def test_what_we_say_is_what_vonage_documents():
    wire = Vonage()
    hear(wire, connected())
    assert [json.loads(m) for m in wire.mark("m1")] == [
        {"action": "notify", "payload": {"name": "m1"}}
    ]
    assert [json.loads(m) for m in wire.clear()] == [{"action": "clear"}]
    assert wire.hang_up() == []
    assert wire.closed() == [Ended("hung up", "by this side")]


@pytest.mark.parametrize(("rate", "size"), [(8000, 320), (16000, 640), (24000, 960)])
def test_every_message_of_sound_has_20_ms(rate: int, size: int):
    wire, sound = Vonage(), speech(rate, 0.51).tobytes()
    hear(wire, connected(f"audio/l16;rate={rate}"))
    sent = [m for i in range(0, len(sound), 777) for m in wire.play(sound[i : i + 777])]
    sent += wire.mark("in a sentence")[:-1]
    sent += wire.flush()
    assert {len(message) for message in sent} == {size}
    whole = b"".join(m for m in sent if isinstance(m, bytes))
    assert whole[: len(sound)] == sound
    assert not any(whole[len(sound) :])
    assert sound_of(hear(wire, *sent)) == whole


def test_marks_that_were_cleared_are_told_as_cleared():
    wire = Vonage()
    hear(wire, connected())
    wire.mark("one")
    wire.mark("two")
    assert hear(wire, notify("one")) == [Played("one")]
    wire.clear()
    assert hear(wire, CLEARED) == [Played("two", cleared=True)]
    assert hear(wire, notify("two")) == []


@pytest.mark.parametrize("kind", ["audio/l16;rate=44100", "audio/mulaw", "audio/l16;rate=²"])
def test_a_format_that_is_not_spoken_ends_the_call_with_what_to_do(kind: str):
    assert hear(Vonage(), connected(kind)) == [
        Ended("protocol", f"{kind}: set content-type to audio/l16;rate=16000")
    ]


def test_sound_before_the_first_message_is_not_heard():
    assert hear(Vonage(), bytes(640)) == [Bad("Audio before the call has started")]
