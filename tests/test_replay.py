"""Replay: the same caller through the present build, on a virtual clock, and what changed."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.llm.engine import Delta, Done, Request, Text
from agents.tools import CallContext, ToolError, tool, tool_of
from tests.paper import TURNS, PaperConversation, PaperEars, PaperLane, PaperMouth, Utterance
from tests.test_call import ANSWERS
from tests.test_journal import HEADER, put_call
from voice.journal import again as again_module
from voice.journal.again import differences, make_case
from voice.journal.cast import Cast, WorkingEngine, WorkingLane, as_recorded
from voice.journal.clock import Cost, VirtualLoop, working
from voice.journal.compare import report
from voice.journal.record import Recorded, read, recorded
from voice.journal.replay import replay
from voice.journal.world import World
from voice.listen.listener import Ears
from voice.listen.turns import TurnSettings
from voice.speak.mouth import Mouth

SPOKEN = [
    Utterance("where is my order", 1.5, 1.0, 0.95),
    Utterance("stop please", 4.2, 1.0, 0.95),
]


def paper_casting(
    answers: dict[str, list[str]] = ANSWERS, hear: float = 0.1
) -> Callable[[], contextlib.AbstractAsyncContextManager[Cast]]:
    @contextlib.asynccontextmanager
    async def casting() -> AsyncGenerator[Cast]:
        paper = PaperEars(SPOKEN)
        ears = Ears(paper, PaperLane(hear), paper, paper, PaperLane(0.02))  # type: ignore[arg-type]
        conversation = PaperConversation(answers, 0.2, None)
        mouth = Mouth(PaperMouth(), PaperLane(0.05))  # type: ignore[arg-type]
        yield Cast(ears, conversation, mouth, "Hello.")  # type: ignore[arg-type]

    return casting


def again(call: Recorded, turns: TurnSettings | None = None, **changed: Any) -> Recorded:
    casting = paper_casting(**changed)
    return replay(call, casting, turns or TURNS, partial_seconds=0.5, cost="none")


def told(before: Recorded, after: Recorded) -> list[str]:
    return [line.plain for line in report(before, after)]


def test_nothing_changed_is_said_so(tmp_path: Path):
    call = read(put_call(tmp_path))
    lines = told(call, again(call))
    assert [line[:2] for line in lines] == ["= ", "= ", "2 "]
    assert lines[-1].startswith("2 turns as they were, 0 changed")


def test_a_replay_has_the_same_turns_to_the_hundredth(tmp_path: Path):
    call = read(put_call(tmp_path))
    after = again(call)
    for then, now in zip(call.turns, after.turns, strict=True):
        assert now.text == then.text
        assert now.reason == then.reason
        assert now.committed == pytest.approx(then.committed, abs=0.05)
        assert now.answer is not None
        assert then.answer is not None
        assert now.answer.heard == then.answer.heard
        assert now.answer.silence_ms == pytest.approx(then.answer.silence_ms, abs=40)
    assert [a.said for a in after.asides] == [a.said for a in call.asides] == ["Hello."]


def test_a_changed_setting_shows_where_turns_end_now(tmp_path: Path):
    call = read(put_call(tmp_path))
    later = again(call, replace(TURNS, shortest_seconds=0.6))
    lines = told(call, later)
    assert lines[0].startswith("~ ")
    over = next(line for line in lines if line.split()[0] == "over")
    before, after = over.split(" → ")
    assert " 0.6" not in before
    assert " 0.6" in after
    assert "0 turns as they were, 2 changed" in lines[-1]


def test_another_answer_is_shown(tmp_path: Path):
    call = read(put_call(tmp_path))
    lines = told(call, again(call, answers={**ANSWERS, "stop please": ["As you wish."]}))
    assert "            answer All right. → As you wish." in lines
    assert lines[-1].startswith("1 turns as they were, 1 changed")


def test_a_slower_transcriber_is_a_longer_silence(tmp_path: Path):
    call = read(put_call(tmp_path))
    slower = again(call, hear=0.4)
    then, now = call.turns[1].answer, slower.turns[1].answer
    assert then is not None
    assert now is not None
    assert then.silence_ms is not None
    assert now.silence_ms is not None
    assert now.silence_ms > then.silence_ms + 200


def test_typed_text_is_typed_again(tmp_path: Path):
    call = read(put_call(tmp_path))
    typed = {"at": 7.0, "event": "typed", "text": "stop please"}
    lines = [line.data for line in call.lines]
    more = recorded(call.header, [*lines[:-1], typed, lines[-1]], call.folder)
    after = again(more)
    assert [turn.text for turn in after.turns if turn.typed] == ["stop please"]


# -- the clock -----------------------------------------------------------------------------


@pytest.mark.parametrize("cost", ["measured", "none"])
def test_the_clock_waits_for_real_work_and_jumps_over_sleep(cost: Cost):
    release = threading.Event()

    async def call() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        lane = WorkingLane("work")
        await asyncio.sleep(3600)
        slept = loop.time()
        release.clear()
        timer = threading.Timer(0.05, release.set)
        timer.start()
        assert await lane.run(lambda: release.wait(10))
        worked = loop.time() - slept
        lane.close()
        return slept, worked

    began = time.monotonic()
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(cost=cost)) as runner:
        slept, worked = runner.run(call())
    real = time.monotonic() - began
    assert slept == pytest.approx(3600)
    assert real < 60
    assert worked == 0 if cost == "none" else 0.04 < worked <= real


def test_timers_go_on_while_measured_work_runs():
    async def call() -> list[str]:
        seen: list[str] = []

        async def tick() -> None:
            while True:
                await asyncio.sleep(0.01)
                seen.append("tick")

        ticking = asyncio.create_task(tick())
        await asyncio.to_thread(time.sleep, 0.1)
        ticking.cancel()
        return seen

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(cost="measured")) as runner:
        measured = runner.run(call())
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(cost="none")) as runner:
        assert runner.run(call()) == []
    assert measured


def test_work_given_up_does_not_hold_the_clock():
    async def call() -> int:
        async def forever() -> None:
            with working():
                await asyncio.Event().wait()

        waiting = asyncio.create_task(forever())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(100)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        return loop.works

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(call()) == 0


# -- engines -------------------------------------------------------------------------------


class Slow:
    """A model behind a server that is only known to be done, or gone, by a timeout."""

    name = "slow"
    grammars = native_tools = False

    def __init__(self) -> None:
        self.closed = 0

    async def stream(self, request: Request) -> AsyncGenerator[Delta]:
        try:
            yield Text("Yes.")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await asyncio.Event().wait()
            yield Done("stop")
        finally:
            self.closed += 1

    async def warm_up(self, request: Request) -> None: ...

    async def prepare(self, request: Request, *, whole: bool = False) -> None: ...

    async def close(self) -> None: ...


@pytest.mark.parametrize("cost", ["measured", "none"])
def test_an_engine_that_waits_for_its_own_clock_is_not_waited_for_for_ever(cost: Cost):
    slow = Slow()

    async def call() -> tuple[list[Delta], float]:
        with World() as world:
            engine = WorkingEngine(slow, world)
            said = [delta async for delta in engine.stream(Request([]))]
            return said, asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(cost=cost)) as runner:
        said, took = runner.run(call())
    assert said == [Text("Yes."), Done("stop")]
    assert slow.closed == 1
    assert took == 0 if cost == "none" else took >= 0.05


def test_an_engine_that_is_cancelled_has_closed_its_stream_before_anything_else_goes_on():
    slow = Slow()

    async def call() -> None:
        with World() as world:
            engine = WorkingEngine(slow, world)
            for count in range(1, 4):
                stream = engine.stream(Request([]))
                assert await anext(stream) == Text("Yes.")
                rest = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(0)
                rest.cancel()
                await asyncio.gather(rest, return_exceptions=True)
                assert slow.closed == count
            with pytest.raises(ZeroDivisionError):
                await world.run(_fails())

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(call())


async def _fails() -> None:
    raise ZeroDivisionError


# -- tools ---------------------------------------------------------------------------------


class Shop:
    def __init__(self) -> None:
        self.cancelled: list[str] = []

    @tool(read_only=True)
    def status(self, order: str) -> dict[str, Any]:
        """The status of an order."""
        return {"status": f"{order} is new"}

    def _open(self, order: str) -> dict[str, Any]:
        raise ToolError("the shop is closed by now")

    @tool(check=_open)
    def cancel(self, order: str) -> dict[str, Any]:
        """Cancel an order."""
        self.cancelled.append(order)
        return {}


CALLED: list[dict[str, Any]] = [
    {"at": 1.0, "event": "tool.started", "answer": 1, "id": "a-1", "name": "status",
     "arguments": {"order": "7"}},
    {"at": 3.0, "event": "tool.ended", "answer": 1, "id": "a-1", "name": "status",
     "result": {"status": "lost"}, "error": None, "seconds": 2.0, "say": "It is lost."},
    {"at": 4.0, "event": "tool.started", "answer": 2, "id": "a-2", "name": "cancel",
     "arguments": {"order": "7"}},
    {"at": 4.0, "event": "tool.ended", "answer": 2, "id": "a-2", "name": "cancel",
     "result": None, "error": "it has left", "seconds": 0.1, "say": ""},
]  # fmt: skip


def test_tools_answer_as_they_did_and_actions_are_not_done_again():
    shop = Shop()
    call = recorded(HEADER, CALLED)
    world = World()
    status = as_recorded(tool_of("status", shop.status), call, world)
    cancel = as_recorded(tool_of("cancel", shop.cancel), call, world)
    context = CallContext("c", {})

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        found = await status.run({"order": "7"}, context, 10)
        assert (found.data, found.say) == ({"status": "lost"}, "It is lost.")
        assert loop.time() == pytest.approx(2.0)  # as long as in the call
        assert (await status.run({"order": "8"}, context, 10)).data == {"status": "8 is new"}
        with pytest.raises(ToolError, match="it has left"):
            await cancel.run({"order": "7"}, context, 10)
        with pytest.raises(ToolError, match="is an action"):
            await cancel.run({"order": "8"}, context, 10)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(ask())
    assert shop.cancelled == []


def test_checks_come_out_as_they_did():
    said = [
        {"arguments": {"order": "7", "reason": "late"}, "settled": {"reason": "late"},
         "error": None, "slot": "", "options": []},
        {"arguments": {"order": "8"}, "settled": {}, "error": "it is not yours",
         "slot": "order", "options": ["7"]},
    ]  # fmt: skip
    checked: dict[str, Any] = {"at": 1.0, "event": "tool.checked", "answer": 1, "tool": "cancel"}
    call = recorded(HEADER, [{**checked, **line} for line in said])
    cancel = as_recorded(tool_of("cancel", Shop().cancel), call, World())

    async def ask() -> None:
        assert await cancel.settle({"order": "7"}, 10) == {"reason": "late"}
        with pytest.raises(ToolError, match="it is not yours") as refused:
            await cancel.settle({"order": "8"}, 10)
        assert (refused.value.slot, list(refused.value.options)) == ("order", ["7"])
        with pytest.raises(ToolError, match="the shop is closed by now"):  # nobody asked that
            await cancel.settle({"order": "9"}, 10)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(ask())


# -- regression cases ----------------------------------------------------------------------


def test_a_call_becomes_a_case_that_holds_until_something_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    call = read(put_call(tmp_path / "calls"))

    def run_again(call: Recorded, *_: object, cost: Cost) -> Recorded:
        assert cost == "none"
        return again(call)

    monkeypatch.setattr(again_module, "run_again", run_again)
    case = tmp_path / "cases" / "stops"
    make_case(call, case, None, tmp_path)  # type: ignore[arg-type]
    assert not (case / "agent.flac").exists()
    copied = read(case)
    assert differences(case, again(copied)) == []

    (longer,) = {
        line.partition(": ")[2].split(" s, ")[0].split(" at ")[0]
        for line in differences(case, again(copied, replace(TURNS, shortest_seconds=0.6)))
    }
    assert longer == "over"
    (answer,) = differences(case, again(copied, answers={**ANSWERS, "stop please": ["No."]}))
    assert answer.endswith("answered 'No.', expected 'All right.'")

    expected = json.loads((case / "expected.json").read_text())
    expected["turns"][1] = {**expected["turns"][1], "text": "stop it"}
    del expected["turns"][1]["answer"]
    (case / "expected.json").write_text(json.dumps(expected))
    (heard,) = differences(case, again(copied))
    assert heard.endswith("heard 'stop please', expected 'stop it'")
    expected["turns"] = expected["turns"][:1]
    (case / "expected.json").write_text(json.dumps(expected))
    (extra,) = differences(case, again(copied))
    assert "a turn was not expected: 'stop please'" in extra
