"""Calls over real sockets to the real server, on paper engines: Twilio's and Asterisk's."""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
import websockets

from tests.carriers import CARRIERS
from tests.paper_server import DEMO, PaperEngines
from voice.config import Config, ConfigError, load_config
from voice.journal.files import journal_folder
from voice.journal.record import read, summary
from voice.journal.shelf import folders
from voice.journal.sound import read_track
from voice.phone.caller import AudioSocketCaller, PhoneCaller, TwilioCaller
from voice.server import serve

PHONE = {
    "server.max_calls": 12,
    "phone.caller_calls_at_once": 12,
    "phone.carriers": ["twilio"],
    "phone.audiosocket": {"port": 0},
    "phone.digit_seconds": 1,
    "phone.media_seconds": 2,
    "phone.start_seconds": 1,
}
QUESTION = np.full(8000, int(0.1 * 32767), np.int16)  # what paper takes for "where is my order"


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimpleNamespace]:
    async with running(monkeypatch, {}) as server:
        yield server


@contextlib.asynccontextmanager
async def running(
    monkeypatch: pytest.MonkeyPatch, overrides: dict[str, Any]
) -> AsyncGenerator[SimpleNamespace]:
    made: list[Any] = []
    build_app = serve.build_app

    def engines(config: Config, folder: Path) -> PaperEngines:
        made.append(PaperEngines(config, folder))
        made[0].talk.answers["4711"] = ["That one is lost."]
        return made[0]

    def app(*given: Any) -> Any:
        made.append(build_app(*given))
        return made[-1]

    monkeypatch.setattr(serve, "Engines", engines)
    monkeypatch.setattr(serve, "build_app", app)
    config = load_config(DEMO, {**PHONE, **overrides})
    async with serve.serving(config, DEMO.parent) as (url, _):
        host, port = made[1].state.audiosocket
        yield SimpleNamespace(
            url=url,
            engines=made[0],
            twilio=lambda: TwilioCaller(url.replace("http", "ws") + "/telephony/twilio/media"),
            audiosocket=lambda: AudioSocketCaller(host, port),
            address=(host, port),
        )


Dial = Callable[[], PhoneCaller]


async def free(server: SimpleNamespace) -> None:
    """Until no call is left."""
    async with asyncio.timeout(8), httpx.AsyncClient(base_url=server.url) as http:
        while (await http.get("/readyz")).json()["calls"]:
            await asyncio.sleep(0.05)


async def until_heard(server: SimpleNamespace, count: int) -> list[str]:
    async with asyncio.timeout(10):
        while not server.engines.conversations:
            await asyncio.sleep(0.02)
        lines: list[str] = server.engines.conversations[0].heard_lines
        while len(lines) < count:
            await asyncio.sleep(0.02)
    return lines


@pytest.mark.parametrize("wire", ["twilio", "audiosocket"])
async def test_a_question_on_the_line_is_answered_and_recorded(server: SimpleNamespace, wire: str):
    shelf = journal_folder(server.engines.config)
    before = set(folders(shelf))
    async with getattr(server, wire)() as caller:
        assert await until_heard(server, 1) == ["Hello there."]
        spoken = await caller.say(QUESTION)
        lines = await until_heard(server, 2)
        assert caller.speaker.first_loud(spoken.ended) is not None
        await caller.hang_up()
        await caller.ended()
    await free(server)
    assert lines[1] == "It left on Monday. It comes on Thursday."
    (folder,) = set(folders(shelf)) - before
    async with asyncio.timeout(5):
        while not summary(folder).complete:
            await asyncio.sleep(0.05)
    call = read(folder)
    assert [turn.text for turn in call.turns] == ["where is my order"]
    assert (call.header["wire"], call.header["in_rate"], call.header["out_rate"]) == (
        wire,
        8000,
        8000,
    )
    if wire == "twilio":
        assert (call.header["caller"], call.header["called"]) == ("…111", "…222")
    assert call.of("hang_up")[0].data["reason"] == "the line: hung up"
    agent, rate = read_track(folder, "agent")
    assert rate == 8000
    assert np.abs(agent).max() == pytest.approx(5000, rel=0.2)


async def test_an_interruption_clears_twilio(server: SimpleNamespace):
    long = "It left on Monday, " * 8 + "and it comes on Thursday."  # 11 s, for a slow machine
    server.engines.talk.answers["where is my order"] = [long]
    async with server.twilio() as caller:
        await until_heard(server, 1)
        spoken = await caller.say(QUESTION)
        while (caller.speaker.first_loud(spoken.ended) or time.monotonic()) >= time.monotonic():
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.7)
        cut = await caller.say(QUESTION)
        assert any(at > cut.started for at in caller.clears)
        first = (await until_heard(server, 2))[1]
    assert long.startswith(first)
    assert 0 < len(first) < len(long)
    await free(server)


@pytest.mark.parametrize("wire", ["twilio", "audiosocket"])
async def test_keys_are_for_the_agent_and_for_no_log(server: SimpleNamespace, wire: str):
    shelf = journal_folder(server.engines.config)
    before = set(folders(shelf))
    async with getattr(server, wire)() as caller:
        await until_heard(server, 1)
        await caller.press("4711#")
        lines = await until_heard(server, 2)
        await caller.hang_up()
        await caller.ended()
    await free(server)
    assert lines[1] == "That one is lost."
    (folder,) = set(folders(shelf)) - before
    async with asyncio.timeout(5):
        while not summary(folder).complete:
            await asyncio.sleep(0.05)
    assert read(folder).of("typed")[0].data["text"] == "••••"
    assert "4711" not in (folder / "events.jsonl").read_text()


async def test_strangers_on_the_port_are_let_go(server: SimpleNamespace):
    """A scanner, a caller who never begins, and one who goes in mid-message."""
    for first in (b"GET / HTTP/1.1\r\n\r\n", b"", struct.pack(">BH", 0x01, 16) + b"half"):
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(first)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
    assert server.engines.conversations == []
    url = server.url.replace("http", "ws")
    async with websockets.connect(f"{url}/telephony/twilio/media") as ws:
        for _ in range(30):
            with contextlib.suppress(websockets.ConnectionClosed):
                await ws.send("nonsense")
        async with asyncio.timeout(5):
            await ws.wait_closed()
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(f"{url}/telephony/plivo/media")
    await free(server)


async def test_a_caller_who_vanishes_frees_the_line(server: SimpleNamespace):
    async with server.audiosocket() as caller:
        await until_heard(server, 1)
        for task in caller._tasks:  # falls silent with its socket open
            task.cancel()
        await free(server)
    assert server.engines.conversations[0].closed


async def test_no_task_is_left_of_calls_that_drop(server: SimpleNamespace):
    async def call(dial: Dial, seconds: float) -> None:
        async with dial():
            await asyncio.sleep(seconds)

    await call(server.twilio, 0.1)
    await free(server)
    await asyncio.sleep(0.2)
    before = {task.get_name().split("-")[0] for task in asyncio.all_tasks()}
    moments = (0.0, 0.15, 0.4)
    await asyncio.gather(*(call(server.twilio, at) for at in moments))
    await asyncio.gather(*(call(server.audiosocket, at) for at in moments))
    await free(server)
    async with asyncio.timeout(5):
        while {task.get_name().split("-")[0] for task in asyncio.all_tasks()} != before:
            await asyncio.sleep(0.05)
    assert all(conversation.closed for conversation in server.engines.conversations)


async def test_a_taken_audiosocket_port_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(serve, "Engines", PaperEngines)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = load_config(DEMO, {"phone.audiosocket": {"port": port}})
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with serve.serving(config, DEMO.parent):
                pass


async def test_every_carrier_carries_a_question_an_interruption_and_keys(
    monkeypatch: pytest.MonkeyPatch,
):
    """All at once: a call takes 8 s by the clock, and nearly nothing of a processor."""
    long = "It left on Monday, " * 8 + "and it comes on Thursday."

    async def call(name: str, address: str) -> None:
        caller = CARRIERS[name](f"{address}/telephony/{name}/media")
        async with caller:
            await caller.quiet(since=0.0)
            asked = await caller.say(QUESTION)
            async with asyncio.timeout(20):
                while (caller.speaker.first_loud(asked.ended) or np.inf) > time.monotonic() - 0.7:
                    await asyncio.sleep(0.02)
            keyed = time.monotonic()
            await caller.press("4711#")
            await caller.quiet(since=keyed + 1.0)
            await caller.hang_up()
            await caller.ended()
        assert any(at > keyed for at in caller.clears), name

    async with running(monkeypatch, {"phone.carriers": list(CARRIERS)}) as server:
        server.engines.talk.answers["where is my order"] = [long]
        address = server.url.replace("http", "ws")
        await asyncio.gather(*(call(name, address) for name in CARRIERS))
        await free(server)
    assert len(server.engines.conversations) == len(CARRIERS)
    for conversation in server.engines.conversations:
        greeting, cut, last = conversation.heard_lines
        assert (greeting, last) == ("Hello there.", "That one is lost.")
        assert 0 < len(cut) < len(long)
        assert long.startswith(cut)
