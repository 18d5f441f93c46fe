"""Tools: schemas from signatures, and how they run."""

import asyncio
import threading
import time
from typing import Annotated, Any, Literal

import pytest

from agents.tools import (
    CallContext,
    Slot,
    ToolError,
    ToolResult,
    ToolTimeout,
    load_source,
    tool,
    tool_of,
    tools_of,
)

CONTEXT = CallContext("c1", {})


class Desk:
    @tool(read_only=True, wants="count something", timeout=0.05)
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
            time.sleep(0.3)
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

    def helper(self) -> None: ...


TOOLS = tools_of(Desk())


def test_only_marked_functions_are_tools_in_the_order_they_are_written():
    assert list(TOOLS) == ["count", "wipe", "paint"]


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
    assert asyncio.get_running_loop().time() - began < 0.3


async def test_a_check_runs_once_its_arguments_are_known():
    paint = TOOLS["paint"]
    assert await paint.settle({"reason": "why"}, 5) == {}
    assert await paint.settle({"name": "ann"}, 5) == {"colour": "blue"}
    with pytest.raises(ToolError, match="nobody"):
        await paint.settle({"name": "nobody"}, 5)


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
