"""An answer as OpenAI's chat API writes it: whole, or as server-sent events."""

import json
import secrets
import time
from collections.abc import AsyncGenerator
from typing import Any, assert_never

from agents.llm.engine import Delta, Done, Text, ToolCall
from voice.server.openai_chat import Refused


class Completion:
    """One answer in OpenAI's words."""

    def __init__(self, model: str) -> None:
        self._head = {"id": new_id("chatcmpl"), "created": int(time.time()), "model": model}

    async def whole(self, deltas: AsyncGenerator[Delta, None]) -> dict[str, Any]:
        """Raises Refused."""
        words: list[str] = []
        calls: list[dict[str, Any]] = []
        done = Done("stop")
        async for delta in deltas:
            match delta:
                case Text(text):
                    words.append(text)
                case ToolCall():
                    calls.append(_call(delta))
                case Done():
                    done = delta
                case _:
                    assert_never(delta)
        message: dict[str, Any] = {"role": "assistant", "content": "".join(words) or None}
        if calls:
            message["tool_calls"] = calls
        finish = "tool_calls" if calls else done.finish
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        kind = {"object": "chat.completion"}
        return self._head | kind | {"choices": [choice], "usage": _usage(done)}

    async def events(
        self, first: Delta, deltas: AsyncGenerator[Delta, None], *, counts: bool
    ) -> AsyncGenerator[str, None]:
        calls, done = 0, Done("stop")
        yield self._chunk({"role": "assistant", "content": ""})
        try:
            async for delta in _chained(first, deltas):
                match delta:
                    case Text(text):
                        yield self._chunk({"content": text})
                    case ToolCall():
                        yield self._chunk({"tool_calls": [{"index": calls} | _call(delta)]})
                        calls += 1
                    case Done():
                        done = delta
                    case _:
                        assert_never(delta)
        except Refused as refused:
            yield _event(refused.body())
            return
        yield self._chunk({}, "tool_calls" if calls else done.finish)
        if counts:
            yield _event(self._chunk_head() | {"choices": [], "usage": _usage(done)})
        yield "data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _event(self._chunk_head() | {"choices": [choice]})

    def _chunk_head(self) -> dict[str, Any]:
        return self._head | {"object": "chat.completion.chunk"}


async def _chained(first: Delta, more: AsyncGenerator[Delta, None]) -> AsyncGenerator[Delta, None]:
    yield first
    async for delta in more:
        yield delta


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _usage(done: Done) -> dict[str, Any]:
    return {
        "prompt_tokens": done.prompt_tokens,
        "completion_tokens": done.completion_tokens,
        "total_tokens": done.prompt_tokens + done.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": done.cached_tokens},
    }


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def new_id(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(8)}"
