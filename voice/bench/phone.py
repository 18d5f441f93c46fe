"""`openline bench phone`: what SIP does to sound, and how many calls one core carries.

Two measurements on the loopback, the answering side pinned to one core, the callers to the others:

1. Lines. 1, 12 and 30 calls at once (--calls); each says a murmur of its own and is told another,
   in G.711. Every 0.1 s of both is looked for where it arrived: likeness, samples that it moved
   against what came before, what is missing of its beginning. And INVITE to 200 of every call.
2. Agents. As many calls through the whole server, whose models sleep as in `openline bench load`:
   the answers are a tone, so a frame that the line had to fill with silence is a hole in it.
"""

import contextlib
import json
import multiprocessing
import os
import platform
import socket
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from telephony.g711 import decode_mulaw, encode_mulaw
from voice.bench.latency import BenchError, cpu, load_average, progress_bar, questions_of, speak
from voice.bench.load_callers import FRAME as LOAD_FRAME
from voice.bench.load_callers import RATE as LOAD_RATE
from voice.bench.load_callers import script
from voice.bench.measure import spread as _spread
from voice.bench.phone_callers import Heard, PhoneCalls, call
from voice.bench.phone_server import OTHER, USER, agents, answer
from voice.bench.phone_sound import FOUND, Piece, follow, murmur
from voice.config import load_config

RATE = 8000
SPREAD = 2.0  # s over which the calls of a step begin
QUESTIONS = 2  # each caller of the agents asks
_LOUD = 2500  # the tone is 5000
_PAUSE = 0.5  # s; a longer silence is between two answers


@dataclass(frozen=True, slots=True)
class Network:
    """What happens to the callers' packets, and how long the answering side waits for them."""

    late: float = 0.0  # s, at random up to
    lost: float = 0.0  # 0 to 1
    jitter_ms: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """One way of the sound, over all calls of a step."""

    likeness_median: float
    likeness_least: float
    pieces: int
    unlike: int  # pieces below 0.99
    moved: int  # times that a piece lies elsewhere than the one before it
    moved_samples: int  # how far in all
    drift: float  # samples/s from the first piece to the last, of the worst call
    cut_ms: float  # of the beginning, of the worst call


def run(
    *,
    calls: Sequence[int],
    seconds: float,
    network: Network,
    agents_at_once: int,
    out: Path,
    config: Path,
) -> None:
    """Measure, write OUT/phone.json, print two tables. Raises BenchError, ConfigError, ModelError,
    SpeechError."""
    console = Console()
    load = [load_average()]
    result: dict[str, Any] = {"network": asdict(network), "seconds": seconds}
    result["lines"] = _lines(calls, seconds, network, console)
    if agents_at_once:
        result["agents"] = _agents(agents_at_once, config, console)
    load.append(load_average())
    machine = {"cpu": cpu(), "cores": os.cpu_count(), "python": platform.python_version()}
    about = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "openline": version("openline"),
        "machine": machine | {"load": load},
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / "phone.json"
    path.write_text(json.dumps(about | result, indent=1) + "\n", encoding="utf-8")
    console.print(f"[dim]written: {path}[/]")


# -- lines -------------------------------------------------------------------------------------


def _lines(
    steps: Sequence[int], seconds: float, network: Network, console: Console
) -> list[dict[str, Any]]:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in (
        *("calls", "way", "likeness", "least", "<0.99", "moved", "drift", "cut"),
        *("setup p50", "p95 ms", "core"),
    ):
        table.add_column(name, justify="right")
    found: list[dict[str, Any]] = []
    with progress_bar(console) as progress:
        task = progress.add_task("calling", total=len(steps))
        for count in steps:
            progress.update(task, description=f"{count} calls")
            one = _step(count, seconds, network)
            found.append(one)
            for way in ("to_agent", "to_caller"):
                w = one[way]
                row = (
                    *("in" if way == "to_agent" else "out", f"{w['likeness_median']:.4f}"),
                    *(f"{w['likeness_least']:.3f}", f"{w['unlike']}/{w['pieces']}"),
                    *(str(w["moved"]), f"{w['drift']:.2f}"),
                    f"{w['cut_ms']:.0f}",
                )
                setup = one["setup_ms"]
                more = (f"{setup['median']}", f"{setup['p95']}", f"{100 * one['core']:.0f}%")
                table.add_row(str(count), *row, *(more if way == "to_agent" else ()))
            progress.advance(task)
    console.print(table)
    return found


def _step(count: int, seconds: float, network: Network) -> dict[str, Any]:
    sounds = [murmur(seconds, RATE, number) for number in range(count)]
    port = _free_port()
    with _processes(answer, (port, seconds, network.jitter_ms)) as (server, callers):
        spread = SPREAD if count > 1 else 0.0
        codes = tuple(encode_mulaw(sound.tobytes()) for sound in sounds)
        callers.send(PhoneCalls(USER, port, codes, spread, late=network.late, lost=network.lost))
        calls: list[Heard] | str = callers.recv()
        if isinstance(calls, str):
            raise BenchError(calls)
        server.send("heard")
        heard, used = server.recv()
    to_agent = [
        follow(sent, np.frombuffer(heard[one.caller], "<i2"), RATE)
        for sent, one in zip(sounds, calls, strict=True)
    ]
    to_caller = [
        follow(murmur(seconds, RATE, OTHER + number)[: -RATE // 2], _pcm(one.codes), RATE)
        for number, one in enumerate(calls)
    ]
    return {
        "calls": count,
        "setup_ms": _spread([one.setup_ms for one in calls]),
        "packets_missing": sum(one.missing for one in calls),
        "core": round(used / (seconds + SPREAD), 3),
        "to_agent": asdict(way_of(to_agent)),
        "to_caller": asdict(way_of(to_caller)),
    }


def way_of(calls: Sequence[Sequence[Piece]]) -> Way:
    """What the pieces of all calls say, at RATE."""
    pieces = [piece for call in calls for piece in call]
    found = [[piece for piece in call if piece.likeness >= FOUND] for call in calls]
    moves = [
        abs(after.lag - before.lag)
        for call in found
        for before, after in pairwise(call)
        if after.lag != before.lag
    ]
    drifts = [
        abs(call[-1].lag - call[0].lag) * RATE / (call[-1].at - call[0].at)
        for call in found
        if len(call) > 1
    ]
    likeness = [piece.likeness for piece in pieces]
    return Way(
        round(float(np.median(likeness)), 4),
        round(min(likeness), 4),
        len(pieces),
        sum(one < 0.99 for one in likeness),
        len(moves),
        sum(moves),
        round(max(drifts, default=0.0), 3),
        round(1000 * max((max(0, -call[0].lag) for call in found if call), default=0) / RATE, 1),
    )


# -- agents ------------------------------------------------------------------------------------


def _agents(count: int, config: Path, console: Console) -> dict[str, Any]:
    """Holes in the answers of `count` callers, beside those that one alone hears."""
    asked = questions_of(load_config(config), QUESTIONS)
    with progress_bar(console) as progress:
        task = progress.add_task("speaking the questions", total=len(asked))
        said = script(speak(asked, lambda: progress.advance(task), console))
    pcm = np.frombuffer(b"".join(said.frames), "<i2")
    codes = encode_mulaw(soxr.resample(pcm, LOAD_RATE, RATE).tobytes())
    codes = codes[: len(codes) // 160 * 160]
    port = _free_port()
    found: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory(prefix="openline-bench-") as data,
        _processes(agents, (config, port, data)) as (server, callers),
    ):
        for at_once in (1, count):
            server.send("usage")
            before = server.recv()
            callers.send(PhoneCalls(USER, port, (codes,) * at_once, said.seconds / 2))
            calls: list[Heard] | str = callers.recv()
            if isinstance(calls, str):
                raise BenchError(calls)
            server.send("usage")
            lasted = said.seconds * (1.5 if at_once > 1 else 1)
            answers = [holes(_pcm(one.codes)) for one in calls]
            found[str(at_once)] = {
                "answers": sum(number for number, _, _ in answers),
                "wanted": at_once * (1 + QUESTIONS),  # it greets
                "tone_seconds": round(sum(tone for _, tone, _ in answers), 1),
                "dropped_frames": sum(missing for _, _, missing in answers),
                "packets_missing": sum(one.missing for one in calls),
                "setup_ms": _spread([one.setup_ms for one in calls]),
                "silence_ms": _spread([w for one in calls for w in _waits(one, said.ends)]),
                "core": round((server.recv() - before) / lasted, 3),
            }
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in (
        *("agents", "answers", "tone s", "dropped frames", "silence p50", "p95 ms"),
        *("setup p50", "p95 ms", "core"),
    ):
        table.add_column(name, justify="right")
    for name, one in found.items():
        silence = one["silence_ms"]
        table.add_row(
            *(name, f"{one['answers']}/{one['wanted']}", str(one["tone_seconds"])),
            *(str(one["dropped_frames"]), str(silence["median"]), str(silence["p95"])),
            *(str(one["setup_ms"]["median"]), str(one["setup_ms"]["p95"])),
            f"{100 * one['core']:.0f}%",
        )
    console.print(table)
    return found


def holes(heard: NDArray[np.int16]) -> tuple[int, float, int]:
    """Answers of tone in what a caller heard, their seconds, and frames of 20 ms that are missing
    inside of them."""
    frames = np.abs(heard[: len(heard) // 160 * 160].reshape(-1, 160).astype(int))
    loud = np.flatnonzero(np.median(frames, axis=1) > _LOUD)
    if not len(loud):
        return 0, 0.0, 0
    steps = np.diff(loud)
    within = steps[steps <= round(_PAUSE / 0.02)]
    return 1 + len(steps) - len(within), 0.02 * len(loud), int((within - 1).sum())


def _waits(one: Heard, ends: Sequence[int]) -> list[float]:
    """ms from the frame that ended each question to the first packet of its answer."""
    pcm = _pcm(one.codes)
    loud = [came for at, came in one.came_at if np.median(np.abs(pcm[at : at + 160])) > _LOUD]
    waits: list[float] = []
    for end in ends:
        asked = one.sent_at[end] + LOAD_FRAME / LOAD_RATE
        after = [came for came in loud if came > asked]
        if after:
            waits.append(1000 * (after[0] - asked))
    return waits


# -- processes ---------------------------------------------------------------------------------


@contextlib.contextmanager
def _processes(
    serve: Any, arguments: tuple[Any, ...]
) -> Generator[tuple["Connection[Any, Any]", "Connection[Any, Any]"]]:
    """The answering side on one core, the callers on the others; a pipe to each."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    own, others = (cores[-1], set(cores[:-1])) if len(cores) > 1 else (None, None)
    context = multiprocessing.get_context("spawn")
    server, inner = context.Pipe()
    serving = context.Process(target=serve, args=(inner, *arguments, own))
    serving.start()
    callers, inner = context.Pipe()
    calling = context.Process(target=call, args=(inner, others))
    calling.start()
    try:
        if not server.poll(60.0):
            raise BenchError("the answering side of the bench did not start within 60 s")
        server.recv()
        yield server, callers
    except EOFError:
        raise BenchError("a process of the bench ended; its last words are above") from None
    finally:
        with contextlib.suppress(OSError):  # a process that died has no pipe
            callers.send(None)
            server.send("stop")
        for process in (calling, serving):
            process.join(15.0)
            if process.is_alive():
                process.kill()
                process.join()


def _pcm(codes: bytes) -> NDArray[np.int16]:
    return np.frombuffer(decode_mulaw(codes), "<i2")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]
