"""Systems are asked in turn by one client, and their recorded silences compared fairly."""

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from agents.definition import AgentDefinition
from tests.fakes import FakeServer
from voice import client as client_module
from voice.bench import latency
from voice.bench.latency import BenchError
from voice.bench.measure import Turn
from voice.bench.peers import asking, environments, run, systems
from voice.bench.peers.compare import Asked, Outcome, System, against, compared, judged
from voice.bench.peers.environments import PeerUnavailable, pinned
from voice.bench.peers.report import draw, show
from voice.bench.questions import Question
from voice.client import ClientError
from voice.config import load_config
from voice.models import missing

DEMO = Path(__file__).parent.parent / "configs" / "demo.yaml"
QUESTION = Question("Are you | open?", ("Are you open?",), "", "af_heart")


def asked(
    system: System,
    number: int,
    silence_ms: float | None,
    outcome: Outcome = "clean",
    tools: tuple[str, ...] = (),
) -> Asked:
    return Asked(
        system, 0, number, "q", "v", 1.0, outcome, silence_ms, "spoken", 4, 1, tools, "answer"
    )


# -- what a question came to --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heard", "answered_at", "understood_at", "outcome"),
    [
        ("clean", 10.0, [9.5], "clean"),
        ("clean", 10.0, [9.1, 9.9], "clean"),  # in two parts, both before it spoke
        ("clean", 10.0, [9.5, 10.4], "half"),  # the rest was understood while it spoke
        ("clean", 10.0, [], "clean"),  # it tells nobody what it understood
        ("early", 10.0, [9.5, 10.4], "early"),
        ("none", None, [9.5], "none"),
    ],
)
def test_a_half_is_answered_when_the_rest_is_understood_later(
    heard: Any, answered_at: float | None, understood_at: Sequence[float], outcome: Outcome
):
    turn = Turn(0, "q", "v", 1.0, heard, 500.0, None)
    found = judged("livekit", 1, 9, turn, answered_at=answered_at, understood_at=understood_at)
    assert (found.outcome, found.number, found.round) == (outcome, 9, 1)


def test_only_questions_that_both_answered_in_turn_are_compared():
    found = [asked("ours", n, 100.0 * n) for n in (1, 2, 3, 4)]
    found += [asked("pipecat", n, 400.0 * n) for n in (1, 2)]
    found += [asked("pipecat", 3, 9.0, "early"), asked("pipecat", 4, None, "none")]
    found += [asked("pipecat", 5, 5.0)]
    assert against(found, "pipecat") == {
        "pairs": 2,
        "median": 0.25,
        "p95": 0.25,
        "median_of_ratios": 0.25,
    }
    assert against(found, "livekit")["pairs"] == 0


def test_questions_that_code_answers_are_also_left_out():
    found = [asked("ours", 0, 100.0, tools=("opening_hours",)), asked("ours", 1, 600.0)]
    found += [asked("livekit", 0, 1000.0), asked("livekit", 1, 1200.0)]
    result: Any = compared(found)
    assert result["against"]["livekit"]["all"]["pairs"] == 2
    assert result["against"]["livekit"]["answered_by_the_model"]["median"] == 0.5
    assert list(result["systems"]) == ["ours", "livekit"]
    assert result["systems"]["ours"]["silence_ms"]["median"] == 350
    assert result["systems"]["ours"]["word_error_rate"] == 0.25


def test_outcomes_are_counted_and_stay_out_of_the_spread():
    outcomes: list[Outcome] = ["clean", "early", "half", "none"]
    found = [asked("ours", n, 100.0 * (n + 1), outcome) for n, outcome in enumerate(outcomes)]
    ours: Any = compared(found)["systems"]
    assert [ours["ours"][name] for name in outcomes] == [1, 1, 1, 1]
    assert ours["ours"]["silence_ms"]["max"] == 100


def test_nobody_is_always_asked_first():
    names: list[System] = ["ours", "pipecat", "livekit"]
    assert [asking.order(names, i)[0] for i in range(4)] == ["ours", "pipecat", "livekit", "ours"]
    assert sorted(asking.order(names, 1)) == sorted(names)


# -- asking -------------------------------------------------------------------------------------


@pytest.fixture
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "_SETTLED", 0.15)
    monkeypatch.setattr(client_module, "_SETTLED", 0.15)
    monkeypatch.setattr(client_module, "_GREETS", 0.05)
    monkeypatch.setattr(asking, "_QUIET", 0.1)


def speech() -> NDArray[np.int16]:
    return np.full(3200, 4000, np.int16)


@pytest.mark.usefixtures("_brief")
async def test_every_system_is_asked_every_question_and_the_warm_up_is_not_counted():
    said = [(n, QUESTION, speech()) for n in (8, 9)]
    done: list[int] = []
    broken: list[System] = []
    async with FakeServer(greeting="Hello.") as ours, FakeServer() as pipecat:
        found = await asking.ask_all(
            {"ours": ours.url, "pipecat": pipecat.url},
            1,
            (QUESTION, speech()),
            said,
            each=lambda: done.append(1),
            failed=lambda system, exc: broken.append(system),
        )
    assert [(a.system, a.number) for a in found] == [
        ("pipecat", 8),
        ("pipecat", 9),
        ("ours", 8),
        ("ours", 9),
    ]
    assert {a.outcome for a in found} == {"clean"}
    assert {a.transcript for a in found} == {"spoken words"}
    assert all(a.silence_ms and a.silence_ms > 50 for a in found)
    assert (len(done), broken) == (4, [])
    assert pipecat.queries[0]["out_rate"] == ["22050"]
    assert not pipecat.played  # a peer is told nothing that its own client would not tell it


@pytest.mark.usefixtures("_brief")
async def test_a_system_whose_call_breaks_is_left_out_and_the_others_go_on():
    broken: list[tuple[System, str]] = []

    def failed(system: System, exc: ClientError) -> None:
        broken.append((system, str(exc)))

    async with FakeServer() as ours, FakeServer(refuse="no room") as livekit:
        addresses: dict[System, str] = {"ours": ours.url, "livekit": livekit.url}
        found = await asking.ask_all(
            addresses,
            0,
            (QUESTION, speech()),
            [(0, QUESTION, speech())],
            each=lambda: None,
            failed=failed,
        )
    assert [a.system for a in found] == ["ours"]
    assert [system for system, _ in broken] == ["livekit"]
    assert "no room" in broken[0][1]


# -- processes and environments -----------------------------------------------------------------


async def test_a_program_is_known_by_the_address_it_prints_and_ended_afterwards(tmp_path: Path):
    code = "import time; print('loading'); print('ready ws://x/ws', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code]
    async with systems.process("fake", command, os.environ, tmp_path / "log") as address:
        assert address == "ws://x/ws"
        assert _children(code)
    assert not _children(code)


def _children(code: str) -> list[int]:
    import psutil

    return [p.pid for p in psutil.Process().children() if code in p.cmdline()]


async def test_a_program_that_dies_is_reported_by_its_last_words(tmp_path: Path):
    command = [sys.executable, "-c", "import sys; sys.exit('no such weights')"]
    async with AsyncExitStack() as stack:
        with pytest.raises(PeerUnavailable, match=r"fake ended with code 1: no such weights"):
            await stack.enter_async_context(
                systems.process("fake", command, os.environ, tmp_path / "log")
            )


def test_an_environment_that_cannot_be_made_is_one_line_and_is_made_anew_the_next_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("OPENLINE_CACHE", str(tmp_path))
    code = "import sys; sys.exit('Resolving\\nerror: no wheel of numpy for this platform')"
    commands = [[sys.executable, "-c", code]]

    def make(peer: environments.Peer, folder: Path) -> list[list[str]]:
        return commands

    monkeypatch.setattr(environments, "_commands", make)
    with pytest.raises(PeerUnavailable) as caught:
        environments.installed("pipecat")
    assert str(caught.value) == (
        "pipecat cannot be installed: error: no wheel of numpy for this platform"
    )
    assert not environments.is_installed("pipecat")
    left = environments.environment("pipecat") / "left"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    commands[0] = [sys.executable, "-c", f"import os; os.mkdir({str(left.parent)!r})"]
    environments.installed("pipecat")
    assert environments.is_installed("pipecat")
    assert not left.exists()
    commands[0] = [sys.executable, "-c", "raise SystemExit('made twice')"]
    environments.installed("pipecat")


def test_a_peer_that_cannot_be_installed_is_left_out(monkeypatch: pytest.MonkeyPatch):
    def installed(name: str) -> Path:
        if name == "livekit":
            raise PeerUnavailable("livekit cannot be installed: no network")
        return Path(sys.executable)

    monkeypatch.setattr(run, "installed", installed)
    console = Console(record=True, width=200, file=io.StringIO())
    found = run._systems([], console)  # pyright: ignore[reportPrivateUsage]
    assert found == ["ours", "pipecat"]
    assert "left out: livekit cannot be installed: no network" in console.export_text()
    with pytest.raises(BenchError, match="choose from ours, pipecat, livekit"):
        run._systems(["vapi"], console)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(BenchError, match="none of the systems"):
        run._systems(["livekit"], console)  # pyright: ignore[reportPrivateUsage]


def test_peers_know_what_our_agent_knows_and_both_sides_agree_on_the_setup(tmp_path: Path):
    definition = AgentDefinition.read(DEMO.parent / "agents" / "shop.yaml")
    told = systems.instructions(definition)
    assert definition.persona in told
    assert all(fact in told for fact in definition.facts)
    # the stacks run in another Python: what they read is what we write
    sent = tmp_path / "setup.json"
    written = systems.Setup("w", "v", "http://x/v1", told, "Hi", 60)
    sent.write_text(json.dumps(asdict(written)), encoding="utf-8")
    code = "import dataclasses, json, wire; print(json.dumps(dataclasses.asdict(wire.setup())))"
    read = subprocess.run(
        [sys.executable, "-c", code, str(sent)],
        capture_output=True,
        check=True,
        cwd=environments.STACKS,
    )
    assert json.loads(read.stdout) == asdict(written)
    for peer in environments.PEERS:
        compile(environments.script(peer).read_text("utf-8"), peer, "exec")
        assert pinned(peer).count(".") == 2


def test_a_stock_peer_has_no_setting_of_ours_and_a_tuned_one_our_threads(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("GOMP_SPINCOUNT", "4000")
    monkeypatch.setenv("HOME", "/home/caller")
    stock, tuned = systems.surroundings(False), systems.surroundings(True)
    assert not any("OMP_" in name for name in stock)
    assert stock["HOME"] == tuned["HOME"] == "/home/caller"
    assert tuned["GOMP_SPINCOUNT"] == "4000"
    assert tuned["OMP_NUM_THREADS"] == str(len(os.sched_getaffinity(0)))


# -- results ------------------------------------------------------------------------------------


def test_a_run_goes_on_from_its_own_file_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    found = [
        asked("ours", 0, 400.0),
        asked("pipecat", 0, 1600.0),
        asked("livekit", 0, None, "none"),
    ]
    models = {"transcriber": "w", "llm": "q", "synthesizer": "p", "peers_tuned": False}
    result: dict[str, Any] = {
        "machine": {"cpu": "paper", "cores": 2, "load": [0.5]},
        "models": models,
        **compared(found),
        "asked": [asdict(a) for a in found],
    }
    path = tmp_path / "peers.json"
    earlier = run._earlier  # pyright: ignore[reportPrivateUsage]
    assert earlier(path, models) == ([], [])
    path.write_text(json.dumps(result), encoding="utf-8")
    assert earlier(path, models) == (found, [0.5])
    with pytest.raises(BenchError, match="other models"):
        earlier(path, {**models, "llm": "r"})
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(BenchError, match="not of this bench"):
        earlier(path, models)
    show(result, Console(width=120))
    shown = capsys.readouterr().out
    assert "Openline / pipecat: median 0.25" in shown
    assert "LiveKit Agents" in shown
    assert "Openline / LiveKit" not in shown  # it answered nothing that could be compared
    draw(tmp_path / "peers.png", found, result, Console(quiet=True))
    assert (tmp_path / "peers.png").read_bytes().startswith(b"\x89PNG")


# -- the real peers -----------------------------------------------------------------------------


@pytest.mark.models
@pytest.mark.parametrize("name", environments.PEERS)
async def test_the_real_peer_greets_and_answers(name: environments.Peer, tmp_path: Path):
    """Runs where `openline bench peers` has made the peer's environment before."""
    if not environments.is_installed(name):
        pytest.skip(f"no environment of {name}: openline bench peers makes it")
    config = load_config(DEMO, {"llm": "smollm2-135m"})
    needed = (config.transcriber.model, config.llm.model, config.synthesizer.model)
    if missing(needed):
        pytest.skip("models missing: make test fetches them")
    _, (sound,) = QUESTION, latency.speak([QUESTION], lambda: None, Console(quiet=True))
    async with AsyncExitStack() as running:
        llm = await running.enter_async_context(
            systems.served_llm(config, False, tmp_path / "llm.log")
        )
        ready = systems.setup(config, DEMO.parent, llm)
        address = await running.enter_async_context(systems.peer(name, ready, False, tmp_path))
        broken: list[str] = []
        found = await asyncio.wait_for(
            asking.ask_all(
                {name: address},
                0,
                (QUESTION, sound),
                [(0, QUESTION, sound)],
                each=lambda: None,
                failed=lambda system, exc: broken.append(f"{system}: {exc}"),
            ),
            120,
        )
    assert broken == []
    assert found[0].outcome in ("clean", "early", "half")
    assert "open" in found[0].transcript.lower()
