"""The Responder: transcripts in, an agent's words and tool calls out, kept or dropped."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from loguru import logger
from pipecat.frames.frames import (
    CancelFrame,
    EagerEndOfTurnCancelFrame,
    EagerTranscriptionFrame,
    EndFrame,
    EndWorkerFrame,
    Frame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMMessagesAppendFrame,
    TranscriptionFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from agents.events import Event, Finished, Say, ToolEnded, ToolStarted
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
    TurnTiming,
    cancelled,
)


class Conversation(Protocol):
    """What the Responder asks of agents.conversation.Conversation."""

    @property
    def expects(self) -> str: ...
    async def prepare(self, text: str) -> None: ...
    def turn(self, text: str, committed: asyncio.Event) -> AsyncGenerator[Event, None]: ...
    def heard(self, text: str) -> None: ...
    async def close(self) -> None: ...


@dataclass(slots=True)
class _Answer:
    number: int
    text: str  # the caller's words it answers
    timing: TurnTiming | None
    committed: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None
    running: dict[str, str] = field(default_factory=dict[str, str])  # tool call id -> name
    hang_up: bool = False


class Responder(FrameProcessor):
    """Lets the agent answer a turn.

    In: EagerTranscriptionFrame (begin at once, play nothing), TranscriptionFrame (the turn is
    confirmed), LLMMessagesAppendFrame (typed text), AnswerHeard. Out: AnswerStarted, AnswerEvent,
    AnswerEnded, and AnswerCommitted or AnswerDropped.
    """

    def __init__(self, conversation: Conversation, *, greeting: str = "") -> None:
        super().__init__(name="Responder")
        self._conversation = conversation
        self._greeting = greeting
        self._numbers = 0
        self._answer: _Answer | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()  # one change of the answer at a time

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case InterimTranscriptionFrame():
                await self._prepare(frame.text)
            case EagerTranscriptionFrame():
                timing = frame.timing if isinstance(frame, EagerTranscript) else None
                await self._begin(frame.text, timing)
                return
            case TranscriptionFrame():
                await self.push_frame(frame, direction)
                timing = frame.timing if isinstance(frame, FinalTranscript) else None
                await self._confirm(frame.text, timing)
                return
            case EagerEndOfTurnCancelFrame():
                await self._drop()
            case InterruptionFrame():
                await self._stop()
            case LLMMessagesAppendFrame():
                await self._typed(frame)
                return
            case AnswerHeard():
                await self._was_heard(frame)
            case EndFrame() | CancelFrame():
                await self._stop()
                await self._conversation.close()
            case _:
                pass
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        await self._stop()
        await self._conversation.close()
        await super().cleanup()

    async def greet(self) -> None:
        """Speak the agent's greeting, if it has one and nobody has spoken yet."""
        if not self._greeting or self._numbers:
            return
        self._numbers += 1
        number = self._numbers
        await self.push_frame(AnswerStarted(number))
        await self.push_frame(AnswerEvent(number, Say(self._greeting, complete=True)))
        await self.push_frame(AnswerEnded(number))
        await self.push_frame(AnswerCommitted(number))

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

    async def _begin(self, text: str, timing: TurnTiming | None) -> _Answer:
        async with self._lock:
            await self._unprepare()
            await self._drop_locked()
            self._numbers += 1
            answer = _Answer(self._numbers, text, timing)
            self._answer = answer
            answer.task = self.create_task(self._run(answer), f"answer {answer.number}")
            return answer

    async def _confirm(self, text: str, timing: TurnTiming | None) -> None:
        answer = self._answer
        if answer is None or answer.committed.is_set() or _plain(answer.text) != _plain(text):
            answer = await self._begin(text, timing)
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
        await self.push_frame(AnswerStarted(answer.number, answer.timing))
        try:
            async with aclosing(self._conversation.turn(answer.text, answer.committed)) as events:
                async for event in events:
                    await self._take(answer, event)
        except Exception as exc:  # noqa: BLE001 - the edge of a turn: the call must live on
            logger.exception(f"answer {answer.number} failed")
            await self.push_error(f"The agent failed on this turn: {exc}")
            apology = "Sorry, something went wrong. Could you say that again?"
            await self._take(answer, Say(apology, complete=True))
        await self.push_frame(AnswerEnded(answer.number))
        hint = Expecting(self._conversation.expects)
        await self.push_frame(hint, FrameDirection.UPSTREAM)

    async def _take(self, answer: _Answer, event: Event) -> None:
        match event:
            case Say():
                pass
            case ToolStarted():
                answer.running[event.id] = event.name
            case ToolEnded():
                answer.running.pop(event.id, None)
            case Finished():
                answer.hang_up = event.hang_up
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
        answer = self._answer
        if answer is not None and answer.number == frame.answer:
            self._answer = None
            if answer.hang_up and frame.heard == frame.said:
                await self.push_frame(EndWorkerFrame())


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
