"""`openline bench peers`: ours and other frameworks in one run on the same models and questions.

Each round is a call of 8 questions to every system, in turn: while one is measured the others hold
no call. All of them are called by voice/client.py over the same kind of socket, paced in real time,
and measured by voice/bench/latency.py's own rule in the sound the caller hears.
"""

import asyncio
import contextlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from rich.console import Console

from voice.bench.latency import (
    CALL,
    NOISE,
    BenchError,
    cpu,
    load_average,
    progress_bar,
    questions_of,
    serving,
    speak,
)
from voice.bench.peers.asking import Said, ask_all
from voice.bench.peers.compare import SYSTEMS, Asked, System, compared
from voice.bench.peers.environments import Peer, PeerUnavailable, installed, pinned
from voice.bench.peers.report import draw, show
from voice.bench.peers.systems import peer, served_llm, setup
from voice.bench.questions import Question
from voice.config import Config, load_config


@dataclass(frozen=True, slots=True)
class _Run:
    console: Console
    systems: list[System]
    config: Config
    path: Path  # of the config
    llm: str | None
    out: Path
    tuned: bool  # the peers' threads and their LLM, see systems.py


def run(
    *,
    only: Sequence[str],
    questions: int,
    out: Path,
    config: Path,
    llm: str | None = None,
    rounds: int | None = None,
    resume: bool = False,
    tuned: bool = False,
) -> None:
    """Ask, measure, write OUT/peers.json and OUT/peers.png, print a table.

    `rounds` ends this run early, `resume` goes on where OUT/peers.json ends. Peers run as their
    documentation leaves them, or `tuned`: see systems.py. Raises BenchError, PeerUnavailable,
    ModelError, SpeechError, ConfigError.
    """
    console = Console()
    loaded = load_config(config, {"llm": llm} if llm else {})
    out.mkdir(parents=True, exist_ok=True)
    path = out / "peers.json"
    models = {
        "transcriber": loaded.transcriber.model,
        "llm": loaded.llm.model,
        "synthesizer": loaded.synthesizer.model,
        "peers_tuned": tuned,
        "line_noise": NOISE,
    }
    asked, loads = _earlier(path, models) if resume else ([], [])
    systems = _systems(only, console)
    wanted = questions_of(loaded, questions)
    with progress_bar(console) as progress:
        task = progress.add_task("speaking the questions", total=len(wanted))
        sounds = speak(wanted, lambda: progress.advance(task), console)
    (warm_up, *rest), (warm_up_sound, *rest_sounds) = wanted, sounds
    said: list[Said] = list(zip(range(questions), rest, rest_sounds, strict=True))
    done = {a.round for a in asked}
    left = [(i // CALL, said[i : i + CALL]) for i in range(0, questions, CALL)]
    left = [(number, part) for number, part in left if number not in done]
    now = left[:rounds]
    if now:
        measuring = _Run(console, systems, loaded, config, llm, out, tuned)
        found, busy = asyncio.run(_measure(measuring, (warm_up, warm_up_sound), now))
        asked, loads = asked + found, loads + busy
    if not asked:
        raise BenchError(f"nothing was measured; the logs are in {out}")
    asked.sort(key=lambda a: (a.number, SYSTEMS.index(a.system)))
    result: dict[str, Any] = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "openline": version("openline"),
            "pipecat": pinned("pipecat"),
            "livekit": pinned("livekit"),
        },
        "machine": {
            "cpu": cpu(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load": loads,  # the minute before each round
        },
        "models": models,
        **compared(asked),
        "asked": [asdict(a) for a in asked],
    }
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    show(result, console)
    drawn = draw(out / "peers.png", asked, result, console)
    console.print(f"[dim]written: {', '.join([str(path), *drawn])}[/]")
    if len(left) > len(now):
        console.print("[dim]Not all questions were asked yet: the same with --resume goes on.[/]")


async def _measure(
    run: _Run, warm_up: tuple[Question, NDArray[np.int16]], rounds: Sequence[tuple[int, list[Said]]]
) -> tuple[list[Asked], list[float]]:
    """What came of each question, and how busy the machine was before each round."""
    asked: list[Asked] = []
    loads: list[float] = []
    async with contextlib.AsyncExitStack() as running:
        addresses = await _start(run, running)
        with progress_bar(run.console) as progress:
            total = len(addresses) * sum(len(questions) for _, questions in rounds)
            task = progress.add_task("asking", total=total)
            for number, questions in rounds:
                loads.append(load_average())
                asked += await ask_all(
                    addresses,
                    number,
                    warm_up,
                    questions,
                    each=lambda: progress.advance(task),
                    failed=lambda system, exc: run.console.print(
                        f"[yellow]{system} is left out of a round: {exc}[/]"
                    ),
                )
    return asked, loads


async def _start(run: _Run, running: contextlib.AsyncExitStack) -> dict[System, str]:
    addresses: dict[System, str] = {}
    if "ours" in run.systems:
        ours = serving(None, run.path, run.llm, run.console)
        addresses["ours"] = await running.enter_async_context(ours)
    peers: list[Peer] = [name for name in run.systems if name != "ours"]
    if peers:
        with run.console.status("starting the peers"):
            llm = served_llm(run.config, run.tuned, run.out / "llm.log")
            ready = setup(run.config, run.path.parent, await running.enter_async_context(llm))
            for name in peers:
                starting = peer(name, ready, run.tuned, run.out)
                try:
                    addresses[name] = await running.enter_async_context(starting)
                except PeerUnavailable as exc:
                    run.console.print(f"[yellow]left out: {exc}[/]")
    return addresses


def _systems(only: Sequence[str], console: Console) -> list[System]:
    """Those asked for whose environment is here or can be made."""
    unknown = sorted(set(only) - set(SYSTEMS))
    if unknown:
        raise BenchError(f"--only {','.join(unknown)}: choose from {', '.join(SYSTEMS)}")
    found: list[System] = []
    for system in SYSTEMS:
        if only and system not in only:
            continue
        if system != "ours":
            with console.status(f"the environment of {system}"):
                try:
                    installed(system)
                except PeerUnavailable as exc:
                    console.print(f"[yellow]left out: {exc}[/]")
                    continue
        found.append(system)
    if not found:
        raise BenchError("none of the systems can be measured")
    return found


def _earlier(path: Path, models: dict[str, Any]) -> tuple[list[Asked], list[float]]:
    """What an earlier run with the same models asked."""
    try:
        result = json.loads(path.read_text("utf-8"))
        asked = TypeAdapter(list[Asked]).validate_python(result["asked"])
        loads = TypeAdapter(list[float]).validate_python(result["machine"]["load"])
        other = result["models"]
    except FileNotFoundError:
        return [], []
    except (ValueError, KeyError, TypeError) as exc:
        raise BenchError(f"{path} is not of this bench; remove it or give another --out") from exc
    if other != models:
        raise BenchError(f"{path} was measured with other models; give another --out")
    return asked, loads
