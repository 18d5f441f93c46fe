"""`openline bench latency`: how long a caller waits, measured in the sound the caller hears.

Questions are spoken in real time over the wire, and what comes back is played at once on a virtual
loudspeaker (voice/client.py). The silence of a turn runs from the last 10 ms of the question whose
level is above 1% of full scale to the first sample above 1% that the loudspeaker plays after it.
A warm-up question is asked first and not counted.
"""

import asyncio
import contextlib
import json
import os
import platform
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from voice.bench.measure import Turn, last_audible, longest_gap, silence, summary, word_errors
from voice.bench.questions import SPEAKER, Question, SpokenQuestions, questions
from voice.client import Client, Spoken, calling
from voice.config import Config, load_config
from voice.listen.whisper import Transcriber
from voice.loudspeaker import first_speech
from voice.models import fetch, model_path

CALL = 8  # questions a call: longer than most, so that history grows as it does in life
NOISE = 8.0  # rms of 32767, -72 dB: no line is digitally silent, nor are detectors made for that
PATIENCE = 20.0  # s without an answer before a question counts as unanswered
_AFTER_EARLY = 4.0  # s that an agent that spoke too early gets to answer after all
_SETTLED = 0.6  # s of quiet before the next question
_INTO = 1.0  # s into the greeting at which a caller interrupts
_WARM_UP = Question("Hello, can you hear me?", ("Hello, can you hear me?",), "", "am_michael")


class BenchError(Exception):
    """Nothing could be measured. The message is one line."""


def run(
    *,
    url: str | None,
    questions: int,
    out: Path,
    config: Path,
    llm: str | None = None,
    barge_ins: int = 5,
) -> None:
    """Ask, measure, write OUT/latency.json and OUT/latency.png, print a table.

    Raises BenchError, ClientError, ModelError, SpeechError, ConfigError.
    """
    console = Console()
    load = [load_average()]
    loaded = load_config(config, {"llm": llm} if llm and url is None else {})
    asked = questions_of(loaded, questions)
    out.mkdir(parents=True, exist_ok=True)
    with progress_bar(console) as progress:
        task = progress.add_task("speaking the questions", total=len(asked))
        spoken = speak(asked, lambda: progress.advance(task), console)
    if load[0] > (os.cpu_count() or 1) / 2:
        console.print("[yellow]Other programs are busy on this machine: waits will be longer.[/]")
    turns, stops, about = asyncio.run(
        _measure(url, config, llm, list(zip(asked, spoken, strict=True)), barge_ins, console)
    )
    load.append(load_average())
    # a choice of the server at another address is not known here
    full = None if url else _full_context_error_rate(loaded, asked[1:], spoken[1:])
    result = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "openline": version("openline"),
        "machine": {
            "cpu": cpu(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load": load,  # the minute before the bench and its last minute
        },
        "call": about,
        "summary": summary(turns, stops) | {"word_error_rate_full_context": full},
        "turns": [asdict(turn) for turn in turns],
        "barge_ins_ms": stops,
    }
    path = out / "latency.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _print(turns, result, console)
    written = [str(path), *_draw(out / "latency.png", turns, result, console)]
    console.print(f"[dim]written: {', '.join(written)}[/]")
    if not any(turn.outcome == "clean" for turn in turns):
        raise BenchError("no question was answered in turn; see the table above")


def questions_of(config: Config, count: int) -> list[Question]:
    own = config.synthesizer.voice or ("af_heart" if "kokoro" in config.synthesizer.model else "")
    return [_WARM_UP, *questions(count, own)]


def speak(asked: Sequence[Question], each: Any, console: Console) -> list[NDArray[np.int16]]:
    speaking = SpokenQuestions()
    if not speaking.have(asked):
        fetch(SPEAKER, console=console)
    return speaking.speak(asked, each)


async def _measure(
    url: str | None,
    config: Path,
    llm: str | None,
    asked: list[tuple[Question, NDArray[np.int16]]],
    barge_ins: int,
    console: Console,
) -> tuple[list[Turn], list[float | None], dict[str, Any]]:
    (warm_up, warm_up_sound), *rest = asked
    turns: list[Turn] = []
    stops: list[float | None] = []
    about: dict[str, Any] = {}
    async with serving(url, config, llm, console) as address:
        # only a server that runs already has a choice; ours was started with the one asked for
        chosen = llm if llm and url is not None else ""
        with progress_bar(console) as progress:
            task = progress.add_task("asking", total=len(rest) + barge_ins)
            for start in range(0, len(rest), CALL):
                async with calling(address, llm=chosen, noise=NOISE) as client:
                    if not start:
                        await ask(client, 0, warm_up, warm_up_sound)
                    about = _call(client)
                    for question, sound in rest[start : start + CALL]:
                        turns.append(await ask(client, start // CALL, question, sound))
                        progress.advance(task)
            progress.update(task, description="interrupting")
            for i in range(barge_ins):
                stops.append(await _interrupt(address, chosen, rest[i % len(rest)][1]))
                progress.advance(task)
    return turns, stops, about


async def ask(client: Client, call: int, question: Question, sound: NDArray[np.int16]) -> Turn:
    known = len(client.transcripts)
    spoken = await client.say(sound)
    await _settle(client, spoken)
    now = time.monotonic()
    heard, rate = client.speaker.recording(now), client.out_rate
    ended, until = spoken.ended - client.began, now - client.began
    outcome, wait = silence(
        heard, rate, asked=spoken.started - client.began, ended=ended, until=until
    )
    transcript = " ".join(client.transcripts[known:])
    errors, words = word_errors(transcript, question.written)
    answers = [a for a in client.answers.values() if a.first_sample >= spoken.started]
    late = [a for a in answers if a.first_sample >= spoken.ended]
    answer = late[0] if late else answers[-1] if answers else None
    said = answer.heard if answer else ""
    latency: dict[str, Any] = answer.latency if answer else {}
    judged = bool(question.expect and answer)
    gap = longest_gap(heard, rate, ended, until)
    return Turn(
        call=call,
        question=question.shown,
        voice=question.voice,
        seconds=round(len(sound) / client.in_rate, 2),
        outcome=outcome,
        silence_ms=None if wait is None else round(1000 * wait, 1),
        server_ms=latency.get("silence_ms"),
        parts=latency.get("parts", {}),
        reason=latency.get("reason", ""),
        transcript=transcript,
        words=words,
        word_errors=errors,
        tools=tuple(tool["function_name"] for tool in answer.tools) if answer else (),
        answer=said,
        gap_ms=None if gap is None else round(1000 * gap, 1),
        right=bool(re.search(question.expect, said, re.IGNORECASE)) if judged else None,
    )


async def _settle(client: Client, spoken: Spoken) -> None:
    """Until the agent has answered and fallen silent, or will not answer any more."""
    while True:
        client.check()
        now = time.monotonic()
        answers = [a for a in client.answers.values() if a.first_sample >= spoken.started]
        quiet = now - max(client.speaker.busy_until, spoken.ended) > _SETTLED
        done = quiet and all(answer.final for answer in client.answers.values())
        if done and any(answer.first_sample >= spoken.ended for answer in answers):
            return
        if done and answers and now - spoken.ended > _AFTER_EARLY:
            return
        if now - spoken.ended > (PATIENCE if not answers else 3 * PATIENCE):
            return
        await asyncio.sleep(0.02)


async def _interrupt(url: str, llm: str, sound: NDArray[np.int16]) -> float | None:
    """Speak into the greeting: ms from the first word to the agent's last sound, None if it went on
    to its end."""
    async with Client(url, llm=llm, noise=NOISE) as client:
        deadline = time.monotonic() + PATIENCE
        while not (greeting := next((a.first_sample for a in client.answers.values()), 0.0)):
            client.check()
            if time.monotonic() > deadline:
                return None
            await asyncio.sleep(0.01)
        await asyncio.sleep(max(0.0, greeting + _INTO - time.monotonic()))
        spoken = await client.say(sound)
        onset = spoken.started + first_speech(sound, client.in_rate) / client.in_rate
        flushed = next((at for at in client.speaker.flushes if at >= onset), None)
        if flushed is None:
            return None
        agent = client.speaker.recording(time.monotonic())
        last = last_audible(agent, client.out_rate, onset - client.began, flushed - client.began)
        return 0.0 if last is None else round(1000 * (last - (onset - client.began)), 1)


@contextlib.asynccontextmanager
async def serving(
    url: str | None,
    config: Path,
    llm: str | None,
    console: Console,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> AsyncGenerator[str]:
    """The server at `url`, or one in a process of its own: a caller shares no thread with it.

    `settings` are variables that change its config.
    """
    if url is not None:
        if not url.startswith(("ws://", "wss://")):
            raise BenchError(f"--url {url}: give a websocket address: ws://localhost:8000/ws")
        yield url
        return
    command = [sys.executable, "-m", "voice.cli", "serve", "--config", str(config), "--port", "0"]
    command += ["--llm", llm] if llm else []
    with tempfile.TemporaryDirectory(prefix="openline-bench-") as data:
        # the shop's database too: a bench returns nobody's real tent
        environment = {**os.environ, "OPENLINE_DATA": data, "PYTHONUNBUFFERED": "1", **settings}
        with console.status("starting a server"):
            process = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, env=environment
            )
            assert process.stdout is not None
            address = ""
            async for line in process.stdout:
                found = re.search(rb"Openline is ready: (\S+)", line)
                if found:
                    address = found[1].decode()
                    break
        if not address:
            raise BenchError(f"no server could be started (exit code {await process.wait()})")
        draining = asyncio.create_task(process.stdout.read(), name="server output")
        try:
            yield address.replace("http", "ws", 1) + "/ws"
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                process.kill()
                await process.wait()
            await draining


def _full_context_error_rate(
    config: Config, asked: Sequence[Question], spoken: Sequence[NDArray[np.int16]]
) -> float:
    """Of the same Whisper with 30 s of context and beam 5, after the fact: what speed has cost."""
    wanted = config.transcriber
    transcriber = Transcriber(
        model_path(wanted.model), device=wanted.device, language=wanted.language
    )
    counts: list[tuple[int, int]] = []
    for question, sound in zip(asked, spoken, strict=True):
        heard = transcriber.transcribe(sound.astype(np.float32) / np.float32(32768), thorough=True)
        counts.append(word_errors(heard.text, question.written))
    transcriber.close()
    return round(sum(e for e, _ in counts) / max(1, sum(n for _, n in counts)), 3)


def _call(client: Client) -> dict[str, Any]:
    about = [m.data for m in client.messages if m.data.get("t") == "call"]
    return {key: value for key, value in about[-1].items() if key not in ("t", "call")}


def cpu() -> str:
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def load_average() -> float:
    """Programs that wanted a core in the last minute, 0 where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def progress_bar(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, console=console, transient=True)


def _draw(path: Path, turns: list[Turn], result: dict[str, Any], console: Console) -> list[str]:
    try:
        from voice.bench.picture import draw
    except ImportError:
        console.print("[yellow]no picture: pip install 'openline[bench]'[/]")
        return []
    draw(path, turns, result)
    return [str(path)]


def _print(turns: Sequence[Turn], result: dict[str, Any], console: Console) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("silence", "endpoint", "transcribe", "think", "speak"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("heard as", overflow="fold")
    for turn in turns:
        wait = "-" if turn.silence_ms is None else f"{turn.silence_ms:.0f}"
        colour = {"clean": "bold", "early": "bold yellow", "none": "bold red"}[turn.outcome]
        parts = [turn.parts.get(f"{name}_ms") for name in ("endpoint", "transcribe")]
        parts += [turn.parts.get(f"{name}_ms") for name in ("think", "speak")]
        cells = ["" if part is None else f"{part:.0f}" for part in parts]
        note = "" if turn.outcome == "clean" else f" [{colour}]({turn.outcome})[/]"
        table.add_row(f"[{colour}]{wait}[/]", *cells, f"{escape(turn.transcript) or '-'}{note}")
    console.print(table)
    found = result["summary"]
    waits, stops = found["silence_ms"], found["barge_in_ms"]
    if waits["median"] is not None:
        console.print(
            f"Silence before the answer: median [bold]{waits['median']:.0f} ms[/], "
            f"p95 [bold]{waits['p95']:.0f} ms[/] ({found['clean']} of {found['questions']} "
            f"questions; too early {found['early']}, unanswered {found['none']})",
            highlight=False,
        )
    if found["gap_ms"]["median"] is not None:
        gaps = found["gap_ms"]
        console.print(
            f"Longest silence inside an answer: median {gaps['median']:.0f} ms, "
            f"p95 {gaps['p95']:.0f} ms (a sentence's own pause is about 250)",
            highlight=False,
        )
    line = f"Right answers {found['right_answers']} of {found['judged_answers']}"
    if found["word_error_rate"] is not None:
        line += f"; word error rate {100 * found['word_error_rate']:.1f}%"
        if found.get("word_error_rate_full_context") is not None:
            whole = 100 * found["word_error_rate_full_context"]
            line += f" (30 s of context and beam 5: {whole:.1f}%)"
    if stops["median"] is not None:
        line += f"; silent {stops['median']:.0f} ms after an interruption"
        line += f" ({found['barge_ins_obeyed']} of {found['barge_ins']})"
    console.print(line, highlight=False)
    if any(turn.outcome == "none" for turn in turns):
        console.print("[dim]Unanswered: no sound within 20 s of the question's end.[/]")
