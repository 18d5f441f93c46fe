"""Two LLMs for one agent: one helps out where the other fails, and some lines go up at once."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import pytest

from agents.conversation import Agent
from agents.definition import AgentDefinition, GoesUp
from agents.events import Say, ToolStarted
from agents.ladder import unsaid
from agents.llm.embedded import Embedded
from agents.llm.engine import EngineError, ToolCall
from agents.llm.openai_compatible import OpenAICompatible
from agents.shop import Shop
from agents.tools import tools_of
from tests.fakes import BreaksOff, FakeEngine, Scripted
from tests.test_llm_openai import Answer, serving
from voice.models import model_path

SHOP = Path(__file__).parent.parent / "configs" / "agents" / "shop.yaml"
DOWN = EngineError("small: gone")
HOURS = "Standard shipping takes 3 to 5 working days and costs 5 dollars."


class Call:
    """A call with an agent on two LLMs."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.conversation = agent.conversation()
        self.called: list[str] = []

    async def says(self, line: str) -> str:
        committed, said = asyncio.Event(), ""
        committed.set()
        async for event in self.conversation.turn(line, committed):
            match event:
                case Say():
                    said += event.text + " "
                case ToolStarted():
                    self.called.append(event.name)
                case _:
                    pass
        said = " ".join(said.split())
        self.conversation.heard(said)
        return said


@pytest.fixture
def two(tmp_path: Path) -> Callable[..., tuple[Call, FakeEngine, FakeEngine]]:
    def made(
        small: Sequence[Scripted],
        large: Sequence[Scripted],
        probability: float = 0.95,
        **rules: object,
    ) -> tuple[Call, FakeEngine, FakeEngine]:
        first = FakeEngine(*small, name="small", probability=probability)
        last = FakeEngine(*large, name="large", grammars=False)
        definition = AgentDefinition.read(SHOP).model_copy(
            update={"goes_up": GoesUp.model_validate(rules)}
        )
        tools = list(tools_of(Shop(tmp_path / "shop.sqlite")).values())
        return Call(Agent(definition, first, tools, stand_ins=[last])), first, last

    return made


Two = Callable[..., tuple[Call, FakeEngine, FakeEngine]]


async def test_the_small_one_answers_while_it_is_well(two: Two):
    call, _, large = two([HOURS], [])
    assert await call.says("How long does standard shipping take?") == HOURS
    assert large.requests == []


async def test_a_dead_engine_is_replaced_and_left_alone_for_a_while(two: Two):
    call, small, large = two([DOWN], [HOURS, "Dogs are welcome in the shop."])
    assert await call.says("How long does standard shipping take?") == HOURS
    assert await call.says("Are dogs welcome in the shop?") == "Dogs are welcome in the shop."
    assert len(small.requests) == 1
    assert large.left == 0


async def test_an_answer_that_broke_off_goes_on_and_says_no_word_twice(two: Two):
    call, _, large = two(
        [BreaksOff("Standard shipping takes 3 to 5 wor")],
        ["Standard shipping takes 3 to 5 working days and costs 5 dollars."],
    )
    assert await call.says("How long does standard shipping take?") == HOURS
    asked = large.requests[0].messages[-1].content
    assert 'broke off after: "Standard shipping takes 3 to 5"' in asked


async def test_a_small_one_goes_on_from_the_very_words(tmp_path: Path):
    large = FakeEngine(BreaksOff("Standard shipping takes 3 to "), name="large", grammars=False)
    small = FakeEngine("5 working days and costs 5 dollars.", name="small")
    tools = list(tools_of(Shop(tmp_path / "shop.sqlite")).values())
    call = Call(Agent(AgentDefinition.read(SHOP), large, tools, stand_ins=[small]))
    assert await call.says("What about the shipping of a tent?") == HOURS
    assert small.requests[-1].prefill == "Standard shipping takes 3 to"


async def test_both_dead_is_said(two: Two):
    call, _, _ = two([DOWN], [EngineError("large: gone")])
    said = await call.says("How long does standard shipping take?")
    assert said == call.agent.language.phrase("engine")


async def test_what_the_facts_do_not_touch_goes_up(two: Two):
    call, small, large = two([{"want": "question"}], ["Good tents are waterproof."], unknown=True)
    assert await call.says("What makes a good sleeping bag?") == "Good tents are waterproof."
    assert (small.left, large.left) == (0, 0)


async def test_a_phrase_of_the_caller_goes_up(two: Two):
    call, small, _ = two([], [HOURS], asked=["think it over"])
    assert await call.says("Think it over, how long does standard shipping take?") == HOURS
    assert small.requests == []


async def test_a_choice_that_is_not_sure_goes_up(two: Two):
    proposed = (ToolCall("x", "order_status", {"order_id": "1042"}),)
    call, _, _ = two([{"want": "chat"}], [proposed], probability=0.3, unsure=0.5)
    assert "shipped" in await call.says("Ten forty-two, any news for me at last or still nothing?")
    assert call.called == ["order_status"]


async def test_one_engine_that_warms_up_is_enough(tmp_path: Path):
    class Cold(FakeEngine):
        async def warm_up(self, request: object) -> None:
            raise EngineError("cold: cannot connect")

    tools = list(tools_of(Shop(tmp_path / "shop.sqlite")).values())
    definition = AgentDefinition.read(SHOP)
    await Agent(definition, Cold(), tools, stand_ins=[FakeEngine()]).warm_up()
    with pytest.raises(EngineError, match="cannot connect"):
        await Agent(definition, Cold(), tools, stand_ins=[Cold()]).warm_up()


@pytest.mark.parametrize(
    ("said", "more", "left"),
    [
        ("", "It is open.", "It is open."),
        ("The tent ", "costs 5 dollars.", "costs 5 dollars."),
        ("The tent costs ", "The tent costs 5 dollars.", "5 dollars."),
        ("The tent costs ", "costs 5 dollars.", "5 dollars."),
        ("The tent, the ", "the stove", "stove"),
        ("The tent is ", "the best tent", "the best tent"),
        ("We have two, ", "two tents", "tents"),
    ],
)
async def test_a_text_goes_on_without_saying_its_end_again(said: str, more: str, left: str):
    async def pieces() -> AsyncGenerator[str, None]:
        for at in range(0, len(more), 3):
            yield more[at : at + 3]

    assert "".join([word async for word in unsaid(said, pieces())]).strip() == left


@pytest.mark.models
async def test_a_server_killed_in_mid_answer_and_a_real_model(tmp_path: Path):
    """The twin of the fakes: a socket that breaks, and weights that go on."""
    begins = b'data: {"choices":[{"delta":{"content":"Items can be returned within "}}]}\n\n'
    small = await asyncio.to_thread(Embedded, model_path("qwen2.5-coder-1.5b"))
    try:
        async with serving(Answer([begins], ending="cut")) as server:
            tools = list(tools_of(Shop(tmp_path / "shop.sqlite")).values())
            large = OpenAICompatible(server.url, "large")
            agent = Agent(AgentDefinition.read(SHOP), large, tools, stand_ins=[small])
            said = await Call(agent).says("Within how many days can items be returned?")
            await large.close()
        assert said.startswith("Items can be returned within 30 days")
        assert said.count("returned within") == 1
    finally:
        await small.close()
