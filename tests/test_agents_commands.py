"""`openline agents`: check, new, draw, chat; and definitions that change while calls go on."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agents.conversation import Agent
from agents.definition import DefinitionError
from agents.picture import picture
from agents.review import NoEngine, review
from tests.fakes import FakeEngine
from tests.test_cli import openline
from voice.config import Config
from voice.engines import Engines

ROOT = Path(__file__).parent.parent
SHOP = ROOT / "configs" / "agents" / "shop.yaml"
TOOLS = """
from typing import Annotated, Literal
from agents.tools import Slot, tool


class Desk:
    @tool(wants="open the door", asks=["open the door"], read_only=True, irreversible=True)
    def open_door(self, door: Annotated[str, Slot("door number", kind="id")]) -> str:
        return "open"

    @tool(read_only=True)
    def who_is_in(self, who: str = "") -> str:
        return "Ann"

    @tool(wants="ring a bell", asks=["ring the bell"])
    def ring(
        self,
        bell: Annotated[
            Literal["front", "back"], Slot("bell", ask="Which?", synonyms={"side": ["left"]})
        ],
        code: Annotated[str, Slot("code", kind="id", pattern="(", ask="Which code?")],
    ) -> str:
        return "ding"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as one has it after writing a first agent by hand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "configs" / "agents").mkdir(parents=True)
    return tmp_path


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    def ended(*words: str) -> Ended:
        code = openline(monkeypatch, *words)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return ended


Run = Callable[..., Ended]


def define(folder: Path, name: str, **more: str) -> Path:
    path = folder / "configs" / "agents" / f"{name}.yaml"
    keys = {"title": "Desk", "persona": "You are a desk.", "greeting": "Hello.", **more}
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))
    return path


def test_our_agents_have_no_errors() -> None:
    evals = (ROOT / "configs" / "evals" / "agents").glob("*.yaml")
    for path in [*(ROOT / "configs" / "agents").glob("*.yaml"), *evals]:
        assert [str(note) for note in review(path) if note.level == "error"] == []


def test_check_names_file_and_line_of_every_weakness(folder: Path) -> None:
    (folder / "weak_desk.py").write_text(TOOLS)
    path = define(folder, "desk", tools="[weak_desk:Desk]", facts=f"[open, {'a ' * 200}.]")
    found = [str(note).replace(str(folder) + "/", "") for note in review(path)]
    place = "configs/agents/desk.yaml:5"
    assert found == [
        "weak_desk.py:7: error: open_door is read_only and irreversible",
        "weak_desk.py:15: error: ring: bell: synonyms of 'side', which is no option",
        "weak_desk.py:15: error: ring: code: pattern '(': missing ), unterminated subpattern at "
        "position 0",
        f"{place}: warning: a fact that is no sentence; small models read them aloud as they stand",
        f"{place}: warning: a fact of 401 letters; split it: one fact, one sentence",
        "weak_desk.py:7: warning: open_door: door is an id without a pattern: any word could be "
        "one",
        "weak_desk.py:11: warning: who_is_in has no wants=: say what a caller wants, as an "
        "imperative",
        "weak_desk.py:11: warning: who_is_in: who has no Slot: give it a label, or an ask",
    ]


def test_facts_that_leave_no_room_are_an_error(folder: Path) -> None:
    path = define(folder, "desk", facts="[" + ", ".join(["The shop is open today."] * 100) + "]")
    errors = [note for note in review(path, context=512) if note.level == "error"]
    assert re.search(r"about \d+ tokens of facts, .* more than the context of 512", errors[-1].text)
    assert [note.level for note in review(path, context=8192)] == []


def test_what_cannot_be_loaded_is_one_error(folder: Path) -> None:
    path = define(folder, "desk", tools="[nowhere:Desk]")
    (note,) = review(path)
    assert note.level == "error"
    assert note.where == f"{path}:4"
    assert "No module named 'nowhere'" in note.text
    path.write_text("title: Desk\npersona: x\nfact: [a]\n")
    (note,) = review(path)
    assert str(note) == f"{path}:3: error: unknown key 'fact'; did you mean 'facts'?"


def test_new_makes_an_agent_that_checks_and_talks(folder: Path, run: Run) -> None:
    done = run("agents", "new", "front")
    assert done.code == 0, done.err
    checked = run("agents", "check", "--strict")
    assert (checked.code, checked.out) == (0, "configs/agents/front.yaml: good\n")
    again = run("agents", "new", "front")
    assert again.code == 1
    assert "front.yaml is there already" in again.err
    agent = Agent.load(folder / "configs" / "agents" / "front.yaml", FakeEngine())
    assert list(agent.tools) == ["who_is_in", "leave_message"]


@pytest.mark.parametrize("name", ["Front", "front desk", "class", "../front", "1st"])
def test_new_takes_plain_names_only(folder: Path, run: Run, name: str) -> None:
    done = run("agents", "new", name)
    assert done.code == 1
    assert "is no good name" in done.err
    assert list(folder.rglob("*.yaml")) == []


def test_check_ends_with_one_when_something_is_wrong(folder: Path, run: Run) -> None:
    define(folder, "desk", tools="[nowhere:Desk]")
    done = run("agents", "check")
    assert done.code == 1
    assert done.out.startswith("configs/agents/desk.yaml:4: error: ")
    unknown = run("agents", "check", "nobody")
    assert unknown.code == 1
    assert unknown.err == "openline: nobody: no such agent; configs/agents has: desk\n"


def test_a_picture_shows_each_tool_with_what_comes_before_it() -> None:
    drawn = picture(Agent.load(SHOP, NoEngine()))
    root = ElementTree.fromstring(drawn)
    shown = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    start = shown.index("send an item back")
    assert shown[start : start + 8] == [
        "send an item back",
        "order number?",
        "item?",
        "reason?",
        "check",
        "read back, yes?",
        "start_return",
        "code tells it",
    ]


def test_draw_writes_the_picture(folder: Path, run: Run) -> None:
    define(folder, "desk")
    done = run("agents", "draw", "desk")
    assert (done.code, done.out) == (0, "written: desk.svg\n")
    assert "Desk" in (folder / "desk.svg").read_text()


async def test_a_changed_definition_is_for_the_next_call(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = define(folder, "shop")
    monkeypatch.setattr("voice.engines.open_llm", lambda wanted: FakeEngine())  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    engines = Engines(Config(), folder / "configs")
    first = await engines.agent("", "")
    assert await engines.agent("", "") is first
    live = first.conversation()

    define(folder, "shop", title="New desk")
    os.utime(path, ns=(1, 1))
    second = await engines.agent("", "")
    assert second.definition.title == "New desk"
    assert live.quiet_seconds == first.definition.limits.quiet_seconds
    assert first.definition.title == "Desk"

    path.write_text("title: [\n")
    os.utime(path, ns=(2, 2))
    assert await engines.agent("", "") is second

    define(folder, "shop", title="Newest desk")
    os.utime(path, ns=(3, 3))
    third = await engines.agent("", "")
    assert third.definition.title == "Newest desk"
    await engines.close()


async def test_a_definition_that_was_never_good_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(folder, "shop", persona="''")
    monkeypatch.setattr("voice.engines.open_llm", lambda wanted: FakeEngine())  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    engines = Engines(Config(), folder / "configs")
    with pytest.raises(DefinitionError, match=r"shop\.yaml:2: persona: "):
        await engines.agent("", "")
    await engines.close()
