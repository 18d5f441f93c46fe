"""Other people's clients speak with what `llm:` names: the openai SDK, and pipecat's service."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletionMessageFunctionToolCall
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import LLMContextFrame, LLMTextFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.tests.utils import run_test

from agents.llm.embedded import Embedded
from agents.llm.engine import Engine, EngineError, ToolCall
from tests.fakes import BreaksOff, FakeEngine, Hangs
from tests.paper_server import DEMO, PaperEngines
from voice.config import load_config
from voice.models import model_path
from voice.server import serve

MODEL = "qwen2.5-coder-1.5b"
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
SHOP = "You answer a shop's telephone, in one sentence."
ORDER: Any = {
    "type": "function",
    "function": {
        "name": "order_status",
        "description": "Tell the status of an order.",
        "parameters": {
            "type": "object",
            "properties": {"order": {"type": "integer", "description": "its number"}},
            "required": ["order"],
        },
    },
}
CALL = '{"name": "order_status", "arguments": {"order": 1042}}'


@asynccontextmanager
async def serving(engine: Engine, **overrides: Any) -> AsyncGenerator[str]:
    """The real server, and `engine` behind its /v1."""
    settings = {f"server.{key}": value for key, value in overrides.items()}
    config = load_config(DEMO, settings)
    engines = PaperEngines(config)
    engines.engine = engine
    async with serve.serving(config, DEMO.parent, engines=engines) as (url, _):  # type: ignore[arg-type]
        yield f"{url}/v1"


@asynccontextmanager
async def client(engine: Engine, **overrides: Any) -> AsyncGenerator[openai.AsyncOpenAI]:
    async with (
        serving(engine, **overrides) as url,
        openai.AsyncOpenAI(
            base_url=url,
            api_key="none",
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False),
        ) as sdk,
    ):
        yield sdk


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


async def test_words_come_whole_or_as_they_are_made() -> None:
    engine = FakeEngine("Good day to you.", "Good day again.")
    async with client(engine) as sdk:
        whole = await sdk.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=7)
        assert whole.choices[0].message.content == "Good day to you."
        assert whole.choices[0].finish_reason == "stop"
        stream = await sdk.chat.completions.create(
            model=MODEL,
            messages=HELLO,
            stream=True,
            stop=["END"],
            temperature=0.5,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    words = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert words == ["Good", " day", " again."]
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    first, second = engine.requests
    assert (first.max_tokens, first.temperature, first.slot) == (7, 0.0, "")
    assert (second.stop, second.temperature) == (("END",), 0.5)
    assert not first.grammar
    assert not second.grammar


async def test_a_small_models_json_becomes_a_tool_call_and_is_never_words() -> None:
    engine = FakeEngine(CALL, "It was sent on Monday.")
    async with client(engine) as sdk:
        asked: list[Any] = [{"role": "system", "content": "You sell lamps."}, *HELLO]
        stream = await sdk.chat.completions.create(
            model=MODEL, messages=asked, tools=[ORDER], stream=True
        )
        chunks = [chunk async for chunk in stream]
        assert not any(c.choices[0].delta.content for c in chunks)
        assert chunks[-1].choices[0].finish_reason == "tool_calls"
        (call,) = [
            c.choices[0].delta.tool_calls[0] for c in chunks if c.choices[0].delta.tool_calls
        ]
        assert call.function is not None
        assert call.function.name == "order_status"
        assert json.loads(call.function.arguments or "") == {"order": 1042}
        done = {"role": "tool", "tool_call_id": call.id, "content": '{"status": "sent"}'}
        used = {"id": call.id, "type": "function", "function": call.function.model_dump()}
        history: list[Any] = [
            *asked,
            {"role": "assistant", "content": None, "tool_calls": [used]},
            done,
        ]
        answer = await sdk.chat.completions.create(model=MODEL, messages=history, tools=[ORDER])
    assert answer.choices[0].message.content == "It was sent on Monday."
    system, _, called, result = engine.requests[1].messages
    assert system.content.startswith("You sell lamps.")
    assert "order_status" in system.content
    assert (called.role, called.content) == ("assistant", CALL)
    assert result.role == "user"
    assert '{"status": "sent"}' in result.content


@pytest.mark.parametrize(
    ("choice", "words", "call"),
    [("auto", True, True), ("required", False, True), ("none", True, False)],
)
async def test_the_choice_of_tools_is_in_the_grammar(choice: Any, words: bool, call: bool) -> None:
    engine = FakeEngine("Hm." if choice != "required" else CALL)
    async with client(engine) as sdk:
        await sdk.chat.completions.create(
            model=MODEL, messages=HELLO, tools=[ORDER], tool_choice=choice
        )
    (asked,) = engine.requests
    assert ("order_status" in asked.grammar) is call
    assert ("words" in asked.grammar or not asked.grammar) is words


async def test_an_engine_with_tools_of_its_own_is_given_them() -> None:
    calls = (ToolCall("a", "order_status", {"order": 1}), ToolCall("b", "order_status", {}))
    engine = FakeEngine(calls, grammars=False)
    async with client(engine) as sdk:
        answer = await sdk.chat.completions.create(
            model=MODEL, messages=HELLO, tools=[ORDER], tool_choice="required"
        )
    made = answer.choices[0].message.tool_calls or []
    assert [call.id for call in made] == ["a", "b"]
    (asked,) = engine.requests
    assert list(asked.tools) == [ORDER]
    assert asked.tool_required
    assert not asked.grammar


async def test_a_call_that_was_cut_off_is_neither_called_nor_spoken() -> None:
    async with client(FakeEngine(CALL[:-5])) as sdk:
        answer = await sdk.chat.completions.create(model=MODEL, messages=HELLO, tools=[ORDER])
    assert answer.choices[0].message.content is None
    assert answer.choices[0].message.tool_calls is None


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_frees_the_model(stream: bool) -> None:
    engine = FakeEngine(Hangs("One moment"), "Here I am.")
    async with client(engine, max_completions=1) as sdk:
        asking = asyncio.create_task(_ask(sdk, stream))
        await until(lambda: len(engine.requests) == 1)
        with pytest.raises(openai.RateLimitError, match="try again in a moment"):
            await sdk.chat.completions.create(model=MODEL, messages=HELLO)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await until(lambda: engine.closed_early == 1)
        answer = await sdk.chat.completions.create(model=MODEL, messages=HELLO)
        assert answer.choices[0].message.content == "Here I am."


async def _ask(sdk: openai.AsyncOpenAI, stream: bool) -> None:
    if not stream:
        await sdk.chat.completions.create(model=MODEL, messages=HELLO)
        return
    async with await sdk.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True
    ) as chunks:
        async for _ in chunks:
            pass


async def test_a_model_that_dies_is_an_error_in_words() -> None:
    engine = FakeEngine(EngineError("fake: out of memory"), BreaksOff("I think"))
    async with client(engine) as sdk:
        with pytest.raises(openai.InternalServerError, match="out of memory"):
            await sdk.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        with pytest.raises(openai.APIError, match="gone in mid-answer"):
            await _ask(sdk, True)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "caller", "content": "Hi"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "only text"),
        ({"messages": HELLO, "n": 2}, "n: "),
        ({"messages": HELLO, "tool_choice": "required"}, "no tool"),
        ({"messages": HELLO, "response_format": {"type": "json_object"}}, "response_format"),
        (
            {"messages": HELLO, "tools": [{"type": "function", "function": {"name": "a b"}}]},
            "tool 'a b'",
        ),
        ({"messages": HELLO, "model": "gpt-9"}, "choose one of"),
        ("{", "the body"),
    ],
)
async def test_a_bad_request_is_told_what_is_wrong(body: Any, says: str) -> None:
    async with serving(FakeEngine()) as url, httpx.AsyncClient(trust_env=False) as http:
        content = body if isinstance(body, str) else json.dumps(body)
        kind = {"Content-Type": "application/json"}
        answer = await http.post(f"{url}/chat/completions", content=content, headers=kind)
        assert answer.status_code in (400, 404)
        assert says in answer.json()["error"]["message"]


async def test_a_page_elsewhere_cannot_ask() -> None:
    async with serving(FakeEngine()) as url, httpx.AsyncClient(trust_env=False) as http:
        body = json.dumps({"messages": HELLO})
        plain = await http.post(f"{url}/chat/completions", content=body)
        assert plain.status_code == 415
        named = await http.get(f"{url}/models", headers={"Host": "evil.example"})
        assert named.status_code == 403
        assert "server.api_key_env" in named.json()["error"]["message"]


async def test_with_a_key_the_world_may_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sesame")
    async with client(FakeEngine(), api_key_env="A_KEY") as sdk:
        with pytest.raises(openai.AuthenticationError, match="Authorization"):
            await sdk.models.list()
        right = sdk.with_options(api_key="sesame", default_headers={"Host": "voice.example"})
        assert [model.id async for model in right.models.list()] == [MODEL]
        assert (await right.models.retrieve(MODEL)).owned_by == "openline"
        with pytest.raises(openai.NotFoundError, match=MODEL):
            await right.models.retrieve("gpt-9")


async def _through_pipecat(url: str, line: str, model: str) -> tuple[str, list[dict[str, Any]]]:
    """What pipecat's service says and calls."""
    called: list[dict[str, Any]] = []

    async def order_status(params: Any) -> None:
        called.append(dict(params.arguments))
        await params.result_callback({"status": "sent"})

    service = OpenAILLMService(
        api_key="none",
        base_url=url,
        settings=OpenAILLMService.Settings(
            model=model, system_instruction=SHOP, temperature=0.0, max_tokens=60
        ),
    )
    service.register_function("order_status", order_status)
    about = ORDER["function"]
    offered = FunctionSchema(
        about["name"], about["description"], about["parameters"]["properties"], ["order"]
    )
    context = LLMContext([{"role": "user", "content": line}], ToolsSchema([offered]))
    down, _ = await run_test(service, frames_to_send=[LLMContextFrame(context)], start_timeout=30)
    await service._client.close()  # pyright: ignore[reportPrivateUsage] - pipecat leaves it open
    return "".join(frame.text for frame in down if isinstance(frame, LLMTextFrame)), called


async def test_pipecats_service_says_the_words_and_calls_the_tool() -> None:
    async with serving(FakeEngine("Good day to you.", CALL)) as url:
        assert await _through_pipecat(url, "Hello", MODEL) == ("Good day to you.", [])
        assert await _through_pipecat(url, "My order?", MODEL) == ("", [{"order": 1042}])


@pytest.mark.models
async def test_a_real_model_calls_a_tool_and_tells_its_result() -> None:
    engine = await asyncio.to_thread(Embedded, model_path(MODEL))
    try:
        async with client(engine) as sdk:
            asked: list[Any] = [
                {"role": "system", "content": SHOP},
                {"role": "user", "content": "Where is my order 1042?"},
            ]
            first = await sdk.chat.completions.create(model=MODEL, messages=asked, tools=[ORDER])
            message = first.choices[0].message
            assert not message.content
            (call,) = message.tool_calls or []
            assert isinstance(call, ChatCompletionMessageFunctionToolCall)
            assert json.loads(call.function.arguments) == {"order": 1042}
            asked += [
                message.model_dump(exclude_none=True),
                {"role": "tool", "tool_call_id": call.id, "content": '{"status": "in Lisbon"}'},
            ]
            told = await sdk.chat.completions.create(
                model=MODEL, messages=asked, tools=[ORDER], max_tokens=40
            )
            assert "Lisbon" in (told.choices[0].message.content or "")
            assert told.usage is not None
            assert told.usage.prompt_tokens > 50
            said, called = await _through_pipecat(
                str(sdk.base_url), "Where is my order 1042?", MODEL
            )
            assert (said, called) == ("", [{"order": 1042}])
    finally:
        await engine.close()


SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "properties": {}},
    {
        "type": "object",
        "properties": {
            "note": {"type": "string"},
            "size": {"enum": ["small", "large"]},
            "count": {"type": ["integer", "null"]},
            "gift": {"type": "boolean"},
        },
        "required": ["size", "count"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {"price": {"type": "number"}, "kind": {"const": 'a "b" \\'}},
        "additionalProperties": False,
    },
    {"type": "object", "properties": {"days": {"type": "array", "items": {"type": "string"}}}},
]


@pytest.mark.models
async def test_even_the_smallest_model_calls_by_the_schema() -> None:
    engine = await asyncio.to_thread(Embedded, model_path("smollm2-135m"))
    try:
        async with client(engine) as sdk:
            for schema in SCHEMAS:
                tool: Any = {"type": "function", "function": {"name": "f", "parameters": schema}}
                answer = await sdk.chat.completions.create(
                    model=MODEL,
                    messages=HELLO,
                    tools=[tool],
                    tool_choice="required",
                    max_tokens=200,
                )
                (call,) = answer.choices[0].message.tool_calls or []
                assert isinstance(call, ChatCompletionMessageFunctionToolCall)
                arguments = json.loads(call.function.arguments)
                if schema["properties"].keys() != {"days"}:  # of those, only that it is an object
                    jsonschema.validate(arguments, schema)
            said = await sdk.chat.completions.create(
                model=MODEL, messages=HELLO, tools=[ORDER], max_tokens=20
            )
            assert "{" not in (said.choices[0].message.content or "")
    finally:
        await engine.close()
