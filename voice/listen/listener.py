"""The Listener: audio in, one growing buffer a turn, partial, eager and final transcripts out."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
from loguru import logger
from numpy.typing import NDArray
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EagerEndOfTurnCancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    StartFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import (
    FrameCallback,
    FrameDirection,
    FrameProcessor,
)
from pipecat.utils.time import time_now_iso8601

from voice.frames import (
    AnswerHeard,
    EagerTranscript,
    Expecting,
    FinalTranscript,
    HoldAgent,
    ResumeAgent,
    TurnLost,
    TurnTiming,
    urgent_server_message,
)
from voice.lane import Busy, Lane
from voice.listen.endpoint import EndOfTurn
from voice.listen.interruptions import Decision, GiveWay, GoOn, Read
from voice.listen.languages import Languages
from voice.listen.overtalk import Overtalk
from voice.listen.readings import Readings
from voice.listen.turns import (
    Ended,
    Judge,
    Paused,
    Resumed,
    SpeechStarted,
    TurnEvent,
    TurnSettings,
    TurnTaker,
)
from voice.listen.utterance import Utterance, quiet_seconds
from voice.listen.vad import SAMPLE_RATE, WINDOW, SpeechDetector
from voice.listen.whisper import Transcriber, Transcript
from voice.listen.windows import Windows
from voice.speak.aloud import Aloud

LONGEST_TURN = 120.0  # s; music on the line must not grow one buffer for ever
QUIET_WINDOWS = 2  # 64 ms, longer than most stops inside a word
QUIET_REREAD = 8  # windows; the detector mostly follows after 3
RECOGNIZED = 8.0  # s for a final transcript; base reads 11 s of speech in 0.3 on one core
STARVED = 0.4  # s without a frame in mid-turn (muted, lost network) before silence is assumed


@dataclass(frozen=True, slots=True)
class Ears:
    """The shared engines a Listener works with, each on a thread of its own."""

    transcriber: Transcriber
    transcribing: Lane
    detector: SpeechDetector
    end_of_turn: EndOfTurn
    judging: Lane


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the end-of-turn model said of the silence at `at`, s of audio."""

    at: float
    probability: float


class Listener(FrameProcessor):
    """Turns the caller's audio into turns.

    In: InputAudioRawFrame (PCM16LE mono, any rate 8 to 48 kHz). Out: UserStarted- and
    UserStoppedSpeakingFrame, InterimTranscriptionFrame, EagerTranscript (answer it
    speculatively), EagerEndOfTurnCancelFrame (forget that), FinalTranscript. Sound over the
    agent's talk is HoldAgent at once, then an interruption and a turn like any other, or
    ResumeAgent, and none of the frames above. `languages`: of the agent, its first first; `spoken`
    tells which of them the caller spoke last, "" before any; `aloud`: what the Speaker says
    meanwhile.
    Its event "on_turn" tells every TurnEvent, Verdict, and what was decided of sounds over the
    agent's talk.
    """

    def __init__(
        self,
        ears: Ears,
        settings: TurnSettings,
        *,
        partial_seconds: float,
        caller: str = "caller",
        languages: Sequence[str] = ("en",),
        spoken: Callable[[], str] = lambda: "",
        aloud: Aloud | None = None,
    ) -> None:
        super().__init__(name="Listener")
        self._ears = ears
        self._settings = settings
        self._turns = TurnTaker(settings)
        codes = tuple(code.split("-")[0] for code in languages)
        self._readings = Readings(
            ears.transcriber, ears.transcribing, self.id, lambda: Languages(codes, spoken())
        )
        self._over = Overtalk(aloud or Aloud(), lambda: spoken() or languages[0])
        self._speech = ears.detector.stream()
        self._partial_seconds = partial_seconds
        self._caller = caller
        self._windows = Windows()
        self._utterance = Utterance()
        self._since_partial = 0.0
        self._timing = TurnTiming()
        self._last_audio = 0.0
        self._eager: asyncio.Task[Transcript | None] | None = None
        self._partial: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._register_event_handler("on_turn", sync=True)

    async def queue_frame(
        self,
        frame: Frame,
        direction: FrameDirection = FrameDirection.DOWNSTREAM,
        callback: FrameCallback | None = None,
    ) -> None:
        """Audio is heard at once; pipecat's queue and task for it would cost 0.1 ms a frame."""
        if not isinstance(frame, InputAudioRawFrame) or self._watch is None:
            await super().queue_frame(frame, direction, callback)
        elif not self._cancelling:
            await self._call_event_handler("on_before_process_frame", frame)
            try:
                await self._hear(frame)
            except Exception as exc:  # noqa: BLE001 - the edge of a call: the next frame may be good
                await self.push_error(f"A frame of audio could not be heard: {exc}", exc)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case InputAudioRawFrame():  # before the start
                return  # nobody behind the Listener needs raw audio
            case StartFrame():
                self._watch = self.create_task(self._watch_for_starvation(), "starvation")
            case EndFrame() | CancelFrame():
                await self._stop()
            case BotStartedSpeakingFrame():
                self._over.agent_speaks()
                self._turns.agent_speaking(True)
            case BotStoppedSpeakingFrame():
                self._turns.agent_speaking(False)
                await self._decide(self._over.agent_stops())
            case AnswerHeard():
                self._turns.agent_said(frame.heard)
            case Expecting():
                self._over.asked(frame.hint)
                self._turns.asked(frame.hint)  # type: ignore[arg-type]
            case _:
                pass
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        await self._stop()
        await super().cleanup()

    # -- audio -----------------------------------------------------------------------------

    async def _hear(self, frame: InputAudioRawFrame) -> None:
        self._last_audio = self._now()
        await self._advance(self._windows.of(frame.audio, frame.sample_rate))

    async def _advance(self, windows: Iterator[NDArray[np.float32]]) -> None:
        for window in windows:
            # 0.15 ms of model work: a thread hop would cost more than it saves
            probability = self._speech.step(window)
            self._keep(window)
            speech = probability >= self._settings.interrupt_speech
            if speech and self._over.comes_back(self._now()):
                speech, probability = False, 0.0
            await self._notice_quiet()
            for event in self._turns.step(probability, WINDOW / SAMPLE_RATE):
                await self._take(event)
            for decision in self._over.step(speech, WINDOW / SAMPLE_RATE):
                await self._decide(decision)
            await self._maybe_partial()
            if self._utterance.seconds > LONGEST_TURN:
                logger.warning(f"a turn of {LONGEST_TURN:.0f} s was cut")
                await self._end("longest turn")
                self._turns = TurnTaker(self._settings)

    def _keep(self, window: NDArray[np.float32]) -> None:
        self._utterance.hear(window)
        self._over.hear(window)
        if self._utterance.open:
            self._since_partial += WINDOW / SAMPLE_RATE

    async def _notice_quiet(self) -> None:
        """Begin to read the words when the voice falls silent, before the detector is sure of it.

        It pauses 154 ms after the last sound of the bench's questions (median), this 75 ms; it
        is wrong 1.5 times a question instead of 0.6, which costs a reading of 75 ms beside the
        caller's voice. On a noisy line only the detector decides.
        """
        if not self._utterance.open or self._turns.paused:
            return
        if not self._utterance.quiet:
            if self._eager is not None:
                await self._resume()
        elif self._utterance.quiet == QUIET_WINDOWS and self._eager is None:
            self._pause()

    async def _watch_for_starvation(self) -> None:
        """Audio time stands still when no frames come; in mid-turn, let silence pass instead."""
        while True:
            await asyncio.sleep(0.1)
            if self._utterance.open and self._now() - self._last_audio > STARVED:
                await self._advance(self._windows.silence(0.1))

    # -- turns -----------------------------------------------------------------------------

    async def _take(self, event: TurnEvent) -> None:
        await self._call_event_handler("on_turn", event)
        match event:
            case SpeechStarted():
                await self._start()
            case Paused():
                # a quiet last sound may have followed what was read when the voice fell
                if self._eager is None or self._utterance.quiet > QUIET_REREAD:
                    self._pause()
            case Judge():
                self._spawn(self._judge(self._utterance.audio(), event.at), "judge")
            case Resumed():
                await self._resume()
            case Ended():
                await self._end(event.reason)
            case _:
                assert_never(event)

    async def _start(self) -> None:
        if self._over.tentative:  # the last sound, ended and still being read: lose no turn
            await self._decide(self._over.more_follows())
        self._utterance.begin()
        self._since_partial = 0.0
        self._timing = TurnTiming()
        match self._over.begin():
            case "turn":
                await self._caller_has_the_turn()
            case "hold":
                await self.push_frame(HoldAgent())
            case "sound":
                pass

    async def _caller_has_the_turn(self) -> None:
        self._over.taken()
        await self.push_frame(UserStartedSpeakingFrame())
        await self.broadcast_interruption()

    async def _resume(self) -> None:
        self._forget_eager()
        await self.push_frame(EagerEndOfTurnCancelFrame())

    # -- over the agent's talk -------------------------------------------------------------

    async def _decide(self, decision: Decision | None) -> None:
        if decision is not None and not isinstance(decision, Read):
            await self._call_event_handler("on_turn", decision)
        match decision:
            case None:
                pass
            case Read():
                self._spawn(self._read_over(self._utterance.audio()), "read over the agent")
            case GiveWay():
                logger.info(f"the caller interrupts: {decision.reason}")
                await self._caller_has_the_turn()
            case GoOn():
                logger.info(f"no interruption: {decision.reason}")
                await self._dismiss(decision.reason)
            case _:
                assert_never(decision)

    async def _dismiss(self, reason: str) -> None:
        """The present turn was none."""
        if self._utterance.open:
            self._utterance.drop()
            self._turns.dismiss()
        held = self._over.let_go()
        if self._eager is asyncio.current_task():
            self._eager = None
        self._forget_eager()
        self._cancel_partial()
        if held:
            await self.push_frame(ResumeAgent(reason))

    async def _read_over(self, audio: NDArray[np.float32]) -> None:
        turn, transcript = self._utterance.number, await self._readings.over_talk(audio)
        if turn == self._utterance.number and self._over.tentative:
            text = transcript.text if transcript else ""
            probability = transcript.log_probability if transcript else 0.0
            decision = self._over.read(text, probability, self._now(), paused=False)
            await self._decide(decision)

    def _pause(self) -> None:
        now = self._now()
        audio = self._utterance.audio()
        silence = max(self._turns.silence, quiet_seconds(audio))
        self._timing = TurnTiming(speech_ended=now - silence, transcribe_started=now)
        self._cancel_partial()
        self._forget_eager()
        self._eager = self._spawn(self._recognize(audio, self._timing), "eager")

    async def _recognize(self, audio: NDArray[np.float32], timing: TurnTiming) -> Transcript | None:
        transcript = await self._readings.eager(audio, timing.speech_ended)
        if transcript is None:
            return None
        timing.transcribed = self._now()
        if self._over.tentative:
            text, probability = transcript.text, transcript.log_probability
            await self._decide(self._over.read(text, probability, self._now(), paused=True))
            if not self._utterance.open:
                return transcript
        if transcript.text and not self._over.tentative:
            await self.push_frame(
                EagerTranscript(
                    transcript.text,
                    self._caller,
                    time_now_iso8601(),
                    timing=timing,
                    recognized=transcript.language,
                )
            )
        if self._eager is asyncio.current_task():  # else the turn is over already
            heard = transcript.text, transcript.closing
            for event in self._turns.said(*heard, language=transcript.language):
                await self._take(event)
        return transcript

    async def _judge(self, audio: NDArray[np.float32], asked: float) -> None:
        turn = self._utterance.number
        try:
            probability = await self._ears.judging.run(
                lambda: self._ears.end_of_turn.probability(audio), call=self.id
            )
        except Busy:  # the silence itself still ends the turn
            return
        if turn != self._utterance.number:
            return
        await self._call_event_handler("on_turn", Verdict(asked, probability))
        for event in self._turns.judged(probability, asked):
            await self._take(event)

    async def _end(self, reason: str) -> None:
        timing, eager = self._timing, self._eager
        audio = self._utterance.end()
        self._eager = None
        self._cancel_partial()
        timing.committed = self._now()
        timing.reason = reason
        dismissed = self._over.dismissed if self._over.tentative else None
        if dismissed is None:
            await self.push_frame(UserStoppedSpeakingFrame())
        self._spawn(self._finish(eager, audio, timing, dismissed), "final")

    async def _finish(
        self,
        eager: "asyncio.Task[Transcript | None] | None",
        audio: NDArray[np.float32],
        timing: TurnTiming,
        dismissed: int | None,
    ) -> None:
        """`dismissed`: of a turn that may be none, what the count of those was at its end."""
        try:
            async with asyncio.timeout(RECOGNIZED):
                transcript = await self._final_text(eager, audio, timing)
        except Exception as exc:  # noqa: BLE001 - the edge of a turn: nobody may wait for ever
            match exc:
                case Busy():
                    problem = f"too many calls at once ({exc})"
                case TimeoutError():
                    problem = f"no transcript in {RECOGNIZED:.0f} s"
                case _:
                    logger.exception("the transcriber failed")
                    problem = f"the transcriber failed ({exc})"
            if dismissed is not None and self._over.tentative:
                await self._decide(GoOn(problem))  # it may have been a hum, and the agent can speak
                return
            await self.push_error(f"A turn was not recognized: {problem}")
            await self.push_frame(EagerEndOfTurnCancelFrame())
            await self.push_frame(TurnLost())
            return
        text = transcript.text
        if dismissed is not None:
            if self._over.tentative:
                probability = transcript.log_probability
                decision = self._over.read(text, probability, self._now(), paused=True)
                await self._decide(decision or GoOn("nothing said"))
            if self._over.dismissed != dismissed:
                return
            await self.push_frame(UserStoppedSpeakingFrame())
        if not text:
            await self.push_frame(EagerEndOfTurnCancelFrame())
            await self.push_frame(urgent_server_message({"t": "dropped"}))
            return
        await self.push_frame(
            FinalTranscript(
                text,
                self._caller,
                time_now_iso8601(),
                finalized=True,  # pyright: ignore[reportCallIssue]
                timing=timing,
                recognized=transcript.language,
            )
        )

    async def _final_text(
        self,
        eager: "asyncio.Task[Transcript | None] | None",
        audio: NDArray[np.float32],
        timing: TurnTiming,
    ) -> Transcript:
        # None as well where the lane was too busy for an eager transcript
        transcript = await eager if eager is not None else None
        if transcript is None:
            timing.speech_ended = timing.speech_ended or timing.committed
            timing.transcribe_started = self._now()
            transcript = await self._readings.final(audio, timing.speech_ended)
            timing.transcribed = self._now()
        return transcript

    # -- partial transcripts ---------------------------------------------------------------

    async def _maybe_partial(self) -> None:
        if not self._utterance.open or self._over.tentative:
            return
        if self._eager is not None or self._partial is not None:
            return
        # Long turns cost more to read again: 0.5 s steps up to 10 s, in proportion afterwards.
        step = self._partial_seconds * max(1.0, self._utterance.seconds / 10)
        if self._since_partial < step:
            return
        self._since_partial = 0.0
        self._partial = self._spawn(self._read_partial(self._utterance.audio()), "partial")

    async def _read_partial(self, audio: NDArray[np.float32]) -> None:
        turn = self._utterance.number
        try:
            transcript = await self._readings.partial(audio)
        finally:
            self._partial = None
        if transcript is None:
            return
        if turn == self._utterance.number and transcript.text:
            self._turns.said(transcript.text, language=transcript.language, partial=True)
            await self.push_frame(
                InterimTranscriptionFrame(transcript.text, self._caller, time_now_iso8601())
            )

    # -- housekeeping ----------------------------------------------------------------------

    def _forget_eager(self) -> None:
        self._turns.reading()
        if self._eager is not None:
            self._eager.cancel()
            self._eager = None

    def _cancel_partial(self) -> None:
        if self._partial is not None:
            self._partial.cancel()
            self._partial = None

    def _spawn(self, work: Coroutine[Any, Any, Any], name: str) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = self.create_task(work, name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _stop(self) -> None:
        if self._watch is not None:
            await self.cancel_task(self._watch)
            self._watch = None
        for task in list(self._tasks):
            await self.cancel_task(task)

    def _now(self) -> float:
        return self.get_event_loop().time()
