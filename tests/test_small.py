"""What a small model's choice is worth beside what the caller's words hold."""

import datetime as dt
from typing import Annotated

import pytest

from agents.conversation import Agent
from agents.definition import AgentDefinition
from agents.frame import State
from agents.llm.engine import Done, Request, Text
from agents.mind import Budget, View, Want
from agents.tools import Slot, ToolResult, tool, tools_of
from tests.fakes import FakeEngine

Plate = Annotated[str, Slot("plate", kind="id", pattern=r"[A-Z]{3}\d{3}")]


class Garage:
    @tool(read_only=True, wants="tell how far a repair is")
    def find_job(self, plate: Plate) -> ToolResult:
        """A repair."""
        return ToolResult({})

    @tool(wants="book a service")
    def book_service(
        self,
        plate: Plate,
        day: Annotated[str, Slot("day", kind="date")],
        time: Annotated[str, Slot("time", kind="time")],
    ) -> ToolResult:
        """A service."""
        return ToolResult({})


async def wanted(line: str, probabilities: dict[str, float]) -> Want:
    """What is taken as wanted where the model's first token has these probabilities."""
    engine = FakeEngine()

    async def stream(_: Request):
        yield Text(f' "{max(probabilities, key=lambda name: probabilities[name])}"', probabilities)
        yield Done("stop")

    engine.stream = stream  # type: ignore[assignment,method-assign]
    definition = AgentDefinition(title="Garage", persona="You are a garage.")
    agent = Agent(definition, engine, list(tools_of(Garage()).values()))
    view = View(State(), [], [], "", dt.date(2026, 11, 24), Budget(5, 10.0))
    (want,) = await agent.mind.wants(view, line)
    return want


@pytest.mark.parametrize(
    ("line", "probabilities", "name"),
    [
        # two values more than the other tool has a use for
        (
            "look at my brakes tomorrow at eight plate BRT771",
            {"find_job": 0.83, "book_service": 0.1},
            "book_service",
        ),
        ("how far is BRT771", {"find_job": 0.83, "book_service": 0.1}, "find_job"),
        ("BRT771 on friday", {"find_job": 0.83, "book_service": 0.1}, "find_job"),  # one more only
        ("BRT771 on friday", {"find_job": 0.5, "book_service": 0.4}, "book_service"),
        # never heard of by the model
        ("tomorrow at eight plate BRT771", {"find_job": 0.99, "book_service": 0.001}, "find_job"),
        # the caller's own case is no general question
        ("where is my car", {"question": 0.78, "find_job": 0.15}, "find_job"),
        ("where is your garage", {"question": 0.78, "find_job": 0.15}, "question"),
        ("can i bring my dog", {"question": 0.97, "find_job": 0.001}, "question"),
        ("do you like my car", {"question": 0.7, "book_service": 0.2}, "question"),  # it acts
    ],
)
async def test_values_and_ownership_weigh_against_the_models_choice(
    line: str, probabilities: dict[str, float], name: str
):
    assert (await wanted(line, probabilities)).name == name
