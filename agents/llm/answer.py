"""The events of OpenAI's chat API to deltas; every server writes them a little differently."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from loguru import logger

from agents.llm.engine import Delta, Done, EngineError, Text, ToolCall


@dataclass(slots=True)
class _Call:
    """A tool call as far as it has come."""

    index: int | None
    id: str = ""
    name: str = ""
    arguments: str = ""

    def whole(self) -> bool:
        return json_object(self.arguments) is not None


class Answer:
    """The server's events to deltas."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._speech = _Spoken()
        self._calls: list[_Call] = []
        self._proposed = False
        self._usage: Mapping[str, Any] = {}
        self.finish: Literal["", "stop", "length", "tool_calls"] = ""
        self.done = False

    def read(self, payload: str) -> list[Delta]:
        """The deltas of one event. Raises EngineError for an error sent in mid-answer."""
        if self.done:
            return []
        if payload.strip() == "[DONE]":
            self.finish = self.finish or "stop"
            return self.end()
        event = json_object(payload)
        if event is None:
            raise EngineError(one_line(f"{self._name}: the server sent no JSON object: {payload}"))
        try:
            return self._event(event)
        except (AttributeError, TypeError) as exc:
            raise EngineError(one_line(f"{self._name}: cannot read the event {payload}")) from exc

    def _event(self, event: dict[str, Any]) -> list[Delta]:
        if event.get("error") or event.get("object") == "error":
            raise EngineError(one_line(f"{self._name}: {message_in(event)}"))
        self._usage = event.get("usage") or self._usage
        deltas: list[Delta] = []
        choices: list[dict[str, Any]] = event.get("choices") or []
        for choice in choices:
            said: dict[str, Any] = choice.get("delta") or choice.get("message") or {}
            if text := self._speech.read(_text(said.get("content"))):
                deltas.append(Text(text))
            parts: list[dict[str, Any]] = said.get("tool_calls") or []
            for part in parts:
                self._call(part)
            if choice.get("finish_reason"):
                deltas += self._flush()
                self.finish = "length" if choice["finish_reason"] == "length" else "stop"
        return deltas

    def end(self) -> list[Delta]:
        """The last deltas. Raises EngineError when the stream ended before the answer did."""
        if self.done:
            return []
        if not self.finish:
            raise EngineError(f"{self._name}: the server stopped in mid-answer")
        self.done = True
        deltas = self._flush()
        if self._proposed and self.finish == "stop":
            self.finish = "tool_calls"
        details: Mapping[str, Any] = self._usage.get("prompt_tokens_details") or {}
        done = Done(
            finish=self.finish,
            prompt_tokens=self._usage.get("prompt_tokens") or 0,
            cached_tokens=details.get("cached_tokens") or 0,
            completion_tokens=self._usage.get("completion_tokens") or 0,
        )
        return [*deltas, done]

    def _call(self, part: dict[str, Any]) -> None:
        function: dict[str, Any] = part.get("function") or {}
        given, name = part.get("id") or "", function.get("name") or ""
        arguments = function.get("arguments") or ""
        call = self._started(part.get("index"), given, name)
        call.id = call.id or given
        call.name = call.name or name
        call.arguments += arguments if isinstance(arguments, str) else json.dumps(arguments)

    def _started(self, index: int | None, given: str, name: str) -> _Call:
        """The call that a delta belongs to. Some servers number no calls, or all of them 0."""
        for call in reversed(self._calls):
            if index is not None and call.index != index:
                continue
            another = given != call.id if given and call.id else bool(name) and call.whole()
            if not another:
                return call
            break
        call = _Call(index)
        self._calls.append(call)
        return call

    def _flush(self) -> list[Delta]:
        rest = self._speech.rest()
        deltas: list[Delta] = [Text(rest)] if rest else []
        for call in self._calls:
            if not call.name:
                logger.warning(f"{self._name} proposed a tool call without a name; left out")
                continue
            arguments = json_object(call.arguments or "{}")
            if arguments is None:
                logger.warning(
                    f"{self._name} called {call.name} with no JSON object: {call.arguments[:200]!r}"
                )
            self._proposed = True
            call_id = call.id or f"call_{secrets.token_hex(4)}"
            deltas.append(ToolCall(call_id, call.name, arguments or {}))
        self._calls.clear()
        return deltas


class _Spoken:
    """An answer without the <think>…</think> and the blanks in front of it, however cut up."""

    _OPEN, _CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._state: Literal["before", "thinking", "speaking"] = "before"
        self._held: str = ""

    def read(self, text: str) -> str:
        if self._state == "speaking" or not text:
            return text
        self._held += text
        while True:
            if self._state == "thinking":
                end = self._held.find(self._CLOSE)
                if end < 0:
                    self._held = self._held[-len(self._CLOSE) :]
                    return ""
                self._state, self._held = "before", self._held[end + len(self._CLOSE) :]
            self._held = self._held.lstrip()
            if self._held.startswith(self._OPEN):
                self._state, self._held = "thinking", self._held.removeprefix(self._OPEN)
                continue
            if self._OPEN.startswith(self._held):
                return ""
            self._state = "speaking"
            return self.rest()

    def rest(self) -> str:
        """What is still held back, once nothing more comes."""
        held, self._held = self._held, ""
        return "" if self._state == "thinking" else held


def _text(content: Any) -> str:
    """Mistral's reasoning models send a list of parts, thoughts among them."""
    if isinstance(content, list):
        parts = cast("list[dict[str, Any]]", content)
        return "".join(part.get("text") or "" for part in parts)
    return content if isinstance(content, str) else ""


def json_object(text: str) -> dict[str, Any] | None:
    """None where `text` is anything else."""
    try:
        value: Any = json.loads(text)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def message_in(body: dict[str, Any]) -> str:
    """OpenAI's {"error": {"message"}}, Ollama's {"error"}, vLLM's {"message"}, FastAPI's detail."""
    error: Any = body.get("error") or body.get("message") or body.get("detail") or body
    if isinstance(error, dict):
        return str(cast("dict[str, Any]", error).get("message") or cast("object", error))
    return str(error)


def one_line(text: str) -> str:
    """At most 400 characters: what servers say may be a page."""
    one = " ".join(text.split())
    return one if len(one) <= 400 else one[:399] + "…"
