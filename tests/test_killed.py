"""A caller who is gone at any moment of a call leaves nothing behind."""

import asyncio
import itertools
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import httpx
import numpy as np
import psutil
import pytest
import websockets
from pipecat.transports.websocket import fastapi

from tests.paper import VirtualLoop
from tests.paper_server import (
    DEMO,
    READY,
    BusyTalk,
    Ending,
    PaperEngines,
    PaperLine,
    moments,
    paper_app,
)
from voice.config import Config, load_config
from voice.server import serve


@pytest.fixture
def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.Runner]:
    class Clock:
        """pipecat's transport paces what it sends by the wall clock."""

        @staticmethod
        def monotonic() -> float:
            return asyncio.get_running_loop().time()

    monkeypatch.setattr(fastapi, "time", Clock)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield runner


async def call_until(moment: float, ending: Ending) -> PaperLine:
    """One call that ends so, and what it left."""
    talk = BusyTalk()
    app, engines = paper_app(talk)
    line = PaperLine(engines, talk, moment, ending)
    await line.call(app)
    await asyncio.sleep(0.2)  # a model's thread ends its work
    where = f"{ending} at {moment:.2f} s, {line.under_way}"
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    assert not rest, where
    assert len(app.state.calls) == 0, where
    assert [c.closed for c in engines.conversations] == [True], where
    assert (talk.thinking, talk.tools) == (0, 0), where
    for lane in engines.lanes:
        assert not lane.busy, where
        assert lane.schedule.next(0.0) is None, where
    for report in line.said:
        if report.get("t") == "heard":
            assert report["said"].startswith(report["heard"]), where
    return line


def test_the_call_that_is_to_be_killed_has_everything_in_it(virtual_clock: asyncio.Runner):
    line = virtual_clock.run(call_until(BusyTalk.SECONDS, "hang up"))
    heard = [(data["said"], data["heard"]) for data in line.said if data.get("t") == "heard"]
    greeting, interrupted, last = heard
    assert greeting == ("Hello there.", "Hello there.")
    assert interrupted[0].endswith("We sent another one.")
    assert 0 < len(interrupted[1]) < len(interrupted[0])
    assert last == ("All right, then.", "All right, then.")
    assert line.audio / 2 / 16000 > 3.0


def test_a_call_killed_at_any_of_200_moments_leaves_nothing(virtual_clock: asyncio.Runner):
    endings: tuple[Ending, ...] = get_args(Ending)
    found: Counter[str] = Counter()
    for i, moment in enumerate(moments(200, BusyTalk.SECONDS, seed=1)):
        line = virtual_clock.run(call_until(moment, endings[i % len(endings)]))
        found.update(line.under_way)
    assert set(found) == {"nothing", "hearing", "thinking", "tool", "synthesis", "speaking"}
    assert min(found.values()) >= 5


async def test_real_sockets_that_drop_leave_nothing(monkeypatch: pytest.MonkeyPatch):
    """Three rounds of eight callers, each gone within 1.5 s, half of them without a close frame."""
    engines: list[PaperEngines] = []

    def build(config: Config, folder: Path) -> PaperEngines:
        engines.append(PaperEngines(config, folder))
        return engines[-1]

    monkeypatch.setattr(serve, "Engines", build)
    config = load_config(DEMO, {"server.max_calls": 8})
    dice = random.Random(2)
    process = psutil.Process()

    async def caller(url: str, seconds: float, *, rude: bool) -> None:
        async with websockets.connect(url, max_queue=None) as ws:  # nobody reads
            speaking = asyncio.create_task(speak(ws))
            await asyncio.sleep(seconds)
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            if rude:
                ws.transport.abort()

    async def left() -> tuple[int, list[str]]:
        """Sockets and threads, once no task is left but this one and the server's three."""
        async with asyncio.timeout(5):
            while len(asyncio.all_tasks()) > 4:
                await asyncio.sleep(0.02)
        # the loop's own pool grows to a fixed size and stays
        threads = [t.name for t in threading.enumerate() if not t.name.startswith("asyncio_")]
        return len(process.net_connections()), sorted(threads)

    async with serve.serving(config, DEMO.parent) as (url, _):
        address = url.replace("http", "ws") + "/ws?in_rate=16000"
        await caller(address, 0.1, rude=False)
        before = await left()
        for _ in range(3):
            moments = [1.5 * dice.random() for _ in range(8)]
            rude = [dice.random() < 0.5 for _ in range(8)]
            callers = zip(moments, rude, strict=True)
            await asyncio.gather(*(caller(address, at, rude=how) for at, how in callers))
            assert await left() == before
        async with httpx.AsyncClient(base_url=url) as http:
            assert (await http.get("/readyz")).json()["calls"] == 0
    assert len(engines[0].conversations) == 25
    assert all(conversation.closed for conversation in engines[0].conversations)


async def speak(ws: websockets.ClientConnection) -> None:
    """0.2 s of silence, a question of 0.6 s, silence for ever."""
    await ws.send(READY)
    loud = np.full(320, int(0.1 * 32767), "<i2").tobytes()
    for i in itertools.count():
        await ws.send(loud if 10 <= i < 40 else bytes(640))
        await asyncio.sleep(0.02)
