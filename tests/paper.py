"""A call on paper: the real Listener, Responder and Speaker in a virtual clock, no models.

    with paper_call({"where is it": ["It is on its way."]}) as call: …

The caller's "speech" is a tone whose level names the utterance, so that the fake engines can tell
from the audio alone what was said so far; a minute of call takes a fraction of a second.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from agents.events import Event, Finished, Say
from agents.llm.engine import Message
from agents.telephone import Telephone
from voice.journal.clock import VirtualLoop
from voice.journal.recorder import Recorder
from voice.journal.writer import Sink
from voice.listen.listener import Ears, Listener
from voice.listen.turns import TurnSettings
from voice.listen.whisper import Transcript
from voice.responder import Responder
from voice.schedule import Busy, Priority, Schedule
from voice.speak.aloud import Aloud
from voice.speak.mouth import Mouth
from voice.speak.speaker import Speaker
from voice.speak.synthesizer import Spoken, Voice

RATE = 16000
FRAME = 320
APOLOGY = np.full(RATE, 5000, np.int16)
# Words as tests write them, "where is my order", are not much of a sign of an end
TURNS = TurnSettings(certainty=0.3)


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    work: Callable[[], Any]
    future: "asyncio.Future[Any]"


class PaperLane:
    """A Lane without a thread: one job at a time, each takes `seconds` of virtual time.

    As on a thread, work that has begun runs to its end though nobody waits for it any more.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.schedule: Schedule[_Job] = Schedule(64, stale=lambda job: job.future.done())
        self.busy = False

    async def run(
        self, work: Callable[[], Any], priority: Priority = Priority.FINAL, **whose: Any
    ) -> Any:
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future())
        for other in self.schedule.put(job, priority, loop.time(), **whose):
            other.future.set_exception(Busy("replaced"))
        self._serve(loop)
        return await job.future

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self.busy and (job := self.schedule.next(loop.time())) is not None:
            self.busy = True
            loop.call_later(self.seconds, self._finish, loop, job)

    def _finish(self, loop: asyncio.AbstractEventLoop, job: _Job) -> None:
        self.busy = False
        try:
            value = job.work()
        except Exception as exc:  # noqa: BLE001 - handed to the waiter
            if not job.future.done():
                job.future.set_exception(exc)
        else:
            if not job.future.done():
                job.future.set_result(value)
        self._serve(loop)


@dataclass(frozen=True)
class Utterance:
    text: str
    start: float
    seconds: float
    finished: float  # what smart-turn would say at its end

    @property
    def end(self) -> float:
        return self.start + self.seconds


@dataclass
class PaperEars:
    """Detector, transcriber and end of turn that read the tone's level."""

    utterances: list[Utterance] = field(default_factory=list[Utterance])
    language: str = "en"
    lag: int = 0  # windows of silence that the detector still takes for speech, as Silero does
    silent: int = 99

    def level(self, index: int) -> float:
        return 0.1 + 0.01 * index

    def index(self, sample: float) -> int:
        return round((abs(sample) - 0.1) / 0.01)

    def stream(self) -> "PaperEars":
        return self

    def step(self, window: NDArray[np.float32]) -> float:
        loud = np.abs(window).max() > 0.05
        self.silent = 0 if loud else self.silent + 1
        return 0.97 if self.silent <= self.lag else 0.01

    def transcribe(self, audio: NDArray[np.float32], **_: object) -> Transcript:
        words: list[str] = []
        for i, utterance in enumerate(self.utterances):
            heard = np.isclose(np.abs(audio), self.level(i), atol=0.002).sum() / RATE
            said = utterance.text.split()
            words += said[: round(len(said) * min(1.0, heard / utterance.seconds + 0.1))]
        closing = 0.95 if self.probability(audio) >= 0.5 else 0.05
        return Transcript(
            " ".join(words), self.language, len(audio) / RATE, -0.1, 0.0, False, closing
        )

    def probability(self, audio: NDArray[np.float32]) -> float:
        loud = np.abs(audio)[np.abs(audio) > 0.05]
        if not len(loud):
            return 0.0
        last = self.index(float(np.median(loud[-400:])))  # a resampled tone's end rings
        return self.utterances[min(max(last, 0), len(self.utterances) - 1)].finished


@dataclass
class PaperMouth:
    """One tone."""

    seconds: float = 0.3  # a word
    name: str = "paper"
    sample_rate: int = RATE
    voices: tuple[Voice, ...] = (Voice("paper", "en-US"),)
    spoken: list[str] = field(default_factory=list[str])

    def speak(self, text: str, *, voice: str = "", speed: float = 1.0) -> Iterator[Spoken]:
        self.spoken.append(text)
        times = np.arange(round(self.seconds * RATE) * len(text.split())) / RATE
        # unlike a caller's level, which over it would pass for its echo
        yield Spoken((5000 * np.sin(2 * np.pi * 250 * times)).astype(np.int16))

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


Answer = Callable[[str, asyncio.Event], AsyncIterator[Event]]


class PaperConversation:
    """Answers by script; remembers what was confirmed and what was heard."""

    def __init__(self, answers: dict[str, list[str]], think: float, custom: Answer | None) -> None:
        self.answers = answers
        self.think = think
        self.custom = custom
        self.quiet_seconds = 15.0
        self.prepared: list[str] = []
        self.begun: list[str] = []
        self.kept: list[str] = []
        self.heard_lines: list[str] = []
        self.expects = ""
        self.spoken = ""
        self.telephone = Telephone()
        self.closed = False

    def phrase(self, name: str) -> str:
        return f"<{name}>"

    def language(self, text: str = "", recognized: str = "") -> str:
        return recognized

    async def prepare(self, text: str) -> None:
        self.prepared.append(text)

    async def turn(
        self, text: str, committed: asyncio.Event, recognized: str = ""
    ) -> AsyncGenerator[Event, None]:
        self.begun.append(text)
        try:
            if self.custom is not None:
                async for event in self.custom(text, committed):
                    yield event
                return
            for line in self.answers.get(text, ["What?"]):
                await asyncio.sleep(self.think)
                yield Say(line + " ")
            yield Finished()
        finally:
            if committed.is_set():
                self.kept.append(text)

    @property
    def history(self) -> list[Message]:
        return [Message("assistant", line) for line in self.heard_lines]

    def heard(self, text: str) -> None:
        self.heard_lines.append(text)

    async def close(self) -> None:
        self.closed = True


class Phone(FrameProcessor):
    """The far end: plays what arrives, and says so as pipecat's transport does."""

    def __init__(self, call: "PaperCall") -> None:
        super().__init__()
        self.call = call
        self.speaking = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        now = self.get_event_loop().time()
        match frame:
            case TTSAudioRawFrame():
                if not self.speaking:
                    self.speaking = True
                    await self.push_frame(BotStartedSpeakingFrame(), FrameDirection.UPSTREAM)
                self.call.play(now, frame)
            case TTSStoppedFrame() | InterruptionFrame():
                if self.speaking:
                    self.speaking = False
                    await self.push_frame(BotStoppedSpeakingFrame(), FrameDirection.UPSTREAM)
                if isinstance(frame, InterruptionFrame):
                    self.call.flush(now)
            case OutputTransportMessageFrame() | OutputTransportMessageUrgentFrame():
                if frame.message.get("type") == "server-message":
                    self.call.told(now, frame.message["data"])
            case _:
                pass
        self.call.frames.append((now, frame))
        await self.push_frame(frame, direction)


class PaperCall:
    """Say when the caller speaks, run, and look at what was played, kept and heard."""

    def __init__(
        self,
        answers: dict[str, list[str]] | None = None,
        *,
        think: float = 0.2,
        hear: float = 0.1,
        speak: float = 0.05,
        judge: float = 0.02,
        greeting: str = "",
        custom: Answer | None = None,
        journal: Sink | None = None,
    ) -> None:
        self.journal = journal
        self.ears = PaperEars()
        self.mouth = PaperMouth()
        self.spanish = PaperMouth()
        self.conversation = PaperConversation(answers or {}, think, custom)
        self.greeting = greeting
        self.hear, self.speak, self.judge = hear, speak, judge
        self.frames: list[tuple[float, Frame]] = []
        self.messages: list[tuple[float, dict[str, Any]]] = []
        self.played: list[tuple[float, float]] = []  # from, to: s of sound at the phone
        self.flushes: list[float] = []
        self.left: list[asyncio.Task[Any]] = []  # tasks that outlived the call

    def says(self, text: str, at: float, seconds: float = 1.0, finished: float = 0.95) -> Utterance:
        utterance = Utterance(text, at, seconds, finished)
        self.ears.utterances.append(utterance)
        return utterance

    def play(self, now: float, frame: TTSAudioRawFrame) -> None:
        start = max(now, self.played[-1][1] if self.played else 0.0)
        self.played.append((start, start + len(frame.audio) / 2 / frame.sample_rate))

    def flush(self, now: float) -> None:
        self.flushes.append(now)
        self.played = [(a, min(b, now)) for a, b in self.played if a < now]

    def told(self, now: float, data: dict[str, Any]) -> None:
        """A server-message comes."""
        self.messages.append((now, data))

    def silence(self, after: float) -> float:
        """Seconds from `after` to the first sound played later."""
        return next(a for a, _ in self.played if a >= after) - after

    def said(self, kind: str) -> list[dict[str, Any]]:
        return [data for _, data in self.messages if data["t"] == kind]

    def run(
        self,
        seconds: float,
        at: "dict[float, Callable[[], Coroutine[Any, Any, Any]]] | None" = None,
        *,
        muted: float = 0.0,
    ) -> "PaperCall":
        """Run `seconds` of call, and `muted` more in which no audio comes.

        `at` does something at a time.
        """
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(self._run(seconds, at or {}, muted))
            self.left = [task for task in asyncio.all_tasks(runner.get_loop()) if not task.done()]
        return self

    async def _run(
        self,
        seconds: float,
        at: "dict[float, Callable[[], Coroutine[Any, Any, Any]]]",
        muted: float,
    ) -> None:
        ears = Ears(self.ears, PaperLane(self.hear), self.ears, self.ears, PaperLane(self.judge))  # type: ignore[arg-type]
        aloud = Aloud()
        self.listener = Listener(
            ears,
            TURNS,
            partial_seconds=0.5,
            languages=("en", "es"),
            spoken=lambda: self.conversation.spoken,
            aloud=aloud,
        )
        self.responder = Responder(self.conversation, greeting=self.greeting)  # type: ignore[arg-type]
        lane: Any = PaperLane(self.speak)
        spanish = Mouth(self.spanish, lane, language="es")
        mouth = Mouth(self.mouth, lane, others={"es": spanish}, apology=APOLOGY)
        self.speaker = Speaker(mouth, rate=RATE, aloud=aloud, clears=True)
        if self.journal is not None:
            self.recorder = Recorder(
                self.journal,
                asyncio.get_running_loop().time,
                in_rate=RATE,
                out_rate=RATE,
                history=lambda: [line.content for line in self.conversation.history],
            )
            self.recorder.attach(self.listener, self.responder, self.speaker)
        self.worker = PipelineWorker(
            Pipeline([self.listener, self.responder, self.speaker, Phone(self)]),
            params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
            idle_timeout_secs=None,
            enable_turn_tracking=False,
            enable_rtvi=False,
        )
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self.worker)
        async with asyncio.TaskGroup() as group:
            group.create_task(runner.run())
            await asyncio.sleep(0.05)
            for when, act in at.items():
                group.create_task(self._later(when, act()))
            if self.greeting:
                await self.responder.greet()
            await self._speak(seconds)
            await asyncio.sleep(muted)
            await self.worker.cancel()
        if self.journal is not None:
            self.recorder.end()

    async def _later(self, when: float, act: Coroutine[Any, Any, Any]) -> None:
        await asyncio.sleep(max(0.0, when - asyncio.get_running_loop().time()))
        await act

    async def _speak(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        sent = loop.time()
        noise = np.random.default_rng(0)
        while sent < seconds:
            await asyncio.sleep(max(0.0, sent - loop.time()))
            times = sent - 0.02 + np.arange(FRAME) / RATE
            audio = np.zeros(FRAME, np.float32)
            for i, utterance in enumerate(self.ears.utterances):
                inside = (times >= utterance.start) & (times < utterance.end)
                audio[inside] = self.ears.level(i)
            audio *= noise.choice((-1, 1), FRAME)  # like nothing else, or it would pass for an echo
            pcm = (audio * 32767).astype("<i2").tobytes()
            await self.worker.queue_frame(InputAudioRawFrame(pcm, RATE, 1))
            sent += 0.02
