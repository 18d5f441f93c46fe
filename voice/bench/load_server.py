"""The server of `openline bench load`: everything is real but the models, which sleep.

Silero runs for every frame of every call, for it is part of what a call costs. Recognition, the
language model and the voice take the seconds that they took on 2 quiet cores (docs/latency.md),
on threads that wait as a thread waits for a GPU; as many jobs at once as callers need.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.conversation import Agent
from agents.definition import AgentDefinition
from agents.llm.engine import Delta, Done, Request, Text
from voice.config import Config, load_config
from voice.engines import Engines
from voice.lane import Lane
from voice.listen.languages import Languages
from voice.listen.listener import Ears
from voice.listen.vad import SpeechDetector
from voice.listen.whisper import Transcript
from voice.models import model_path
from voice.server.serve import run_loop, serving
from voice.speak.mouth import Mouth
from voice.speak.synthesizer import Spoken, Voice

TRANSCRIBE = 0.090  # s; tiny.en on a short question
DRAFT = 0.060  # s; a partial of it
JUDGE = 0.025  # s; smart-turn
FIRST_TOKEN = 0.150  # s; a 0.5B model whose prompt is warm
TOKEN = 0.015  # s
SPEED = 15.0  # times real time; Piper
WORD = 0.3  # s of speech
ANSWER = "That one left on Monday, and it should be with you on Thursday at noon or so."
_THREADS = 24  # 80 callers have 3 to 5 jobs under way; nobody is to wait for a thread


class _SleepingEars:
    """Hears always the same words; is sure that they were all."""

    def transcribe(
        self, audio: NDArray[np.float32], *, draft: bool = False, languages: Languages | None = None
    ) -> Transcript:
        time.sleep(DRAFT if draft else TRANSCRIBE)
        text = "where is my order" if draft else "Where is my order?"
        return Transcript(text, "en", len(audio) / 16000, -0.1, 0.0, False)

    def probability(self, audio: NDArray[np.float32]) -> float:
        time.sleep(JUDGE)
        return 0.99

    def close(self) -> None: ...


class _SleepingModel:
    """Says ANSWER, word by word."""

    name = "sleeping"
    grammars = False
    native_tools = True

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        await asyncio.sleep(FIRST_TOKEN - TOKEN)
        for word in ANSWER.split(" "):
            await asyncio.sleep(TOKEN)
            yield Text(f"{word} ")
        yield Done("stop")

    async def warm_up(self, request: Request) -> None: ...

    async def prepare(self, request: Request, *, whole: bool = False) -> None: ...

    async def close(self) -> None: ...


class _SleepingVoice:
    """A tone: every sample of it can be heard."""

    name = "sleeping"
    sample_rate = 24000
    voices = (Voice("tone", "en-US"),)

    def speak(self, text: str, *, voice: str = "", speed: float = 1.0) -> Iterator[Spoken]:
        seconds = WORD * len(text.split())
        time.sleep(seconds / SPEED)
        yield Spoken(np.full(round(seconds * self.sample_rate), 5000, np.int16))

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


class SleepingEngines(Engines):
    """Engines that load nothing but Silero."""

    def __init__(self, config: Config, folder: Path) -> None:
        super().__init__(config, folder)
        ears = _SleepingEars()
        self._ears = Ears(
            ears,  # type: ignore[arg-type]
            Lane("hear", threads=_THREADS),
            SpeechDetector(model_path(config.turns.voice_activity)),
            ears,  # type: ignore[arg-type]
            Lane("judge", threads=_THREADS),
        )
        self._speak = Lane("speak", threads=_THREADS)
        definition = AgentDefinition(name="bench", title="Bench", persona="You sell lamps.")
        self._agent = Agent(definition, _SleepingModel(), [])

    async def load(self) -> None: ...

    async def agent(self, name: str, llm: str) -> Agent:
        return self._agent

    async def mouth(self, voice: str, language: str) -> Mouth:
        return Mouth(_SleepingVoice(), self._speak, "tone")

    async def close(self) -> None:
        await super().close()
        await asyncio.to_thread(self._speak.close)


def serve(pipe: Connection, config: Path, data: str, core: int | None) -> None:
    """In a process of its own: serve until `pipe` says "stop"; on "usage" answer what it used.

    Sends the address of the wire first, then (CPU seconds, resident bytes) for each question.
    """
    os.environ["OPENLINE_DATA"] = data
    if core is not None:
        os.sched_setaffinity(0, {core})
    run_loop(_serve(pipe, config))


async def _serve(pipe: Connection, path: Path) -> None:
    config = load_config(path, {"server.max_calls": 1000, "server.idle_seconds": 60})
    engines = SleepingEngines(config, path.parent)
    async with serving(config, path.parent, engines=engines) as (url, _):
        pipe.send(url.replace("http", "ws", 1) + "/ws")
        while await asyncio.to_thread(pipe.recv) == "usage":
            pipe.send((time.process_time(), resident()))


def resident() -> int:
    """Bytes of this process in memory; the most it ever had where the system says no more."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")
