"""What a call's processors do, as lines and sounds of its journal.

Every line is {"at": seconds since the call began, "event": name, ...}:

    speaking, stopped            the caller's voice began and ended a turn
    paused, judge, verdict, resumed, ended   the turn-taker's decisions, with their reasons
    partial, eager, final        transcripts; eager.dropped where the caller went on
    lost                         a turn was over and could not be recognized
    answer.started .committed .dropped .ended, say, tool.started, tool.ended, expecting
    tokens                       what a model wrote for one request: its pieces, when each came
    tool.checked                 what a tool's own check said before anything was asked
    answer, clause, source, interrupted, heard, latency, ...   the server-messages of README.md
    arrived                      this sample of the caller's track came at this time; the next at
                                 their own pace, until another such line
    typed, flushed, error, hang_up, memory (an error of heard memory)
    end                          the call's summary; missing where the process died
"""

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, assert_never

from loguru import logger
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    EagerEndOfTurnCancelFrame,
    EagerTranscriptionFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMMessagesAppendFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.processors.frameworks.rtvi.frames import RTVIClientMessageFrame

from agents.events import Quoted, Say, ToolEnded, ToolStarted
from agents.notes import Checked, Note, Written
from voice.frames import (
    AnswerCommitted,
    AnswerDropped,
    AnswerEnded,
    AnswerEvent,
    AnswerHeard,
    AnswerStarted,
    Expecting,
    FinalTranscript,
    KeyedIn,
    TurnLost,
    played_back,
)
from voice.journal.masking import masked
from voice.journal.memory import HeardMemory
from voice.journal.tracks import Played, Received
from voice.journal.writer import Sink
from voice.listen.interruptions import Decision, GiveWay, GoOn, Read
from voice.listen.listener import Verdict
from voice.listen.turns import Ended, Judge, Paused, Resumed, SpeechStarted, TurnEvent

SECRET = 4  # keys: a PIN; shorter ones choose from a menu, and their digits are everywhere
History = Callable[[], Sequence[str]]


class Recorder:
    """Hooks into a call's three processors; costs a function call a frame, and never waits.

    `clock` gives seconds (the event loop's); the call begins when `attach` is called. `history`
    gives what the agent's memory holds of its own lines. Keys that a caller pressed are written as
    dots unless `show_keys`, and so are SECRET of them or more wherever they come again; in the
    agent's own words they may still be heard.
    """

    def __init__(
        self,
        sink: Sink,
        clock: Callable[[], float],
        *,
        in_rate: int,
        out_rate: int,
        history: History | None = None,
        show_keys: bool = False,
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._began = clock()
        self._received = Received(in_rate)
        self._played = Played(out_rate)
        self._history = history
        self._memory = HeardMemory()
        self._turns = 0
        self._answer = 0  # the newest that was begun
        self._interruptions = 0
        self._silences: list[float] = []
        self._show_keys = show_keys
        self._secrets: list[re.Pattern[str]] = []

    def attach(
        self, listener: FrameProcessor, responder: FrameProcessor, speaker: FrameProcessor
    ) -> None:
        self._began = self._clock()
        listener.add_event_handler("on_turn", self._on_turn)
        listener.add_event_handler("on_before_process_frame", self._listener_takes)
        listener.add_event_handler("on_before_push_frame", self._listener_pushes)
        responder.add_event_handler("on_before_process_frame", self._responder_takes)
        responder.add_event_handler("on_after_process_frame", self._responder_took)
        responder.add_event_handler("on_before_push_frame", self._responder_pushes)
        speaker.add_event_handler("on_before_process_frame", self._speaker_takes)
        speaker.add_event_handler("on_before_push_frame", self._speaker_pushes)

    @property
    def now(self) -> float:
        """Seconds since the call began."""
        return self._clock() - self._began

    def note(self, event: str, **data: Any) -> None:
        if self._secrets:
            data = masked(data, self._hidden)
        self._sink.line({"at": round(self.now, 4), "event": event, **data})

    def end(self, **data: Any) -> None:
        """The last sound and the summary."""
        now = self.now
        for sound in self._received.rest() + self._played.until(now, all_of_it=True):
            self._sink.sound(sound)
        silences = self._silences
        self.note(
            "end",
            seconds=round(now, 3),
            turns=self._turns,
            interruptions=self._interruptions,
            median_silence_ms=round(statistics.median(silences), 1) if silences else None,
            heard_answers=self._memory.answers,
            heard_errors=self._memory.errors,
            **data,
        )

    # -- the Listener ----------------------------------------------------------------------

    def _listener_takes(self, _: FrameProcessor, frame: Frame) -> None:
        if isinstance(frame, InputAudioRawFrame):
            now = self.now
            sounds, anchor = self._received.take(now, frame.audio)
            if anchor is not None:
                self.note("arrived", sample=anchor)
            for sound in sounds:
                self._sink.sound(sound)
            if sounds:
                for sound in self._played.until(now):
                    self._sink.sound(sound)
        elif isinstance(frame, BotStartedSpeakingFrame):
            self.note("playing")

    def _on_turn(self, _: FrameProcessor, event: TurnEvent | Verdict | Decision) -> None:
        match event:
            case Read():
                return
            case GiveWay():
                self.note("gives way", reason=event.reason)
                return
            case GoOn():
                self.note("goes on", reason=event.reason)
                return
            case SpeechStarted():
                name = "speech"
            case Paused():
                name = "paused"
            case Judge():
                name = "judge"
            case Verdict():
                name = "verdict"
            case Resumed():
                name = "resumed"
            case Ended():
                name = "ended"
            case _:
                assert_never(event)
        # `audio` counts the seconds of sound received, `at` the call's
        data = asdict(event)
        self.note(name, audio=round(data.pop("at"), 3), **data)

    def _listener_pushes(self, _: FrameProcessor, frame: Frame) -> None:
        match frame:
            case UserStartedSpeakingFrame():
                self.note("speaking")
            case UserStoppedSpeakingFrame():
                self.note("stopped")
            case InterimTranscriptionFrame():
                self.note("partial", text=frame.text)
            case EagerTranscriptionFrame():
                self.note("eager", text=frame.text)
            case EagerEndOfTurnCancelFrame():
                self.note("eager.dropped")
            case TranscriptionFrame():
                self._final(frame)
            case TurnLost():
                self.note("lost")
            case ErrorFrame():  # every processor's errors pass here
                self.note("error", text=frame.error)
            case _:
                pass

    def _final(self, frame: TranscriptionFrame) -> None:
        self._turns += 1
        timing = frame.timing if isinstance(frame, FinalTranscript) else None
        data: dict[str, Any] = {}
        if timing is not None:
            data = {
                "reason": timing.reason,
                "speech_ended": round(timing.speech_ended - self._began, 3),
                "committed": round(timing.committed - self._began, 3),
            }
        self.note("final", text=frame.text, **data)

    # -- the Responder ---------------------------------------------------------------------

    def _responder_takes(self, _: FrameProcessor, frame: Frame) -> None:
        if isinstance(frame, LLMMessagesAppendFrame):
            texts = [m.get("content") for m in frame.messages if isinstance(m, dict)]
            self._turns += 1
            text = " ".join(t for t in texts if isinstance(t, str))
            if isinstance(frame, KeyedIn) and not self._show_keys:
                if len(text) >= SECRET:
                    self._secrets.append(re.compile(r"[\W_]{0,2}".join(map(re.escape, text))))
                text = "•" * len(text)
            self.note("typed", text=text)

    def _hidden(self, text: str) -> str:
        for secret in self._secrets:
            text = secret.sub(lambda found: "•" * len(found[0]), text)
        return text

    def _responder_took(self, _: FrameProcessor, frame: Frame) -> None:
        if not isinstance(frame, AnswerHeard):
            return
        history = self._history() if self._history is not None else None
        for wrong in self._memory.reported(frame.answer, frame.said, frame.heard, history):
            logger.error(f"heard memory: {wrong}")
            self.note("memory", answer=frame.answer, text=wrong)

    def _responder_pushes(self, _: FrameProcessor, frame: Frame) -> None:
        match frame:
            case AnswerStarted():
                self._answer = frame.answer
                self.note("answer.started", answer=frame.answer)
            case AnswerCommitted():
                self._memory.committed(frame.answer)
                self.note("answer.committed", answer=frame.answer)
            case AnswerDropped():
                self.note("answer.dropped", answer=frame.answer)
            case AnswerEnded():
                self.note("answer.ended", answer=frame.answer)
            case AnswerEvent():
                self._step(frame)
            case Expecting() if frame.hint:
                self.note("expecting", hint=frame.hint)
            case _:
                pass

    def turn_noted(self, note: Note) -> None:
        """Of the answer that was begun last: a conversation has one turn at a time."""
        match note:
            case Written():
                self.note("tokens", answer=self._answer, **asdict(note))
            case Checked():
                self.note("tool.checked", answer=self._answer, **asdict(note))
            case _ as never:
                assert_never(never)

    def _step(self, frame: AnswerEvent) -> None:
        match frame.event:
            case Say() as say:
                self.note("say", answer=frame.answer, text=say.text, complete=say.complete)
            case ToolStarted() as tool:
                self.note("tool.started", answer=frame.answer, **asdict(tool))
            case ToolEnded() as tool:
                self.note("tool.ended", answer=frame.answer, **asdict(tool))
            case Quoted():
                pass  # as the server-message that the client gets
            case _ as never:
                assert_never(never)

    # -- the Speaker -----------------------------------------------------------------------

    def _speaker_takes(self, _: FrameProcessor, frame: Frame) -> None:
        if isinstance(frame, RTVIClientMessageFrame):
            played = played_back(frame)
            if played is not None and played.flushed:
                self.note("flushed", answer=played.answer, ms=round(1000 * played.seconds, 3))

    def _speaker_pushes(self, _: FrameProcessor, frame: Frame) -> None:
        match frame:
            case TTSAudioRawFrame():
                self._played.play(self.now, frame.audio)
            case InterruptionFrame():
                self._played.flush(self.now)
            case OutputTransportMessageFrame() | OutputTransportMessageUrgentFrame():
                self._message(frame.message)
            case _:
                pass

    def _message(self, message: Any) -> None:
        """A server-message is an event of its own name."""
        match message:
            case {"type": "server-message", "data": {"t": str(name), **data}}:
                pass
            case _:
                return
        if name == "latency":
            self._silences.append(float(data["silence_ms"]))
        elif name == "interrupted":
            self._interruptions += 1
        self.note(name, **data)
