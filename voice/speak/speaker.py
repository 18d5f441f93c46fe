"""The Speaker: an agent's words in, paced speech out, and a record of what was heard."""

import asyncio
import math

import numpy as np
from loguru import logger
from numpy.typing import NDArray
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.processors.frameworks.rtvi.frames import RTVIClientMessageFrame
from pipecat.utils.text.base_text_aggregator import TextType

from agents.events import Say
from voice.frames import (
    AgentAudio,
    AnswerCommitted,
    AnswerDropped,
    AnswerEnded,
    AnswerEvent,
    AnswerHeard,
    AnswerStarted,
    HoldAgent,
    PlayedBack,
    ResumeAgent,
    played_back,
    server_message,
    shown,
    urgent_server_message,
)
from voice.lane import Priority
from voice.speak.aloud import Aloud
from voice.speak.answer import SENTENCE_PAUSE, Answer, Clause, pause_after
from voice.speak.mouth import Mouth
from voice.speak.playout import Playout
from voice.speak.synthesizer import SpeechError

FRAME_SECONDS = 0.04  # as pipecat's transport sends it by default
LEAD = 0.4  # s of audio sent ahead of its playing: rides out a slow network, bounds a flush
ACKNOWLEDGED = 0.25  # s to wait for a client to say how much it played before it flushed


class Speaker(FrameProcessor):
    """Speaks answers clause by clause, the first as soon as its words are there.

    In: AnswerStarted, AnswerEvent, AnswerEnded, AnswerCommitted, AnswerDropped,
    InterruptionFrame, HoldAgent, ResumeAgent, and PlayedBack, also as a client's message "played".
    Out: AgentAudio (PCM16LE mono at the wire's rate, at most LEAD ahead of its playing),
    TTSTextFrame, and server-messages "answer", "clause", "held", "goes_on", "heard",
    "interrupted" and "latency"; upstream AnswerHeard.
    Plain LLM frames (of another LLM service) are taken as a confirmed answer.

    `clears`: the wire forgets what it has queued on an InterruptionFrame (a carrier's "clear"); a
    client that reports what it played does so on "held". Other clients play what they have, up to
    LEAD, before a held agent is silent.
    """

    def __init__(
        self, mouth: Mouth, *, rate: int, aloud: Aloud | None = None, clears: bool = False
    ) -> None:
        super().__init__(name="Speaker")
        self._mouth = mouth
        self._rate = rate
        self._aloud = aloud or Aloud()
        self._clears = clears
        self._answer: Answer | None = None
        self._committed = 0  # the newest confirmed answer
        self._dropped = 0  # the newest dropped answer
        self._acknowledges = False  # this client reports what it played
        self._settling: Answer | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case AnswerStarted():
                await self._begin(frame)
                return
            case AnswerEvent():
                await self._step(frame)
                return
            case AnswerEnded():
                await self._close(frame.answer)
                return
            case LLMFullResponseStartFrame():  # of another LLM service
                await self._begin(AnswerStarted(self._committed + 1))
                await self._commit(self._committed + 1)
            case LLMTextFrame():
                await self._feed(frame.text)
            case LLMFullResponseEndFrame():
                await self._close(self._committed)
            case AnswerCommitted():
                await self._commit(frame.answer)
                return
            case AnswerDropped():
                self._dropped = max(self._dropped, frame.answer)
                if self._answer is not None and self._answer.number == frame.answer:
                    await self._cancel(self._answer)
                    self._answer = None
                return
            case InterruptionFrame():
                await self.push_frame(frame, direction)
                await self._interrupt()
                return
            case HoldAgent():
                await self._hold()
                return
            case ResumeAgent():
                await self._resume(frame.reason)
                return
            case RTVIClientMessageFrame() if played := played_back(frame):
                self._acknowledges = True
                self._played(played)
            case PlayedBack():
                self._played(frame)
                return
            case EndFrame() | CancelFrame():
                await self._stop()
            case _:
                pass
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        await self._stop()
        await super().cleanup()

    # -- the gate --------------------------------------------------------------------------

    async def _show(self, frames: list[Frame]) -> None:
        """Pass frames on to the client, but nothing of an answer that may yet be dropped."""
        if self._answer is None:
            return
        if not self._answer.committed.is_set():
            self._answer.held += frames
            return
        for frame in frames:
            await self.push_frame(frame)

    async def _commit(self, number: int) -> None:
        self._committed = max(self._committed, number)
        answer = self._answer
        if answer is None or answer.number != number:
            return
        answer.committed.set()
        held, answer.held = answer.held, []
        for frame in held:
            await self.push_frame(frame)

    # -- text ------------------------------------------------------------------------------

    async def _begin(self, frame: AnswerStarted) -> None:
        if frame.answer <= self._dropped:
            return
        if self._answer is not None and self._answer.committed.is_set():
            await self._interrupt()  # an answer that nobody ended: typed text over speech
        elif self._answer is not None:
            await self._cancel(self._answer)
        await self._settle_now()
        answer = self._answer = Answer(
            frame.answer, frame.timing, Playout(self._rate), self._mouth.speaking(frame.language)
        )
        answer.flowing.set()
        if answer.number <= self._committed:
            answer.committed.set()
        answer.tasks = [
            self.create_task(self._synthesize(answer), f"synthesize {answer.number}"),
            self.create_task(self._play(answer), f"play {answer.number}"),
        ]
        await self._show([LLMFullResponseStartFrame()])

    async def _step(self, frame: AnswerEvent) -> None:
        if self._answer is None or self._answer.number != frame.answer:
            return
        await self._show(shown(frame.answer, frame.event))
        if isinstance(frame.event, Say):
            await self._feed(frame.event.text, complete=frame.event.complete)

    async def _feed(self, text: str, *, complete: bool = False) -> None:
        answer = self._answer
        if answer is None:
            return
        clauses = answer.splitter.feed(text)
        if complete:
            clauses += answer.splitter.flush()
        answer.say(clauses, self._now())

    async def _close(self, number: int) -> None:
        answer = self._answer
        if answer is None or answer.number != number:
            return
        await self._show([LLMFullResponseEndFrame()])
        answer.says_no_more(self._now())

    # -- sound -----------------------------------------------------------------------------

    async def _synthesize(self, answer: Answer) -> None:
        first = True
        while (text := await answer.texts.get()) is not None:
            priority = Priority.FIRST_CLAUSE if first else Priority.CLAUSE
            try:
                clip = await answer.mouth.say(
                    text,
                    self._rate,
                    priority,
                    call=self.id,
                    since=answer.timing.speech_ended if answer.timing else None,
                    due=answer.due,
                )
            except Exception as exc:  # noqa: BLE001 - the edge of a clause: the call must live on
                problem = str(exc)
                if not isinstance(exc, SpeechError):
                    logger.exception("the synthesizer failed")
                    problem = repr(exc)
                # Without it the rest would be misunderstood: what was heard ends here.
                await self.push_error(f"A clause could not be spoken: {problem}")
                audio = answer.mouth.apologise(self._rate)
                await answer.clauses.put(Clause("", audio, SENTENCE_PAUSE))
                break
            if len(clip.audio):
                first = False
                clause = Clause(text.strip(), clip.audio, pause_after(text), clip.ends)
                answer.made += len(clip.audio) / self._rate + clause.pause
                await answer.clauses.put(clause)
        await answer.clauses.put(None)

    async def _play(self, answer: Answer) -> None:
        while (clause := await answer.clauses.get()) is not None:
            if answer.timing is not None and not answer.timing.first_audio:
                answer.timing.first_audio = self._now()
            await answer.committed.wait()
            await self._send(answer, clause)
        if answer.playout.started:
            await self._flow(answer, 0.0)
            await self.push_frame(TTSStoppedFrame())
        if self._answer is answer:
            self._answer = None
        await self._report(answer)

    async def _send(self, answer: Answer, clause: Clause) -> None:
        if not answer.playout.started:
            await self.push_frame(TTSStartedFrame())
            await self.push_frame(server_message({"t": "answer", "answer": answer.number}))
        seconds = len(clause.audio) / self._rate
        start = answer.heard.add(clause.text, seconds, clause.pause, clause.ends)
        self._aloud.clause(clause.text)
        await self.push_frame(
            server_message(
                {
                    "t": "clause",
                    "answer": answer.number,
                    "text": clause.text,
                    "start_ms": round(1000 * start),
                    "duration_ms": round(1000 * seconds),
                    "ends_ms": [round(1000 * (start + end), 1) for end in clause.ends],
                }
            )
        )
        text = TTSTextFrame(clause.text, TextType.SENTENCE)
        text.append_to_context = False
        await self.push_frame(text)
        silence = np.zeros(round(clause.pause * self._rate), np.int16)
        audio = np.concatenate([clause.audio, silence])
        step = round(self._rate * FRAME_SECONDS)
        for i in range(0, len(audio), step):
            await self._flow(answer, LEAD)
            if not answer.playout.started:
                await self._first_sample(answer)
            await self._emit(answer, audio[i : i + step])

    async def _flow(self, answer: Answer, ahead: float) -> None:
        """Until no more than `ahead` seconds wait to be played; what was taken back goes first."""
        while True:
            await answer.flowing.wait()
            limit = LEAD if answer.again else ahead
            playout = answer.playout
            wait = playout.ahead(self._now()) - limit if limit else playout.ends - self._now()
            self._aloud.ends = math.inf if limit else self._now() + max(0.0, wait)
            if wait > 1e-4:  # less is below the clock
                await asyncio.sleep(wait)
            elif answer.again:
                await self._emit(answer, answer.again.popleft())
            else:
                return

    async def _emit(self, answer: Answer, chunk: NDArray[np.int16]) -> None:
        start = answer.playout.send(self._now(), chunk)
        self._aloud.play(start, chunk, self._rate)
        audio, sent = chunk.tobytes(), answer.playout.sent
        await self.push_frame(AgentAudio(audio, self._rate, 1, answer=answer.number, ends=sent))

    async def _first_sample(self, answer: Answer) -> None:
        timing = answer.timing
        if timing is None:
            return
        timing.sent = self._now()
        parts = timing.silence()
        await self.push_frame(
            urgent_server_message(
                {
                    "t": "latency",
                    "answer": answer.number,
                    "silence_ms": round(sum(parts.values()), 1),
                    "parts": parts,
                    "reason": timing.reason,
                }
            )
        )

    # -- held ------------------------------------------------------------------------------

    async def _hold(self) -> None:
        """Sound that may be an interruption: fall silent, lose nothing."""
        answer = self._answer
        if answer is None or not answer.playout.started or not answer.flowing.is_set():
            return
        answer.flowing.clear()
        if not (self._acknowledges or self._clears):
            return
        now = self._now()
        answer.playout.hold(now)
        answer.acknowledgement.clear()
        self._aloud.cut(now)
        await self.push_frame(InterruptionFrame())  # to the transport: forget what is queued
        await self.push_frame(urgent_server_message({"t": "held", "answer": answer.number}))

    async def _resume(self, reason: str) -> None:
        """It was none: go on at the start of the word that was broken."""
        answer = self._answer
        if answer is None or answer.flowing.is_set():
            return
        now, playout = self._now(), answer.playout
        if playout.held:
            place = answer.heard.restart(playout.played(now))
            answer.again.extendleft(reversed(playout.resume(now, place)))
            message = {"t": "goes_on", "answer": answer.number, "reason": reason}
            message["from_ms"] = round(1000 * playout.sent)
            await self.push_frame(server_message(message))
        answer.flowing.set()

    # -- heard -----------------------------------------------------------------------------

    def _played(self, played: PlayedBack) -> None:
        for answer in (self._answer, self._settling):
            if answer is None or answer.number != played.answer:
                continue
            if played.plays_on:
                answer.playout.behind(played.seconds, self._now())
                continue
            answer.playout.acknowledge(played.seconds)
            # a report that was on its way when we flushed says too little
            if answer is self._answer or played.flushed:
                answer.acknowledgement.set()

    async def _interrupt(self) -> None:
        answer = self._answer
        if answer is None or not answer.committed.is_set():
            return  # a speculative answer is dropped by its Responder
        self._answer = None
        await self._cancel(answer)
        answer.stopped = self._now()
        self._aloud.cut(answer.stopped)
        if answer.playout.started:
            await self.push_frame(
                urgent_server_message({"t": "interrupted", "answer": answer.number})
            )
        if answer.playout.started and self._acknowledges:
            self._settling = answer
            answer.acknowledgement.clear()
            answer.tasks = [self.create_task(self._settle(answer), f"heard {answer.number}")]
        else:
            await self._report(answer)

    async def _settle(self, answer: Answer) -> None:
        """After an interruption: the client says how much it had played when it flushed."""
        try:
            async with asyncio.timeout(ACKNOWLEDGED):
                await answer.acknowledgement.wait()
        except TimeoutError:
            logger.info("the client did not say what it had played when it flushed")
        await self._report(answer)

    async def _settle_now(self) -> None:
        """A new answer begins: what was heard of the old one must be known before."""
        answer, self._settling = self._settling, None
        if answer is not None and not answer.reported:
            await self._cancel(answer)
            await self._report(answer)

    async def _report(self, answer: Answer) -> None:
        answer.reported = True
        said, heard = answer.said, answer.heard_words
        if not said.startswith(heard):
            logger.error(f"heard is not a prefix of said: {heard!r} / {said!r}")
        await self.push_frame(AnswerHeard(answer.number, said, heard), FrameDirection.UPSTREAM)
        await self.push_frame(
            urgent_server_message(
                {
                    "t": "heard",
                    "answer": answer.number,
                    "said": said,
                    "heard": heard,
                    "final": True,
                }
            )
        )

    # -- housekeeping ----------------------------------------------------------------------

    async def _cancel(self, answer: Answer) -> None:
        for task in answer.tasks:
            if task is not asyncio.current_task():
                await self.cancel_task(task)
        answer.tasks = []

    async def _stop(self) -> None:
        if self._answer is not None:
            await self._cancel(self._answer)
            self._answer = None
        if self._settling is not None:
            await self._cancel(self._settling)
            self._settling = None

    def _now(self) -> float:
        return self.get_event_loop().time()
