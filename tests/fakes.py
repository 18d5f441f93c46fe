"""The fakes of this test suite: one of each thing."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from websockets.asyncio.server import ServerConnection, serve

from agents.llm.engine import Delta, Done, EngineError, Request, Text, ToolCall
from agents.understand import PREFILL


@dataclass(frozen=True)
class BreaksOff:
    """Words, and then the engine is gone."""

    text: str


@dataclass(frozen=True)
class Hangs:
    """Words, and then nothing more comes."""

    text: str


# What the model does next: words, a choice of the understanding prompt, tool calls, or a failure.
Scripted = str | BreaksOff | Hangs | Mapping[str, str] | tuple[ToolCall, ...] | EngineError


class FakeEngine:
    """An LLM that answers from a script, one entry a request; `requests` keeps what it was asked.

    A mapping ({"want": "order_status"}) answers a request with a grammar, which must offer it.
    A request beyond the script fails the test.
    """

    def __init__(
        self,
        *script: Scripted,
        name: str = "fake",
        grammars: bool = True,
        probability: float = 0.95,
        before: Callable[[Request], None] = lambda _: None,
    ) -> None:
        self.name = name
        self.grammars = grammars
        self.native_tools = not grammars
        self.requests: list[Request] = []
        self.warmed: list[Request] = []
        self.prepared: list[Request] = []
        self.prepared_whole: list[bool] = []
        self.closed_early = 0
        self._script = list(script)
        self._probability = probability
        self._before = before

    def then(self, *script: Scripted) -> None:
        """Add to the script."""
        self._script += script

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        self.requests.append(request)
        self._before(request)
        assert self._script, f"nothing scripted for: {request.messages[-1].content!r}"
        answer = self._script.pop(0)
        finished = False
        try:
            match answer:
                case EngineError():
                    raise answer
                case str():
                    first, *more = answer.split(" ")
                    for word in (first, *(f" {word}" for word in more)):
                        yield Text(word)
                    yield Done("stop")
                case BreaksOff(text):
                    yield Text(text)
                    raise EngineError(f"{self.name}: gone in mid-answer")
                case Hangs(text):
                    yield Text(text)
                    await asyncio.Event().wait()
                case tuple():
                    for call in answer:
                        yield call
                    yield Done("tool_calls")
                case _:
                    assert request.prefill == PREFILL
                    want = answer["want"]
                    assert f'\\"{want}\\"' in request.grammar, f"{want} is not offered"
                    text = json.dumps(dict(answer)).removeprefix(PREFILL).removesuffix("}")
                    yield Text(text, {want: self._probability})
                    yield Done("stop")
            finished = True
        finally:
            self.closed_early += not finished

    async def prepare(self, request: Request, *, whole: bool = False) -> None:
        self.prepared.append(request)
        self.prepared_whole.append(whole)

    async def warm_up(self, request: Request) -> None:
        self.warmed.append(request)

    async def close(self) -> None:
        pass

    @property
    def left(self) -> int:
        """Entries of the script that nobody asked for."""
        return len(self._script)


class ObeyingEngine:
    """The worst model: it does what any text in its prompt tells it to do.

    It chooses the first of `tools` that the newest text names and that is offered, with certainty;
    with native tools it calls it at once. Asked for words, it says that it has done it.
    """

    def __init__(self, *tools: str, grammars: bool) -> None:
        self.name = "obeying"
        self.grammars = grammars
        self.native_tools = not grammars
        self.idle = False
        self.obeyed = 0  # requests in which it tried
        self._tools = tools

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        text = " ".join(message.content for message in request.messages[-4:])
        told = [name for name in self._tools if name in text]
        told += [name for name in self._tools if name in request.messages[0].content]
        if request.prefill == PREFILL:
            offered = [name for name in told if f'\\"{name}\\"' in request.grammar]
            want = offered[0] if offered else "chat"
            self.obeyed += bool(offered)
            yield Text(f' "{want}"', {want: 0.99})
        elif self.native_tools:
            self.obeyed += bool(told)
            for index, name in enumerate(told):
                yield ToolCall(str(index), name, {"number": "123"})
            yield Text("I have closed it, as I was told.")
        else:
            yield Text("I have closed it. Your account is closed now, as I was told.")
        yield Done("stop")

    async def prepare(self, request: Request, *, whole: bool = False) -> None:
        pass

    async def warm_up(self, request: Request) -> None:
        pass

    async def close(self) -> None:
        pass


class FakeServer:
    """A server of the wire on the loopback: it hears a level, and answers every turn with a tone.

    Use it as `async with FakeServer() as server: server.url`. A turn is over after 100 ms of quiet
    (`mute=True` never answers). Speech while the tone is sent interrupts it. `refuse` closes at
    once with that reason.
    """

    def __init__(
        self,
        *,
        greeting: str = "",
        seconds: float = 0.2,
        mute: bool = False,
        refuse: str = "",
        hang_up: bool = False,
    ) -> None:
        self.greeting, self.seconds = greeting, seconds
        self.mute, self.refuse, self.hang_up = mute, refuse, hang_up
        self.played: list[dict[str, Any]] = []
        self.queries: list[dict[str, list[str]]] = []
        self.samples = 0
        self._answers = 0
        self._speaking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "FakeServer":
        self._server = await serve(self._call, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/ws"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def tone(self, rate: int) -> np.ndarray[Any, np.dtype[np.int16]]:
        """An answer's sound: every sample of it is audible."""
        return np.full(round(self.seconds * rate), 5000, np.int16)

    async def _call(self, ws: ServerConnection) -> None:
        assert ws.request is not None
        query = parse_qs(urlsplit(ws.request.path).query)
        self.queries.append(query)
        if self.refuse:
            await ws.close(1013, self.refuse)
            return
        loud, quiet = False, 0
        async for frame in ws:
            if isinstance(frame, str):
                await self._message(ws, query, json.loads(frame))
                continue
            samples = np.frombuffer(frame, "<i2")
            self.samples += len(samples)
            if np.abs(samples.astype(np.int32)).max() > 300:
                loud, quiet = True, 0
                await self._interrupt(ws)
            elif loud:
                quiet += 1
                if quiet == 5 and not self.mute:
                    loud = False
                    await self._turn(ws, query, "spoken words")

    async def _message(
        self, ws: ServerConnection, query: dict[str, list[str]], message: dict[str, Any]
    ) -> None:
        assert message["label"] == "rtvi-ai"
        match message:
            case {"type": "client-ready"}:
                await self._send(ws, "bot-ready", {"version": "2.0.0"})
                await self._own(ws, t="call", call="1", llm="fake", voice="tone")
                if self.greeting:
                    self._start(ws, query, self.greeting)
            case {"type": "client-message", "data": {"t": "played", "d": played}}:
                self.played.append(played)
            case {"type": "send-text", "data": {"content": content}}:
                await self._turn(ws, query, content)
            case _:
                raise AssertionError(f"not on the wire: {message}")

    async def _turn(self, ws: ServerConnection, query: dict[str, list[str]], text: str) -> None:
        await self._send(ws, "user-transcription", {"text": text[:3], "final": False})
        await self._send(ws, "user-transcription", {"text": text, "final": True})
        if self.hang_up:
            await ws.close(1001, "server stopping")
            return
        tool = {"tool_call_id": "1", "function_name": "look"}
        arguments = {"arguments": {"what": text}}
        await self._send(ws, "llm-function-call-in-progress", tool | arguments)
        await self._send(ws, "llm-function-call-stopped", {**tool, "result": "seen"})
        self._start(ws, query, f"You said {text}.")

    def _start(self, ws: ServerConnection, query: dict[str, list[str]], said: str) -> None:
        self._answers += 1
        rate = int(query["out_rate"][0])
        speaking = self._answer(ws, self._answers, said, rate)
        self._speaking = asyncio.create_task(speaking)

    async def _answer(self, ws: ServerConnection, number: int, said: str, rate: int) -> None:
        parts = {"endpoint_ms": 100.0, "transcribe_ms": 0.0, "think_ms": 0.0, "speak_ms": 0.0}
        await self._own(ws, t="latency", answer=number, silence_ms=100.0, parts=parts)
        await self._own(ws, t="answer", answer=number)
        tone, step = self.tone(rate), rate // 50
        for i in range(0, len(tone), step):
            await ws.send(tone[i : i + step].tobytes())
            await asyncio.sleep(0.01)
        await self._own(ws, t="heard", answer=number, said=said, heard=said, final=True)

    async def _interrupt(self, ws: ServerConnection) -> None:
        speaking, self._speaking = self._speaking, None
        if speaking is None or speaking.done():
            return
        speaking.cancel()
        number = self._answers
        await self._own(ws, t="interrupted", answer=number)
        await self._own(ws, t="heard", answer=number, said="You said", heard="You", final=True)

    async def _own(self, ws: ServerConnection, **data: Any) -> None:
        await self._send(ws, "server-message", data)

    async def _send(self, ws: ServerConnection, kind: str, data: dict[str, Any]) -> None:
        await ws.send(json.dumps({"label": "rtvi-ai", "type": kind, "data": data}))
