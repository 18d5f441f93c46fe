"""An agent's YAML, right and wrong."""

from pathlib import Path

import pytest

from agents.conversation import Agent
from agents.definition import AgentDefinition, DefinitionError
from tests.fakes import FakeEngine

SHOP = Path(__file__).parent.parent / "configs" / "agents" / "shop.yaml"
GOOD = "title: Desk\npersona: You are a desk.\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "desk.yaml"
    path.write_text(text)
    return path


def test_the_demo_agent_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENLINE_DATA", str(tmp_path))
    agent = Agent.load(SHOP, FakeEngine())
    assert agent.definition.name == "shop"
    assert list(agent.tools) == ["order_status", "order_contents", "start_return", "opening_hours"]
    assert agent.definition.examples
    assert (tmp_path / "shop.sqlite").is_file()


def test_an_allow_list_leaves_tools_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENLINE_DATA", str(tmp_path))
    tools = "tools:\n  - use: agents.shop:Shop\n    only: [opening_hours]\n"
    agent = Agent.load(write(tmp_path, GOOD + tools), FakeEngine())
    assert list(agent.tools) == ["opening_hours"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD + "greetin: Hi\n", r"desk.yaml:3: unknown key 'greetin'; did you mean 'greeting'\?"),
        (
            GOOD + "limits:\n  stepz: 3\n",
            r"desk.yaml:4: unknown key 'limits.stepz'; did you mean 'steps'\?",
        ),
        (GOOD + "limits:\n  steps: 0\n", r"desk.yaml:4: limits.steps: .*greater"),
        (GOOD + "tools: [not a path]\n", r"desk.yaml:3: tools.0.use: "),
        ("title: Desk\n", r"desk.yaml:\d+: 'persona' is missing"),
        ("- a list\n", r"desk.yaml:1: an agent is a mapping"),
        ("title: [\n", r"desk.yaml:\d+: not valid YAML"),
    ],
)
def test_a_mistake_is_one_line_that_says_where(tmp_path: Path, text: str, problem: str):
    with pytest.raises(DefinitionError, match=problem) as raised:
        AgentDefinition.read(write(tmp_path, text))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("use", "problem"),
    [
        ("agents.nowhere:Shop", "No module named 'agents.nowhere'"),
        ("agents.shop:Nobody", "Nobody"),
        ("agents.events", "nothing is marked with @tool"),
    ],
)
def test_tools_that_cannot_be_imported_are_named(tmp_path: Path, use: str, problem: str):
    path = write(tmp_path, f"{GOOD}tools: [{use}]\n")
    with pytest.raises(DefinitionError, match=problem) as raised:
        Agent.load(path, FakeEngine())
    assert use in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_allowed_tool_that_is_not_there_is_named(tmp_path: Path):
    tools = "tools:\n  - use: tests.test_tools:Desk\n    only: [wype]\n"
    with pytest.raises(DefinitionError, match=r"no tool 'wype'; it has: count, wipe, paint,"):
        Agent.load(write(tmp_path, GOOD + tools), FakeEngine())


def test_a_missing_file_and_an_unknown_language_are_named(tmp_path: Path):
    with pytest.raises(DefinitionError, match="cannot be read"):
        AgentDefinition.read(tmp_path / "none.yaml")
    with pytest.raises(DefinitionError, match=r"desk.yaml:3: language: no language pack for 'xx'"):
        Agent.load(write(tmp_path, GOOD + "language: xx\n"), FakeEngine())
