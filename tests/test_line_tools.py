"""What an agent does on a telephone line: transfers, keys, a moment's wait, and goodbye."""

import asyncio
from pathlib import Path

import pytest

from agents import line_tools
from agents.conversation import Agent
from agents.definition import AgentDefinition, Handoff
from agents.events import Event, Finished, Hold, LineCommand, Say, Transfer
from agents.frontdesk import FrontDesk
from agents.telephone import Telephone
from agents.tools import tools_of
from tests.fakes import FakeEngine

DESK = "+4930999"


class Desk:
    """An agent with the line's tools, on a telephone or in a browser."""

    def __init__(self, telephone: Telephone | None, handoff: Handoff | None) -> None:
        definition = AgentDefinition(title="Desk", persona="You are a desk.", handoff=handoff)
        agent = Agent(definition, FakeEngine(), list(tools_of(line_tools).values()))
        self.conversation = agent.conversation(telephone=telephone)

    async def says(self, line: str) -> tuple[str, Finished]:
        committed = asyncio.Event()
        committed.set()
        events = [event async for event in self.conversation.turn(line, committed)]
        said = words(events)
        self.conversation.heard(said)
        (finished,) = [event for event in events if isinstance(event, Finished)]
        return said, finished


def words(events: list[Event]) -> str:
    return " ".join("".join(e.text + " " for e in events if isinstance(e, Say)).split())


def phone(*can: str) -> Telephone:
    return Telephone("sip", can, "+4930111", "+4930222")


@pytest.mark.parametrize(
    ("line", "said", "then", "hangs_up"),
    [
        ("put me through to somebody", "I am putting you through now.", (Transfer(DESK),), False),
        ("give me a minute", "I will wait.", (Hold(30.0),), False),
        ("end this call", "You're welcome. Goodbye!", (), True),
    ],
)
async def test_what_is_asked_of_the_line_is_done_after_the_words(
    line: str, said: str, then: tuple[LineCommand, ...], hangs_up: bool
):
    desk = Desk(phone("transfer", "hold"), Handoff(tool="transfer", to=DESK))
    heard, finished = await desk.says(line)
    assert heard == said
    assert (finished.then, finished.hang_up) == (then, hangs_up)


async def test_in_a_browser_it_says_what_it_would_do():
    desk = Desk(None, Handoff(tool="transfer", to=DESK))
    heard, _ = await desk.says("put me through to somebody")
    assert heard == "On the telephone I would do that now."


async def test_a_line_that_cannot_transfer_is_told_so():
    desk = Desk(phone(), Handoff(tool="transfer", to=DESK))
    heard, finished = await desk.says("put me through to somebody")
    assert heard == "I'm sorry, that is not possible on this line."
    assert finished.then == ()


async def test_a_hand_over_in_words_alone_transfers_too():
    desk = Desk(phone("transfer"), Handoff(to=DESK))
    heard, finished = await desk.says("Let me speak to a human being, please.")
    assert heard == "I will pass you on to a colleague."
    assert (finished.hand_over, finished.then) == ("asked", (Transfer(DESK),))


async def test_a_tool_of_the_owner_chooses_whom(tmp_path: Path):
    tools = list(tools_of(FrontDesk(tmp_path / "desk.sqlite")).values())
    definition = AgentDefinition(title="Desk", persona="You.", handoff=Handoff(tool="transfer"))
    desk = Desk(phone("transfer"), None)
    agent = Agent(definition, FakeEngine(), tools)
    desk.conversation = agent.conversation(telephone=phone("transfer"))
    heard, finished = await desk.says("Put me through to Anna Berg.")
    assert heard == "I am putting you through to Anna Berg now."
    assert finished.then == (Transfer("11"),)
