"""Whole calls with real models: spoken questions in, spoken answers out, checked by listening."""

import asyncio
import contextlib
import datetime as dt
import gc
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import soxr
from numpy.typing import NDArray

from tests.conftest import RealServer, Says
from voice.audiofile import read_audio, write_wav
from voice.client import Client, ClientError, calling
from voice.listen.whisper import Transcriber
from voice.models import model_path
from voice.talk import run as talk

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def listens() -> Iterator[Transcriber]:
    """Somebody else's ears: what a recording of the agent says."""
    transcriber = Transcriber(model_path("whisper-tiny.en"), threads=1)
    yield transcriber
    transcriber.close()


def heard_by(transcriber: Transcriber, audio: NDArray[np.int16], rate: int) -> str:
    samples = soxr.resample(audio.astype(np.float32) / 32768, rate, 16000)
    return transcriber.transcribe(samples.astype(np.float32), thorough=True).text.lower()


def arrival_day(server: RealServer, number: str) -> str:
    with sqlite3.connect(server.shop) as shop:
        (arrives,) = shop.execute("SELECT arrives FROM orders WHERE id = ?", (number,)).fetchone()
    return str(dt.date.fromisoformat(arrives).day)


def status_of(server: RealServer, number: str) -> str:
    with sqlite3.connect(server.shop) as shop:
        return shop.execute("SELECT status FROM orders WHERE id = ?", (number,)).fetchone()[0]


async def test_a_spoken_question_is_answered_from_the_database(
    server: RealServer, says: Says, listens: Transcriber
):
    async with calling(server.ws) as client:
        spoken = await client.say(says.pcm("Where is my order ten forty-two?"))
        answer = await client.answer(since=spoken.started)
        recording = client.recording()
    assert "1042" in client.transcripts[-1].replace(",", "").replace(" ", "")
    assert answer.tools[0]["function_name"] == "order_status"
    assert status_of(server, "1042") in answer.heard
    start = round((answer.first_sample - client.began) * client.out_rate)
    words = heard_by(listens, recording[start:, 1], client.out_rate)
    assert arrival_day(server, "1042") in words


async def test_the_silence_before_an_answer_is_reported_with_its_parts(
    server: RealServer, says: Says
):
    async with calling(server.ws) as client:
        spoken = await client.say(says.pcm("How long does shipping take?", "am_michael"))
        answer = await client.answer(since=spoken.started)
    reported = answer.latency["silence_ms"]
    assert reported > 0
    assert sum(answer.latency["parts"].values()) == pytest.approx(reported, abs=1)


async def test_a_caller_who_interrupts_is_obeyed_and_only_what_was_heard_is_kept(
    server: RealServer, says: Says
):
    async with calling(server.ws) as client:
        await client.say(says.pcm("What are your opening hours, please?"))
        while not client.talking:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)
        cut = await client.say(says.pcm("Wait a moment. Where is my order ten forty-two?"))
        second = await client.answer(since=cut.started)
        first = [a for a in client.answers.values() if a.number < second.number][-1]
        flushed = client.speaker.flushes[-1]
    assert first.heard != first.said
    assert first.said.startswith(first.heard)
    assert flushed < cut.ended
    assert "1042" in second.heard.replace(" ", "")


REPLIES = {
    "order number": "It is order twenty-two ten.",
    "which item": "The head lamp.",
    "reason": "It is damaged.",
    "why": "It is damaged.",
}


async def test_a_return_is_confirmed_aloud_before_it_is_made(server: RealServer, says: Says):
    def returns() -> list[tuple[str, str]]:
        with sqlite3.connect(server.shop) as shop:
            return shop.execute("SELECT order_id, item FROM returns").fetchall()

    async with calling(server.ws) as client:
        line, said = "I want to return something.", ""
        for _ in range(8):
            spoken = await client.say(says.pcm(line, "bf_emma"))
            said = (await client.answer(since=spoken.started)).heard.lower()
            if "shall i" in said:
                break
            line = next((reply for key, reply in REPLIES.items() if key in said), "Pardon?")
        assert "shall i" in said
        assert returns() == []
        spoken = await client.say(says.pcm("Yes, please.", "bf_emma"))
        answer = await client.answer(since=spoken.started)
    assert returns() == [("2210", "head lamp")], answer.heard
    assert "done" in answer.heard.lower()


async def prompts_read(server: RealServer, agent: str) -> None:
    """The first call of another agent begins when its prompts are read: give a busy machine time.

    Less at once than server.idle_seconds, and fewer calls than the server has lines.
    """
    for _ in range(3):
        with contextlib.suppress(ClientError):
            async with Client(server.ws, agent=agent) as client:
                await client.ready(within=55)
                return


BOOKING = {
    "full name": "My name is Maria Lopez.",
    "date of birth": "March twelfth, nineteen eighty-five.",
    "which doctor": "Doctor Patel, please.",
    "which day": "On Monday, please.",
    "which one": "At nine. No, wait, at half past two.",
}


async def test_an_appointment_is_booked_with_a_correction_in_mid_sentence(
    server: RealServer, says: Says
):
    database = server.shop.parent / "clinic.sqlite"

    def booked() -> list[tuple[str, str, str]]:
        with sqlite3.connect(database) as clinic:
            query = "SELECT doctor, day, time FROM appointments WHERE patient_id = 'P1'"
            return clinic.execute(query).fetchall()

    today = dt.date.today()
    monday = today + dt.timedelta((-today.weekday() - 1) % 7 + 1)
    await prompts_read(server, "clinic")
    async with calling(server.ws, agent="clinic") as client:
        line, said = "I'd like to make an appointment.", ""
        for _ in range(12):
            spoken = await client.say(says.pcm(line, "af_bella"))
            said = (await client.answer(since=spoken.started)).heard.lower()
            if "shall i book" in said:
                break
            line = next((reply for key, reply in BOOKING.items() if key in said), "Pardon?")
        assert "shall i book" in said
        assert "2:30" in said
        assert booked() == []
        spoken = await client.say(says.pcm("Yes, please.", "af_bella"))
        answer = await client.answer(since=spoken.started)
    assert booked() == [("Patel", monday.isoformat(), "14:30")], answer.heard


async def test_typed_text_is_answered_aloud(server: RealServer):
    async with calling(server.ws) as client:
        since = time.monotonic()
        await client.text("Where is my order 1042?")
        answer = await client.answer(since=since)
    assert status_of(server, "1042") in answer.heard


def test_talk_plays_a_file_and_records_the_answer(
    server: RealServer,
    says: Says,
    listens: Transcriber,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    question, reply = tmp_path / "question.wav", tmp_path / "answer.wav"
    write_wav(question, says.pcm("Where is my order ten forty-two?", "am_adam"), 16000)
    talk(wav=question, out=reply, text=False, url=server.ws, agent=None, config=None)  # type: ignore[arg-type]
    shown = capsys.readouterr().out
    assert "order_status" in shown
    audio = read_audio(reply, 16000)
    seconds = len(audio) / 16000
    words = heard_by(listens, audio[-round(16000 * min(seconds, 12)) :], 16000)
    assert arrival_day(server, "1042") in words


async def test_calls_leave_no_thread_socket_or_memory_growing(server: RealServer, says: Says):
    question = says.pcm("Are you open on Sunday?")
    process = psutil.Process()

    async def call() -> None:
        async with Client(server.ws) as client:
            await client.ready()
            spoken = await client.say(question)
            await client.answer(since=spoken.started, within=60)

    def state() -> tuple[int, int, float]:
        gc.collect()
        pool = [t for t in threading.enumerate() if not t.name.startswith("asyncio_")]
        sockets = [c for c in process.net_connections() if c.status == "ESTABLISHED"]
        return len(pool), len(sockets), process.memory_info().rss / 1e6

    await call()
    await asyncio.sleep(1.5)
    before = state()
    for _ in range(2):
        await call()
    await asyncio.sleep(1.5)
    await asyncio.gather(*(call() for _ in range(4)))
    await asyncio.sleep(1.5)
    after = state()
    assert after[:2] == before[:2]
    assert after[2] - before[2] < 40  # MB: buffers of four calls at once, once
