"""The Responder: transcripts in, an agent's words and tool calls out, kept or dropped."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from loguru import logger
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EagerEndOfTurnCancelFrame,
    EagerTranscriptionFrame,
    EndFrame,
    EndWorkerFrame,
    Frame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMMessagesAppendFrame,
    StartFrame,
    TranscriptionFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from agents.conversation import Aside
from agents.events import (
    Event,
    Finished,
    Hold,
    LineCommand,
    Quoted,
    Say,
    ToolEnded,
    ToolStarted,
    Transfer,
)
from voice.frames import (
    AnswerCommitted,
    AnswerDropped,
    AnswerEnded,
    AnswerEvent,
    AnswerHeard,
    AnswerStarted,
    EagerTranscript,
    Expecting,
    FinalTranscript,
    LineDoes,
    LineFailed,
    TurnLost,
    TurnTiming,
    cancelled,
)


class Conversation(Protocol):
    """What the Responder asks of agents.conversation.Conversation."""

    @property
    def expects(self) -> str: ...
    @property
    def quiet_seconds(self) -> float: ...
    @property
    def spoken(self) -> str: ...
    def phrase(self, name: Aside) -> str: ...
    def language(self, text: str = "", recognized: str = "") -> str: ...
    async def prepare(self, text: str) -> None: ...
    def turn(
        self, text: str, committed: asyncio.Event, recognized: str = ""
    ) -> AsyncGenerator[Event, None]: ...
    def heard(self, text: str) -> None: ...
    async def close(self) -> None: ...


WORDS_AFTER = 1.5  # s after the end of a turn; a transcript is there in 0.1 unless many call


@dataclass(slots=True)
class _Answer:
    number: int
    text: str  # the caller's words it answers
    timing: TurnTiming | None
    recognized: str = ""  # the language of these words, as the recognizer tells it
    committed: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None
    running: dict[str, str] = field(default_factory=dict[str, str])  # tool call id -> name
    hang_up: bool = False
    then: tuple[LineCommand, ...] = ()  # what a telephone line is to do


class Responder(FrameProcessor):
    """Lets the agent answer a turn.

    In: EagerTranscriptionFrame (begin at once, play nothing), TranscriptionFrame (the turn is
    confirmed), LLMMessagesAppendFrame (typed text), AnswerHeard. Out: AnswerStarted, AnswerEvent,
    AnswerEnded, and AnswerCommitted or AnswerDropped; LineDoes once an answer was heard.
    """

    def __init__(self, conversation: Conversation, *, greeting: str = "") -> None:
        super().__init__(name="Responder")
        self._conversation = conversation
        self._greeting = greeting
        self._numbers = 0
        self._answer: _Answer | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._attending: asyncio.Task[None] | None = None
        self._caller_speaks = self._agent_speaks = False
        self._asked_if_there = False
        self._waits_until = 0.0  # the caller asked for a moment
        self._last_words = 0  # the number of the answer after which we hang up
        self._preparing: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()  # one change of the answer at a time

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case InterimTranscriptionFrame():
                await self._prepare(frame.text)
            case EagerTranscriptionFrame():
                if isinstance(frame, EagerTranscript):
                    await self._begin(frame.text, frame.timing, frame.recognized)
                else:
                    await self._begin(frame.text, None)
                return
            case TranscriptionFrame():
                self._understood()
                self._asked_if_there = False
                await self.push_frame(frame, direction)
                if isinstance(frame, FinalTranscript):
                    await self._confirm(frame.text, frame.timing, frame.recognized)
                else:
                    await self._confirm(frame.text, None)
                return
            case EagerEndOfTurnCancelFrame():
                self._understood()
                await self._drop()
            case TurnLost():
                self._understood()
                await self._aside("missed")
                return
            case StartFrame():
                self._attending = self.create_task(self._attend(), "attend")
            case UserStartedSpeakingFrame():
                self._caller_speaks = True
            case UserStoppedSpeakingFrame():
                self._caller_speaks = False
                self._await_words()
            case BotStartedSpeakingFrame():
                self._agent_speaks = True
            case BotStoppedSpeakingFrame():
                self._agent_speaks = False
            case InterruptionFrame():
                await self._stop()
            case LLMMessagesAppendFrame():
                await self._typed(frame)
                return
            case AnswerHeard():
                await self._was_heard(frame)
            case LineFailed():
                logger.warning(f"the line could not do {frame.command}: {frame.problem}")
                if isinstance(frame.command, Transfer):
                    await self._aside("not put through")
                return
            case EndFrame() | CancelFrame():
                await self._leave()
            case _:
                pass
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        await self._leave()
        await super().cleanup()

    async def _leave(self) -> None:
        for task in (self._attending, self._hearing):
            if task is not None:
                await self.cancel_task(task)
        self._attending = self._hearing = None
        await self._stop()
        await self._conversation.close()

    async def greet(self) -> None:
        """Speak the agent's greeting, if it has one and nobody has spoken yet."""
        if self._greeting and not self._numbers:
            await self._speak(self._greeting)

    async def _speak(self, text: str) -> int:
        """Words that are no answer to a turn; returns their number."""
        self._numbers += 1
        number = self._numbers
        await self.push_frame(AnswerStarted(number, language=self._conversation.language()))
        await self.push_frame(AnswerEvent(number, Say(text, complete=True)))
        await self.push_frame(AnswerEnded(number))
        await self.push_frame(AnswerCommitted(number))
        return number

    # -- beside the answers ----------------------------------------------------------------

    async def _aside(self, name: Aside) -> int:
        async with self._lock:
            await self._drop_locked()
            return await self._speak(self._conversation.phrase(name))

    def _await_words(self) -> None:
        """The turn is over: its transcript comes at once, or the caller is told to wait."""
        self._understood()
        self._hearing = self.create_task(self._say_to_wait(), "await words")

    def _understood(self) -> None:
        task, self._hearing = self._hearing, None
        if task is not None:
            task.cancel()

    async def _say_to_wait(self) -> None:
        await asyncio.sleep(WORDS_AFTER)
        self._hearing = None  # from here on it is not to be cut
        await self._aside("waits")

    async def _attend(self) -> None:
        """Ask a silent caller whether they are there; after as long a silence again, hang up."""
        loop = self.get_event_loop()
        quiet_since = loop.time()
        while True:
            await asyncio.sleep(0.5)
            waits = loop.time() < self._waits_until
            if waits or self._caller_speaks or self._agent_speaks or self._answer is not None:
                quiet_since = loop.time()
            elif loop.time() - quiet_since >= self._conversation.quiet_seconds:
                quiet_since = loop.time()
                if self._asked_if_there:
                    self._last_words = await self._aside("nobody")
                else:
                    self._asked_if_there = True
                    await self._aside("still there")

    # -- before the pause ------------------------------------------------------------------

    async def _prepare(self, text: str) -> None:
        await self._unprepare()
        if self._answer is None or self._answer.committed.is_set():
            self._preparing = self.create_task(self._conversation.prepare(text), "prepare")

    async def _unprepare(self) -> None:
        task, self._preparing = self._preparing, None
        if task is not None:
            await self.cancel_task(task)

    # -- one answer ------------------------------------------------------------------------

    async def _begin(self, text: str, timing: TurnTiming | None, recognized: str = "") -> _Answer:
        async with self._lock:
            await self._unprepare()
            await self._drop_locked()
            self._numbers += 1
            answer = _Answer(self._numbers, text, timing, recognized)
            self._answer = answer
            answer.task = self.create_task(self._run(answer), f"answer {answer.number}")
            return answer

    async def _confirm(self, text: str, timing: TurnTiming | None, recognized: str = "") -> None:
        answer = self._answer
        if answer is None or answer.committed.is_set() or _plain(answer.text) != _plain(text):
            answer = await self._begin(text, timing, recognized)
        answer.committed.set()
        await self.push_frame(AnswerCommitted(answer.number))

    async def _typed(self, frame: LLMMessagesAppendFrame) -> None:
        texts = [message.get("content") for message in frame.messages if isinstance(message, dict)]
        text = " ".join(part for part in texts if isinstance(part, str)).strip()
        if text and frame.run_llm is not False:
            now = self.get_event_loop().time()
            await self._stop()
            await self._confirm(text, TurnTiming(now, now, now, committed=now, reason="typed"))

    async def _run(self, answer: _Answer) -> None:
        language = self._conversation.language(answer.text, answer.recognized)
        await self.push_frame(AnswerStarted(answer.number, answer.timing, language))
        turn = self._conversation.turn(answer.text, answer.committed, answer.recognized)
        try:
            async with aclosing(turn) as events:
                async for event in events:
                    await self._take(answer, event)
        except Exception as exc:  # noqa: BLE001 - the edge of a turn: the call must live on
            logger.exception(f"answer {answer.number} failed")
            await self.push_error(f"The agent failed on this turn: {exc}")
            await self._take(answer, Say(self._conversation.phrase("engine"), complete=True))
        await self.push_frame(AnswerEnded(answer.number))
        hint = Expecting(self._conversation.expects)
        await self.push_frame(hint, FrameDirection.UPSTREAM)

    async def _take(self, answer: _Answer, event: Event) -> None:
        match event:
            case Say() | Quoted():
                pass
            case ToolStarted():
                answer.running[event.id] = event.name
            case ToolEnded():
                answer.running.pop(event.id, None)
            case Finished():
                answer.hang_up, answer.then = event.hang_up, event.then
                return
            case _:
                assert_never(event)
        await self.push_frame(AnswerEvent(answer.number, event))

    async def _drop(self) -> None:
        async with self._lock:
            await self._drop_locked()

    async def _drop_locked(self) -> None:
        """Forget an answer whose turn was not confirmed; a confirmed one is left alone."""
        answer = self._answer
        if answer is None or answer.committed.is_set():
            return
        self._answer = None
        await self._end(answer)
        await self.push_frame(AnswerDropped(answer.number))

    async def _stop(self) -> None:
        """The caller interrupts, or the call ends: stop thinking, keep what was confirmed."""
        async with self._lock:
            await self._unprepare()
            answer, self._answer = self._answer, None
            if answer is not None:
                await self._end(answer)
                if not answer.committed.is_set():  # what was heard of the others is still needed
                    await self.push_frame(AnswerDropped(answer.number))

    async def _end(self, answer: _Answer) -> None:
        if answer.task is not None:
            await self.cancel_task(answer.task)
        if answer.committed.is_set():
            for frame in cancelled(answer.running):
                await self.push_frame(frame)

    async def _was_heard(self, frame: AnswerHeard) -> None:
        self._conversation.heard(frame.heard)
        if frame.answer == self._last_words and frame.heard == frame.said:
            await self.push_frame(EndWorkerFrame())
        answer = self._answer
        if answer is not None and answer.number == frame.answer:
            self._answer = None
            if frame.heard == frame.said:
                await self._afterwards(answer)

    async def _afterwards(self, answer: _Answer) -> None:
        """The answer was heard to its end."""
        for command in answer.then:
            if isinstance(command, Hold):
                self._waits_until = self.get_event_loop().time() + command.seconds
            await self.push_frame(LineDoes(command))
        if answer.hang_up:
            await self.push_frame(EndWorkerFrame())


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
