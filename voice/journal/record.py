"""A journal read back: the call as turns and answers."""

import datetime as dt
import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voice.journal.files import EVENTS, JournalError
from voice.journal.shelf import header_of
from voice.journal.tracks import Arrivals


@dataclass(frozen=True, slots=True)
class Line:
    at: float  # s since the call began
    event: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Clause:
    text: str
    start: float  # s in its answer's sound
    seconds: float
    at: float  # s of the call at which it began to be played


@dataclass(frozen=True, slots=True)
class ToolCall:
    at: float
    name: str
    arguments: Mapping[str, Any]
    result: Any = None
    error: str | None = None
    seconds: float | None = None  # None: it had not ended


@dataclass(slots=True)
class Answer:
    """One attempt to answer; `dropped` where the caller went on and nobody heard it."""

    number: int
    started: float  # when thinking began
    text: str = ""  # the words it answers
    committed: float | None = None
    dropped: float | None = None
    sent: float | None = None  # when its first sample was
    interrupted: float | None = None
    held: float | None = None
    said: str = ""
    heard: str = ""
    reported: bool = False
    silence_ms: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    clauses: list[Clause] = field(default_factory=list[Clause])
    tools: list[ToolCall] = field(default_factory=list[ToolCall])
    sources: list[str] = field(default_factory=list[str])  # file and heading of what it rests on

    @property
    def cut(self) -> str:
        """What was said and not heard."""
        return self.said[len(self.heard) :].strip() if self.said.startswith(self.heard) else ""


@dataclass(slots=True)
class Turn:
    """One turn of the caller; `ended` is its last sound, `committed` when it was taken as over."""

    number: int
    text: str
    began: float
    ended: float
    committed: float
    reason: str
    typed: bool = False
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """One call. `complete` is False where the process died before the call ended."""

    header: Mapping[str, Any]
    lines: tuple[Line, ...]
    turns: tuple[Turn, ...]
    answers: Mapping[int, Answer]
    complete: bool
    folder: Path | None = None

    @property
    def call(self) -> str:
        return str(self.header["call"])

    @property
    def began(self) -> dt.datetime:
        return dt.datetime.fromisoformat(str(self.header["began"]))

    @property
    def seconds(self) -> float:
        return self.lines[-1].at if self.lines else 0.0

    @property
    def asides(self) -> list[Answer]:
        """What the agent said unasked: the greeting, "are you still there?"."""
        answered = {turn.answer.number for turn in self.turns if turn.answer}
        return [
            answer
            for answer in self.answers.values()
            if answer.committed is not None and answer.number not in answered
        ]

    @property
    def wasted(self) -> list[Answer]:
        return [answer for answer in self.answers.values() if answer.dropped is not None]

    @property
    def arrivals(self) -> Arrivals:
        """When the samples of the caller's track arrived."""
        anchors = [(int(line.data["sample"]), line.at) for line in self.of("arrived")]
        return Arrivals(anchors, int(self.header["in_rate"]))

    def of(self, event: str) -> list[Line]:
        return [line for line in self.lines if line.event == event]


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of `openline calls list`."""

    call: str
    began: dt.datetime
    agent: str
    llm: str
    seconds: float
    turns: int
    interruptions: int
    median_silence_ms: float | None
    heard_errors: int
    complete: bool


def read(folder: Path) -> Recorded:
    """The journal in `folder`; a last line that was cut by a kill is ignored.

    Raises JournalError.
    """
    header = header_of(folder)
    try:
        text = (folder / EVENTS).read_text(encoding="utf-8", errors="replace")
    except OSError as exc:
        raise JournalError(f"{folder / EVENTS}: {exc.strerror}") from exc
    return recorded(header, _parse(text), folder)


def recorded(
    header: Mapping[str, Any], lines: Iterable[Mapping[str, Any]], folder: Path | None = None
) -> Recorded:
    """A call from its journal's lines, e.g. of a replay in memory."""
    made = tuple(
        Line(float(line["at"]), str(line["event"]), {**line}) for line in lines if "event" in line
    )
    builder = _Builder()
    for line in made:
        builder.take(line)
    complete = bool(made) and made[-1].event == "end"
    return Recorded(header, made, tuple(builder.turns), builder.answers, complete, folder)


def summary(folder: Path) -> Summary:
    """What `calls list` shows; a complete call costs its last line only. Raises JournalError."""
    header = header_of(folder)
    end = _last_line(folder / EVENTS)
    complete = end.get("event") == "end"
    if not complete:
        call = read(folder)
        silences = [a.silence_ms for a in call.answers.values() if a.silence_ms is not None]
        counted: dict[str, Any] = {
            "seconds": call.seconds,
            "turns": len(call.turns),
            "interruptions": len(call.of("interrupted")),
            "median_silence_ms": statistics.median(silences) if silences else None,
            "heard_errors": len(call.of("memory")),
        }
        end = counted
    return Summary(
        str(header["call"]),
        dt.datetime.fromisoformat(str(header["began"])),
        str(header["agent"]),
        str(header["llm"]),
        float(end["seconds"]),
        int(end["turns"]),
        int(end["interruptions"]),
        end["median_silence_ms"],
        int(end["heard_errors"]),
        complete,
    )


def _parse(text: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue  # the line at which the process was killed
    return lines


def _last_line(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            lines = _parse(file.read().decode(errors="replace"))
    except OSError as exc:
        raise JournalError(f"{path}: {exc.strerror}") from exc
    return lines[-1] if lines else {}


class _Builder:
    """Puts lines together into turns and answers."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.answers: dict[int, Answer] = {}
        self._speaking = 0.0
        self._words = ""  # the newest eager or final transcript

    def take(self, line: Line) -> None:
        data = line.data
        match line.event:
            case "speech":  # in seconds of audio, whose end is now
                self._speaking = line.at - (data["audio"] - data["began"])
            case "eager":
                self._words = data["text"]
            case "final" | "typed":
                self._turn(line)
            case _ if "answer" in data:
                # a confirmed turn's answer is committed before it starts
                number = int(data["answer"])
                made = Answer(number, line.at, self._words)
                self._step(self.answers.setdefault(number, made), line)
            case _:
                pass

    def _turn(self, line: Line) -> None:
        data, typed = line.data, line.event == "typed"
        self._words = data["text"]
        ended = float(data.get("speech_ended", line.at))
        began = line.at if typed else min(self._speaking, ended)
        reason = "typed" if typed else str(data.get("reason", ""))
        committed = float(data.get("committed", line.at))
        number = len(self.turns) + 1
        self.turns.append(Turn(number, data["text"], began, ended, committed, reason, typed))

    def _step(self, answer: Answer, line: Line) -> None:
        data = line.data
        match line.event:
            case "answer.committed":
                answer.committed = line.at
                if self.turns and self.turns[-1].answer is None:
                    self.turns[-1].answer = answer
            case "answer.dropped":
                answer.dropped = line.at
            case "answer":
                answer.sent = line.at
            case "clause":
                start, seconds = data["start_ms"] / 1000, data["duration_ms"] / 1000
                at = line.at
                if answer.clauses:  # it is sent ahead of its playing
                    before = answer.clauses[-1]
                    at = max(at, before.at + start - before.start)
                answer.clauses.append(Clause(data["text"], start, seconds, at))
            case "latency":
                answer.sent = line.at
                answer.silence_ms = float(data["silence_ms"])
                answer.parts = data["parts"]
            case "say":
                answer.said += data["text"] + " " * data["complete"]
            case "held":
                answer.held = line.at
            case "goes_on":
                answer.held = None
            case "interrupted":  # silent since it was held for the sound that turned out to be one
                answer.interrupted = answer.held or line.at
            case "heard":
                answer.said, answer.heard, answer.reported = data["said"], data["heard"], True
            case "source":
                answer.sources.append(", ".join(filter(None, (data["file"], data["heading"]))))
            case "tool.started":
                answer.tools.append(ToolCall(line.at, data["name"], data["arguments"]))
            case "tool.ended":
                self._tool_ended(answer, line)
            case _:
                pass

    def _tool_ended(self, answer: Answer, line: Line) -> None:
        for i, tool in enumerate(answer.tools):
            if tool.name == line.data["name"] and tool.seconds is None:
                answer.tools[i] = ToolCall(
                    tool.at,
                    tool.name,
                    tool.arguments,
                    line.data["result"],
                    line.data["error"],
                    float(line.data["seconds"]),
                )
                return
