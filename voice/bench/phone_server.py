"""The answering side of `openline bench phone`, in a process of its own."""

import asyncio
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path

from telephony.events import Audio
from telephony.sip.line import SipLine
from telephony.sip.settings import Account, SipSettings
from voice.bench.load_server import SleepingEngines
from voice.bench.phone_sound import murmur
from voice.config import load_config
from voice.server.serve import run_loop, serving

USER = "bench"
AHEAD = 0.4  # s that the Speaker sends ahead of what is played
OTHER = 1000  # added to a caller's number: the seed of what it hears


def answer(pipe: Connection, port: int, seconds: float, jitter_ms: int, core: int | None) -> None:
    """Every call hears a murmur of its own, and is written down; no pipeline, no models.

    Sends "ready"; on "heard" ({caller: PCM16LE at 8 kHz}, CPU seconds); "stop" ends it.
    """
    if core is not None:
        os.sched_setaffinity(0, {core})
    run_loop(_answer(pipe, port, seconds, jitter_ms))


async def _answer(pipe: Connection, port: int, seconds: float, jitter_ms: int) -> None:
    from telephony.sip.engine import sip_engine

    heard: dict[str, bytearray] = {}
    account = Account(USER, "127.0.0.1", codecs=("pcmu",))
    settings = SipSettings((account,), port=port, max_calls=200, jitter_ms=jitter_ms)
    tasks: set[asyncio.Task[None]] = set()

    async def take() -> None:
        async for line in engine.lines():
            caller = line.about.caller.removeprefix("sip:").partition("@")[0]
            heard[caller] = bytearray()
            sound = murmur(seconds, 8000, OTHER + int(caller[1:])).tobytes()
            for work in (_speak(line, sound), _listen(line, heard[caller])):
                tasks.add(task := asyncio.create_task(work))
                task.add_done_callback(tasks.discard)

    async with sip_engine(settings) as engine:
        taking = asyncio.create_task(take())
        pipe.send("ready")
        while await asyncio.to_thread(pipe.recv) == "heard":
            pipe.send(({name: bytes(sound) for name, sound in heard.items()}, time.process_time()))
            heard.clear()
        for task in (taking, *tasks):
            task.cancel()


async def _speak(line: SipLine, sound: bytes) -> None:
    for at in range(0, len(sound), 320):
        await line.play(sound[at : at + 320])
        await asyncio.sleep(max(0.0, line.unsent - AHEAD))


async def _listen(line: SipLine, heard: bytearray) -> None:
    async for event in line.events():
        if isinstance(event, Audio):
            heard += event.samples


def agents(pipe: Connection, config: Path, port: int, data: str, core: int | None) -> None:
    """The whole server, whose models sleep. Sends "ready"; on "usage" CPU seconds; "stop" ends."""
    os.environ["OPENLINE_DATA"] = data
    if core is not None:
        os.sched_setaffinity(0, {core})
    run_loop(_agents(pipe, config, port))


async def _agents(pipe: Connection, path: Path, port: int) -> None:
    sip = {"port": port, "accounts": [{"user": USER, "codecs": ["pcmu"]}]}
    config = load_config(path, {"server.max_calls": 1000, "phone.sip": sip})
    async with serving(config, path.parent, engines=SleepingEngines(config, path.parent)):
        pipe.send("ready")
        while await asyncio.to_thread(pipe.recv) == "usage":
            pipe.send(time.process_time())
