"""The one interface of every LLM engine, embedded or behind a URL."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


class EngineError(Exception):
    """The engine cannot answer. The message says what is wrong and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple["ToolCall", ...] = ()
    tool_call_id: str = ""  # set on role "tool"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A proposal of the model; `arguments` is parsed JSON, never yet validated."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer.

    `alternatives` comes with the first *free* token, the first that holds a letter or digit, where
    the engine can tell: what could have stood in its place, with probabilities.
    """

    text: str
    alternatives: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Done:
    """The end of one request; `finish` is why it ended."""

    finish: Literal["stop", "length", "tool_calls"]
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


Delta = Text | ToolCall | Done


@dataclass(frozen=True, slots=True)
class Request:
    """One generation.

    Engines whose `grammars` is True honour `grammar` (GBNF). Engines whose `native_tools` is True
    honour `tools` (JSON schemas as in OpenAI's API), and `tool_required`: one has to be called.
    `prefill` is text the assistant's message starts with (it is not repeated in the output); only
    engines with `grammars` honour it. `slot` names a prompt prefix that should stay cached beside
    others ("understand", "answer").
    """

    messages: Sequence[Message]
    max_tokens: int = 160
    temperature: float = 0.0
    stop: Sequence[str] = ()
    grammar: str = ""
    prefill: str = ""
    tools: Sequence[Mapping[str, Any]] = ()
    tool_required: bool = False
    probabilities: int = 0
    slot: str = ""


class Engine(Protocol):
    """Shared by all calls of a process; every method may be awaited concurrently."""

    name: str
    grammars: bool
    native_tools: bool

    def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Generate. Ends with `Done`. Closing the iterator frees the model at once.

        Raises EngineError when the engine is dead, full, or refuses the request.
        """
        ...

    async def warm_up(self, request: Request) -> None:
        """Put the prompt of `request` in the prefix cache, where the engine has one."""
        ...

    async def prepare(self, request: Request, *, whole: bool = False) -> None:
        """Read a prompt whose last message still grows, so that less is new when it is asked;
        `whole`: perhaps it does not grow any more.

        Does nothing where there is no such cache or the engine has other work. Never raises.
        """
        ...

    async def close(self) -> None: ...


def chat(message: Message) -> dict[str, Any]:
    """A message as OpenAI's API writes it."""
    written: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        written["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    return written
