"""The same caller again, through the present build: a recorded call on a virtual clock."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMMessagesAppendFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from voice.journal.cast import Cast
from voice.journal.clock import Cost, VirtualLoop
from voice.journal.record import Recorded, recorded
from voice.journal.recorder import Recorder
from voice.journal.sound import read_track
from voice.journal.tracks import Sound
from voice.listen.listener import Listener
from voice.listen.turns import TurnSettings
from voice.responder import Responder
from voice.speak.aloud import Aloud
from voice.speak.speaker import Speaker

FRAME_SECONDS = 0.02
STARTING = 0.05  # s of virtual time in which the pipeline comes up
PATIENCE = 15.0  # s beyond the recorded end that the last answer may take

Casting = Callable[[], AbstractAsyncContextManager[Cast]]


class Pages:
    """A journal in memory. `on_line` hears every line, for a progress bar."""

    def __init__(self, on_line: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.lines: list[dict[str, Any]] = []
        self.sounds: list[Sound] = []
        self._on_line = on_line
        self._open: set[int] = set()

    def line(self, data: dict[str, Any]) -> None:
        self.lines.append(data)
        if data["event"] == "answer.committed":
            self._open.add(data["answer"])
        elif data["event"] == "heard":
            self._open.discard(data["answer"])
        if self._on_line is not None:
            self._on_line(data)

    def sound(self, sound: Sound) -> None:
        self.sounds.append(sound)

    @property
    def settled(self) -> bool:
        """No answer is on its way."""
        return not self._open


def replay(
    call: Recorded,
    casting: Casting,
    turns: TurnSettings,
    *,
    partial_seconds: float,
    cost: Cost = "measured",
    pages: Pages | None = None,
) -> Recorded:
    """Run the call's sound and typed text again; returns what came of it.

    The caller speaks when they spoke in the recording, whatever the agent does. Blocking; raises
    JournalError and what `casting` raises.
    """
    assert call.folder is not None, "a call on disk"
    caller, rate = read_track(call.folder, "caller")
    rate = rate or int(call.header["in_rate"])
    pages = pages or Pages()

    async def run() -> None:
        async with casting() as cast:
            scene = _Scene(call, caller, rate, cast, turns, partial_seconds, pages)
            await scene.play()

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(cost=cost)) as runner:
        runner.run(run())
    return recorded(call.header, pages.lines)


class _Listens(FrameProcessor):
    """The far end: plays what arrives, and says so as pipecat's transport does."""

    def __init__(self) -> None:
        super().__init__()
        self._plays = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TTSAudioRawFrame() if not self._plays:
                self._plays = True
                await self.push_frame(BotStartedSpeakingFrame(), FrameDirection.UPSTREAM)
            case TTSStoppedFrame() | InterruptionFrame() if self._plays:
                self._plays = False
                await self.push_frame(BotStoppedSpeakingFrame(), FrameDirection.UPSTREAM)
            case _:
                pass
        await self.push_frame(frame, direction)


class _Scene:
    def __init__(
        self,
        call: Recorded,
        caller: NDArray[np.int16],
        rate: int,
        cast: Cast,
        turns: TurnSettings,
        partial_seconds: float,
        pages: Pages,
    ) -> None:
        self._call = call
        self._caller = caller
        self._rate = rate
        self._pages = pages
        out_rate = int(call.header["out_rate"])
        aloud = Aloud()
        self._listener = Listener(
            cast.ears,
            turns,
            partial_seconds=partial_seconds,
            languages=cast.languages,
            spoken=lambda: cast.conversation.spoken,
            aloud=aloud,
        )
        self._responder = Responder(cast.conversation, greeting=cast.greeting)
        self._speaker = Speaker(cast.mouth, rate=out_rate, aloud=aloud, clears=True)
        self._worker = PipelineWorker(
            Pipeline([self._listener, self._responder, self._speaker, _Listens()]),
            params=PipelineParams(audio_in_sample_rate=rate, audio_out_sample_rate=out_rate),
            idle_timeout_secs=None,
            enable_turn_tracking=False,
            enable_rtvi=False,
        )
        loop = asyncio.get_running_loop()
        self._recorder = Recorder(pages, loop.time, in_rate=rate, out_rate=out_rate)

    async def play(self) -> None:
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        async with asyncio.TaskGroup() as group:
            ended = group.create_task(runner.run(), name="replay")
            await asyncio.sleep(STARTING)
            self._recorder.attach(self._listener, self._responder, self._speaker)
            self._base = asyncio.get_running_loop().time()
            acts = [
                group.create_task(self._later(at, act), name=f"at {at:.2f}")
                for at, act in self._acts()
            ]
            speaking = group.create_task(self._speak(), name="caller")
            # the agent may hang up first
            await asyncio.wait((speaking, ended), return_when=asyncio.FIRST_COMPLETED)
            for task in (*acts, speaking):
                task.cancel()
            self._recorder.end()
            if not ended.done():
                await self._worker.cancel()

    def _acts(self) -> list[tuple[float, Callable[[], AsyncGenerator[None, None] | Any]]]:
        acts: list[tuple[float, Any]] = []
        greeting = next((a for a in self._call.asides if a.number == 1), None)
        if greeting is not None:
            acts.append((greeting.started, self._responder.greet))
        acts += [
            (line.at, lambda text=str(line.data["text"]): self._type(text))
            for line in self._call.of("typed")
        ]
        return acts

    async def _later(self, at: float, act: Callable[[], Any]) -> None:
        await self._until(at)
        await act()

    async def _type(self, text: str) -> None:
        message: Any = {"role": "user", "content": text}
        await self._worker.queue_frame(InterruptionFrame())
        await self._worker.queue_frame(LLMMessagesAppendFrame([message], run_llm=True))

    async def _speak(self) -> None:
        step = round(self._rate * FRAME_SECONDS)
        arrivals = self._call.arrivals
        for start in range(0, len(self._caller), step):
            pcm = self._caller[start : start + step]
            await self._until(arrivals.at(start + len(pcm)))
            await self._hear(pcm)
        await self._until(self._call.seconds)
        if self._cut_short():
            return
        end = self._call.seconds
        while not self._pages.settled and end < self._call.seconds + PATIENCE:
            end += FRAME_SECONDS
            await self._until(end)
            await self._hear(np.zeros(step, np.int16))

    def _cut_short(self) -> bool:
        """The recorded call ended in mid-answer."""
        return any(a.committed and not a.reported for a in self._call.answers.values())

    async def _hear(self, pcm: NDArray[np.int16]) -> None:
        await self._worker.queue_frame(InputAudioRawFrame(pcm.tobytes(), self._rate, 1))

    async def _until(self, at: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._base + at - loop.time()))
