"""`make phone`: a softphone dials the agent, asks aloud, and the answer is recognized."""

import asyncio
import contextlib
import datetime as dt
import os
import re
import sqlite3
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr

from tests.conftest import DEMO, Says
from tests.sip_ear import free_ports
from tests.softphone import BARESIP, MISSING, softphone
from voice.listen.whisper import Transcriber
from voice.models import model_path

pytestmark = [pytest.mark.models, pytest.mark.skipif(BARESIP is None, reason=MISSING)]
PHONE = DEMO.parent / "phone.yaml"


@dataclass(frozen=True)
class Served:
    address: str  # to dial
    data: Path


@contextlib.asynccontextmanager
async def make_phone(data: Path) -> AsyncGenerator[Served]:
    """What `make phone` runs, on free ports."""
    environment = {
        **os.environ,
        "OPENLINE_DATA": str(data),
        "OPENLINE__SERVER__PORT": "0",
        "OPENLINE__PHONE__SIP__PORT": str(free_ports()),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voice.cli", "serve", "--config", str(PHONE)),
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    assert process.stdout
    try:
        async with asyncio.timeout(120):
            while True:
                line = (await process.stdout.readline()).decode()
                assert line, "it did not start"
                if found := re.search(r"Dial (\S+)", line):
                    break
        yield Served(found[1], data)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)


async def test_a_softphone_asks_and_is_answered(says: Says, tmp_path: Path) -> None:
    question = soxr.resample(says("Where is my order ten forty-two?"), 16000, 8000)
    spoken = np.concatenate([np.zeros(8000 * 5), question, np.zeros(8000 * 12)])
    sf.write(tmp_path / "question.wav", spoken, 8000)
    async with (
        make_phone(tmp_path / "data") as served,
        softphone(tmp_path / "phone", free_ports(), tmp_path / "question.wav") as phone,
    ):
        await phone.dial(served.address)
        await phone.until("CALL_CLOSED", seconds=60)  # it hangs up at the end of its file
        await asyncio.sleep(1)
    heard, rate = phone.heard()
    transcriber = Transcriber(model_path("whisper-tiny.en"), threads=1)
    with contextlib.closing(transcriber):
        answer = soxr.resample(heard[5 * rate :], rate, 16000).astype(np.float32)
        words = transcriber.transcribe(answer, thorough=True).text.lower()
    with sqlite3.connect(tmp_path / "data" / "shop.sqlite") as shop:
        (arrives,) = shop.execute("SELECT arrives FROM orders WHERE id = '1042'").fetchone()
    assert str(dt.date.fromisoformat(arrives).day) in words
    (folder,) = [path.parent for path in (tmp_path / "data" / "calls").rglob("call.json")]
    assert "order_status" in (folder / "events.jsonl").read_text()
    for track in ("caller", "agent"):  # both sides are recorded
        assert sf.info(folder / f"{track}.flac").duration > 10
