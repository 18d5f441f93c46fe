"""A server's answer, however it is cut up or broken, becomes words, tool calls or one line."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from agents.llm.embedded import Embedded
from agents.llm.engine import Delta, Done, EngineError, Message, Request, Text, ToolCall
from agents.llm.open import open_engine
from agents.llm.openai_compatible import OpenAICompatible
from voice.models import model_path

HELLO = Request([Message("user", "Hello")])
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Asked:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server does with one request: the pieces go out one by one, 5 ms apart."""

    pieces: Sequence[bytes] = ()
    status: int = 200
    kind: str = "text/event-stream"
    ending: str = "end"  # or "cut" the connection in mid-answer, or "hang"
    headers: bytes = b""


@dataclass(slots=True)
class Server:
    """Answers from a script over HTTP/1.1; `gone` is set when a caller leaves it hanging."""

    script: list[Answer]
    url: str = ""
    asked: list[Asked] = field(default_factory=list[Asked])
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await self._read(reader)
            self.asked.append(asked)
            await self._write(self.script.pop(0), reader, writer)
        except ConnectionError:
            self.gone.set()
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Asked:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Asked(head[0].split(" ")[1], headers, json.loads(body or b"{}"))

    async def _write(
        self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(
            b"HTTP/1.1 %d Whatever\r\ntransfer-encoding: chunked\r\ncontent-type: %s\r\n%s\r\n"
            % (answer.status, answer.kind.encode(), answer.headers)
        )
        for piece in answer.pieces:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0.005)
        if answer.ending == "hang":
            assert await reader.read(1) == b""
            self.gone.set()
        elif answer.ending == "end":
            writer.write(b"0\r\n\r\n")
            await writer.drain()


Serving = Callable[..., Awaitable[Server]]


@asynccontextmanager
async def serving(*script: Answer) -> AsyncGenerator[Server]:
    server = Server(list(script))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield server


@pytest.fixture
async def serve() -> AsyncGenerator[Serving, None]:
    """`await serve(answer, …)` is a server that gives these answers."""
    open_servers: list[Any] = []

    async def start(*script: Answer) -> Server:
        context = serving(*script)
        open_servers.append(context)
        return await context.__aenter__()

    yield start
    for context in open_servers:
        await context.__aexit__(None, None, None)


def event(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice], **more}).encode() + b"\n\n"


def words(*texts: str) -> list[bytes]:
    return [event({"content": text}) for text in texts]


def calls(*parts: dict[str, Any], finish: str = "tool_calls") -> Answer:
    pieces = [event({"tool_calls": [part]}) for part in parts]
    return Answer([*pieces, event(finish=finish), DONE])


def part(
    arguments: Any = None, *, index: int | None = 0, id: str | None = None, name: str | None = None
) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    found = {"index": index, "id": id, "function": {k: v for k, v in function.items() if v}}
    return {key: value for key, value in found.items() if value is not None}


async def ask(engine: OpenAICompatible | Embedded, request: Request = HELLO) -> list[Delta]:
    return [delta async for delta in engine.stream(request)]


async def answered(server: Server, request: Request = HELLO, **options: Any) -> list[Delta]:
    engine = OpenAICompatible(server.url, "m", **options)
    try:
        return await ask(engine, request)
    finally:
        await engine.close()


async def refused(server: Server, **options: Any) -> str:
    with pytest.raises(EngineError) as caught:
        await answered(server, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def text(deltas: Sequence[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def proposed(deltas: Sequence[Delta]) -> list[tuple[str, dict[str, Any]]]:
    return [(d.name, d.arguments) for d in deltas if isinstance(d, ToolCall)]


# -- what is asked -----------------------------------------------------------------------------


async def test_a_request_carries_everything(serve: Serving):
    server = await serve(Answer([event({"content": "Hi"}, "stop"), DONE]))
    call = ToolCall("c1", "weather", {"city": "Bonn"})
    request = Request(
        [
            Message("system", "Be brief."),
            Message("assistant", "", (call,)),
            Message("tool", "sunny", tool_call_id="c1"),
        ],
        max_tokens=7,
        temperature=0.5,
        stop=["\n"],
        tools=[WEATHER],
    )
    extra = {"seed": 3, "temperature": None}
    await answered(server, request, api_key="secret\n", extra_body=extra)
    [asked] = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == "bearer secret"
    assert asked.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Bonn"}'},
                    }
                ],
            },
            {"role": "tool", "content": "sunny", "tool_call_id": "c1"},
        ],
        "max_tokens": 7,
        "stop": ["\n"],
        "tools": [WEATHER],
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": 3,
    }


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
async def test_every_way_to_write_the_address(serve: Serving, path: str):
    server = await serve(Answer([event({"content": "Hi"}, "stop"), DONE]))
    engine = open_engine(server.url + path, name="m")
    assert [d async for d in engine.stream(HELLO)] == [Text("Hi"), Done("stop")]
    assert server.asked[0].path == "/v1/chat/completions"
    await engine.close()


async def test_another_path_than_v1_is_kept(serve: Serving):
    server = await serve(Answer([event(finish="stop"), DONE]))
    engine = OpenAICompatible(f"{server.url}/v1beta/openai/", "m")
    await ask(engine)
    assert server.asked[0].path == "/v1beta/openai/chat/completions"
    await engine.close()


async def test_the_default_model_is_the_first_listed_and_asked_for_once(serve: Serving):
    listed = json.dumps({"data": [{"id": "qwen3:8b"}, {"id": "other"}]}).encode()
    hi = Answer([event({"content": "Hi"}, "stop"), DONE])
    server = await serve(Answer([listed], kind="application/json"), hi, hi)
    engine = OpenAICompatible(server.url, "default")
    await ask(engine)
    await ask(engine)
    assert [a.path.removeprefix("/v1/") for a in server.asked] == ["models"] + [
        "chat/completions"
    ] * 2
    assert server.asked[1].body["model"] == engine.name == "qwen3:8b"
    await engine.close()


async def test_a_server_without_models(serve: Serving):
    server = await serve(Answer([b'{"data": []}'], kind="application/json"))
    engine = OpenAICompatible(server.url, "default")
    with pytest.raises(EngineError, match=r"lists no model; name one in llm\.model"):
        await ask(engine)
    await engine.close()


async def test_a_server_that_knows_no_stream_options_is_asked_without(serve: Serving):
    error = b'{"error": {"message": "Unknown field: stream_options"}}'
    hi = Answer([event({"content": "Hi"}, "stop"), DONE])
    server = await serve(Answer([error], 400, "application/json"), hi, hi)
    engine = OpenAICompatible(server.url, "m")
    assert text(await ask(engine)) == text(await ask(engine)) == "Hi"
    assert ["stream_options" in asked.body for asked in server.asked] == [True, False, False]
    await engine.close()


async def test_warm_up_asks_for_one_token(serve: Serving):
    server = await serve(
        Answer([event({"content": "Hi"}, "length"), DONE]),
        Answer([b"no memory"], 503, "text/plain"),
    )
    engine = OpenAICompatible(server.url, "m")
    await engine.warm_up(HELLO)
    assert server.asked[0].body["max_tokens"] == 1
    with pytest.raises(EngineError, match="refused with 503: no memory"):
        await engine.warm_up(HELLO)
    await engine.close()


# -- events, however they are cut --------------------------------------------------------------

USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 2,
    "prompt_tokens_details": {"cached_tokens": 4},
}
PLAIN = (
    b": a comment\n\n"
    + event({"role": "assistant", "content": ""})
    + event({"content": "Grüße"})
    + b'event: message\nid: 7\ndata: {"choices": [{"delta":\ndata: {"content": ", Bob"}}]}\n\n'
    + b'data:{"choices":[{"delta":{"content":"\xe2\x80\xa8\xc2\x85!"}}]}\n\n'
    + event(finish="stop")
    + b'data: {"choices": [], "usage": '
    + json.dumps(USAGE).encode()
    + b"}\n\n"
    + DONE
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
async def test_events_cut_anywhere(serve: Serving, size: int, end: bytes):
    stream = PLAIN.replace(b"\n", end)
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    if size < 4:  # a thousand writes of 5 ms each would take 5 s
        pieces = [*pieces[:80], b"".join(pieces[80:])]
    deltas = await answered(await serve(Answer(pieces)))
    assert text(deltas) == "Grüße, Bob\u2028\x85!"
    assert deltas[-1] == Done("stop", prompt_tokens=9, cached_tokens=4, completion_tokens=2)


@pytest.mark.parametrize(
    "tail",
    [
        [event(finish="stop")],
        [event(finish="stop").rstrip()],
        [DONE],
        [event(finish="stop"), DONE, DONE, b"data: rubbish\n\n"],
        [event(finish="content_filter"), DONE],
    ],
    ids=["no [DONE]", "no blank line", "no finish_reason", "more after [DONE]", "another reason"],
)
async def test_every_kind_of_end(serve: Serving, tail: list[bytes]):
    deltas = await answered(await serve(Answer([*words("Hi", " you"), *tail])))
    assert deltas == [Text("Hi"), Text(" you"), Done("stop")]


@pytest.mark.parametrize("ending", ["cut", "hang"])
async def test_a_connection_lost_after_the_last_word_costs_nothing(serve: Serving, ending: str):
    server = await serve(Answer([*words("Hi"), event(finish="length")], ending=ending))
    assert await answered(server, stall_seconds=1.0) == [Text("Hi"), Done("length")]


async def test_a_server_that_does_not_stream(serve: Serving):
    message = {"content": "Hi", "tool_calls": [part("{}", id="a", name="weather")]}
    body = {"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": USAGE}
    server = await serve(Answer([json.dumps(body).encode()], kind="application/json"))
    deltas = await answered(server)
    assert deltas[:2] == [Text("Hi"), ToolCall("a", "weather", {})]
    assert isinstance(deltas[2], Done)
    assert deltas[2].prompt_tokens == 9


@pytest.mark.parametrize(
    "pieces",
    [
        ["<think>", "Hm, </thin", "k>", "\n\n", "Hi", " <b>"],
        [*"<think>Hm</think>Hi <b>"],
        ["\n<thi", "nk></think><think>again</think> Hi <b>"],
        ["Hi ", "<b>"],
    ],
)
async def test_thoughts_are_not_spoken(serve: Serving, pieces: list[str]):
    reasons = [event({"reasoning_content": "Hm"}), event({"reasoning": "Hm", "content": None})]
    server = await serve(Answer([*reasons, *words(*pieces), event(finish="stop"), DONE]))
    assert text(await answered(server)) == "Hi <b>"


async def test_thoughts_as_parts_of_a_list(serve: Serving):
    parts = [{"type": "thinking", "thinking": [{"text": "Hm"}]}, {"type": "text", "text": "Hi"}]
    server = await serve(Answer([event({"content": parts}, "stop"), DONE]))
    assert await answered(server) == [Text("Hi"), Done("stop")]


async def test_thoughts_that_never_end_are_an_empty_answer(serve: Serving):
    server = await serve(Answer([*words("<think>", "Hm"), event(finish="length"), DONE]))
    assert await answered(server) == [Done("length")]


async def test_half_a_tag_is_text_after_all(serve: Serving):
    server = await serve(Answer([*words("<thi"), event(finish="stop"), DONE]))
    assert text(await answered(server)) == "<thi"


# -- tool calls --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 5, 100])
async def test_arguments_split_anywhere(serve: Serving, size: int):
    whole = json.dumps({"city": 'K"ln', "days": [1, {"a": 2}]})
    pieces = [part(whole[i : i + size]) for i in range(0, len(whole), size)]
    server = await serve(calls(part(id="c1", name="weather"), *pieces))
    assert await answered(server) == [
        ToolCall("c1", "weather", {"city": 'K"ln', "days": [1, {"a": 2}]}),
        Done("tool_calls"),
    ]


async def test_several_calls_interleaved(serve: Serving):
    server = await serve(
        calls(
            part('{"a"', index=0, id="x", name="one"),
            part('{"b"', index=1, id="y", name="two"),
            part(": 1}", index=0, id="x"),
            part(": 2}", index=1),
        )
    )
    deltas = await answered(server)
    assert deltas[:2] == [ToolCall("x", "one", {"a": 1}), ToolCall("y", "two", {"b": 2})]


@pytest.mark.parametrize(
    "parts",
    [
        [part('{"a": 1}', id="x", name="one"), part('{"b": 2}', id="y", name="two")],
        [part('{"a": 1}', name="one"), part('{"b": 2}', name="two")],
        [
            part('{"a": ', index=None, id="x", name="one"),
            part("1}", index=None),
            part('{"b": 2}', index=None, id="y", name="two"),
        ],
        [part({"a": 1}, name="one"), part({"b": 2}, index=1, name="two")],
        [
            part('{"a"', id="x", name="one"),
            part(": 1}", id="x", name="one"),
            part('{"b": 2}', index=1, id="y", name="two"),
        ],
    ],
    ids=["all number 0", "no ids", "no numbers", "objects", "id and name repeated"],
)
async def test_calls_numbered_badly(serve: Serving, parts: list[dict[str, Any]]):
    deltas = await answered(await serve(calls(*parts, finish="stop")))
    assert proposed(deltas) == [("one", {"a": 1}), ("two", {"b": 2})]
    ids = [delta.id for delta in deltas if isinstance(delta, ToolCall)]
    assert all(ids)
    assert len(set(ids)) == 2
    assert deltas[-1] == Done("tool_calls")


@pytest.mark.parametrize("arguments", ['{"city": "Bo', "[1]", "Bonn", "null", ""])
async def test_a_call_whose_arguments_are_no_object_keeps_none(serve: Serving, arguments: str):
    server = await serve(calls(part(arguments, id="c1", name="weather"), finish="length"))
    assert await answered(server) == [ToolCall("c1", "weather", {}), Done("length")]


async def test_a_call_without_a_name_is_left_out(serve: Serving):
    server = await serve(calls(part("{}", id="c1")))
    assert await answered(server) == [Done("stop")]


async def test_words_and_then_a_call(serve: Serving):
    call = event({"tool_calls": [part("{}", id="c", name="weather")]}, "tool_calls")
    deltas = await answered(await serve(Answer([*words("One moment."), call])))
    assert deltas == [Text("One moment."), ToolCall("c", "weather", {}), Done("tool_calls")]


# -- what goes wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [words("Hi"), [], [b": comment\n\n"]])
@pytest.mark.parametrize("ending", ["cut", "end"])
async def test_an_answer_that_breaks_off(serve: Serving, pieces: list[bytes], ending: str):
    message = await refused(await serve(Answer(pieces, ending=ending)))
    assert "broke off" in message or "stopped in mid-answer" in message


@pytest.mark.parametrize(
    ("piece", "said"),
    [
        (b"data: rubbish\n\n", "no JSON object: rubbish"),
        (b"data: [1]\n\n", r"no JSON object: \[1\]"),
        (b'data: {"choices": ["x"]}\n\n', "cannot read the event"),
        (b'data: {"choices": 1}\n\n', "cannot read the event"),
        (b'data: {"error": {"message": "out of\\nmemory"}}\n\n', "out of memory"),
        (b'data: {"error": "gone"}\n\n', "gone"),
        (b'data: {"object": "error", "message": "too long"}\n\n', "too long"),
    ],
)
async def test_an_event_that_is_none(serve: Serving, piece: bytes, said: str):
    server = await serve(Answer([*words("Hi"), piece, *words(" you"), DONE]))
    with pytest.raises(EngineError, match=said):
        await answered(server)


@pytest.mark.parametrize("pieces", [[], words("Hi")], ids=["at once", "in mid-answer"])
async def test_a_stall(serve: Serving, pieces: list[bytes]):
    server = await serve(Answer(pieces, ending="hang"))
    assert "no word from" in await refused(server, stall_seconds=0.2)
    await asyncio.wait_for(server.gone.wait(), 2)


async def test_comments_do_not_hide_a_stall(serve: Serving):
    server = await serve(Answer([b": ping\n\n"] * 200))
    assert "for 0.2 s" in await refused(server, stall_seconds=0.2)


async def test_closing_the_iterator_closes_the_connection(serve: Serving):
    server = await serve(
        Answer(words("Hi"), ending="hang"), Answer([event({"content": "Again"}, "stop"), DONE])
    )
    engine = OpenAICompatible(server.url, "m")
    stream = engine.stream(HELLO)
    assert await anext(stream) == Text("Hi")
    assert not server.gone.is_set()
    await stream.aclose()
    await asyncio.wait_for(server.gone.wait(), 2)
    assert text(await ask(engine)) == "Again"
    await engine.close()


async def test_cancelling_closes_the_connection(serve: Serving):
    server = await serve(Answer(words("Hi"), ending="hang"))
    engine = OpenAICompatible(server.url, "m")
    task = asyncio.create_task(ask(engine))
    while not server.asked:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.gone.wait(), 2)
    await engine.close()


@pytest.mark.parametrize(
    ("status", "kind", "body", "said"),
    [
        (401, "application/json", b'{"error": {"message": "bad key"}}', "401: bad key; check the"),
        (404, "application/json", b'{"error": "no model m"}', "404: no model m; is m the right"),
        (404, "application/json", b'{"detail": "Not Found"}', "404: Not Found; is m"),
        (400, "application/json", b'{"message": "too\\nlong"}', "400: too long"),
        (422, "application/json", b'{"detail": [{"msg": "no"}]}', "422: [{'msg': 'no'}]"),
        (500, "text/plain", b"out of memory", "500: out of memory"),
        (502, "text/html", b"<html><h1>Bad</h1>", "502: Whatever"),
        (500, "application/json", b"{}", "500"),
    ],
)
async def test_a_refusal_in_one_line(
    serve: Serving, status: int, kind: str, body: bytes, said: str
):
    server = await serve(Answer([body], status, kind))
    message = await refused(server)
    assert f"{server.url}/v1 refused with {said}" in message


async def test_a_redirect_says_where_to(serve: Serving):
    server = await serve(Answer(status=308, headers=b"location: https://x.test/v1\r\n"))
    assert "use https://x.test/v1 instead" in await refused(server)


async def test_a_page_is_not_an_answer(serve: Serving):
    server = await serve(Answer([b"<html>Welcome"], kind="text/html"))
    assert "not OpenAI's API" in await refused(server)


async def test_nobody_listens_there():
    async with serving() as server:
        pass
    message = await refused(server)
    assert message.startswith(f"{server.url}/v1: cannot connect")
    assert "start the server or fix llm.url" in message


async def test_a_host_that_does_not_exist():
    server = Server([], "http://someone:secret@nowhere.invalid:9")
    message = await refused(server)
    assert "cannot connect" in message
    assert "secret" not in message


@pytest.mark.parametrize("url", ["localhost:8000", "http://", "ftp://x", "http://a:b", "x"])
def test_what_is_no_address(url: str):
    with pytest.raises(EngineError, match="not an address"):
        OpenAICompatible(url, "m")


def test_a_key_that_cannot_be_one_is_not_shown():
    with pytest.raises(EngineError, match="characters that no key has") as caught:
        OpenAICompatible("http://localhost", "m", api_key="sécret")
    assert "cret" not in str(caught.value)


async def test_a_proxy_is_for_other_machines(serve: Serving, monkeypatch: pytest.MonkeyPatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    hi = Answer([event({"content": "Hi"}, "stop"), DONE])
    server, proxy = await serve(hi), await serve(hi)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, proxy.url)
    assert text(await answered(server)) == "Hi"
    assert text(await answered(Server([], "http://elsewhere.test"))) == "Hi"
    assert [asked.path for asked in proxy.asked] == ["http://elsewhere.test/v1/chat/completions"]


async def test_a_closed_engine_says_so(serve: Serving):
    engine = OpenAICompatible((await serve()).url, "m")
    await engine.close()
    await engine.close()
    with pytest.raises(EngineError, match="m is closed"):
        await ask(engine)


def test_every_event_loop_has_its_own_client():
    async def twice(engine: OpenAICompatible) -> str:
        hi = Answer([event({"content": "Hi"}, "stop"), DONE])
        async with serving(hi) as server:
            engine._url = OpenAICompatible(server.url, "m")._url  # pyright: ignore[reportPrivateUsage]
            return text(await ask(engine))

    engine = OpenAICompatible("http://127.0.0.1:1", "m")
    assert [asyncio.run(twice(engine)) for _ in range(2)] == ["Hi", "Hi"]
    asyncio.run(engine.close())


# -- a real server -----------------------------------------------------------------------------


@pytest.mark.models
async def test_a_real_server():
    model = await asyncio.to_thread(Embedded, model_path("smollm2-135m"), context=1024)
    url: str = model._server.listening_address  # pyright: ignore[reportPrivateUsage]
    key = model._key  # pyright: ignore[reportPrivateUsage]
    engine = OpenAICompatible(url, "default", api_key=key)
    request = Request([Message("user", "Count from one to twenty.")], max_tokens=12)
    await engine.warm_up(request)
    deltas = await ask(engine, request)
    done = deltas[-1]
    assert text(deltas)
    assert isinstance(done, Done)
    assert (done.finish, done.completion_tokens) == ("length", 12)
    assert done.cached_tokens > 0

    stream = engine.stream(Request(request.messages, max_tokens=900))
    await anext(stream)
    await stream.aclose()
    assert text(await ask(engine, request)) == text(deltas)

    long = Request([Message("user", "word " * 2000)])
    with pytest.raises(EngineError, match=r"refused with 400: .*context"):
        await ask(engine, long)
    stranger = OpenAICompatible(url, "m", api_key="wrong")
    with pytest.raises(EngineError, match="refused with 401"):
        await ask(stranger, request)
    await stranger.close()
    await engine.close()
    await model.close()
