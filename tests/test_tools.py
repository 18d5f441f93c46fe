"""Tools: schemas from signatures, and how they run."""

import asyncio
import contextlib
import threading
import time
from typing import Annotated, Any, Literal, NotRequired

import pytest
from typing_extensions import TypedDict

from agents.tools import (
    CallContext,
    Slot,
    Threads,
    ToolError,
    ToolFailed,
    ToolResult,
    ToolTimeout,
    load_source,
    tool,
    tool_of,
    tools_of,
)

CONTEXT = CallContext("c1", {})


class Rating(TypedDict):
    stars: int
    near: NotRequired[list[str]]


BOOTS = threading.Event()  # they are counted when it is set


class Desk:
    @tool(read_only=True, wants="count something", timeout=1)
    def count(
        self,
        what: Annotated[Literal["tents", "boots"], Slot("thing", synonyms={"tents": ["tent"]})],
        day: Annotated[str, Slot("day", kind="date")] = "",
        many: int = 0,
    ) -> dict[str, Any]:
        """Count what is there.

        More than one line.
        """
        if what == "boots":
            BOOTS.wait(10)
        return {"thread": threading.current_thread().name, "what": what, "day": day, "many": many}

    @tool(irreversible=True)
    async def wipe(self, context: CallContext) -> str:
        """Wipe it all."""
        context.values["wiped"] = True
        return "gone"

    def _possible(self, name: str, colour: str = "") -> dict[str, str]:
        if name == "nobody":
            raise ToolError("there is nobody of that name", "name")
        return {} if colour else {"colour": "blue"}

    @tool(check=_possible)
    def paint(self, name: str, colour: str, reason: str) -> ToolResult:
        """Paint it."""
        return ToolResult({}, "Painted.")

    @tool(read_only=True)
    def stars(self, place: str) -> Rating:
        """How a place is rated."""
        found: Any = {"stars": 4, "near": [place]} if place != "nowhere" else {"stars": "many"}
        return found

    @tool(read_only=True)
    def block(self, gate: CallContext) -> str:
        """Wait for a gate."""
        gate.values["gate"].wait(5)
        return "open"

    def helper(self) -> None: ...


TOOLS = tools_of(Desk())


def test_only_marked_functions_are_tools_in_the_order_they_are_written():
    assert list(TOOLS) == ["count", "wipe", "paint", "stars", "block"]


def test_the_schema_comes_from_signature_and_docstring():
    function = TOOLS["count"].schema()["function"]
    assert function["description"] == "Count what is there. More than one line."
    parameters = function["parameters"]
    assert parameters["required"] == ["what"]
    assert parameters["additionalProperties"] is False
    assert parameters["properties"] == {
        "what": {"type": "string", "description": "thing", "enum": ["tents", "boots"]},
        "day": {"type": "string", "description": "day, as YYYY-MM-DD"},
        "many": {"type": "integer", "description": "many"},
    }
    assert TOOLS["wipe"].schema()["function"]["parameters"]["properties"] == {}


def test_flags_have_safe_defaults():
    assert not TOOLS["count"].policy.needs_consent
    assert TOOLS["wipe"].policy.needs_consent
    assert TOOLS["paint"].policy.needs_consent  # whatever is not read-only
    assert TOOLS["wipe"].policy.wants == "wipe it all"


async def test_synchronous_functions_run_in_a_thread():
    result = await TOOLS["count"].run({"what": "tents"}, CONTEXT, 5)
    assert result.data["thread"] != threading.main_thread().name


async def test_coroutine_functions_get_the_context_of_their_call():
    context = CallContext("c2", {})
    assert (await TOOLS["wipe"].run({}, context, 5)).data == {"result": "gone"}
    assert context.values == {"wiped": True}


async def test_a_slow_tool_is_given_up():
    began = asyncio.get_running_loop().time()
    with pytest.raises(ToolTimeout):
        await TOOLS["count"].run({"what": "boots"}, CONTEXT, 5)
    assert asyncio.get_running_loop().time() - began < 5
    BOOTS.set()


async def test_a_check_runs_once_its_arguments_are_known():
    paint = TOOLS["paint"]
    assert await paint.settle({"reason": "why"}, 5) == {}
    assert await paint.settle({"name": "ann"}, 5) == {"colour": "blue"}
    with pytest.raises(ToolError, match="nobody"):
        await paint.settle({"name": "nobody"}, 5)


async def test_a_result_is_what_the_signature_declares():
    found = await TOOLS["stars"].run({"place": "here"}, CONTEXT, 5)
    assert found.data == {"stars": 4, "near": ["here"]}
    with pytest.raises(ToolFailed, match=r"stars returned what it does not declare: stars: .*int"):
        await TOOLS["stars"].run({"place": "nowhere"}, CONTEXT, 5)


async def test_a_blocked_tool_holds_up_its_own_call_and_no_other():
    block, count = TOOLS["block"], TOOLS["count"]
    stuck = CallContext("stuck", {"gate": threading.Event()})
    for _ in range(2):
        with pytest.raises(ToolTimeout):
            await block.run({}, stuck, 0.01)
    with pytest.raises(ToolFailed, match="this call still block"):
        await count.run({"what": "tents"}, stuck, 5)
    assert (await count.run({"what": "tents"}, CONTEXT, 5)).data["what"] == "tents"
    stuck.values["gate"].set()
    async with asyncio.timeout(5):
        while True:  # its threads are free again as soon as they end
            with contextlib.suppress(ToolFailed):
                await count.run({"what": "tents"}, stuck, 5)
                break
            await asyncio.sleep(0.01)


async def test_an_agent_has_only_so_many_threads():
    gate = threading.Event()
    threads = Threads(most=3)
    running = [
        asyncio.create_task(threads.run(gate.wait, {"timeout": 5}, f"call {n}", "wait"))
        for n in range(3)
    ]
    await asyncio.sleep(0)
    with pytest.raises(ToolFailed, match="every thread"):
        await threads.run(gate.wait, {"timeout": 5}, "another", "wait")
    gate.set()
    assert await asyncio.gather(*running) == [True] * 3
    assert await threads.run(gate.wait, {"timeout": 5}, "another", "wait")


async def test_a_tool_in_a_thread_learns_that_nobody_waits():
    seen = threading.Event()
    told: list[str] = []

    @tool(read_only=True)
    def search(context: CallContext) -> str:
        """Search for long."""
        context.say("I am looking")
        while not context.cancelled:
            time.sleep(0.001)
        context.say("too late")
        seen.set()
        return "found"

    context = CallContext("c3", {}, told.append)
    task = asyncio.create_task(tool_of("search", search).run({}, context, 5))
    while not told:
        await asyncio.sleep(0)
    task.cancel()
    assert await asyncio.to_thread(seen.wait, 5)
    assert told == ["I am looking"]


@pytest.mark.parametrize("hint", ["list[str]", "float"])
def test_a_parameter_no_caller_could_say_is_refused(hint: str):
    @tool(wants="do it")
    def bad(values: Any) -> None: ...

    bad.__annotations__["values"] = hint
    with pytest.raises(TypeError, match="values"):
        tool_of("bad", bad)


def test_a_source_is_a_class_or_a_module():
    assert type(load_source("tests.test_tools:Desk")).__name__ == "Desk"
    assert load_source("agents.shop").__name__ == "agents.shop"  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        load_source("tests.test_tools:Nobody")
