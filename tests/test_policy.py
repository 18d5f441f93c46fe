"""What an agent may do, whatever its model says: who is let in, what it costs, who takes over."""

import asyncio
import datetime as dt
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pytest

from agents.conversation import Agent
from agents.definition import AgentDefinition, DefinitionError, Handoff, Limits, Refusal
from agents.events import Event, Finished, HandOver, Say, ToolStarted
from agents.frontdesk import FrontDesk
from agents.llm.engine import Done, Request, Text
from agents.tools import Slot, ToolResult, tool, tools_of
from tests.fakes import FakeEngine, Scripted

AGENTS = Path(__file__).parent.parent / "configs" / "agents"
TODAY = dt.date(2026, 11, 24)  # a Tuesday: Tom Hale is out
Number = Annotated[str, Slot("ticket number", kind="id", pattern=r"\d{3}")]


class Desk:
    def __init__(self) -> None:
        self.closed: list[str] = []
        self.passed_on = 0

    @tool(read_only=True, wants="look at a ticket", asks=["look at ticket"])
    def look(self, number: Number) -> ToolResult:
        """Look at a ticket."""
        return ToolResult({"state": "open"}, "It is open.")

    @tool(wants="pass the caller on", needs_consent=False)
    def transfer(self) -> ToolResult:
        """Pass the caller on."""
        self.passed_on += 1
        return ToolResult({}, "I am putting you through now.")


class Call:
    def __init__(self, definition: AgentDefinition, source: object, *script: Scripted) -> None:
        self.engine = FakeEngine(*script)
        self.agent = Agent(
            definition, self.engine, list(tools_of(source).values()), today=lambda: TODAY
        )
        self.conversation = self.agent.conversation()
        self.events: list[Event] = []

    async def says(self, *lines: str) -> str:
        said = ""
        for line in lines:
            committed = asyncio.Event()
            committed.set()
            self.events = [event async for event in self.conversation.turn(line, committed)]
            said = " ".join(
                "".join(e.text + " " for e in self.events if isinstance(e, Say)).split()
            )
            self.conversation.heard(said)
        return said

    @property
    def hand_over(self) -> HandOver:
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last.hand_over


def desk(
    *script: Scripted,
    handoff: Handoff | None = None,
    refuses: Sequence[Refusal] = (),
    limits: Limits | None = None,
) -> Call:
    definition = AgentDefinition(
        title="Desk",
        persona="You are a help desk.",
        handoff=handoff,
        refuses=list(refuses),
        limits=limits or Limits(),
    )
    return Call(definition, Desk(), *script)


# -- a person ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Let me speak to a person.", "asked"),
        ("I want to talk to your manager", "asked"),
        ("can you put me through to somebody real", "asked"),
        ("operator", "asked"),
        ("You are useless!", "anger"),
        ("this is a waste of time", "anger"),
    ],
)
async def test_a_caller_who_asks_or_is_angry_is_given_to_a_person(line: str, why: HandOver):
    call = desk(handoff=Handoff(say="I will get a colleague."))
    await call.says("look at ticket")
    assert await call.says(line) == "I will get a colleague."
    assert call.hand_over == why
    assert call.conversation.expects == ""


async def test_the_third_failure_in_a_row_gives_the_call_to_a_person():
    call = desk(handoff=Handoff())
    await call.says("look at ticket")
    await call.says("hmm", "um")
    assert call.hand_over == ""
    assert "pass you on to a colleague" in await call.says("hmm")
    assert call.hand_over == "failures"


async def test_what_works_in_between_counts_anew():
    call = desk(handoff=Handoff())
    await call.says("look at ticket", "hmm", "um", "123", "look at ticket", "hmm", "um")
    assert call.hand_over == ""


async def test_without_a_handoff_nobody_is_promised():
    call = desk({"want": "chat"}, "I see.")
    await call.says("You are useless!")
    assert call.hand_over == ""


async def test_a_tool_gives_the_call_to_a_person():
    call = desk(handoff=Handoff(tool="transfer"))
    assert await call.says("let me speak to a human") == "I am putting you through now."
    assert call.hand_over == "asked"


# -- topics --------------------------------------------------------------------------------------


async def test_a_refused_topic_is_answered_with_the_owners_words():
    topic = Refusal(topic="give legal advice", say="I can't advise you.", asks=["can i sue them"])
    call = desk({"want": "give_legal_advice"}, refuses=[topic])
    assert await call.says("can I sue them?") == "I can't advise you."  # without the model
    assert await call.says("who is in the right there by law?") == "I can't advise you."
    assert not any(isinstance(event, ToolStarted) for event in call.events)


# -- what a call may cost ------------------------------------------------------------------------


async def test_a_call_has_only_so_many_steps():
    call = desk(limits=Limits(call_steps=2))
    assert await call.says("look at ticket 123", "look at ticket 124") == "It is open."
    assert "end this call" in await call.says("look at ticket 125")
    assert call.events[-1] == Finished(hang_up=True)


async def test_a_call_has_only_so_many_tokens():
    call = desk(limits=Limits(call_tokens=100))

    async def stream(_: Request):
        yield Text("Hello there.")
        yield Done("stop", prompt_tokens=300, cached_tokens=100, completion_tokens=20)

    call.engine.stream = stream  # type: ignore[assignment,method-assign]
    await call.says("The weather was lovely at the lake yesterday.")
    assert "end this call" in await call.says("The weather was lovely at the lake yesterday.")


# -- changes in the YAML -------------------------------------------------------------------------

POLICY = """title: Desk
persona: You are a desk.
tools:
  - use: agents.clinic:Clinic
    tools:
      cancel: {once_per_call: false, needs: NEEDS}
"""


def test_the_owner_changes_a_tools_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENLINE_DATA", str(tmp_path))
    path = tmp_path / "desk.yaml"
    path.write_text(POLICY.replace("NEEDS", "identity"))
    agent = Agent.load(path, FakeEngine())
    assert not agent.tools["cancel"].policy.once_per_call
    assert agent.tools["cancel"].guard is not None
    path.write_text(POLICY.replace("NEEDS", "identty"))
    problem = r"desk.yaml:3: tools: cancel: needs 'identty', which no tool grants"
    with pytest.raises(DefinitionError, match=problem):
        Agent.load(path, FakeEngine())


def test_a_handoff_to_an_unknown_tool_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENLINE_DATA", str(tmp_path))
    path = tmp_path / "desk.yaml"
    text = "title: Desk\npersona: You.\ntools:\n  - agents.frontdesk:FrontDesk\n"
    path.write_text(text + "handoff:\n  tool: transfr\n")
    problem = (
        r"desk.yaml:6: handoff.tool: no tool 'transfr'; there are: is_in, take_message, transfer"
    )
    with pytest.raises(DefinitionError, match=problem):
        Agent.load(path, FakeEngine())


# -- the front desk ------------------------------------------------------------------------------


@pytest.fixture
def office(tmp_path: Path) -> Call:
    source = FrontDesk(tmp_path / "frontdesk.sqlite", lambda: TODAY)
    return Call(AgentDefinition.read(AGENTS / "frontdesk.yaml"), source)


async def test_the_front_desk_takes_a_message(office: Call, tmp_path: Path):
    said = await office.says(
        "can I leave a message for Tom Hale", "Ann Lee", "555 0142", "the invoice is late"
    )
    assert "for Tom Hale from" in said
    assert "Shall I pass it on?" in said
    await office.says("yes")
    with sqlite3.connect(tmp_path / "frontdesk.sqlite") as db:
        kept = db.execute("SELECT person, name, phone, message FROM messages").fetchall()
    assert kept == [("Tom Hale", "ann lee", "5550142", "invoice is late")]


async def test_the_front_desk_puts_callers_through_to_whom_is_in(office: Call):
    assert "Tom Hale is out today" in await office.says("put me through to Tom")
    assert office.hand_over == ""
    said = await office.says("put me through to Anna please")
    assert said == "I am putting you through to Anna Berg now."
    assert office.hand_over == "asked"
