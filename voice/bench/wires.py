"""`openline bench wires`: the page's wire, Twilio's and AudioSocket's, asked the same questions.

All questions are asked once before, uncounted: a sentence that was spoken before is spoken at once,
so whichever wire came first would seem slow. The caller's clock and what counts as silence are
those of `openline bench latency`; the phone's callers (voice/phone/caller.py) speak 8 kHz.
Interruptions are words spoken into the greeting: the time from their first sound to the carrier's
"clear" at the carrier.
"""

import asyncio
import json
import os
import platform
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import soxr
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from voice.bench.latency import (
    NOISE,
    BenchError,
    ask,
    cpu,
    load_average,
    progress_bar,
    questions_of,
    serving,
    speak,
)
from voice.bench.measure import silence, spread
from voice.bench.questions import Question
from voice.client import ClientError, calling
from voice.config import load_config
from voice.loudspeaker import first_speech
from voice.phone.caller import RATE, AudioSocketCaller, PhoneCaller, TwilioCaller

_INTO = 1.0  # s into the greeting at which a caller interrupts
_THINKS = 1.5  # s of silence before the next question: an answer may begin with "One moment."
_WAIT = 2.0  # s after the words of an interruption for the clear

Sounds = Sequence[tuple[Question, NDArray[np.int16]]]


def run(*, questions: int, barge_ins: int, out: Path, config: Path, llm: str | None) -> None:
    """Ask, measure, write OUT/wires.json, print a table. Raises as `openline bench latency`."""
    console = Console()
    load = [load_average()]
    loaded = load_config(config, {"llm": llm} if llm else {})
    asked = questions_of(loaded, questions)
    out.mkdir(parents=True, exist_ok=True)
    with progress_bar(console) as progress:
        task = progress.add_task("speaking the questions", total=len(asked))
        spoken = speak(asked, lambda: progress.advance(task), console)
    sounds = list(zip(asked, spoken, strict=True))
    waits, clears = asyncio.run(_measure(config, llm, sounds, barge_ins, console))
    load.append(load_average())
    summary = {
        wire: spread([wait for wait in found if wait is not None]) for wire, found in waits.items()
    }
    cleared = spread([wait for wait in clears if wait is not None])
    result = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "openline": version("openline"),
        "machine": {
            "cpu": cpu(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load": load,
        },
        "silence_ms": summary,
        "clear_ms": cleared,
        "silences_ms": waits,
        "clears_ms": clears,
    }
    path = out / "wires.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("wire", "answered", "median", "p95"):
        table.add_column(name, justify="left" if name == "wire" else "right")
    for wire, found in waits.items():
        answered = sum(wait is not None for wait in found)
        numbers = [summary[wire][key] for key in ("median", "p95")]
        shown = ["-" if number is None else f"{number:.0f} ms" for number in numbers]
        table.add_row(wire, f"{answered} of {len(found)}", *shown)
    console.print(table)
    if cleared["median"] is not None:
        obeyed = sum(wait is not None for wait in clears)
        console.print(
            f"clear after an interruption: median {cleared['median']:.0f} ms, "
            f"p95 {cleared['p95']:.0f} ms ({obeyed} of {len(clears)})",
            highlight=False,
        )
    console.print(f"[dim]written: {path}[/]")
    if not any(wait is not None for found in waits.values() for wait in found):
        raise BenchError("no question was answered in turn")


async def _measure(
    config: Path, llm: str | None, sounds: Sounds, barge_ins: int, console: Console
) -> tuple[dict[str, list[float | None]], list[float | None]]:
    """Silences by wire, and the times to the clear, ms; None where none came."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    phone = {
        "OPENLINE__PHONE__CARRIERS": "[twilio]",
        "OPENLINE__PHONE__AUDIOSOCKET": f"{{port: {port}}}",
    }
    waits: dict[str, list[float | None]] = {"page": [], "twilio": [], "audiosocket": []}
    clears: list[float | None] = []
    async with serving(None, config, llm, console, phone) as address:
        twilio = f"ws://{urlsplit(address).netloc}/telephony/twilio/media"
        with progress_bar(console) as progress:
            task = progress.add_task("asking", total=3 * (len(sounds) - 1) + barge_ins)

            def each() -> None:
                progress.advance(task)

            for counted in (False, True):
                async with calling(address, noise=NOISE) as client:
                    for i, (question, sound) in enumerate(sounds):
                        turn = await ask(client, 0, question, sound)
                        clean = turn.silence_ms if turn.outcome == "clean" else None
                        if counted and i:
                            waits["page"].append(clean)
                            each()
            callers: list[tuple[str, PhoneCaller]] = [
                ("twilio", TwilioCaller(twilio, noise=NOISE)),
                ("audiosocket", AudioSocketCaller("127.0.0.1", port, noise=NOISE)),
            ]
            for wire, caller in callers:
                async with caller:
                    await caller.quiet(since=0.0)
                    for i, (_, sound) in enumerate(sounds):
                        wait = await _ask(caller, sound)
                        if i:
                            waits[wire].append(wait)
                            each()
            progress.update(task, description="interrupting")
            for i in range(barge_ins):
                sound = sounds[1 + i % (len(sounds) - 1)][1]
                clears.append(await _interrupt(TwilioCaller(twilio, noise=NOISE), sound))
                each()
    return waits, clears


async def _ask(caller: PhoneCaller, sound: NDArray[np.int16]) -> float | None:
    """ms of silence after the question; None where the agent spoke into it, or never."""
    spoken = await caller.say(_narrow(sound))
    try:
        await caller.quiet(since=spoken.ended, settled=_THINKS)
    except ClientError:
        return None
    until = time.monotonic()
    outcome, wait = silence(
        caller.speaker.recording(until),
        RATE,
        asked=spoken.started - caller.began,
        ended=spoken.ended - caller.began,
        until=until - caller.began,
    )
    return round(1000 * wait, 1) if wait is not None and outcome == "clean" else None


async def _interrupt(caller: TwilioCaller, sound: NDArray[np.int16]) -> float | None:
    async with caller:
        first = await caller.first_sound()
        await asyncio.sleep(max(0.0, first + _INTO - time.monotonic()))
        narrow = _narrow(sound)
        spoken = await caller.say(narrow)
        onset = spoken.started + first_speech(narrow, RATE) / RATE
        await asyncio.sleep(max(0.0, onset + _WAIT - time.monotonic()))
        cleared = next((at for at in caller.clears if at >= onset), None)
        return None if cleared is None else round(1000 * (cleared - onset), 1)


def _narrow(sound: NDArray[np.int16]) -> NDArray[np.int16]:
    """16 kHz as a telephone has it."""
    return soxr.resample(sound, 16000, RATE)
