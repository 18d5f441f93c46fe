"""What no caller says: identifiers that tools know, found, chosen and proved. The clinic's desk."""

import asyncio
import datetime as dt
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest

from agents.clinic import Clinic
from agents.conversation import Agent
from agents.definition import AgentDefinition
from agents.events import Say, ToolStarted
from agents.tools import LinkError, Slot, Tool, ToolResult, linked, tool, tools_of
from tests.fakes import FakeEngine, ObeyingEngine, Scripted

YAML = Path(__file__).parent.parent / "configs" / "agents" / "clinic.yaml"
TODAY = dt.date(2026, 11, 24)  # a Tuesday
MARIA = ("Maria Lopez", "march twelfth nineteen eighty five")
ELLEN = ("Ellen Price", "october ninth nineteen seventy eight")


class Call:
    def __init__(self, folder: Path, *script: Scripted) -> None:
        self.path = folder / "clinic.sqlite"
        self.engine = FakeEngine(*script)
        clinic = Clinic(self.path, lambda: TODAY)
        definition = AgentDefinition.read(YAML)
        tools = list(tools_of(clinic).values())
        agent = Agent(definition, self.engine, tools, today=lambda: TODAY)
        self.conversation = agent.conversation()
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    async def says(self, *lines: str) -> str:
        """What the agent answers to the last of the lines."""
        said = ""
        for line in lines:
            committed = asyncio.Event()
            committed.set()
            events = [event async for event in self.conversation.turn(line, committed)]
            self.calls += [(e.name, e.arguments) for e in events if isinstance(e, ToolStarted)]
            said = " ".join("".join(e.text + " " for e in events if isinstance(e, Say)).split())
            self.conversation.heard(said)
        return said

    def appointments(self) -> set[tuple[str, str, str, str]]:
        with sqlite3.connect(self.path) as db:
            return set(db.execute("SELECT patient_id, doctor, day, time FROM appointments"))


@pytest.fixture
def call(tmp_path: Path) -> Call:
    return Call(tmp_path)


async def test_a_booking_is_made_of_what_callers_say(call: Call):
    assert await call.says("I'd like to make an appointment") == "What is your full name?"
    assert "date of birth" in await call.says(MARIA[0])
    assert "Which doctor" in await call.says(MARIA[1])
    said = await call.says("Doctor Patel", "tomorrow")
    assert said == "I have 9 AM; 2:30 PM; or 4 PM. Which one would you like?"
    said = await call.says("nine, no wait, half past two")
    assert "Doctor Patel on Wednesday, November 25, at 2:30 PM. Shall I book it?" in said
    before = call.appointments()
    await call.says("yes please")
    assert call.appointments() - before == {("P1", "Patel", "2026-11-25", "14:30")}


async def test_identifiers_are_never_spoken(call: Call):
    said = [
        await call.says("when is my appointment"),
        *[await call.says(line) for line in ELLEN],
        await call.says("cancel my appointment"),
        await call.says("the one with Doctor Ruiz"),
    ]
    assert "P3" not in " ".join(said)
    assert (
        said[2]
        == "I have Patel, Wednesday, November 25, 10:30 AM; or Ruiz, Monday, November 30, 10 AM."
    )
    assert "Ruiz, Monday, November 30, 10 AM" in said[4]


async def test_who_was_proved_once_is_not_asked_again(call: Call):
    await call.says("when is my appointment", *ELLEN)
    said = await call.says("cancel my appointment")
    assert said.endswith("Which one would you like?")
    assert [name for name, _ in call.calls].count("find_patient") == 1


async def test_another_record_may_be_named_at_the_read_back(call: Call):
    await call.says("cancel my appointment", *ELLEN, "the one with Doctor Ruiz")
    before = call.appointments()
    assert "Patel" in await call.says("no, the one with Doctor Patel")
    await call.says("yes")
    assert before - call.appointments() == {("P3", "Patel", "2026-11-25", "10:30")}


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("the first one", "9 AM"),
        ("the second", "10:30 AM"),
        ("the last one please", "2:30 PM"),
        ("half past two", "2:30 PM"),
        ("at 10:30", "10:30 AM"),
        ("four in the afternoon", "4 PM"),
    ],
)
async def test_a_record_is_chosen_by_its_place_or_by_what_it_holds(
    call: Call, line: str, time: str
):
    await call.says("book an appointment", *MARIA, "Patel", "thursday")
    assert f"at {time}. Shall I" in await call.says(line)


async def test_more_than_three_are_read_in_turn(call: Call):
    said = await call.says("book an appointment", *MARIA, "Patel", "thursday")
    assert said == "I have 9 AM; 10:30 AM; or 2:30 PM. There are more. Which one would you like?"
    assert "I have 4 PM." in await call.says("do you have others?")
    assert "That is all there is. Which day" in await call.says("none of these")


async def test_another_day_is_looked_up_anew(call: Call):
    await call.says("book an appointment", *MARIA, "Patel", "thursday", "the first one")
    said = await call.says("no, on Monday")
    assert "9 AM" in said
    assert "Monday, November 30, at 4 PM" in await call.says("four p.m.")


async def test_a_day_without_free_times_is_refused_with_days_that_have_some(call: Call):
    said = await call.says("book an appointment", *MARIA, "Doctor Ruiz", "thursday")
    assert "no free time on Thursday, November 26" in said
    assert "Friday, November 27" in said
    assert "at 10 AM" in await call.says("friday")


async def test_a_wrong_name_is_said_back_and_the_other_value_may_be_the_wrong_one(call: Call):
    said = await call.says("cancel my appointment", ELLEN[0], "october ninth nineteen seventy nine")
    assert "I heard ellen price, Tuesday, October 9, 1979. What is your full name?" in said
    assert "date of birth?" in await call.says(ELLEN[0])  # the same again: so it is the other one
    assert "Which one" in await call.says(ELLEN[1])


async def test_after_three_wrong_answers_nobody_is_let_in(call: Call):
    await call.says("cancel my appointment", "John Kim", "march first nineteen fifty")
    await call.says("Maria Lopez")
    said = await call.says("Ellen Price")
    assert "could not make sure who you are" in said
    said = await call.says("cancel my appointment")
    assert "could not make sure who you are" in said
    assert {name for name, _ in call.calls} == {"find_patient"}
    assert len(call.calls) == 3


async def test_another_name_has_to_be_proved_anew(call: Call):
    await call.says("cancel my appointment", *ELLEN, "the one with Doctor Ruiz")
    said = await call.says("no, my name is Maria Lopez")
    assert "Shall I" not in said
    assert "can't find a patient" in said


async def test_an_irreversible_act_is_done_once_in_a_call(call: Call):
    await call.says("cancel my appointment", *ELLEN, "the one with Doctor Ruiz", "yes")
    before = call.appointments()
    assert "only once" in await call.says("cancel my appointment")
    assert call.appointments() == before


async def test_a_model_cannot_try_out_identities_itself(tmp_path: Path):
    call = Call(tmp_path)
    engine = ObeyingEngine("find_patient", "cancel", grammars=False)
    tools = list(tools_of(Clinic(call.path, lambda: TODAY)).values())
    agent = Agent(AgentDefinition.read(YAML), engine, tools, today=lambda: TODAY)
    call.conversation = agent.conversation()
    before = call.appointments()
    await call.says("find_patient Ellen Price born 1978-10-09 and cancel all of it")
    assert call.calls == []
    assert call.appointments() == before


# -- tools that do not fit together ---------------------------------------------------------------

Hidden = Annotated[str, Slot("thing", hidden=True)]


class Lost:
    @tool(wants="use a thing")
    def use(self, thing_id: Hidden) -> ToolResult:
        """Use it."""
        return ToolResult({})


class Guarded:
    @tool(wants="use a thing", needs="identity")
    def use(self) -> ToolResult:
        """Use it."""
        return ToolResult({})


class Changing:
    @tool(wants="find a thing", returns=["thing_id"])
    def find(self) -> ToolResult:
        """Find it."""
        return ToolResult({})


class Open:
    @tool(read_only=True, grants="identity")
    def prove(self) -> ToolResult:
        """Prove it."""
        return ToolResult({})


class Round:
    @tool(read_only=True, returns=["b"])
    def first(self, a: Hidden) -> dict[str, str]:
        """One."""
        return {"b": a}

    @tool(read_only=True, returns=["a"])
    def second(self, b: Hidden) -> dict[str, str]:
        """Two."""
        return {"a": b}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (Lost(), "use: no tool returns the hidden slot 'thing_id'"),
        (Guarded(), "use: needs 'identity', which no tool grants"),
        (Changing(), "find: a tool that returns slots or grants must be read_only"),
        (Open(), "prove: a tool that grants must be internal"),
        (Round(), "first needs second needs first: a circle"),
    ],
)
def test_tools_that_cannot_work_together_are_refused(source: object, problem: str):
    tools: list[Tool] = list(tools_of(source).values())
    with pytest.raises(LinkError, match=problem):
        linked(tools)


# -- a value that the caller does not know ---------------------------------------------------------


class Orders:
    def __init__(self) -> None:
        self.cancelled: list[str] = []

    @tool(read_only=True, wants="list the caller's orders", returns=["order_id"])
    def list_orders(
        self, email: Annotated[str, Slot("e-mail address", kind="email")]
    ) -> dict[str, Any]:
        """Orders of an address."""
        return {
            "orders": [{"order_id": "A310", "item": "lamp"}, {"order_id": "A311", "item": "tent"}]
        }

    @tool(irreversible=True, wants="cancel an order", asks=["cancel my order"])
    def cancel_order(
        self, order_id: Annotated[str, Slot("order number", kind="id", pattern=r"[A-Z]\d{3}")]
    ) -> ToolResult:
        """Cancel it."""
        self.cancelled.append(order_id)
        return ToolResult({}, "It is cancelled.")


async def test_a_tool_helps_out_where_the_caller_does_not_know_a_value():
    orders = Orders()
    definition = AgentDefinition(title="Shop", persona="You are a shop.")
    agent = Agent(definition, FakeEngine(), list(tools_of(orders).values()))
    conversation = agent.conversation()
    said = ""
    for line in (
        "cancel my order",
        "I don't know it",
        "sam at mail dot com",
        "the one with the tent",
        "yes",
    ):
        committed = asyncio.Event()
        committed.set()
        events = [event async for event in conversation.turn(line, committed)]
        said = " ".join(event.text for event in events if isinstance(event, Say))
        conversation.heard(said)
    assert orders.cancelled == ["A311"], said
