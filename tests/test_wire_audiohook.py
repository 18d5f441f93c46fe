"""A session of Genesys AudioHook, in the messages of its protocol reference."""

import json
from typing import Any

import pytest

from telephony.audiohook import AudioHook
from telephony.events import Audio, Bad, Dtmf, Ended, Event, Held, Reply, Started
from telephony.g711 import decode_mulaw, encode_mulaw
from tests.wires import correlation, hear, sound_of, speech

SESSION = "e160e428-53e2-487c-977d-96989bf5c99d"
PCMU = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}
BOTH = {"type": "audio", "format": "PCMU", "channels": ["internal", "external"], "rate": 8000}
L16 = {"type": "audio", "format": "L16", "channels": ["external"], "rate": 8000}


class Genesys:
    """The client's side: numbers its messages, keeps what we answered."""

    def __init__(self) -> None:
        self.wire = AudioHook()
        self.answers: list[dict[str, Any]] = []
        self._seq = 0

    def says(self, kind: str, **parameters: object) -> list[Event]:
        self._seq += 1
        return self.sends(
            {
                "version": "2",
                "type": kind,
                "seq": self._seq,
                "serverseq": len(self.answers),
                "id": SESSION,
                "position": "PT0.0S",
                "parameters": parameters,
            }
        )

    def sends(self, message: dict[str, Any]) -> list[Event]:
        told: list[Event] = []
        for event in self.wire.receive(json.dumps(message)):
            if isinstance(event, Reply):
                self.answers.append(json.loads(event.data))
            else:
                told.append(event)
        return told

    def opens(self, *media: dict[str, Any], call: str = "090eaa2f-72fa-480a") -> list[Event]:
        return self.says(
            "open",
            organizationId="d7934305-0972-4844-938e-9060eef73d05",
            conversationId=call,
            participant={
                "id": "883e",
                "ani": "+15551234567",
                "aniName": "A",
                "dnis": "+15557654321",
            },
            media=list(media),
            language="en-US",
            inputVariables={"order": 1042, "empty": None},
        )


@pytest.fixture
def genesys() -> Genesys:
    client = Genesys()
    client.opens(PCMU)
    return client


def test_a_session_from_open_to_close():
    genesys = Genesys()
    assert genesys.opens(BOTH, L16, PCMU) == [
        Started(
            call="090eaa2f-72fa-480a",
            caller="+15551234567",
            called="+15557654321",
            in_rate=8000,
            out_rate=8000,
            headers={"order": "1042", "language": "en-US"},
        )
    ]
    assert genesys.says("ping", rtt="PT0.05S") == []
    codes = bytes(range(160))
    assert hear(genesys.wire, codes, codes) == [
        Audio(decode_mulaw(codes), time=0.0),
        Audio(decode_mulaw(codes), time=0.02),
    ]
    assert genesys.says("dtmf", digit="5") == [Dtmf("5")]
    assert genesys.says("playback_started") == []
    assert genesys.says("update", language="es-ES") == []
    assert genesys.says("close", reason="end") == [Ended("hung up", "end")]
    common = {"version": "2", "id": SESSION}
    assert genesys.answers == [
        {
            **common,
            "type": "opened",
            "seq": 1,
            "clientseq": 1,
            "parameters": {"startPaused": False, "media": [PCMU]},
        },
        {**common, "type": "pong", "seq": 2, "clientseq": 2, "parameters": {}},
        {**common, "type": "updated", "seq": 3, "clientseq": 5, "parameters": {}},
        {**common, "type": "closed", "seq": 4, "clientseq": 6, "parameters": {}},
    ]


def test_a_probe_is_answered_and_is_no_call():
    genesys = Genesys()
    assert genesys.opens(PCMU, call="00000000-0000-0000-0000-000000000000") == []
    assert genesys.says("ping") == []
    assert genesys.wire.play(bytes(9000)) == []
    assert genesys.says("close", reason="end") == [Ended("hung up", "end")]
    assert [answer["type"] for answer in genesys.answers] == ["opened", "pong", "closed"]


def test_an_offer_without_the_callers_channel_is_declined():
    genesys = Genesys()
    (ended,) = genesys.opens({**PCMU, "channels": ["internal"]}, {**PCMU, "format": "OPUS"})
    assert isinstance(ended, Ended)
    assert ended.reason == "protocol"
    assert genesys.answers[0]["type"] == "disconnect"
    assert genesys.answers[0]["parameters"]["reason"] == "error"


def test_a_pause_and_what_was_discarded_move_the_clock(genesys: Genesys):
    hear(genesys.wire, bytes(800))
    assert genesys.says("paused") == [Held(True)]
    assert genesys.says("resumed", start="PT0.1S", discarded="PT2.5S") == [Held(False)]
    (audio,) = hear(genesys.wire, bytes(800))
    assert isinstance(audio, Audio)
    assert audio.time == pytest.approx(2.6)
    assert genesys.says("discarded", start="PT2.7S", discarded="PT0.3S") == []
    (audio,) = hear(genesys.wire, bytes(800))
    assert isinstance(audio, Audio)
    assert audio.time == pytest.approx(3.0)


def test_our_sound_goes_out_in_messages_of_200_ms(genesys: Genesys):
    sound = speech(8000, 1.05).tobytes()
    sent = [m for i in range(0, len(sound), 777) for m in genesys.wire.play(sound[i : i + 777])]
    assert {len(message) for message in sent} == {1600}
    sent += genesys.wire.flush()
    assert b"".join(m for m in sent if isinstance(m, bytes)) == encode_mulaw(sound)
    assert correlation(sound_of(hear(genesys.wire, *sent)), sound) >= 0.99


@pytest.mark.parametrize("form", ["PCMU", "L16"])
def test_the_caller_is_heard_out_of_both_channels(form: str):
    genesys, caller = Genesys(), speech(8000, 0.2)
    genesys.opens({**BOTH, "format": form})
    width = 1 if form == "PCMU" else 2
    ours = encode_mulaw(caller.tobytes()) if width == 1 else caller.tobytes()
    pairs = (bytes(width) + ours[i : i + width] for i in range(0, len(ours), width))
    heard = sound_of(hear(genesys.wire, b"".join(pairs)))
    assert correlation(heard, caller.tobytes()) >= 0.99


def test_what_we_say_is_what_genesys_documents(genesys: Genesys):
    common = {"version": "2", "id": SESSION, "clientseq": 1}
    (clear,) = genesys.wire.clear()
    assert json.loads(clear) == {
        **common,
        "type": "event",
        "seq": 2,
        "parameters": {"entities": [{"type": "barge_in", "data": {}}]},
    }
    (bye,) = genesys.wire.hang_up()
    assert json.loads(bye) == {
        **common,
        "type": "disconnect",
        "seq": 3,
        "parameters": {"reason": "completed"},
    }
    assert genesys.says("close", reason="disconnect") == [Ended("hung up", "disconnect")]
    assert genesys.answers[-1]["type"] == "closed"


def test_a_transfer_is_left_to_the_flow(genesys: Genesys):
    (moved,) = genesys.wire.transfer("billing")
    assert json.loads(moved)["parameters"] == {
        "reason": "completed",
        "outputVariables": {"transfer_to": "billing"},
    }
    assert genesys.wire.play(bytes(9000)) == []
    assert genesys.says("close", reason="disconnect") == [Ended("replaced", "disconnect")]


def message(**fields: object) -> dict[str, Any]:
    return {"version": "2", "type": "ping", "seq": 2, "id": SESSION, "parameters": {}, **fields}


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (message(seq=1), "message 1 after 1"),
        (message(seq=5), "message 5 after 1: some are lost"),
        (message(id="another"), "another session"),
        (message(version="3"), "version"),
        (message(type="open", parameters={}), "a second start"),
        (message(type="dtmf", parameters={"digit": "55"}), "no telephone"),
        (message(type="error", parameters={"code": 429, "message": "slow"}), "429 slow"),
    ],
)
def test_what_genesys_would_not_send_is_named(genesys: Genesys, sent: dict[str, Any], problem: str):
    (bad,) = genesys.sends(sent)
    assert isinstance(bad, Bad)
    assert problem in bad.problem
