"""Whole calls on telephone wires with real models: spoken questions, answers heard, keys."""

import asyncio
import datetime as dt
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from tests.conftest import RealServer, Says
from voice.journal.record import Recorded, read, summary
from voice.journal.shelf import folders
from voice.listen.whisper import Transcriber
from voice.models import model_path
from voice.phone.caller import RATE, AudioSocketCaller, PhoneCaller, TwilioCaller

pytestmark = pytest.mark.models
THINKS = 3.0  # s of silence after "One moment." on a busy machine


@pytest.fixture(scope="module")
def listens() -> Iterator[Transcriber]:
    """Somebody else's ears: what a recording of the agent says."""
    transcriber = Transcriber(model_path("whisper-tiny.en"), threads=1)
    yield transcriber
    transcriber.close()


def spoken(says: Says, text: str) -> NDArray[np.int16]:
    """Made before a call: it would stop the caller's clock."""
    return soxr.resample(says.pcm(text), 16000, RATE)


def heard(
    listens: Transcriber, caller: PhoneCaller, begin: float, end: float = float("inf")
) -> str:
    """What the caller heard between these times; asked after the call."""
    end = min(end, time.monotonic())
    sound = caller.speaker.recording(end)[round((begin - caller.began) * RATE) :]
    samples = soxr.resample(sound.astype(np.float32) / 32768, RATE, 16000)
    return listens.transcribe(samples, thorough=True).text.lower()


def arrival_day(server: RealServer, number: str) -> str:
    with sqlite3.connect(server.shop) as shop:
        (arrives,) = shop.execute("SELECT arrives FROM orders WHERE id = ?", (number,)).fetchone()
    return str(dt.date.fromisoformat(arrives).day)


async def recorded(before: set[Path]) -> Recorded:
    """The journal of the call that has just ended."""
    shelf = Path(os.environ["OPENLINE_DATA"]) / "calls"
    async with asyncio.timeout(10):
        while not any(summary(new).complete for new in set(folders(shelf)) - before):
            await asyncio.sleep(0.05)
    (folder,) = set(folders(shelf)) - before
    return read(folder)


def shelved() -> set[Path]:
    return set(folders(Path(os.environ["OPENLINE_DATA"]) / "calls"))


async def test_twilio_with_lost_packets_an_answer_and_an_interruption(
    server: RealServer, says: Says, listens: Transcriber
):
    before = shelved()
    order = spoken(says, "Where is my order ten forty-two?")
    hours = spoken(says, "What are your opening hours, please?")
    stop = spoken(says, "Wait a moment. Where is my order ten forty-two?")
    url = server.url.replace("http", "ws") + "/telephony/twilio/media"
    async with TwilioCaller(url, noise=8.0, loss=0.03) as caller:
        await caller.quiet(since=0.0)
        asked = await caller.say(order)
        await caller.quiet(since=asked.ended, settled=THINKS)
        again = await caller.say(hours)
        async with asyncio.timeout(20):
            while not (caller.speaker.first_loud(again.ended) or np.inf) < time.monotonic() - 0.7:
                await asyncio.sleep(0.02)
        cut = await caller.say(stop)
        await caller.quiet(since=cut.ended, settled=THINKS)
        await caller.hang_up()
        await caller.ended()
    assert any(cut.started < at < cut.ended for at in caller.clears)
    assert arrival_day(server, "1042") in heard(listens, caller, asked.ended, again.started)
    call = await recorded(before)
    assert call.of("end")[0].data["heard_errors"] == 0
    opening, last = [turn.answer for turn in call.turns[-2:]]
    assert opening is not None
    assert last is not None
    assert 0 < len(opening.heard) < len(opening.said)
    assert opening.said.startswith(opening.heard)
    assert "1042" in last.heard.replace(" ", "")


async def test_audiosocket_with_an_order_number_that_is_keyed_in(
    server: RealServer, says: Says, listens: Transcriber
):
    before = shelved()
    order = spoken(says, "Where is my order?")
    async with AudioSocketCaller("127.0.0.1", server.audiosocket, noise=8.0) as caller:
        await caller.quiet(since=0.0)
        asked = await caller.say(order)
        await caller.quiet(since=asked.ended, settled=THINKS)
        keyed = time.monotonic()
        await caller.press("1042#")
        await caller.quiet(since=keyed + 0.8, settled=THINKS)
        await caller.hang_up()
        await caller.ended()
    assert caller.sizes == {320}
    assert "order number" in heard(listens, caller, asked.ended, keyed)
    assert arrival_day(server, "1042") in heard(listens, caller, keyed)
    call = await recorded(before)
    assert call.of("typed")[0].data["text"] == "••••"
    assert call.folder is not None
    assert "1042" not in (call.folder / "events.jsonl").read_text()
