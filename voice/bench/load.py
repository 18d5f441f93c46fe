"""`openline bench load`: how many calls one core carries, and how callers wait for one another.

Two measurements:

1. Model time replaced by sleeps (load_server.py). The server is pinned to one core, the callers to
   the others. More and more callers ask the same questions; framework delay is how much later an
   answer's first sound comes than when the same question is asked by one caller alone. The most
   calls whose p95 is within LIMIT is what one core carries.
2. Real models. One, two and three callers ask at once, each its own questions.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import platform
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from voice.bench.latency import (
    BenchError,
    ask,
    cpu,
    load_average,
    progress_bar,
    questions_of,
    serving,
    speak,
)
from voice.bench.load_callers import Calls, Script, Waits, call, script
from voice.bench.load_picture import draw
from voice.bench.load_server import serve
from voice.bench.measure import Turn, spread, summary
from voice.bench.questions import Question
from voice.client import calling
from voice.config import load_config

LIMIT = 20.0  # ms
IDLE = 40  # calls whose memory is measured
_TURNS = 3  # questions a caller asks at each step
_Asked = tuple[Question, NDArray[np.int16]]


@dataclass(frozen=True, slots=True)
class Step:
    """`calls` at once: framework delay in ms, and how much of a core all of them take."""

    calls: int
    delay_ms: dict[str, float | None]
    unanswered: int
    core: float

    @property
    def within(self) -> bool:
        p95 = self.delay_ms["p95"]
        return p95 is not None and p95 <= LIMIT and not self.unanswered


def run(*, calls: Sequence[int], callers: int, questions: int, out: Path, config: Path) -> None:
    """Measure, write OUT/load.json and (of the first measurement) OUT/load.png, print two tables.

    `calls`: the steps of the first measurement; `callers`: up to how many speak at once in the
    second one, 0 for none, `questions` each. Raises BenchError, ClientError, ModelError,
    SpeechError, ConfigError.
    """
    console = Console()
    load = [load_average()]
    asked = questions_of(load_config(config), max(_TURNS, questions * callers))
    with progress_bar(console) as progress:
        task = progress.add_task("speaking the questions", total=len(asked))
        spoken = speak(asked, lambda: progress.advance(task), console)
    questioned = list(zip(asked, spoken, strict=True))
    result: dict[str, Any] = {}
    machine = {"cpu": cpu(), "cores": os.cpu_count(), "python": platform.python_version()}
    out.mkdir(parents=True, exist_ok=True)
    if calls:
        said = script([sound for _, sound in questioned[1 : 1 + _TURNS]])
        carried, steps = _carry(calls, said, config, console)
        result["sleeping_models"] = carried
        idle = carried["idle_call_bytes"] / 1e6
        about = f"Models sleep; {machine['cpu']}, Python {machine['python']}; idle: {idle:.2f} MB"
        draw(out / "load.png", steps, LIMIT, f"{about} a call")
    if callers:
        waits = asyncio.run(_at_once(callers, questions, questioned, config, console))
        result["real_models"] = waits
    load.append(load_average())
    about = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "openline": version("openline"),
        "machine": machine | {"load": load},
    }
    path = out / "load.json"
    path.write_text(json.dumps(about | result, indent=1) + "\n", encoding="utf-8")
    console.print(f"[dim]written: {path}[/]")


# -- sleeping models ---------------------------------------------------------------------------


def _carry(
    steps: Sequence[int], said: Script, config: Path, console: Console
) -> tuple[dict[str, Any], list[Step]]:
    """One caller alone, then more and more of them until the delay is over LIMIT."""
    done: list[Step] = []
    with _machines(config, console) as (url, server, callers), progress_bar(console) as progress:
        task = progress.add_task("one caller alone", total=len(steps) + 2)
        alone = least(_ask(callers, Calls(url, 2, said, said.seconds / 2)))
        progress.advance(task)
        before = _usage(server)[1]
        progress.update(task, description=f"{IDLE} idle calls")
        callers.send(Calls(url, IDLE, None, 4.0))
        if callers.poll(8.0):
            raise BenchError(str(callers.recv()))
        idle = (_usage(server)[1] - before) / IDLE
        callers.recv()
        progress.advance(task)
        for count in steps:
            progress.update(task, description=f"{count} calls")
            began = _usage(server)[0]
            waits = _ask(callers, Calls(url, count, said, said.seconds / 2))
            used = _usage(server)[0] - began
            done.append(step_of(count, waits, alone, used / said.seconds))
            progress.advance(task)
            if not done[-1].within:
                break
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("calls", "p50 ms", "p95 ms", "max ms", "unanswered", "core used"):
        table.add_column(name, justify="right")
    for step in done:
        delays = [_shown(step.delay_ms[name]) for name in ("median", "p95", "max")]
        table.add_row(str(step.calls), *delays, str(step.unanswered), f"{100 * step.core:.0f}%")
    console.print(table)
    most = max((step.calls for step in done if step.within), default=0)
    console.print(
        f"One core carries [bold]{most}[/] calls with a p95 delay within {LIMIT:.0f} ms; "
        f"an idle call takes {idle / 1e6:.2f} MB",
        highlight=False,
    )
    carried: dict[str, Any] = {
        "calls_a_core": most,
        "limit_ms": LIMIT,
        "idle_call_bytes": round(idle),
        "alone_ms": [round(1000 * wait, 1) for wait in alone],
        "steps": [asdict(step) for step in done],
    }
    return carried, done


@contextlib.contextmanager
def _machines(
    config: Path, console: Console
) -> Generator[tuple[str, "Connection[Any, Any]", "Connection[Any, Any]"]]:
    """The server on one core, the callers on the others: its address, and a pipe to each."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    own, others = (cores[-1], set(cores[:-1])) if len(cores) > 1 else (None, None)
    if own is None:
        console.print("[yellow]Only one core, or none to be chosen: callers take its time too.[/]")
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="openline-bench-") as data:
        server, inner = context.Pipe()
        serving = context.Process(target=serve, args=(inner, config, data, own))
        serving.start()
        callers, inner = context.Pipe()
        calling = context.Process(target=call, args=(inner, others))
        calling.start()
        try:
            if not server.poll(60.0):
                raise BenchError("the server of the bench did not start within 60 s")
            yield server.recv(), server, callers
        finally:
            with contextlib.suppress(OSError):  # a process that died has no pipe
                callers.send(None)
                server.send("stop")
            for process in (calling, serving):
                process.join(15.0)
                if process.is_alive():
                    process.kill()
                    process.join()


def _usage(server: "Connection[Any, Any]") -> tuple[float, int]:
    server.send("usage")
    return server.recv()


def _ask(callers: "Connection[Any, Any]", calls: Calls) -> Waits:
    callers.send(calls)
    waits: Waits | str = callers.recv()
    if isinstance(waits, str):
        raise BenchError(waits)
    return waits


def least(waits: Waits) -> list[float]:
    """Of each question, the least wait of any caller."""
    found = [[w for w in turns if w is not None] for turns in zip(*waits, strict=True)]
    if not all(found):
        raise BenchError("a caller alone got no answer; is the speech detector at work?")
    return [min(turn) for turn in found]


def step_of(calls: int, waits: Waits, alone: Sequence[float], core: float) -> Step:
    delays: list[float] = []
    for turns in waits:
        for wait, least in zip(turns, alone, strict=True):
            if wait is not None:
                delays.append(1000 * (wait - least))
    missing = sum(wait is None for turns in waits for wait in turns)
    return Step(calls, spread(delays), missing, round(core, 3))


# -- real models -------------------------------------------------------------------------------


async def _at_once(
    most: int, questions: int, asked: Sequence[_Asked], config: Path, console: Console
) -> dict[str, Any]:
    """1, 2, … `most` callers on one server: each asks its own `questions` in a call of its own."""
    warm_up, *rest = asked
    found: dict[str, Any] = {}
    async with serving(None, config, None, console) as url:
        async with calling(url) as client:
            await ask(client, 0, *warm_up)
        with progress_bar(console) as progress:
            task = progress.add_task("asking", total=questions * most * (most + 1) // 2)

            async def caller(number: int, count: int) -> list[Turn]:
                turns: list[Turn] = []
                # not all with the same breath: a third of a question's cycle apart
                await asyncio.sleep(1.7 * number)
                async with calling(url) as client:
                    for i in range(questions):
                        mine = rest[(number + i * count) % len(rest)]
                        turns.append(await ask(client, number, *mine))
                        progress.advance(task)
                return turns

            for count in range(1, most + 1):
                progress.update(task, description=f"{count} at once")
                calls = await asyncio.gather(*(caller(n, count) for n in range(count)))
                turns = [turn for turns in calls for turn in turns]
                found[str(count)] = summary(turns, []) | {"turns": [asdict(t) for t in turns]}
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("callers", "p50 ms", "p95 ms", "max ms", "questions", "early", "unanswered"):
        table.add_column(name, justify="right")
    for count, one in found.items():
        waits = [_shown(one["silence_ms"][name]) for name in ("median", "p95", "max")]
        table.add_row(count, *waits, *(str(one[name]) for name in ("questions", "early", "none")))
    console.print(table)
    return found


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
