"""The examples of docs/agents.md, run as they stand there."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from agents.conversation import Agent
from agents.events import Quoted
from agents.tools import CallContext
from tests.fakes import FakeEngine
from tests.serving import serving
from tests.test_tools_openapi import SECRET, Clinic

HERE = Path(__file__).parent.parent
CONTEXT = CallContext("c1", {})


def example(title: str) -> str:
    blocks = re.findall(r"```yaml\n(.*?)```", (HERE / "docs" / "agents.md").read_text(), re.DOTALL)
    (found,) = (block for block in blocks if f"title: {title}\n" in block)
    return found


async def test_the_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLINIC_TOKEN", SECRET)
    clinic = Clinic()
    (tmp_path / "clinic-api.yaml").write_text(json.dumps(clinic.app.openapi()))
    with serving(clinic.app) as address:
        text = example("Clinic").replace("https://clinic.example/api", address)
        (tmp_path / "clinic.yaml").write_text(text)
        agent = Agent.load(tmp_path / "clinic.yaml", FakeEngine())
        assert list(agent.tools) == ["listSlots", "book"]
        book = agent.tools["book"]
        assert book.slots["start_date"].ask == "Which day suits you?"
        said = {"patient_name": "Ann", "start_date": "2026-11-27", "start_time": "10:30"}
        assert (await book.run(said, CONTEXT, 10)).data["reference"] == "K7"
        await agent.close()


async def test_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setenv("DESK_TOKEN", SECRET)
    text = example("Library").replace("[python, -m, library_desk]", "[{}, -m, tests.mcp_desk]")
    (tmp_path / "library.yaml").write_text(text.replace("[{}", f"['{sys.executable}'"))
    agent = await asyncio.to_thread(Agent.load, tmp_path / "library.yaml", FakeEngine())
    assert list(agent.tools) == ["find_book", "lend_book"]
    assert agent.tools["find_book"].policy.read_only
    found = await agent.tools["find_book"].run({"title": "emma"}, CONTEXT, 10)
    assert found.data == {"title": "emma", "due": "today"}
    await agent.close()


async def test_the_documents(tmp_path: Path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "fires.md").write_text("# Fires\n\nFires are lit at 8 PM.")
    (tmp_path / "camp.yaml").write_text(example("Camp site"))
    agent = Agent.load(
        tmp_path / "camp.yaml", FakeEngine({"want": "question"}, "Fires are lit at 8 PM.")
    )
    committed = asyncio.Event()
    committed.set()
    turn = agent.conversation().turn("When are the fires lit?", committed)
    sources = [event.file async for event in turn if isinstance(event, Quoted)]
    assert sources == ["fires.md"]
