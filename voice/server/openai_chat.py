"""A request of OpenAI's chat API, as its clients write it."""

import json
from typing import Any, Literal

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from agents.llm.engine import Message, ToolCall

_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class Refused(Exception):
    """A request that is not answered: an HTTP status, and why, in one line."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def body(self) -> dict[str, Any]:
        """In OpenAI's shape."""
        kind = _KINDS.get(
            self.status, "invalid_request_error" if self.status < 500 else "server_error"
        )
        code = "model_not_found" if self.status == 404 else None
        return {"error": {"message": str(self), "type": kind, "param": None, "code": code}}

    def response(self) -> JSONResponse:
        later = {"Retry-After": "1"} if self.status in (429, 503) else None
        return JSONResponse(self.body(), self.status, later)


class _Function(BaseModel):
    model_config = ConfigDict(extra="allow")  # "strict" and the like go on to a server behind us
    name: str
    parameters: dict[str, Any] | None = None


class _Tool(BaseModel):
    type: Literal["function"]
    function: _Function


class _Written(BaseModel):
    name: str
    arguments: str


class _Call(BaseModel):
    id: str
    function: _Written


class _Part(BaseModel):
    type: str
    text: str = ""


class _Said(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_Part] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str = ""


class _Named(BaseModel):
    name: str


class _Choice(BaseModel):
    type: Literal["function"]
    function: _Named


class _StreamOptions(BaseModel):
    include_usage: bool = False


class _Format(BaseModel):
    type: str


class Chat(BaseModel):
    """What of it is honoured. Other settings (top_p, seed, penalties) change nothing."""

    messages: list[_Said] = Field(min_length=1)
    model: str = ""
    stream: bool = False
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    stop: str | list[str] | None = None
    tools: list[_Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | _Choice | None = None
    response_format: _Format | None = None
    n: int | None = Field(default=None, ge=1, le=1)

    @property
    def most_tokens(self) -> int:
        """1024 where the client does not say: an answer that never ends would keep its place."""
        return self.max_completion_tokens or self.max_tokens or 1024

    @property
    def stops(self) -> tuple[str, ...]:
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(given)

    @property
    def counts_wanted(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def must_call(self) -> bool:
        return self.tool_choice == "required" or isinstance(self.tool_choice, _Choice)

    def offered(self) -> list[dict[str, Any]]:
        """The tools that may be called. Raises Refused: one must be, and there is none."""
        tools = [tool.model_dump(exclude_none=True) for tool in self.tools or ()]
        if isinstance(self.tool_choice, _Choice):
            name = self.tool_choice.function.name
            tools = [tool for tool in tools if tool["function"]["name"] == name]
        if self.must_call and not tools:
            raise Refused(400, "tool_choice: no tool of this request can be called")
        return [] if self.tool_choice == "none" else tools

    def said(self) -> list[Message]:
        """The messages as engines take them. Raises Refused."""
        if self.response_format is not None and self.response_format.type != "text":
            raise Refused(
                400, "response_format: only text here; for JSON, offer one tool and require it"
            )
        return [_message(said, f"messages.{i}") for i, said in enumerate(self.messages)]


def _message(said: _Said, where: str) -> Message:
    role = "system" if said.role == "developer" else said.role
    calls = tuple(
        ToolCall(call.id, call.function.name, _arguments(call.function.arguments, where))
        for call in said.tool_calls or ()
    )
    return Message(role, _text(said.content, where), calls, said.tool_call_id)


def _text(content: str | list[_Part] | None, where: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    for part in content:
        if part.type != "text":
            raise Refused(400, f"{where}.content: {part.type!r} cannot be read, only text")
    return "".join(part.text for part in content)


def _arguments(written: str, where: str) -> dict[str, Any]:
    try:
        arguments: Any = json.loads(written or "{}")
    except ValueError as exc:
        raise Refused(400, f"{where}.tool_calls: arguments are not JSON ({exc})") from exc
    if not isinstance(arguments, dict):
        raise Refused(400, f"{where}.tool_calls: arguments are not a JSON object")
    return arguments  # pyright: ignore[reportUnknownVariableType] - whatever the client sent
