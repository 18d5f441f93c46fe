"""Domains in tau2-bench's format: a lamp shop that we wrote, laid out as the benchmark's."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agents.evals.talk import Call, Exchange
from agents.evals.tau2 import Tau2Domain, rewards, run_tau2
from agents.evals.tau2_code import Tau2Error, tools_of
from tests.fakes import FakeEngine
from tests.test_cli import openline

DATA_MODEL = """
from typing import Dict, List, Literal
from pydantic import BaseModel
from tau2.domains.lamps.utils import LAMPS_DB_PATH
from tau2.environment.db import DB


class Lamp(BaseModel):
    lamp_id: str
    room: str
    state: Literal["on", "off"]


class LampsDB(DB):
    lamps: Dict[str, Lamp]
"""
TOOLS = '''
from typing import List, Optional
from tau2.domains.lamps.data_model import Lamp, LampsDB
from tau2.environment.toolkit import ToolKitBase, ToolType, is_tool


class LampTools(ToolKitBase):
    db: LampsDB

    @is_tool(ToolType.READ)
    def find_lamp(self, lamp_id: str) -> Lamp:
        """Look at a lamp.

        Args:
            lamp_id: The lamp.
        """
        if lamp_id not in self.db.lamps:
            raise ValueError(f"Lamp {lamp_id} not found")
        return self.db.lamps[lamp_id]

    @is_tool(ToolType.WRITE)
    def switch_off(self, lamp_id: str) -> Lamp:
        """Switch a lamp off."""
        lamp = self.find_lamp(lamp_id)
        lamp.state = "off"
        return lamp

    @is_tool(ToolType.WRITE)
    def arrange(self, lamp_ids: List[str]) -> str:
        """Arrange lamps."""
        return "done"

    @is_tool(ToolType.GENERIC)
    def transfer_to_human_agents(self, summary: str) -> str:
        """Transfer the user to a person."""
        return "Transfer successful"

    def assert_state(self, lamp_id: str, state: str) -> bool:
        return self.db.lamps[lamp_id].state == state
'''
LAMP = {"lamp_id": "desk", "room": "study", "state": "on"}
OFF: dict[str, Any] = {
    "id": "off",
    "user_scenario": {"persona": "brief", "instructions": "You want the lamp desk switched off."},
    "evaluation_criteria": {
        "actions": [{"action_id": "a", "name": "switch_off", "arguments": {"lamp_id": "desk"}}],
        "env_assertions": [
            {"env_type": "assistant", "func_name": "assert_state",
             "arguments": {"lamp_id": "desk", "state": "off"}}
        ],
        "communicate_info": ["1000"],
        "nl_assertions": ["The agent is polite"],
        "reward_basis": ["DB", "ENV_ASSERTION", "ACTION", "COMMUNICATE", "NL_ASSERTION"],
    },
}  # fmt: skip
LATER = {
    "id": "later",
    "user_scenario": {"instructions": {
        "reason_for_call": "Where is the lamp?", "known_info": "It is called hall."}},
    "initial_state": {
        "initialization_data": {"agent_data": {"lamps": {"hall": {**LAMP, "lamp_id": "hall"}}}},
        "initialization_actions": [
            {"env_type": "assistant", "func_name": "switch_off", "arguments": {"lamp_id": "hall"}}
        ],
        "message_history": [
            {"role": "assistant", "tool_calls": [
                {"id": "1", "name": "switch_off", "arguments": {"lamp_id": "desk"}}]}
        ],
    },
}  # fmt: skip
THEIRS = {
    "id": "theirs",
    "user_scenario": {"instructions": "x"},
    "initial_state": {"initialization_actions": [{"env_type": "user", "func_name": "look"}]},
}
TOLD = {
    "id": "told",
    "user_scenario": {"instructions": "x"},
    "evaluation_criteria": {"nl_assertions": ["polite"], "reward_basis": ["NL_ASSERTION"]},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data" / "tau2" / "domains" / "lamps"
    code = tmp_path / "src" / "tau2" / "domains" / "lamps"
    data.mkdir(parents=True)
    code.mkdir(parents=True)
    (data / "db.json").write_text(json.dumps({"lamps": {"desk": LAMP}}))
    (data / "tasks.json").write_text(json.dumps([OFF, LATER, THEIRS, TOLD]))
    (data / "policy.md").write_text("# Policy\n\n1. Lamps may be switched off\n2. Never on.\n")
    (code / "__init__.py").write_text("")
    (code / "utils.py").write_text(
        "from tau2.utils.utils import DATA_DIR\nLAMPS_DB_PATH = DATA_DIR / 'db.json'\n"
    )
    (code / "data_model.py").write_text(DATA_MODEL)
    (code / "tools.py").write_text(TOOLS)
    return tmp_path


def told(agent: str, *calls: Call) -> list[Exchange]:
    return [Exchange("off please", "", "off please", agent, calls, 0.1, 0.1, 0, 0, 0)]


def test_a_domain_brings_its_tools_and_leaves_nothing_behind(folder: Path) -> None:
    domain = Tau2Domain.load(folder, "lamps")
    tools = {tool.name: tool for tool in tools_of(domain.world(domain.tasks[0]))}
    assert list(tools) == ["find_lamp", "switch_off", "transfer_to_human_agents"]
    assert tools["find_lamp"].policy.read_only
    assert tools["switch_off"].policy.needs_consent
    assert not tools["transfer_to_human_agents"].policy.needs_consent
    assert not [name for name in sys.modules if name.startswith("tau2")]


def test_a_task_begins_where_its_initial_state_says(folder: Path) -> None:
    domain = Tau2Domain.load(folder, "lamps")
    _, later, theirs, judged = domain.tasks
    lamps = domain.world(later).db.lamps
    assert (lamps["desk"].state, lamps["hall"].state) == ("off", "off")
    assert domain.world(domain.tasks[0]).db.lamps["desk"].state == "on"
    assert later.goal == "Where is the lamp? It is called hall."
    assert theirs.unsupported == "the caller has tools of their own"
    assert judged.unsupported == "it can be judged by a large model only"


def test_every_part_of_the_reward_is_judged(folder: Path) -> None:
    domain = Tau2Domain.load(folder, "lamps")
    task = domain.tasks[0]
    kit = domain.world(task)
    left = rewards(domain, task, kit, told("No."))
    assert left["DB"].startswith("lamps: wanted {'desk': {'lamp_id': 'desk'")
    assert (left["ACTION"], left["ENV_ASSERTION"]) == ("switch_off", "assert_state")
    assert left["COMMUNICATE"] == "1000"
    assert "NL_ASSERTION" not in left
    kit.switch_off("desk")  # type: ignore[attr-defined]
    call = Call("switch_off", {"lamp_id": "desk"}, {"result": {}}, None)
    met = rewards(domain, task, kit, told("It is off, and cost 1,000 dollars.", call))
    assert met == dict.fromkeys(["DB", "ENV_ASSERTION", "ACTION", "COMMUNICATE"], "")


async def test_an_agent_and_a_simulated_caller_run_a_task(folder: Path) -> None:
    domain = Tau2Domain.load(folder, "lamps")
    caller_lines = ("switch off the lamp desk please", "yes", "<done>")
    caller = FakeEngine(*caller_lines, "hello", "<done>", grammars=False)
    agent = FakeEngine({"want": "switch_off", "lamp_id": "desk"})
    runs = await run_tau2(domain, agent, caller)
    assert [run.case for run in runs] == ["off", "later"]
    first, _ = runs
    assert [call.tool for e in first.exchanges for call in e.calls] == ["switch_off"]
    assert [problem.detail.split(":")[0] for problem in first.problems] == ["COMMUNICATE"]


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("data/tau2/domains/lamps/tasks.json", "[{}]", r"tasks\.json: id: Field required"),
        ("data/tau2/domains/lamps/db.json", "{", r"db\.json: not readable as JSON"),
        ("src/tau2/domains/lamps/tools.py", "import nowhere", r"No module named 'nowhere'"),
        ("src/tau2/domains/lamps/tools.py", "x = 1", r"no toolkit in its Python"),
    ],
)
def test_what_cannot_be_read_is_one_line(folder: Path, file: str, text: str, said: str) -> None:
    (folder / file).write_text(text)
    with pytest.raises(Tau2Error, match=said):
        Tau2Domain.load(folder, "lamps")


def test_a_folder_that_is_no_checkout_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert openline(monkeypatch, "eval", "--tau2", str(tmp_path), "--domain", "mock") == 1
    assert "tasks.json: not there; --tau2 takes a checkout of tau2-bench" in capsys.readouterr().err
