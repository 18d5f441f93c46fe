"""What a call's journal keeps of its turns beside their events: nobody is told of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.llm.engine import Delta, Done, Text, ToolCall


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote for one request, in the pieces in which it came."""

    model: str
    purpose: str  # Request.slot
    pieces: tuple[str, ...]
    ms: tuple[int, ...]  # from the request to each piece
    finish: str  # as in Done; "" where it was not let end
    prompt_tokens: int
    cached_tokens: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What a tool's own check said to these arguments: values that it settles, or an error.

    `slot` and `options` are those of a refusal, see ToolError.
    """

    tool: str
    arguments: Mapping[str, Any]
    settled: Mapping[str, Any]
    error: str | None
    slot: str
    options: tuple[str, ...]


Note = Written | Checked
Notes = Callable[[Note], None]


def unread(_: Note) -> None:
    """For turns whose notes nobody keeps."""


@dataclass(slots=True)
class Writing:
    """A request under way."""

    model: str
    purpose: str
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _pieces: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    _done: Done | None = None

    def __post_init__(self) -> None:
        self._began = self.clock()

    def take(self, delta: Delta) -> None:
        match delta:
            case Text(text=piece):
                pass
            case ToolCall():
                piece = f"{delta.name}({delta.arguments})"
            case Done():
                self._done = delta
                return
        self._pieces.append((piece, round(1000 * (self.clock() - self._began))))

    def note(self) -> Written:
        done = self._done
        return Written(
            self.model,
            self.purpose,
            tuple(piece for piece, _ in self._pieces),
            tuple(ms for _, ms in self._pieces),
            done.finish if done else "",
            done.prompt_tokens if done else 0,
            done.cached_tokens if done else 0,
        )
