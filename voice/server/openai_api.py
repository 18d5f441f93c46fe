"""OpenAI's chat API over what `llm:` names, for other people's clients: /v1/chat/completions."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from agents.llm import engine as llm
from agents.llm.engine import Delta, Done, Engine, EngineError, Text
from agents.llm.tool_calls import Reader, ToolError, grammar, told
from voice.config import Config, ConfigError
from voice.engines import Engines, llm_name, secret
from voice.models import ModelError
from voice.server.here import is_from_here
from voice.server.openai_answer import Completion, new_id
from voice.server.openai_chat import Chat, Refused

_T = TypeVar("_T")
_LARGEST_BODY = 4 * 1024 * 1024  # bytes; 100 times the text that a context of 8192 tokens holds


def openai_api(config: Config, engines: Engines) -> APIRouter:
    """The routes. Raises ConfigError: `server.api_key_env` names a variable that is not set."""
    router = APIRouter(prefix="/v1")
    door = _Door(secret("server", config.server.api_key_env))
    desk = _Desk(engines, config.server.max_completions)

    async def answer(request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
        try:
            door.admit(request)
            return await work()
        except Refused as refused:
            return refused.response()

    @router.post("/chat/completions")
    async def _(request: Request) -> Response:
        return await answer(request, lambda: desk.complete(request))

    @router.get("/models")
    async def _(request: Request) -> Response:
        return await answer(request, desk.models)

    @router.get("/models/{name:path}")
    async def _(request: Request, name: str) -> Response:
        return await answer(request, lambda: desk.model(name))

    return router


class _Door:
    """Whoever has the key; without one, this machine."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def admit(self, request: Request) -> None:
        """Raises Refused."""
        if not self._key:
            if not is_from_here(request):
                raise Refused(
                    403,
                    "without a key, /v1 answers the server's own machine only; name the variable "
                    "that holds a key in server.api_key_env and start again",
                )
            return
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not secrets.compare_digest(given.encode(), self._key):
            raise Refused(401, "wrong or no key: send 'Authorization: Bearer KEY'")


class _Desk:
    def __init__(self, engines: Engines, most: int) -> None:
        self._engines = engines
        self._most = most
        self._busy = 0

    async def models(self) -> Response:
        return JSONResponse({"object": "list", "data": [_model(name) for name in self._names()]})

    async def model(self, name: str) -> Response:
        """Raises Refused."""
        if name not in self._names():
            raise Refused(404, f"no model {name!r}; there are: {', '.join(self._names())}")
        return JSONResponse(_model(name))

    def _names(self) -> list[str]:
        return [llm_name(llm) for llm, ready in self._engines.llms() if ready]

    async def complete(self, request: Request) -> Response:
        """Raises Refused."""
        chat = await _chat(request)
        deltas = self._deltas(chat)
        made = Completion(chat.model or llm_name(self._engines.config.llm))
        if not chat.stream:
            async with aclosing(deltas):
                return JSONResponse(await _while_there(request, made.whole(deltas)))
        # the first word is waited for, so that what goes wrong before it has a status of its own
        first = await _while_there(request, _first(deltas))
        return _Events(made.events(first, deltas, counts=chat.counts_wanted), deltas)

    async def _deltas(self, chat: Chat) -> AsyncGenerator[Delta, None]:
        if not self._engines.ready:
            raise Refused(503, f"the models are loading ({', '.join(self._engines.waiting_for)})")
        if self._busy >= self._most:
            raise Refused(429, f"{self._most} requests are answered now; try again in a moment")
        self._busy += 1
        try:
            engine = await self._engine(chat.model)
            async with aclosing(_answer(engine, chat)) as deltas:
                async for delta in deltas:
                    yield delta
        except (EngineError, ModelError) as exc:
            raise Refused(503, str(exc)) from exc
        finally:
            self._busy -= 1

    async def _engine(self, name: str) -> Engine:
        try:
            return await self._engines.llm(name)
        except ConfigError as exc:
            raise Refused(404, str(exc)) from exc


async def _answer(engine: Engine, chat: Chat) -> AsyncGenerator[Delta, None]:
    """Words, calls and Done, whichever way the engine calls tools. Raises EngineError, Refused."""
    tools, messages = chat.offered(), chat.said()
    asked = llm.Request(
        messages,
        max_tokens=chat.most_tokens,
        temperature=chat.temperature or 0.0,  # small models are best at 0, OpenAI's default is 1
        stop=chat.stops,
    )
    if engine.native_tools:
        asked = replace(asked, tools=tools, tool_required=chat.must_call)
        reader = None
    else:
        asked = replace(asked, messages=told(messages, tools), grammar=_grammar(tools, chat))
        reader = Reader() if tools else None
    stream = engine.stream(asked)
    try:
        async for delta in stream:
            match delta:
                case Text(text) if reader is not None:
                    if words := reader.read(text):
                        yield Text(words)
                case Done() if reader is not None:
                    if call := reader.end(new_id("call")):
                        yield call
                    yield delta
                case _:
                    yield delta
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


def _grammar(tools: list[dict[str, Any]], chat: Chat) -> str:
    try:
        return grammar(tools, required=chat.must_call) if tools else ""
    except ToolError as exc:
        raise Refused(400, str(exc)) from exc


class _Events(StreamingResponse):
    """Server-sent events; the engine's stream ends with the client's."""

    def __init__(self, events: AsyncGenerator[str], deltas: AsyncGenerator[Delta]) -> None:
        super().__init__(
            events, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )
        self._events, self._deltas = events, deltas

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._events.aclose()
            await self._deltas.aclose()


async def _while_there(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """What `work` returns; it is cancelled when the client goes. Raises Refused and its errors."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    tasks = asyncio.create_task(work), asyncio.create_task(gone())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            raise Refused(499, "the client went away")
        return tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first(deltas: AsyncGenerator[Delta, None]) -> Delta:
    return await anext(deltas, Done("stop"))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "openline"}


async def _chat(request: Request) -> Chat:
    """Raises Refused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/json":  # what a page elsewhere can send unasked is another type
        raise Refused(415, "send JSON, with Content-Type: application/json")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_BODY:
            raise Refused(413, f"larger than {_LARGEST_BODY // 1024**2} MB")
    try:
        return Chat.model_validate_json(bytes(body))
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise Refused(400, f"{where}: {first['msg']}") from exc
