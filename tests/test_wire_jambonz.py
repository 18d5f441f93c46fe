"""Calls on jambonz's listen verb and on FreeSWITCH's mod_audio_fork, as they are documented."""

import json

import numpy as np
import pytest

from telephony.audio_fork import AudioFork
from telephony.events import Audio, Bad, Dtmf, Ended, Event, Played, Started
from telephony.freeswitch import FreeSwitch
from telephony.jambonz import Jambonz
from tests.wires import correlation, hear, sound_of, speech

PREAMBLE = {
    "sampleRate": 8000,
    "mixType": "mono",
    "callSid": "e5c0ba7d-3b7a-4a5c-9f5c-0f3d5f0cbb0e",
    "direction": "inbound",
    "from": "+15085551212",
    "to": "+15085551213",
    "callId": "b1b9e6a2-9f8f",
    "sipStatus": 200,
    "callStatus": "in-progress",
    "accountSid": "9351f46a-678c-43f5-b8a6-d4eb58d131af",
    "token": "t1",
}
FREESWITCH = {"call": "6b1d", "caller": "1001", "called": "500", "sampleRate": 16000, "n": None}


def jambonz(**fields: object) -> Jambonz:
    wire = Jambonz()
    hear(wire, json.dumps(PREAMBLE | fields))
    return wire


def test_a_call_of_jambonz_from_its_preamble():
    wire = Jambonz()
    (begin,) = hear(wire, json.dumps(PREAMBLE))
    assert isinstance(begin, Started)
    assert (begin.call, begin.caller, begin.called) == (
        "e5c0ba7d-3b7a-4a5c-9f5c-0f3d5f0cbb0e",
        "+15085551212",
        "+15085551213",
    )
    assert (begin.in_rate, begin.out_rate) == (8000, 8000)
    assert begin.headers["token"] == "t1"
    sound = speech(8000, 0.02).tobytes()
    assert hear(wire, sound) == [Audio(sound)]
    assert hear(wire, '{"event": "dtmf", "dtmf": "2", "duration": "1600"}') == [
        Dtmf("2", seconds=0.2)
    ]
    mark = '{"type": "mark", "data": {"name":"my-mark-1", "event": "playout"}}'
    assert hear(wire, mark) == [Played("my-mark-1")]
    mark = '{"type": "mark", "data": {"name":"my-mark-2", "event": "cleared"}}'
    assert hear(wire, mark) == [Played("my-mark-2", cleared=True)]
    assert hear(wire, '{"type": "playDone"}') == []
    assert wire.closed() == [Ended("lost")]


def test_what_we_say_is_what_jambonz_documents():
    wire = jambonz()
    assert [json.loads(m) for m in wire.mark("my-mark-1")] == [
        {"type": "mark", "data": {"name": "my-mark-1"}}
    ]
    assert [json.loads(m) for m in wire.clear()] == [{"type": "killAudio"}]
    assert [json.loads(m) for m in wire.hang_up()] == [{"type": "disconnect"}]
    assert wire.closed() == [Ended("hung up", "by this side")]


def test_a_call_of_freeswitch_from_its_metadata():
    wire = FreeSwitch()
    assert hear(wire, json.dumps(FREESWITCH)) == [
        Started(
            call="6b1d",
            caller="1001",
            called="500",
            in_rate=16000,
            out_rate=16000,
            headers={"call": "6b1d", "caller": "1001", "called": "500", "sampleRate": "16000"},
        )
    ]
    assert hear(wire, '{"event":"dtmf","dtmf":"5"}') == [Dtmf("5")]
    assert hear(wire, "any text of the script", '{"any": "json"}', '{"data": 5}') == []
    assert [json.loads(m) for m in wire.transfer("sip:200@pbx")] == [
        {"type": "transfer", "data": {"to": "sip:200@pbx"}}
    ]


@pytest.mark.parametrize(
    ("first", "headers", "heard"),
    [
        ("plain words", {"metadata": "plain words"}, []),
        ('["a list"]', {"metadata": '["a list"]'}, []),
        (b"\x01\x00", {}, [Audio(b"\x01\x00")]),
    ],
)
def test_freeswitch_may_give_any_metadata_or_none(
    first: str | bytes, headers: dict[str, str], heard: list[Event]
):
    begin, *rest = hear(FreeSwitch(), first)
    assert begin == Started("", "", "", 8000, 8000, headers)
    assert rest == heard


@pytest.mark.parametrize("kind", [Jambonz, FreeSwitch])
def test_our_sound_goes_out_whole_and_a_sentence_is_pushed_out(kind: type[AudioFork]):
    wire = kind()
    hear(wire, json.dumps(PREAMBLE))
    sound = speech(8000, 0.25).tobytes()
    sent = [m for i in range(0, len(sound), 301) for m in wire.play(sound[i : i + 301])]
    sent += wire.flush()
    assert sent[-1] == bytes(2 * 1280)
    assert correlation(b"".join(m for m in sent[:-1] if isinstance(m, bytes)), sound) > 0.9999
    assert wire.flush() == []  # nothing was said since
    wire.play(sound)
    assert wire.flush()[-1] == bytes(2 * 640)


def test_a_silent_caller_of_freeswitch_is_answered_without_metadata():
    wire = FreeSwitch()
    assert wire.waited() == [Started("", "", "", 8000, 8000)]
    assert wire.waited() == []


def test_minus_one_is_never_sent_for_the_module_marks_places_with_it():
    wire = jambonz()
    samples = np.array([-2, -1, 0, 1] * 40, "<i2")
    assert wire.play(samples.tobytes()) == [np.where(samples == -1, 0, samples).tobytes()]
    assert sound_of(hear(wire, samples.tobytes())) == samples.tobytes()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"sampleRate": 44100}, "mono sound of 44100 Hz"),
        ({"mixType": "stereo"}, "stereo sound of 8000 Hz"),
    ],
)
def test_what_cannot_be_played_ends_the_call_with_what_to_do(fields: dict[str, object], told: str):
    (ended,) = hear(Jambonz(), json.dumps(PREAMBLE | fields))
    assert ended == Ended("protocol", f'{told}: set mixType to "mono" and sampleRate to 8000')
    (ended,) = hear(FreeSwitch(), '{"sampleRate": "fast"}')
    assert ended == Ended("protocol", "sampleRate fast; 8000 to 64000 Hz")


def test_texts_that_jambonz_would_not_send_are_named():
    (bad,) = hear(Jambonz(), "hello")
    assert isinstance(bad, Bad)
    (bad,) = hear(jambonz(), '{"event": "dtmf", "dtmf": "77"}')
    assert isinstance(bad, Bad)
    assert "dtmf" in bad.problem
