"""llama.cpp in this process, with a real model."""

import asyncio
import gc
import socket
import time
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from agents.llm import embedded
from agents.llm.embedded import Embedded
from agents.llm.engine import Delta, Done, EngineError, Message, Request, Text, ToolCall
from agents.llm.slots import Slots
from voice.models import model_path

pytestmark = pytest.mark.models

COUNT = [Message("system", "You are helpful."), Message("user", "Count from one to twenty.")]
LONG = [Message("system", "You are a helpful assistant. " * 30), Message("user", "Hello")]
ENDLESS = "root ::= [a-z ]*"
YES_NO = 'root ::= " \\"" ("yes" | "no") "\\"}"'


async def started(cache: Path | None = None, context: int = 1024) -> Embedded:
    return await asyncio.to_thread(
        Embedded, model_path("smollm2-135m"), threads=1, context=context, cache=cache
    )


@pytest.fixture
async def engine() -> AsyncGenerator[Embedded, None]:
    engine = await started()
    yield engine
    await engine.close()


def prefixes(cache: Path) -> list[Path]:
    return list(cache.glob("*.prefix"))


async def is_busy(engine: Embedded) -> bool:
    response = await engine._client().get("/slots")  # pyright: ignore[reportPrivateUsage]
    return any(slot["is_processing"] for slot in response.json())


async def ask(engine: Embedded, request: Request) -> list[Delta]:
    return [delta async for delta in engine.stream(request)]


def text(deltas: Sequence[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def done(deltas: Sequence[Delta]) -> Done:
    assert isinstance(deltas[-1], Done)
    return deltas[-1]


async def test_an_answer_comes_in_pieces(engine: Embedded):
    deltas = await ask(engine, Request(COUNT, max_tokens=12))
    assert len([delta for delta in deltas if isinstance(delta, Text)]) > 3
    assert (done(deltas).finish, done(deltas).completion_tokens) == ("length", 12)
    assert done(deltas).prompt_tokens > 10
    again = await ask(engine, Request(COUNT, max_tokens=12))
    assert text(again) == text(deltas)
    assert done(again).cached_tokens > 10


async def test_earlier_tool_calls_are_part_of_the_prompt(engine: Embedded):
    call = ToolCall("c1", "weather", {"city": "Bonn"})
    request = Request(
        [*COUNT, Message("assistant", "", (call,)), Message("tool", "sunny", tool_call_id="c1")],
        max_tokens=2,
    )
    assert done(await ask(engine, request)).prompt_tokens > 10


async def test_any_character_gets_through(engine: Embedded):
    said = "a\u2028b\u0085c\x0bd"
    quoted = 'root ::= "' + said + '"'
    assert text(await ask(engine, Request(COUNT, grammar=quoted))) == said


async def test_stop_ends_the_answer_and_is_not_in_it(engine: Embedded):
    whole = text(await ask(engine, Request(COUNT, max_tokens=12)))
    word = whole.split()[2]
    deltas = await ask(engine, Request(COUNT, max_tokens=12, stop=[word]))
    assert text(deltas) == whole[: whole.index(word)]
    assert done(deltas).finish == "stop"


async def test_the_grammar_is_obeyed_and_the_prefill_goes_on(engine: Embedded):
    request = Request(
        [Message("user", 'Tea? Write {"want": "yes"} or {"want": "no"}.')],
        grammar=YES_NO,
        prefill='{"want":',
        probabilities=10,
    )
    deltas = await ask(engine, request)
    assert text(deltas) in (' "yes"}', ' "no"}')
    assert done(deltas).finish == "stop"
    (chances,) = (d.alternatives for d in deltas if isinstance(d, Text) and d.alternatives)
    said = text(deltas).strip(' "}')
    assert any(said.startswith(token.strip()) for token in chances if token.strip())
    assert all(0.0 <= chance <= 1.0 for chance in chances.values())
    assert sum(chances.values()) < 1.001


async def test_without_asking_there_are_no_probabilities(engine: Embedded):
    deltas = await ask(engine, Request(COUNT, max_tokens=2))
    assert not any(d.alternatives for d in deltas if isinstance(d, Text))


async def test_a_warm_prompt_is_not_read_again(engine: Embedded):
    request = Request(LONG, max_tokens=2, slot="answer")
    await engine.warm_up(request)
    warm = done(await ask(engine, request))
    assert warm.cached_tokens > 0.9 * warm.prompt_tokens


async def test_what_was_prepared_while_the_caller_spoke_is_not_read_again(engine: Embedded):
    def asked(words: str) -> Request:
        return Request([*LONG[:-1], Message("user", words)], max_tokens=2, slot="answer")

    question = "Caller: do you know whether any of the ports to the north were closed in winter"
    await engine.warm_up(asked("Caller: hello"))
    await engine.prepare(asked(question))
    late = done(await ask(engine, asked(question + " and spring?")))
    assert 1 < late.prompt_tokens - late.cached_tokens < 12
    await engine.prepare(asked(question + "?"), whole=True)
    last = done(await ask(engine, asked(question + "?")))
    assert last.prompt_tokens - last.cached_tokens == 1


async def test_nothing_is_prepared_while_somebody_waits_for_an_answer(engine: Embedded):
    answer = engine.stream(Request(COUNT, max_tokens=40, slot="understand"))
    await anext(answer)
    await engine.prepare(Request([Message("user", "Blue whales sing." * 9)], slot="answer"))
    rest = [delta async for delta in answer]
    assert isinstance(rest[-1], Done)
    late = done(
        await ask(engine, Request([Message("user", "Blue whales sing." * 9)], max_tokens=2))
    )
    assert late.cached_tokens < 10


async def test_two_slots_keep_their_own_prompts(engine: Embedded):
    understand = Request(COUNT, max_tokens=2, slot="understand")
    answer = Request(LONG, max_tokens=2, slot="answer")
    await ask(engine, understand)
    await ask(engine, answer)
    first, second = done(await ask(engine, understand)), done(await ask(engine, answer))
    assert first.cached_tokens > 0.9 * first.prompt_tokens - 2
    assert second.cached_tokens > 0.9 * second.prompt_tokens


async def test_a_second_start_finds_the_prompt_on_disk(tmp_path: Path):
    request = Request(LONG, max_tokens=2, slot="answer")
    first = await started(tmp_path)
    await first.warm_up(request)
    said = text(await ask(first, request))
    await first.close()
    assert len(prefixes(tmp_path)) == 1

    second = await started(tmp_path)
    await second.warm_up(request)
    deltas = await ask(second, request)
    assert done(deltas).cached_tokens > 0.9 * done(deltas).prompt_tokens
    assert text(deltas) == said
    await second.close()


async def test_a_broken_file_on_disk_is_read_over(tmp_path: Path):
    request = Request(LONG, max_tokens=2, slot="answer")
    first = await started(tmp_path)
    await first.warm_up(request)
    [file] = prefixes(tmp_path)
    file.write_bytes(b"not a prefix")
    await first.warm_up(request)
    assert text(await ask(first, request))
    assert file.stat().st_size > 1000
    await first.close()


async def test_closing_midway_frees_the_slot(engine: Embedded):
    stream = engine.stream(Request(COUNT, max_tokens=900, grammar=ENDLESS, slot="answer"))
    await anext(stream)
    assert await is_busy(engine)
    await stream.aclose()
    async with asyncio.timeout(5):  # 900 tokens take 12 s
        while await is_busy(engine):
            await asyncio.sleep(0.01)
    again = done(await ask(engine, Request(COUNT, max_tokens=4, slot="answer")))
    assert again.cached_tokens > 10


REPORT = Request(
    [Message("user", "You are a helpful assistant. " * 600)], max_tokens=3, slot="after"
)


async def test_an_answer_goes_before_a_report_that_is_being_read(tmp_path: Path):
    engine = await started(tmp_path, context=4096)
    order: list[str] = []

    async def asked(name: str, request: Request) -> str:
        deltas = await ask(engine, request)
        order.append(name)
        return text(deltas)

    alone = await asked("alone", Request(COUNT, max_tokens=12, slot="answer"))
    report = asyncio.create_task(asked("report", REPORT))
    await busy(engine)
    answer = await asked("answer", Request(COUNT, max_tokens=12, slot="answer"))
    assert (order, answer) == (["alone", "answer"], alone)
    assert await report
    await engine.close()


async def test_a_preparation_gives_way_to_an_answer_and_a_report_waits_for_one(tmp_path: Path):
    engine = await started(tmp_path, context=4096)
    prompt = Request(REPORT.messages, slot="understand")
    preparation = asyncio.create_task(engine.prepare(prompt))
    await busy(engine)
    stream = engine.stream(Request(COUNT, max_tokens=900, grammar=ENDLESS, slot="answer"))
    await anext(stream)
    await preparation  # was stopped: 900 tokens are not over
    report = asyncio.create_task(ask(engine, Request(COUNT, max_tokens=3, slot="after")))
    other = done(await ask(engine, Request(COUNT, max_tokens=3, slot="answer")))
    assert not report.done()
    assert other.completion_tokens == 3
    await stream.aclose()
    assert text(await report)
    await engine.close()


async def busy(engine: Embedded) -> None:
    async with asyncio.timeout(10):
        while not await is_busy(engine):
            await asyncio.sleep(0.01)


async def test_cancelling_while_the_prompt_is_read_stops_the_reading(tmp_path: Path):
    engine = await started(tmp_path, context=4096)
    request = Request([Message("user", "You are a helpful assistant. " * 600)], slot="answer")
    task = asyncio.create_task(ask(engine, request))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # Not is_busy(): every answer of llama.cpp puts off its next look for callers that left.
    saved = await engine._post("/slots/2?action=save", {"filename": "read.prefix"})  # pyright: ignore[reportPrivateUsage]
    assert saved.json()["n_saved"] < 2000
    await engine.close()


async def test_two_at_once(engine: Embedded):
    first = Request(COUNT, max_tokens=24, slot="understand")
    second = Request(LONG, max_tokens=24, slot="answer")
    order: list[str] = []

    async def follow(name: str, request: Request) -> str:
        said = ""
        async for delta in engine.stream(request):
            order.append(name)
            said += delta.text if isinstance(delta, Text) else ""
        return said

    one, two = await asyncio.gather(follow("one", first), follow("two", second))
    assert one
    assert two
    assert order.index("two") < len(order) - 1 - order[::-1].index("one")  # not one after the other


async def test_two_callers_are_answered_at_once(engine: Embedded):
    """The second is not kept waiting for the end of the first, and finds its prompt warm."""
    await engine.warm_up(Request(LONG, slot="answer"))
    long = engine.stream(Request(COUNT, max_tokens=900, grammar=ENDLESS, slot="answer"))
    await anext(long)
    short = await ask(engine, Request(LONG, max_tokens=4, slot="answer"))
    assert done(short).cached_tokens > 0.9 * done(short).prompt_tokens
    assert await is_busy(engine)  # the first
    await long.aclose()


def test_the_slot_that_knows_most_of_a_prompt_is_taken():
    slots = Slots({"understand": 2, "answer": 2, "after": 1})
    assert len(slots) == 5
    assert [*slots.of("understand"), *slots.of("answer"), *slots.of("after")] == [0, 1, 2, 3, 4]
    far, when = "you are robin. how far", "you are robin. when"
    with slots.taken("answer", far) as first, slots.taken("answer", when) as second:
        assert {first, second} == {2, 3}
        with slots.taken("answer", far + " is it") as third:
            assert third == first  # it has to wait, best where its words are
    with slots.taken("answer", "you are robin. when do you open") as again:
        assert again == second
    with slots.taken("", "x") as other:
        assert other in slots.of("after")


async def test_more_callers_than_can_wait(engine: Embedded):
    streams = [engine.stream(Request(COUNT, max_tokens=900)) for _ in range(17)]
    tasks = [asyncio.create_task(anext(stream)) for stream in streams]
    finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION, timeout=20)
    failures = [exc for exc in (task.exception() for task in finished) if exc]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for stream in streams:
        await stream.aclose()
    [failure] = failures
    assert isinstance(failure, EngineError)
    assert "16 requests wait already" in str(failure)
    assert text(await ask(engine, Request(COUNT, max_tokens=2)))


async def test_a_prompt_that_is_too_long(engine: Embedded):
    request = Request([Message("user", "word " * 2000)])
    with pytest.raises(EngineError, match="longer than the context") as caught:
        await ask(engine, request)
    assert "\n" not in str(caught.value)
    with pytest.raises(EngineError, match="longer than the context"):
        await engine.warm_up(request)
    assert text(await ask(engine, Request(COUNT, max_tokens=2)))


async def test_a_grammar_that_is_none(engine: Embedded):
    with pytest.raises(EngineError, match="refused with 400") as caught:
        await ask(engine, Request(COUNT, grammar="root ::= ("))
    assert "\n" not in str(caught.value)


def test_what_is_not_a_model(tmp_path: Path):
    with pytest.raises(EngineError, match="0 GGUF files here"):
        Embedded(tmp_path)
    with pytest.raises(EngineError, match="cannot be read"):
        Embedded(tmp_path / "nothing.gguf")
    page = tmp_path / "page.gguf"
    page.write_text("<html>404</html>")
    with pytest.raises(EngineError, match="not a GGUF file"):
        Embedded(page)
    (tmp_path / "other.gguf").touch()
    with pytest.raises(EngineError, match="2 GGUF files here"):
        Embedded(tmp_path)


def test_a_model_cut_short(tmp_path: Path):
    [whole] = model_path("smollm2-135m").glob("*.gguf")
    with whole.open("rb") as file:
        (tmp_path / "half.gguf").write_bytes(file.read(3_000_000))
    with pytest.raises(EngineError, match="cannot load it") as caught:
        Embedded(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_port_that_another_took(monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        free = embedded._free_port()  # pyright: ignore[reportPrivateUsage]
        ports = iter([taken, free])
        monkeypatch.setattr(embedded, "_free_port", lambda: next(ports))
        engine = Embedded(model_path("smollm2-135m"), threads=1, context=1024)
    assert text(asyncio.run(ask(engine, Request(COUNT, max_tokens=2))))
    asyncio.run(engine.close())


async def test_opening_and_closing_leaves_nothing():
    process = psutil.Process()

    async def once() -> None:
        engine = await started()
        await ask(engine, Request(COUNT, max_tokens=2))
        await engine.close()

    def listening() -> int:
        return len([c for c in process.net_connections() if c.status == psutil.CONN_LISTEN])

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    await once()  # ggml's and asyncio's own threads stay for the life of the process
    gc.collect()
    threads, ports = process.num_threads(), listening()
    for _ in range(3):
        await once()
    deadline = time.monotonic() + 10
    while process.num_threads() > threads and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    assert process.num_threads() <= threads
    assert listening() <= ports


async def test_closing_at_once():
    for _ in range(5):
        await (await started()).close()


async def test_a_dead_server():
    engine = await started()
    await ask(engine, Request(COUNT, max_tokens=2))
    address = engine._server.listening_address  # pyright: ignore[reportPrivateUsage]
    engine._server = SimpleNamespace(listening_address=address)  # pyright: ignore[reportPrivateUsage]
    gc.collect()
    with pytest.raises(EngineError, match="server is gone") as caught:
        await ask(engine, Request(COUNT, max_tokens=2))
    assert "\n" not in str(caught.value)
    with pytest.raises(EngineError):
        await engine.warm_up(Request(COUNT))
    await engine.close()


async def test_a_closed_engine():
    engine = await started()
    await engine.close()
    await engine.close()
    with pytest.raises(EngineError, match="is closed"):
        await ask(engine, Request(COUNT))


def test_one_engine_in_two_event_loops():
    engine = Embedded(model_path("smollm2-135m"), threads=1, context=1024)
    said = [text(asyncio.run(ask(engine, Request(COUNT, max_tokens=4)))) for _ in range(2)]
    assert said[0]
    assert said[0] == said[1]
    asyncio.run(engine.close())
