"""pipecat's serializers hear the same sound in a call, and say the same, where both know a wire."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import pytest
from pipecat.frames.frames import (
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageUrgentFrame,
)
from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.serializers.exotel import ExotelFrameSerializer
from pipecat.serializers.genesys import GenesysAudioHookSerializer
from pipecat.serializers.plivo import PlivoFrameSerializer
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.serializers.vonage import VonageFrameSerializer

from telephony.audiohook import AudioHook
from telephony.events import Reply
from telephony.g711 import encode_alaw, encode_mulaw
from telephony.line import Message, WireProtocol
from telephony.telnyx import Telnyx
from telephony.wires import WIRES
from tests.wires import hear, sound_of, speech
from voice.bench.fuzz_inputs import CALLS


def media(payload: bytes) -> Message:
    packet = {"track": "inbound", "payload": base64.b64encode(payload).decode()}
    return json.dumps({"event": "media", "media": packet})


def itself(sound: bytes) -> bytes:
    return sound


@dataclass(frozen=True)
class Rate:
    """All that serializers read of a pipeline's setup."""

    audio_in_sample_rate: int


@dataclass(frozen=True)
class Peer:
    theirs: Callable[[], FrameSerializer]
    rate: int
    encode: Callable[[bytes], bytes]
    frame: int  # ms that we put into a message
    ours: Callable[[], WireProtocol]
    start: Message
    packet: Callable[[bytes], Message] = media


def peer(
    name: str,
    theirs: Callable[[], FrameSerializer],
    encode: Callable[[bytes], bytes] = encode_mulaw,
    rate: int = 8000,
    frame: int = 20,
    packet: Callable[[bytes], Message] = media,
) -> Peer:
    return Peer(theirs, rate, encode, frame, WIRES[name], CALLS[name][0], packet)


def twilio() -> FrameSerializer:
    params = TwilioFrameSerializer.InputParams(auto_hang_up=False)
    return TwilioFrameSerializer("MZ", params=params)


def telnyx(codec: str) -> FrameSerializer:
    params = TelnyxFrameSerializer.InputParams(auto_hang_up=False)
    return TelnyxFrameSerializer("MZ", codec, codec, params=params)


def plivo() -> FrameSerializer:
    params = PlivoFrameSerializer.InputParams(auto_hang_up=False)
    return PlivoFrameSerializer("2017", params=params)


PCMA = str(CALLS["telnyx"][0]).replace("PCMU", "PCMA")
OPEN = json.dumps(
    {
        "version": "2",
        "type": "open",
        "seq": 1,
        "id": "e160",
        "parameters": {
            "conversationId": "090e",
            "media": [{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}],
        },
    }
)
PEERS = {
    "twilio": peer("twilio", twilio),
    "telnyx": peer("telnyx", lambda: telnyx("PCMU")),
    "telnyx, A-law": Peer(
        lambda: telnyx("PCMA"), 8000, encode_alaw, 20, lambda: Telnyx("PCMA"), PCMA
    ),
    "plivo": peer("plivo", plivo),
    "exotel": peer("exotel", lambda: ExotelFrameSerializer("MZ"), itself, frame=200),
    "vonage": peer("vonage", VonageFrameSerializer, itself, rate=16000, packet=itself),
    "genesys": Peer(
        GenesysAudioHookSerializer, 8000, encode_mulaw, 200, AudioHook, OPEN, packet=itself
    ),
}


async def serializer(peer: Peer) -> FrameSerializer:
    theirs = peer.theirs()
    await theirs.setup(cast(FrameProcessorSetup, Rate(peer.rate)))
    await theirs.deserialize(peer.start)
    return theirs


@pytest.mark.parametrize("name", PEERS)
async def test_both_hear_the_same_caller(name: str):
    peer = PEERS[name]
    theirs, ours = await serializer(peer), peer.ours()
    hear(ours, peer.start)
    sound = speech(peer.rate, 0.4).tobytes()
    size = peer.rate // 25
    packets = [peer.packet(peer.encode(sound[i : i + size])) for i in range(0, len(sound), size)]
    heard = b""
    for packet in packets:
        frame = await theirs.deserialize(packet)
        assert isinstance(frame, InputAudioRawFrame)
        heard += frame.audio
    assert sound_of(hear(ours, *packets)) == heard
    assert len(heard) == len(sound)


def spoken(message: Message) -> tuple[str, bytes]:
    """What a message plays, and the kind of message."""
    if isinstance(message, bytes):
        return "binary", message
    body = json.loads(message)
    return body["event"], base64.b64decode(body["media"]["payload"])


@pytest.mark.parametrize("name", PEERS)
async def test_both_say_the_same(name: str):
    peer = PEERS[name]
    theirs, ours = await serializer(peer), peer.ours()
    hear(ours, peer.start)
    sound = speech(peer.rate, 0.6).tobytes()
    size = 2 * peer.rate * peer.frame // 1000
    said: list[tuple[str, bytes]] = []
    for i in range(0, len(sound), size):
        frame = OutputAudioRawFrame(sound[i : i + size], peer.rate, 1)
        message = await theirs.serialize(frame)
        assert message is not None
        said.append(spoken(message))
    assert [spoken(message) for message in ours.play(sound)] == said


@pytest.mark.parametrize("name", PEERS)
async def test_both_clear_with_the_same_words(name: str):
    peer = PEERS[name]
    theirs, ours = await serializer(peer), peer.ours()
    hear(ours, peer.start)
    message = await theirs.serialize(InterruptionFrame())
    assert message is not None
    told = json.loads(message)
    for position in ("position", "stream_id"):  # Genesys expects none of servers, Telnyx no id
        told.pop(position, None)
    assert [json.loads(message) for message in ours.clear()] == [told]


async def test_both_answer_genesys_alike():
    peer = PEERS["genesys"]
    theirs, ours = GenesysAudioHookSerializer(), peer.ours()
    for message in (OPEN, CALLS["audiohook"][2]):
        answer = await theirs.deserialize(message)
        assert isinstance(answer, OutputTransportMessageUrgentFrame)
        reply = hear(ours, message)[0]
        assert isinstance(reply, Reply)
        told = json.loads(reply.data)
        assert {key: answer.message[key] for key in told} == told
