"""The callers of `openline bench load`, in a process of their own: paced frames, exact clocks."""

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from multiprocessing.connection import Connection

import numpy as np
import websockets
from numpy.typing import NDArray

from voice.loudspeaker import last_speech

RATE = 16000  # Hz
FRAME = RATE // 50  # 20 ms
# 8 frames are 5 of Silero's windows: every question then lies the same way in them, so that the
# same question asked alone is due at the same sample.
ALIGNED = 8
PAUSE = 7.2  # s after a question: the answer of the sleeping models takes 5 s
IDLE = 8.0  # s
LEAD_IN = 0.96  # s before the first question
READY = '{"label": "rtvi-ai", "type": "client-ready", "id": "1", "data": {"version": "2.0.0"}}'


@dataclass(frozen=True, slots=True)
class Script:
    """What every caller says: frames of 20 ms, and the frame that ends each question."""

    frames: tuple[bytes, ...]
    ends: tuple[int, ...]

    @property
    def seconds(self) -> float:
        return len(self.frames) * FRAME / RATE


def script(sounds: Sequence[NDArray[np.int16]]) -> Script:
    """The questions one after the other. int16 at RATE."""
    frames = [bytes(2 * FRAME)] * round(LEAD_IN * RATE / FRAME)
    ends: list[int] = []
    for sound in sounds:
        frames += [bytes(2 * FRAME)] * (-len(frames) % ALIGNED)
        padded = np.pad(sound, (0, -len(sound) % FRAME)).astype("<i2")
        ends.append(len(frames) + (last_speech(sound, RATE) - 1) // FRAME)
        frames += [frame.tobytes() for frame in padded.reshape(-1, FRAME)]
        frames += [bytes(2 * FRAME)] * round(PAUSE * RATE / FRAME)
    return Script(tuple(frames), tuple(ends))


@dataclass(frozen=True, slots=True)
class Calls:
    """Hold `count` calls at once, begun one after another over `spread` s.

    Without a script they are silent until IDLE s after the last has begun.
    """

    url: str
    count: int
    script: Script | None
    spread: float


# Per call and question: s from the frame that ended it to the first sound of the answer.
Waits = list[list[float | None]]


def call(pipe: Connection, cores: set[int] | None) -> None:
    """In a process of its own: for each Calls that `pipe` sends answer its Waits; None stops."""
    if cores:
        os.sched_setaffinity(0, cores)
    while (calls := pipe.recv()) is not None:
        try:
            pipe.send(asyncio.run(_hold(calls)))
        except (OSError, websockets.WebSocketException) as exc:
            pipe.send(f"a call broke off: {exc!r}")


async def _hold(calls: Calls) -> Waits:
    async def one(number: int) -> list[float | None]:
        await asyncio.sleep(calls.spread * number / calls.count)
        if calls.script is None:
            rest = calls.spread * (1 - number / calls.count) + IDLE
            frames = repeat(bytes(2 * FRAME), round(rest * RATE / FRAME))
            return await _caller(calls.url, tuple(frames), ())
        return await _caller(calls.url, calls.script.frames, calls.script.ends)

    return list(await asyncio.gather(*(one(number) for number in range(calls.count))))


async def _caller(url: str, frames: Sequence[bytes], ends: Sequence[int]) -> list[float | None]:
    ended: list[float] = []
    answered: list[float | None] = []
    address = f"{url}?in_rate={RATE}&out_rate={RATE}"
    async with websockets.connect(
        address, max_queue=None, compression=None, ping_interval=None
    ) as ws:

        async def listen() -> None:
            async for frame in ws:
                # the first sound after a question's end is its answer
                if len(answered) < len(ended) and isinstance(frame, bytes):
                    missed = repeat(None, len(ended) - len(answered) - 1)
                    answered.extend(chain(missed, [time.perf_counter()]))

        listening = asyncio.create_task(listen())
        await ws.send(READY)
        due = time.perf_counter()
        for i, frame in enumerate(frames):
            await ws.send(frame)
            if i in ends:
                ended.append(time.perf_counter())
            due += FRAME / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
    answered.extend(repeat(None, len(ends) - len(answered)))
    return [None if a is None else a - e for a, e in zip(answered, ended, strict=True)]
