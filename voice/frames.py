"""Our frames beside pipecat's: what a turn took, and the gate between thinking and speaking.

An *answer* is one attempt to answer; a speculative one may be dropped before anybody hears it.
Answer numbers grow within a call and are never used twice, so a late frame of a dropped answer
can be told from the present one.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from pipecat.frames.frames import (
    ControlFrame,
    EagerTranscriptionFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallFromLLM,
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    FunctionCallsStartedFrame,
    LLMMessagesAppendFrame,
    LLMTextFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    SystemFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.processors.frameworks.rtvi.frames import RTVIClientMessageFrame

from agents.events import LineCommand, Quoted, Say, ToolEnded, ToolStarted


@dataclass(slots=True)
class TurnTiming:
    """When the parts of one turn happened, in seconds of the event loop's clock; 0 = not yet."""

    speech_ended: float = 0.0  # the last speech sample arrived
    transcribe_started: float = 0.0
    transcribed: float = 0.0
    first_clause: float = 0.0  # text of the answer's first clause
    first_audio: float = 0.0  # its sound is ready
    committed: float = 0.0
    sent: float = 0.0  # its first sample left for the wire
    reason: str = ""  # why the turn was taken to be over

    def silence(self) -> dict[str, float]:
        """Milliseconds from the caller's last speech sample to the first sample sent.

        The parts follow each other and sum to the whole: waiting for silence, recognition, the
        model's first clause, its synthesis, and waiting for the turn to be confirmed.
        """
        marks = [self.speech_ended, self.transcribe_started, self.transcribed]
        marks += [self.first_clause, self.first_audio, self.sent]
        for i in range(1, len(marks)):
            marks[i] = max(marks[i], marks[i - 1])
        waits = [round(1000 * (b - a), 1) for a, b in itertools.pairwise(marks)]
        pause, transcribe, think, speak, confirm = waits
        return {
            "endpoint_ms": round(pause + confirm, 1),
            "transcribe_ms": transcribe,
            "think_ms": think,
            "speak_ms": speak,
        }


@dataclass
class EagerTranscript(EagerTranscriptionFrame):
    """The caller paused: the whole turn so far, to be answered speculatively."""

    timing: TurnTiming | None = None
    recognized: str = ""  # the language, as the recognizer tells it


@dataclass
class FinalTranscript(TranscriptionFrame):
    """The turn is confirmed: its whole transcript."""

    timing: TurnTiming | None = None
    recognized: str = ""  # the language, as the recognizer tells it


@dataclass
class TurnLost(SystemFrame):
    """The caller's turn is over and cannot be recognized; they have to be told."""


@dataclass
class AnswerStarted(ControlFrame):
    """Text of a new answer follows; nothing of it is played before `AnswerCommitted`."""

    answer: int
    timing: TurnTiming | None = None
    language: str = ""  # "": the call's first


@dataclass
class AnswerCommitted(SystemFrame):
    """The turn that this answer belongs to is confirmed: play it."""

    answer: int


@dataclass
class AnswerDropped(SystemFrame):
    """The caller went on: forget this answer, nobody heard it."""

    answer: int


@dataclass
class AnswerEvent(ControlFrame):
    """One step of the answer: text to speak, a tool that runs or has run."""

    answer: int
    event: Say | ToolStarted | ToolEnded | Quoted


@dataclass
class AnswerEnded(ControlFrame):
    """The answer's text is complete."""

    answer: int


@dataclass
class AnswerHeard(SystemFrame):
    """An answer ended, played to its end or cut off. Goes upstream to the Responder."""

    answer: int
    said: str
    heard: str


@dataclass
class AgentAudio(TTSAudioRawFrame):
    """The agent's sound, and where in which answer it ends."""

    answer: int = 0
    ends: float = 0.0  # s


@dataclass
class PlayedBack(SystemFrame):
    """The far end says that it has played an answer up to this place, s. To the Speaker.

    `flushed`: and forgot the rest, as it was told to. `plays_on`: what follows is played without
    a break (a carrier's mark); else this place is all that is known.
    """

    answer: int
    seconds: float
    flushed: bool = False
    plays_on: bool = False


@dataclass
class KeyedIn(LLMMessagesAppendFrame):
    """The caller's keys, as typed text. Their digits are for the agent, and for no log."""


@dataclass
class LineDoes(SystemFrame):
    """What was said with it was heard: the telephone line is to do this."""

    command: LineCommand


@dataclass
class LineFailed(SystemFrame):
    """The line could not do what it was asked for. To the Responder, from either side."""

    command: LineCommand
    problem: str


@dataclass
class HoldAgent(SystemFrame):
    """Sound that may be an interruption: the agent's sound stops where it is. To the Speaker."""


@dataclass
class ResumeAgent(SystemFrame):
    """It was none: the agent speaks on from where it was held."""

    reason: str


@dataclass
class Expecting(SystemFrame):
    """What kind of reply the agent has just asked for. Goes upstream to the Listener."""

    hint: str = field(default="")


def shown(answer: int, event: Say | ToolStarted | ToolEnded | Quoted) -> list[Frame]:
    """The frames by which pipecat, and so an RTVI client, knows this step of an answer."""
    match event:
        case Say():
            return [LLMTextFrame(event.text)]
        case ToolStarted():
            call = FunctionCallFromLLM(event.name, event.id, event.arguments, context=None)
            return [
                FunctionCallsStartedFrame([call]),
                FunctionCallInProgressFrame(event.name, event.id, event.arguments),
            ]
        case ToolEnded():
            result = event.result if event.error is None else {"error": event.error}
            return [FunctionCallResultFrame(event.name, event.id, {}, result)]
        case Quoted():
            source = {"file": event.file, "heading": event.heading, "text": event.text}
            return [server_message({"t": "source", "answer": answer, **source})]
        case _:
            assert_never(event)


def played_back(frame: RTVIClientMessageFrame) -> PlayedBack | None:
    """A client's message "played", if it is one. One that only knows a flush does not name it."""
    match frame.type, frame.data:
        case "played", {"answer": int(number), "ms": int(ms) | float(ms)}:
            return PlayedBack(number, ms / 1000, bool(frame.data.get("flushed", True)))
        case _:
            return None


def cancelled(running: Mapping[str, str]) -> list[Frame]:
    """The frames that say that these tool calls (id to name) were given up."""
    return [FunctionCallCancelFrame(name, call_id) for call_id, name in running.items()]


def server_message(data: dict[str, Any]) -> OutputTransportMessageFrame:
    """An RTVI server-message that keeps its place among the audio."""
    return OutputTransportMessageFrame(message=_envelope(data))


def urgent_server_message(data: dict[str, Any]) -> OutputTransportMessageUrgentFrame:
    """An RTVI server-message that overtakes queued audio."""
    return OutputTransportMessageUrgentFrame(message=_envelope(data))


def _envelope(data: dict[str, Any]) -> dict[str, Any]:
    return {"label": "rtvi-ai", "type": "server-message", "data": data}
