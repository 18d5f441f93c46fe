"""Turns at their edges: dropped, interrupted, overtaken, too slow, too many."""

import asyncio
from contextlib import aclosing
from typing import Annotated

import pytest

from agents.conversation import Agent, Conversation
from agents.definition import AgentDefinition, Limits
from agents.events import Event, Finished, Say, ToolEnded, ToolStarted
from agents.llm.engine import EngineError, Text
from agents.tools import CallContext, Slot, ToolError, ToolResult, tool, tools_of
from tests.fakes import FakeEngine, Scripted

Number = Annotated[str, Slot("ticket number", kind="id", pattern=r"\d{3}")]


class Desk:
    """A help desk whose tools can be made to wait."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self.looked = 0
        self.tickets: object = 7
        self.gate = asyncio.Event()
        self.gate.set()

    @tool(
        read_only=True,
        wants="look at a ticket",
        asks=["look at ticket"],
        filler="One moment.",
        timeout=2,
    )
    async def look(self, number: Number) -> ToolResult:
        """Look at a ticket."""
        self.looked += 1
        await self.gate.wait()
        if number == "999":
            raise ToolError("there is no ticket 9 9 9", "number")
        return ToolResult({"state": "open"}, f"Ticket {' '.join(number)} is open.")

    @tool(irreversible=True, wants="close a ticket", asks=["close ticket"])
    async def close_ticket(self, number: Number) -> ToolResult:
        """Close a ticket."""
        await self.gate.wait()
        self.closed.append(number)
        return ToolResult({"closed": number}, f"Ticket {' '.join(number)} is closed now.")

    @tool(read_only=True, wants="count the tickets", asks=["count the tickets"])
    def count(self, context: CallContext) -> int:
        """Count the tickets."""
        context.say("I am counting them.")
        found: object = self.tickets
        return found  # pyright: ignore[reportReturnType]


class Call:
    def __init__(self, *script: Scripted, limits: Limits | None = None) -> None:
        self.desk = Desk()
        self.engine = FakeEngine(*script)
        definition = AgentDefinition(
            title="Desk",
            persona="You are a help desk.",
            facts=["Tickets are answered within 2 days."],
            limits=limits or Limits(),
        )
        self.agent = Agent(definition, self.engine, list(tools_of(self.desk).values()))
        self.conversation: Conversation = self.agent.conversation()

    async def says(self, line: str) -> str:
        committed = asyncio.Event()
        committed.set()
        said = words([event async for event in self.conversation.turn(line, committed)])
        self.conversation.heard(said)
        return said

    def kept(self) -> list[tuple[str, str]]:
        return [(message.role, message.content) for message in self.conversation.history]


def words(events: list[Event]) -> str:
    return " ".join("".join(e.text + " " for e in events if isinstance(e, Say)).split())


class Diary:
    def __init__(self) -> None:
        self.planned: list[str] = []

    @tool(irreversible=True, wants="plan a visit", asks=["plan a visit"])
    def plan(self, time: Annotated[str, Slot("time", kind="time")]) -> ToolResult:
        """Plan a visit."""
        self.planned.append(time)
        return ToolResult({"time": time}, "It is planned.")


async def test_a_bare_value_at_the_read_back_corrects_the_only_thing_it_can_be():
    call, diary = Call(), Diary()
    call.agent = Agent(call.agent.definition, call.engine, list(tools_of(diary).values()))
    call.conversation = call.agent.conversation()
    assert "time 9 AM. Shall I" in await call.says("Plan a visit at 9 am")
    assert "time 10 AM. Shall I" in await call.says("No, make it ten")
    assert diary.planned == []
    await call.says("Yes, please")
    assert diary.planned == ["10:00"]


# -- speculation -----------------------------------------------------------------------------


async def test_a_read_only_tool_runs_before_the_turn_is_confirmed():
    call = Call()
    committed = asyncio.Event()
    events = [event async for event in call.conversation.turn("Look at ticket 123", committed)]
    assert words(events) == "Ticket 1 2 3 is open."
    assert isinstance(events[-1], Finished)
    assert call.kept() == []
    committed.set()  # confirmed after the answer was complete
    assert call.kept() == [("user", "Look at ticket 123"), ("assistant", "Ticket 1 2 3 is open.")]


async def test_a_complete_answer_that_is_never_confirmed_leaves_no_trace():
    call = Call()
    turn = call.conversation.turn("Close ticket 123", asyncio.Event())
    events = [event async for event in turn]
    assert "Shall I" in words(events)
    assert call.conversation.expects == "yes_no"  # the caller may be about to answer it
    assert await call.says("Yes.") == "What can I do for you?"
    assert call.desk.closed == []
    assert "Close ticket 123" not in [content for _, content in call.kept()]


async def test_a_turn_that_is_closed_early_is_dropped():
    call = Call()
    async with aclosing(call.conversation.turn("Look at ticket 123", asyncio.Event())) as turn:
        assert isinstance(await anext(turn), ToolStarted)
    assert call.kept() == []
    assert await call.says("Close ticket") == "What is the ticket number?"  # 123 was never said


async def test_nothing_with_a_side_effect_runs_before_the_turn_is_confirmed():
    call = Call()
    await call.says("Close ticket 123")
    committed = asyncio.Event()
    turn = call.conversation.turn("Yes", committed)
    first = asyncio.ensure_future(anext(turn))
    await asyncio.sleep(0.05)
    assert not first.done()
    assert call.desk.closed == []
    committed.set()
    assert isinstance(await first, ToolStarted)
    rest = [event async for event in turn]
    assert call.desk.closed == ["123"]
    assert "Ticket 1 2 3 is closed now." in words(rest)


async def test_a_read_back_found_cut_while_the_yes_waited_is_read_again():
    call = Call()
    committed = asyncio.Event()
    committed.set()
    read_back = words([e async for e in call.conversation.turn("Close ticket 123", committed)])
    confirmed = asyncio.Event()
    turn = call.conversation.turn("Yes", confirmed)
    first = asyncio.ensure_future(anext(turn))
    await asyncio.sleep(0.05)
    call.conversation.heard("Just to confirm")  # the report of what was played comes late
    confirmed.set()
    assert await first == Say(read_back, complete=True)
    assert [event async for event in turn] == [Finished()]
    assert call.desk.closed == []


# -- interruptions ---------------------------------------------------------------------------


async def test_an_action_goes_on_when_the_caller_interrupts_and_is_told_next():
    call = Call()
    await call.says("Close ticket 123")
    call.desk.gate.clear()
    committed = asyncio.Event()
    committed.set()
    async with aclosing(call.conversation.turn("Yes", committed)) as turn:
        assert isinstance(await anext(turn), ToolStarted)
    call.conversation.heard("")
    assert call.desk.closed == []
    call.desk.gate.set()
    events = [event async for event in call.conversation.turn("Thank you", committed)]
    assert call.desk.closed == ["123"]
    assert [type(event) for event in events][:2] == [ToolEnded, Say]
    assert words(events).startswith("Ticket 1 2 3 is closed now.")


async def test_hanging_up_waits_for_an_action_that_has_begun():
    call = Call()
    await call.says("Close ticket 123")
    call.desk.gate.clear()
    committed = asyncio.Event()
    committed.set()
    async with aclosing(call.conversation.turn("Yes", committed)) as turn:
        await anext(turn)
    closing = asyncio.ensure_future(call.conversation.close())
    await asyncio.sleep(0.02)
    assert not closing.done()
    call.desk.gate.set()
    await closing
    assert call.desk.closed == ["123"]


def running() -> list[str]:
    return [t.get_name() for t in asyncio.all_tasks() if t.get_name().startswith(("tool", "turn"))]


async def test_a_look_up_is_given_up_when_the_caller_interrupts():
    call = Call()
    call.desk.gate.clear()
    async with aclosing(call.conversation.turn("Look at ticket 123", asyncio.Event())) as turn:
        await anext(turn)
        while not call.desk.looked:
            await asyncio.sleep(0)
        assert running() == ["turn", "tool look"] or running() == ["tool look", "turn"]
    await asyncio.sleep(0)
    assert running() == []


async def test_closing_a_turn_frees_the_model():
    call = Call()
    freed: list[bool] = []

    async def stream(_: object):
        try:
            yield Text("Tickets are answered within ")
            await asyncio.Event().wait()
        finally:
            freed.append(True)

    call.engine.stream = stream  # type: ignore[assignment,method-assign]
    line = "Until when is everything answered?"
    async with aclosing(call.conversation.turn(line, asyncio.Event())) as turn:
        assert isinstance(await anext(turn), Say)
        assert freed == []
    assert freed == [True]
    assert running() == []


# -- heard -----------------------------------------------------------------------------------


async def test_the_greeting_is_kept_as_it_was_heard():
    call = Call()
    call.conversation.heard("Hello, this is")
    await call.says("Look at ticket 123")
    assert call.kept()[0] == ("assistant", "Hello, this is")


async def test_a_read_back_heard_to_about_its_last_word_can_be_consented_to():
    call = Call()
    committed = asyncio.Event()
    committed.set()
    said = words([event async for event in call.conversation.turn("Close ticket 123", committed)])
    call.conversation.heard(" ".join(said.split()[:-1]))
    await call.says("Yes.")
    assert call.desk.closed == ["123"]


# -- what a line may mean ----------------------------------------------------------------------


async def test_a_number_said_for_one_thing_is_offered_for_another_and_read_back():
    call = Call()
    await call.says("Look at ticket 123")
    said = await call.says("Close ticket")
    assert "123" in said
    assert call.conversation.expects == "yes_no"
    said = await call.says("No, 124.")
    assert "124" in said
    assert call.desk.closed == []
    await call.says("Yes, that's right.")
    assert call.desk.closed == ["124"]


async def test_a_question_in_the_middle_is_answered_and_the_open_question_asked_again():
    call = Call("They are answered within 2 days.")
    await call.says("Close ticket 123")
    said = await call.says("How fast are tickets answered?")
    assert said.startswith("They are answered within 2 days.")
    assert said.endswith("Shall I close a ticket?")
    await call.says("Yes.")
    assert call.desk.closed == ["123"]


async def test_another_request_in_the_middle_comes_first_and_the_action_stays():
    call = Call()
    await call.says("Close ticket 123")
    said = await call.says("Look at ticket 555")
    assert said.startswith("Ticket 5 5 5 is open.")
    assert "123" in said


async def test_a_yes_that_the_model_makes_up_is_no_consent():
    call = Call({"want": "reply"}, {"want": "chat"})
    await call.says("Close ticket 123")
    said = await call.says("The weather was lovely at the lake yesterday.")
    assert call.desk.closed == []
    assert said.endswith("Shall I close a ticket?")


async def test_an_answer_that_never_comes_ends_the_action_politely():
    call = Call()
    await call.says("Close ticket")
    said = [await call.says("hmm") for _ in range(5)]
    assert "Let us leave it" in " ".join(said)
    assert call.conversation.expects == ""


async def test_a_refused_value_is_asked_for_again():
    call = Call()
    assert await call.says("Look at ticket 999") == (
        "I'm sorry, there is no ticket 9 9 9. What is the ticket number?"
    )
    assert call.conversation.expects == "digits"
    assert await call.says("It's 123") == "Ticket 1 2 3 is open."


async def test_pardon_repeats_what_was_said():
    call = Call()
    said = await call.says("Look at ticket 123")
    assert await call.says("Pardon?") == said


async def test_goodbye_asks_for_the_end_of_the_call():
    call = Call()
    committed = asyncio.Event()
    committed.set()
    events = [event async for event in call.conversation.turn("Thanks, bye!", committed)]
    assert events[-1] == Finished(hang_up=True)
    call = Call()
    events = [event async for event in call.conversation.turn("No, that's all.", committed)]
    assert events[-1] == Finished(hang_up=False)


async def test_it_never_says_that_it_is_a_person():
    call = Call({"want": "chat"}, "Yes, I am a person.")
    assert await call.says("Are you a real person?") == "I am an automatic assistant, not a person."
    assert "person" not in await call.says("Come on, tell the truth now.")


# -- limits ------------------------------------------------------------------------------------


async def test_a_tool_that_returns_what_it_must_not_is_apologised_for():
    call = Call("There are 7.")
    assert await call.says("Count the tickets") == "There are 7."
    call.desk.tickets = "a great many"
    said = await call.says("Count the tickets")
    assert said == call.agent.language.phrase("failed reading")
    assert "Ticket 1 2 3 is open." in await call.says("Look at ticket 123")


async def test_a_slow_look_up_is_bridged_with_a_filler():
    call = Call()
    call.desk.gate.clear()
    asyncio.get_running_loop().call_later(0.9, call.desk.gate.set)
    assert await call.says("Look at ticket 123") == "One moment. Ticket 1 2 3 is open."


async def test_a_turn_has_only_so_many_steps():
    call = Call({"want": "look"}, limits=Limits(steps=1))
    said = await call.says("Could you see what became of 123 for us?")
    assert "more than I can do at once" in said
    assert call.desk.looked == 0


async def test_a_turn_has_only_so_much_time():
    call = Call("Never.", limits=Limits(turn_seconds=0.05))

    async def stream(_: object):
        await asyncio.sleep(5)
        yield

    call.engine.stream = stream  # type: ignore[assignment,method-assign]
    assert "more than I can do at once" in await call.says("How fast are tickets answered?")


async def test_an_engine_that_stalls_in_mid_answer_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("agents.mind.STALLED", 0.05)
    call = Call("Never.")

    async def stream(_: object):
        yield Text("Tickets are answered ")
        await asyncio.sleep(5)

    call.engine.stream = stream  # type: ignore[assignment,method-assign]
    assert "trouble thinking" in await call.says("How fast are tickets answered?")


async def test_a_dead_engine_is_apologised_for():
    call = Call(EngineError("gone"))
    said = await call.says("The weather was lovely at the lake yesterday.")
    assert said.startswith("I'm sorry, I have trouble thinking")


async def test_a_dead_engine_in_mid_call_leaves_the_action_pending():
    call = Call(EngineError("gone"))
    await call.says("Close ticket 123")
    said = await call.says("The weather was lovely at the lake yesterday.")
    assert "gone" not in said
    assert said.endswith("Shall I close a ticket?")
    await call.says("Yes.")
    assert call.desk.closed == ["123"]
