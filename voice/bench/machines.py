"""How often `openline dial` errs about who picked up: made greetings, through a telephone.

Each text is spoken by voices of Kokoro, after some silence, sent through mu-law of 8 kHz, some
machines beep; then the same code decides as in a call, on the config's Whisper and VAD.
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import soxr
from numpy.typing import NDArray
from rich.console import Console

from telephony.events import Audio, Ended, Event, Started
from telephony.g711 import decode_mulaw, encode_mulaw
from telephony.line import Ability
from telephony.outbound.machines import Answerer
from voice.bench.machines_texts import TEXTS
from voice.config import load_config
from voice.engines import Engines
from voice.models import model_path
from voice.phone.picked_up import picked_up
from voice.speak.kokoro import Kokoro

RATE = 8000
VOICES = ("af_heart", "am_michael", "bf_emma", "bm_george", "af_bella", "am_adam")


@dataclass(frozen=True, slots=True)
class Greeting:
    text: str
    truth: Answerer
    voice: str
    sound: bytes  # PCM16LE mono, 8 kHz


class _Tape:
    """A line that plays a greeting and is then silent, faster than time."""

    name = "tape"
    abilities: frozenset[Ability] = frozenset()

    def __init__(self, sound: bytes) -> None:
        self.about = Started("", "", "", RATE, RATE)
        self._sound = sound

    async def events(self) -> AsyncGenerator[Event]:
        sound = self._sound + bytes(2 * RATE * 8)
        for at in range(0, len(sound), 320):
            yield Audio(sound[at : at + 320])
        yield Ended("hung up")

    async def play(self, samples: bytes) -> None: ...
    async def flush(self) -> None: ...
    async def mark(self, name: str) -> None: ...
    async def clear(self) -> None: ...
    async def send_dtmf(self, digits: str) -> None: ...
    async def transfer(self, to: str) -> None: ...
    async def hold(self, on: bool) -> None: ...
    async def hang_up(self) -> None: ...


def greetings(each: int, seed: int = 1) -> list[Greeting]:
    """Every text in `each` voices."""
    dice = random.Random(seed)
    kokoro = Kokoro(model_path("kokoro-82m"))
    try:
        return [
            Greeting(text, truth, voice, _telephone(_spoken(kokoro, text, voice), truth, dice))
            for truth in get_args(Answerer)
            for text in TEXTS.get(truth, ())
            for voice in dice.sample(VOICES, each)
        ]
    finally:
        kokoro.close()


def _spoken(kokoro: Kokoro, text: str, voice: str) -> NDArray[np.float32]:
    parts = [part.audio for part in kokoro.speak(text, voice=voice)]
    audio = np.concatenate(parts).astype(np.float32) / 32768
    return soxr.resample(audio, kokoro.sample_rate, RATE).astype(np.float32)


def _telephone(speech: NDArray[np.float32], truth: Answerer, dice: random.Random) -> bytes:
    sound = [np.zeros(round(dice.uniform(0.2, 1.2) * RATE), np.float32), speech]
    if truth == "machine" and dice.random() < 0.5:
        time = np.arange(round(dice.uniform(0.3, 1.0) * RATE)) / RATE
        beep = 0.3 * np.sin(2 * np.pi * dice.choice([440, 850, 1000, 1400]) * time)
        sound += [np.zeros(round(0.4 * RATE), np.float32), beep.astype(np.float32)]
    line = np.concatenate([*sound, np.zeros(RATE * 2, np.float32)])
    noise = np.random.default_rng(dice.randrange(2**32)).normal(0, 0.002, len(line))
    pcm = (np.clip(line + noise, -1, 1) * 32767).astype("<i2")
    return decode_mulaw(encode_mulaw(pcm.tobytes()))


async def _judge(made: list[Greeting], config: Path) -> list[tuple[Greeting, str, str, float]]:
    engines = Engines(load_config(config), config.parent)
    await engines.load()
    try:
        found: list[tuple[Greeting, str, str, float]] = []
        for greeting in made:
            answer, _ = await picked_up(_Tape(greeting.sound), engines.ears)
            found.append((greeting, answer.who, answer.text, answer.seconds))
        return found
    finally:
        await engines.close()


def run(config: Path, out: Path, each: int) -> None:
    console = Console()
    found = asyncio.run(_judge(greetings(each), config))
    kinds = ("person", "machine", "screening")
    table = {
        truth: {kind: sum(g.truth == truth and k == kind for g, k, *_ in found) for kind in kinds}
        for truth in kinds
    }
    wrong = [(g, kind, text) for g, kind, text, _ in found if kind != g.truth]
    seconds = {
        truth: float(np.median([s for g, _, _, s in found if g.truth == truth])) for truth in kinds
    }
    report = {
        "greetings": len(found),
        "wrong": len(wrong),
        "taken_for": table,
        "median_seconds_until_known": seconds,
        "errors": [
            {"truth": g.truth, "voice": g.voice, "text": g.text, "heard": heard, "taken_for": kind}
            for g, kind, heard in wrong
        ],
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "machines.json").write_text(json.dumps(report, indent=1, ensure_ascii=False))
    console.print_json(json.dumps({k: v for k, v in report.items() if k != "errors"}))
    console.print(f"{len(wrong)} of {len(found)} wrong; see {out / 'machines.json'}")
