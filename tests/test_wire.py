"""Whatever arrives on the wire is audio, an RTVI message, or a problem that is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipecat.frames.frames import (
    InputAudioRawFrame,
    InputTransportMessageFrame,
    OutputAudioRawFrame,
)

from voice.frames import server_message
from voice.server.wire import PATIENCE, BadFrame, WireSerializer, read


def message(**fields: object) -> str:
    return json.dumps({"label": "rtvi-ai", **fields})


def test_audio_and_messages_are_read():
    frame = read(b"\x01\x00" * 160, 8000)
    assert isinstance(frame, InputAudioRawFrame)
    assert (frame.sample_rate, frame.num_channels) == (8000, 1)
    frame = read(message(type="client-ready", id="1", data={"version": "2.0.0"}), 8000)
    assert isinstance(frame, InputTransportMessageFrame)
    assert frame.message["type"] == "client-ready"


@pytest.mark.parametrize(
    ("data", "problem", "code"),
    [
        (b"", "empty", 1007),
        (b"\x00" * 641, "641 bytes", 1007),
        (b"\x00" * 200_000, "more than 2 s", 1009),
        ("hello", "not JSON", 1003),
        ("{" * 60_000, "not JSON", 1003),
        ("[1, 2]", "not an RTVI message", 1003),
        ('{"type": "client-ready"}', "not an RTVI message", 1003),
        (message(type=7), "not an RTVI message", 1003),
        (message(type="x", data=[1]), "not an RTVI message", 1003),
        ("x" * 100_000, "characters", 1009),
    ],
)
def test_a_bad_frame_is_named(data: str | bytes, problem: str, code: int):
    bad = read(data, 16000)
    assert isinstance(bad, BadFrame)
    assert problem in bad.problem
    assert bad.code == code


@given(st.binary(max_size=2000) | st.text(max_size=2000), st.integers(8000, 48000))
def test_nothing_that_arrives_raises(data: str | bytes, rate: int):
    assert read(data, rate) is not None


async def test_patience_ends():
    complaints: list[str] = []
    ended: list[tuple[int, str]] = []

    async def complain(problem: str) -> None:
        complaints.append(problem)

    async def hang_up(code: int, reason: str) -> None:
        ended.append((code, reason))

    wire = WireSerializer(16000, complain, hang_up)
    for _ in range(PATIENCE - 1):
        assert await wire.deserialize("nonsense") is None
    assert len(complaints) == PATIENCE - 1
    assert not ended
    await wire.deserialize(b"\x00")
    assert ended[0][0] == 1007


async def test_audio_leaves_as_binary_and_messages_as_text():
    async def nothing(*_: object) -> None: ...

    wire = WireSerializer(16000, nothing, nothing)
    audio = OutputAudioRawFrame(b"\x01\x00", 24000, 1)
    assert await wire.serialize(audio) == b"\x01\x00"
    text = await wire.serialize(server_message({"t": "heard", "heard": "Überall"}))
    assert isinstance(text, str)
    assert json.loads(text)["data"]["heard"] == "Überall"
