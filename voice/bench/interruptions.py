"""`openline bench interruptions`: who stops the agent and who does not, how soon, what was heard.

An agent reads a story; each caller interrupts it once with words, or lets it hear sounds that are
not meant for it, over a real server and in real time. Everything is measured at the caller: the
silence in what the loudspeaker played, and the samples in that recording against the words that
the agent remembers as heard.
"""

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from voice.bench.interruptions_memory import Memory, Told, compared
from voice.bench.interruptions_sounds import (
    SOUNDS,
    Kind,
    Sound,
    backchannels,
    interruptions,
    made,
    phone_echo,
)
from voice.bench.latency import (
    NOISE,
    PATIENCE,
    cpu,
    load_average,
    progress_bar,
    serving,
    speak,
)
from voice.bench.measure import last_audible, spread
from voice.bench.questions import RATE, SpokenQuestions
from voice.client import Client, ClientError
from voice.config import load_config
from voice.loudspeaker import first_speech

STORY = """
Thank you for calling the reading line. I will read you a story until you stop me. Once upon a
time an old man lived beside a wide river. Every morning he walked down to the water, sat on the
same flat stone, and watched the boats go by. His neighbours laughed at him, because he never
fished and never spoke. But one cold day in autumn a small boat turned over in the middle of the
stream, and nobody else saw it. The old man stood up, took off his heavy coat, and swam out. He
pulled two children to the bank, wrapped them in his coat, and carried them home. After that,
people sat down beside him in the morning, and they learned to watch the river too.
"""
_EVERY = 3.5  # s between two sounds over one story
_SOUNDS_A_CALL = 6  # the story takes about 35 s
_ECHOES = ((-10, 0.08), (-12, 0.25), (-15, 0.45), (-20, 0.15), (-20, 0.3), (-25, 0.08))  # dB, s
_ECHO = 12.0  # s of story with each
_DECIDED = 2.5  # s after which a sound has had its effect
_REMEMBERS = 0.5  # s after an interruption within which the server says what counts as heard


@dataclass(frozen=True, slots=True)
class Event:
    """One sound and what came of it. Times in ms."""

    kind: Kind
    name: str
    interrupted: bool
    held: bool  # the agent was silent for a moment, whatever came of it
    silent_ms: float | None = None  # from its onset to the agent's last sound, where it interrupted
    pause_ms: float | None = None  # how long the agent was held in vain
    reason: str = ""
    memory: Memory | None = None


def run(
    *, url: str | None, real: int, false: int, out: Path, config: Path, llm: str | None
) -> None:
    """Interrupt `real` times with words, make `false` sounds that are none; write
    OUT/interruptions.json and print a table.

    Raises BenchError, ClientError, ModelError, SpeechError, ConfigError.
    """
    console = Console()
    load = [load_average()]
    own = load_config(config, {}).synthesizer.voice or "joe"
    words = _spoken("real", interruptions(real, own), console)
    listening = _spoken("backchannel", backchannels((false + 1) // 2, own), console)
    made_up = [made(SOUNDS[i % len(SOUNDS)], i) for i in range(false // 2)]
    out.mkdir(parents=True, exist_ok=True)
    with _story(config) as story:
        events = asyncio.run(_measure(url, story, llm, words, [*listening, *made_up], console))
    load.append(load_average())
    found = summary(events)
    result = {
        "machine": {"cpu": cpu(), "load": load},
        "summary": found,
        "events": [asdict(event) for event in events],
    }
    path = out / "interruptions.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _print(found, console)
    console.print(f"[dim]written: {path}[/]")


def _spoken(kind: Kind, asked: Sequence[Any], console: Console) -> list[Sound]:
    with progress_bar(console) as progress:
        task = progress.add_task(f"speaking: {kind}", total=len(asked))
        sounds = (
            speak(asked, lambda: progress.advance(task), console)
            if not SpokenQuestions().have(asked)
            else SpokenQuestions().speak(asked)
        )
    return [
        Sound(kind, question.shown, sound) for question, sound in zip(asked, sounds, strict=True)
    ]


@contextlib.contextmanager
def _story(config: Path) -> Generator[Path]:
    """The config with an agent that greets with a story."""
    with tempfile.TemporaryDirectory(prefix="openline-story-") as folder:
        agent = Path(folder) / "reader.yaml"
        about = {"title": "Reading line", "persona": "You read stories.", "language": "en"}
        story = " ".join(STORY.split())
        agent.write_text(yaml.safe_dump({**about, "greeting": story}), encoding="utf-8")
        chosen = yaml.safe_load(config.read_text("utf-8"))
        path = Path(folder) / "config.yaml"
        path.write_text(yaml.safe_dump({**chosen, "agent": str(agent)}), encoding="utf-8")
        yield path


async def _measure(
    url: str | None,
    config: Path,
    llm: str | None,
    words: Sequence[Sound],
    sounds: Sequence[Sound],
    console: Console,
) -> list[Event]:
    events: list[Event] = []
    random = np.random.default_rng(0)
    echoes = _ECHOES if sounds else ()
    async with serving(url, config, llm, console) as address:
        with progress_bar(console) as progress:
            task = progress.add_task("interrupting", total=len(words) + len(sounds) + len(echoes))
            told = await _told(address) if words else None
            for sound in words:
                into = float(random.uniform(0.8, 4.0))
                events.append(await _interrupt(address, sound, into, told))
                progress.advance(task)
            for start in range(0, len(sounds), _SOUNDS_A_CALL):
                batch = sounds[start : start + _SOUNDS_A_CALL]
                events += await _disturb(address, batch, progress, task)
            for decibels, delay in echoes:
                events.append(await _echo(address, decibels, delay))
                progress.advance(task)
    return events


async def _told(url: str) -> Told | None:
    """The story to its end; the server keeps its clauses, so that every call hears these samples.

    None where the voice does not say where its words end.
    """
    async with Client(url, in_rate=RATE, noise=NOISE) as client:
        await client.ready(within=120)
        clauses = [m.data for m in client.messages if m.data.get("t") == "clause"]
        number = min(client.answers)
        words = tuple(client.answers[number].said.split())
        ends = [round(ms * client.out_rate / 1000) for c in clauses for ms in c["ends_ms"]]
        return Told(words, client.speaker.of(number), tuple(ends)) if ends else None


async def _talking(client: Client) -> float:
    """When the agent's first word was heard. Raises ClientError when it says nothing."""
    deadline = time.monotonic() + PATIENCE
    while not (began := next((a.first_sample for a in client.answers.values()), 0.0)):
        client.check()
        if time.monotonic() > deadline:
            raise ClientError("the agent does not greet; give it a greeting to interrupt")
        await asyncio.sleep(0.01)
    return began


async def _interrupt(url: str, sound: Sound, into: float, told: Told | None) -> Event:
    async with Client(url, in_rate=RATE, noise=NOISE) as client:
        began = await _talking(client)
        await asyncio.sleep(max(0.0, began + into - time.monotonic()))
        spoken = await client.say(sound.samples)
        onset = spoken.started + first_speech(sound.samples, RATE) / RATE
        stopped = await _stopped(client, onset, onset + _DECIDED)
        held = _when(client, "held", onset)
        if stopped is None:
            return Event(sound.kind, sound.name, False, held is not None)
        agent = client.speaker.recording(stopped)
        last = last_audible(agent, client.out_rate, onset - client.began, stopped - client.began)
        silent = 0.0 if last is None else 1000 * (last - (onset - client.began))
        answer = client.answers[min(client.answers)]
        await _until(client, lambda: answer.final, stopped + _REMEMBERS)
        memory = compared(agent, answer.heard, told, client.out_rate) if told else None
        return Event(
            sound.kind, sound.name, True, held is not None, round(silent, 1), memory=memory
        )


async def _stopped(client: Client, onset: float, until: float) -> float | None:
    """When the agent was interrupted; as soon as it is, for nothing else is waited for."""
    await _until(client, lambda: _when(client, "interrupted", onset) is not None, until)
    return _when(client, "interrupted", onset)


async def _until(client: Client, happened: Callable[[], bool], latest: float) -> None:
    while not happened() and time.monotonic() < latest:
        client.check()
        await asyncio.sleep(0.02)


async def _disturb(
    url: str, sounds: Sequence[Sound], progress: Progress, task: TaskID
) -> list[Event]:
    """Several sounds over one story; after one that stops it the next ones need another call."""
    events: list[Event] = []
    async with Client(url, in_rate=RATE, noise=NOISE) as client:
        began = await _talking(client)
        for i, sound in enumerate(sounds):
            await asyncio.sleep(max(0.0, began + 1.0 + i * _EVERY - time.monotonic()))
            onset = time.monotonic()
            await client.say(sound.samples)
            await asyncio.sleep(max(0.0, onset + _EVERY - 0.3 - time.monotonic()))
            events.append(_event(client, sound.kind, sound.name, onset))
            progress.advance(task)
            if events[-1].interrupted:
                break
    rest = sounds[len(events) :]
    return events + (await _disturb(url, rest, progress, task) if rest else [])


async def _echo(url: str, decibels: float, delay: float) -> Event:
    async with Client(url, in_rate=8000, out_rate=8000, noise=NOISE) as client:
        phone_echo(client, decibels, delay)
        began = await _talking(client)
        await asyncio.sleep(max(0.0, began + _ECHO - time.monotonic()))
        return _event(client, "echo", f"{decibels} dB after {delay} s", began)


def _event(client: Client, kind: Kind, name: str, onset: float) -> Event:
    held, on = _when(client, "held", onset), _when(client, "goes_on", onset)
    reason = next((m.data["reason"] for m in client.messages if m.at == on), "")
    pause = round(1000 * (on - held), 1) if held is not None and on is not None else None
    stopped = _when(client, "interrupted", onset) is not None
    return Event(kind, name, stopped, held is not None, pause_ms=pause, reason=reason)


def _when(client: Client, kind: str, since: float) -> float | None:
    return next((m.at for m in client.messages if m.data.get("t") == kind and m.at >= since), None)


def summary(events: Sequence[Event]) -> dict[str, Any]:
    """Shares in percent, times in ms."""
    real = [event for event in events if event.kind == "real"]
    false = [event for event in events if event.kind != "real"]
    kinds = {kind: [e for e in false if e.kind == kind] for kind in {e.kind for e in false}}
    memories = [event.memory for event in real if event.memory is not None]
    return {
        "real": len(real),
        "missed_percent": _percent(sum(not e.interrupted for e in real), len(real)),
        "silent_ms": spread([e.silent_ms for e in real if e.silent_ms is not None]),
        "false": len(false),
        "false_interruptions_percent": _percent(sum(e.interrupted for e in false), len(false)),
        "kinds": {
            kind: {
                "sounds": len(found),
                "interrupted": sum(e.interrupted for e in found),
                "held": sum(e.held for e in found),
                "pause_ms": spread([e.pause_ms for e in found if e.pause_ms is not None])["median"],
            }
            for kind, found in sorted(kinds.items())
        },
        "heard_turns": len(memories),
        "heard_words": sum(m.words for m in memories),
        "heard_words_not_played": sum(m.not_played for m in memories),
        "played_words_not_heard": sum(m.not_heard for m in memories),
    }


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _print(found: dict[str, Any], console: Console) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("sound", "heard", "stopped it", "held it", "for ms"):
        table.add_column(name, justify="left" if name == "sound" else "right")
    for kind, counts in found["kinds"].items():
        pause = counts["pause_ms"]
        cells = (counts["sounds"], counts["interrupted"], counts["held"])
        table.add_row(kind, *map(str, cells), "" if pause is None else f"{pause:.0f}")
    console.print(table)
    if found["false"]:
        share = found["false_interruptions_percent"]
        console.print(f"False interruptions: [bold]{share}%[/] of {found['false']}")
    if not found["real"]:
        return
    silent = found["silent_ms"]
    console.print(f"Missed interruptions: [bold]{found['missed_percent']}%[/] of {found['real']}")
    if silent["median"] is not None:
        console.print(
            f"Onset to silence at the caller: median [bold]{silent['median']:.0f} ms[/], "
            f"p95 [bold]{silent['p95']:.0f} ms[/], most {silent['max']:.0f}"
        )
    console.print(
        f"Heard memory of {found['heard_turns']} interrupted answers, "
        f"{found['heard_words']} words: {found['heard_words_not_played']} not in the recording, "
        f"{found['played_words_not_heard']} whole in it and not remembered"
    )
