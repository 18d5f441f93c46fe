"""The client of the wire: a caller's clock, what was played, what was said."""

import asyncio
import contextlib

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fakes import FakeServer
from voice import client as client_module
from voice import loudspeaker as loudspeaker_module
from voice.client import Client, ClientError, calling
from voice.loudspeaker import Loudspeaker, first_speech, last_speech

RATE = 1000  # of the loudspeaker alone: a sample a millisecond


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_SETTLED", 0.15)
    monkeypatch.setattr(client_module, "_GREETS", 0.05)


def sound(samples: int, level: int = 5000) -> bytes:
    return np.full(samples, level, np.int16).tobytes()


def speech(seconds: float, rate: int = 16000) -> NDArray[np.int16]:
    return np.full(round(seconds * rate), 4000, np.int16)


def test_sound_is_played_in_order_and_at_once():
    speaker = Loudspeaker(RATE, began=10.0)
    speaker.play(sound(100), 1, now=11.0)
    speaker.play(sound(100), 1, now=11.01)  # ahead of its time: waits for the first
    speaker.play(sound(50), 2, now=12.0)
    assert speaker.busy_until == pytest.approx(12.05)
    recorded = speaker.recording(until=12.5)
    assert len(recorded) == 2500
    assert set(np.flatnonzero(recorded)) == {*range(1000, 1200), *range(2000, 2050)}
    assert speaker.played(1, now=11.15) == pytest.approx(0.15)
    assert speaker.played(2, now=13.0) == pytest.approx(0.05)


def test_a_flush_forgets_what_was_not_played():
    speaker = Loudspeaker(RATE, began=0.0)
    for _ in range(5):
        speaker.play(sound(100), 1, now=1.0)
    speaker.flush(now=1.25)
    assert speaker.played(1, now=9.0) == pytest.approx(0.25)
    speaker.play(sound(10), 2, now=1.3)
    assert set(np.flatnonzero(speaker.recording(2.0))) == {*range(1000, 1250), *range(1300, 1310)}


def test_the_first_audible_sample_is_found_behind_quiet_ones():
    speaker = Loudspeaker(RATE, began=0.0)
    speaker.play(sound(100, level=200) + sound(100), 1, now=1.0)
    assert speaker.first_loud(0.0) == pytest.approx(1.1)
    assert speaker.first_loud(1.15) == pytest.approx(1.15)
    assert speaker.first_loud(1.3) is None


def test_a_real_loudspeaker_misses_and_repeats_nothing_when_its_callbacks_jitter(
    monkeypatch: pytest.MonkeyPatch,
):
    speaker = Loudspeaker(RATE, began=0.0)
    samples = np.arange(1, 201, dtype=np.int16)
    speaker.play(samples.tobytes(), 1, now=1.0)
    blocks: list[NDArray[np.int16]] = []
    for now in (1.0, 1.025, 1.038, 1.061, *np.arange(1.08, 1.3, 0.02)):
        monkeypatch.setattr(loudspeaker_module.time, "monotonic", lambda now=now: float(now))
        blocks.append(speaker.window(20))
    played = np.concatenate(blocks)
    assert np.array_equal(played[played != 0], samples)


def test_speech_begins_and_ends_where_it_is_loud():
    pcm = np.concatenate([np.zeros(320), speech(0.1), np.full(800, 100)]).astype(np.int16)
    assert first_speech(pcm, 16000) == 320
    assert last_speech(pcm, 16000) == 320 + 1600
    assert last_speech(np.zeros(1600, np.int16), 16000) == 0
    assert last_speech(np.zeros(0, np.int16), 16000) == 0


async def test_a_spoken_turn_is_answered_and_recorded_on_one_clock():
    async with FakeServer() as server, calling(server.url, agent="shop", voice="joe") as client:
        spoken = await client.say(speech(0.2))
        answer = await client.answer(since=spoken.started)
        recording = client.recording()
    assert server.queries == [
        {"in_rate": ["16000"], "out_rate": ["24000"], "agent": ["shop"], "voice": ["joe"]}
    ]
    assert client.transcripts == ["spoken words"]
    assert answer.said == answer.heard == "You said spoken words."
    assert [tool["function_name"] for tool in answer.tools] == ["look"]
    assert answer.latency["parts"]["endpoint_ms"] == 100
    assert spoken.ended < answer.first_sample
    caller, agent = recording[:, 0], recording[:, 1]
    heard = np.flatnonzero(agent)
    assert np.array_equal(agent[heard], server.tone(24000))
    first = round((answer.first_sample - client.began) * 24000)
    assert abs(int(heard[0]) - first) <= 1
    assert np.flatnonzero(np.abs(caller) > 2000)[-1] < heard[0]
    assert max(played["ms"] for played in server.played) <= 200


async def test_audio_never_stops_while_the_call_lasts():
    async with FakeServer() as server, Client(server.url) as client:
        await client.ready()
        async with asyncio.timeout(10):
            while server.samples < 16000 * 0.2 or len(client.recording()) < 24000 * 0.2:
                await asyncio.sleep(0.02)


async def test_typed_turns_at_other_rates():
    async with FakeServer() as server, calling(server.url, in_rate=8000, out_rate=8000) as client:
        await client.text("hello")
        answer = await client.answer()
        agent = client.recording()[:, 1]
    assert answer.heard == "You said hello."
    assert np.count_nonzero(agent) == len(server.tone(8000))


async def test_an_interruption_flushes_and_says_what_was_played():
    async with FakeServer(greeting="Hello there", seconds=5.0) as server:
        async with Client(server.url) as client:
            while not client.talking:
                await asyncio.sleep(0.01)
            spoken = await client.say(speech(0.1))
            await client.answer(since=spoken.ended)
            greeting = client.answers[1]
            agent = client.recording()[:, 1]
        (last,) = [played for played in server.played if played["flushed"]]
    assert client.speaker.flushes
    assert (greeting.said, greeting.heard) == ("You said", "You")
    assert last["answer"] == 1
    first = np.flatnonzero(np.diff(np.flatnonzero(agent), prepend=0) > 1)  # where sounds begin
    assert len(first) == 2  # the greeting's beginning and the answer
    assert first[1] / 24 == pytest.approx(last["ms"], abs=1)
    assert last["ms"] < 5000


async def test_a_client_that_cannot_acknowledge_does_not():
    async with FakeServer() as server, calling(server.url, acknowledges=False) as client:
        await client.text("hello")
        await client.answer()
    assert server.played == []


async def test_trouble_is_one_line():
    with pytest.raises(ClientError, match=r"no Openline server answers at ws://127.0.0.1:1/ws"):
        async with Client("ws://127.0.0.1:1/ws"):
            pass
    async with FakeServer(refuse="server full") as server, Client(server.url) as client:
        with pytest.raises(ClientError, match="the server ended the call: server full"):
            await client.ready()
    async with FakeServer(mute=True) as server, calling(server.url) as client:
        with pytest.raises(ClientError, match="that recording is silent"):
            await client.say(np.zeros(1600, np.int16))
        spoken = await client.say(speech(0.1))
        with pytest.raises(ClientError, match=r"no answer within 0\.3 s"):
            await client.answer(since=spoken.started, within=0.3)
    async with FakeServer(hang_up=True) as server, calling(server.url) as client:
        spoken = await client.say(speech(0.1))
        with pytest.raises(ClientError, match="the server ended the call: server stopping"):
            await client.answer(since=spoken.started)


async def test_a_caller_who_is_hung_up_on_does_not_speak_on_for_ever():
    async with FakeServer(hang_up=True) as server, calling(server.url) as client:
        with pytest.raises(ClientError, match="the server ended the call: server stopping"):
            await client.say(np.pad(speech(0.1), (0, 16000 * 60)))


async def test_a_server_that_is_no_agent_is_named():
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(ClientError, match="404"):
            async with Client(f"ws://127.0.0.1:{port}/ws"):
                pass


async def test_a_quiet_line_is_not_digitally_silent():
    async with FakeServer() as server:
        async with Client(server.url, noise=8.0, out_rate=16000) as client:
            async with asyncio.timeout(10):
                while len(caller := client.recording()[:, 0]) < 1600:
                    await asyncio.sleep(0.02)
        assert 7 < caller[:1600].std() < 9
        async with Client(server.url, out_rate=16000) as client:
            await asyncio.sleep(0.2)
            assert not client.recording()[:, 0].any()
