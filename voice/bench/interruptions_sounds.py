"""What callers let an agent hear while it speaks: interruptions, and sounds that are none."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voice.bench.questions import RATE, VOICES, Question, questions
from voice.client import Client

Kind = Literal["real", "backchannel", "cough", "bang", "keyboard", "music", "noise", "echo"]
SOUNDS: tuple[Kind, ...] = ("cough", "bang", "keyboard", "music", "noise")

_SHORT = ("Stop.", "Wait.", "Hold on.", "Excuse me, one question.", "No, that is wrong.")
_LISTENING = (
    "Okay.",
    "Yeah.",
    "Right.",
    "Mm-hmm.",
    "Oh, okay.",
    "I see.",
    "Uh-huh.",
    "Got it.",
    "Sure.",
)


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound of a caller, 16 kHz; of an echo, silence: the line makes it."""

    kind: Kind
    name: str
    samples: NDArray[np.int16]


def interruptions(count: int, not_voice: str) -> list[Question]:
    """Questions, and every sixth a short call to stop, in voices that are not the agent's."""
    voices = itertools.cycle(voice for voice in VOICES if voice != not_voice)
    short = itertools.cycle(_SHORT)
    asked = iter(questions(count, not_voice))
    return [
        Question(text := next(short), (text,), "", next(voices)) if i % 6 == 5 else next(asked)
        for i in range(count)
    ]


def backchannels(count: int, not_voice: str) -> list[Question]:
    """Words that only say "I am listening"."""
    voices = [voice for voice in VOICES if voice != not_voice]
    pairs = itertools.cycle((text, voice) for voice in voices for text in _LISTENING)
    # neighbours differ in word and voice, so that few of them are a fair choice
    chosen = list(itertools.islice(pairs, len(voices) * len(_LISTENING)))
    order = [chosen[(i * 11) % len(chosen)] for i in range(count)]
    return [Question(text, (text,), "", voice) for text, voice in order]


def made(kind: Kind, seed: int) -> Sound:
    """A sound synthesized from noise and tones, peaks at 0.1 to 0.5 of full scale."""
    random = np.random.default_rng((seed, SOUNDS.index(kind)))
    match kind:
        case "cough":
            sound = _cough(random)
        case "bang":
            length = round(0.5 * RATE)
            burst = random.normal(size=length) * _decay(length, 0.002, 0.08)
            sound = _shaped(burst, lambda hertz: (hertz > 60) / (1 + (hertz / 300) ** 2))
        case "keyboard":
            sound = np.zeros(RATE)
            for start in random.uniform(0, 0.95, 8):
                length = round(0.02 * RATE)
                place = round(start * RATE)
                sound[place : place + length] += random.normal(size=length) * _decay(
                    length, 0.0005, 0.004
                )
        case "music":
            times = np.arange(2 * RATE) / RATE
            tones = random.choice([220, 277, 330, 440, 554, 660], 3, replace=False)
            sound = sum(np.sin(2 * np.pi * tone * times) for tone in tones) * np.exp(-1.5 * times)
        case "noise":
            sound = _shaped(random.normal(size=2 * RATE), lambda hertz: 1 / (1 + hertz / 500))
        case "real" | "backchannel" | "echo":
            raise ValueError(f"{kind} is not made of noise and tones")
    level = random.uniform(0.1, 0.5) / np.abs(sound).max()
    return Sound(kind, f"{kind} {seed}", (sound * level * 32767).astype(np.int16))


def _cough(random: np.random.Generator) -> NDArray[np.float64]:
    """A burst of breath through three resonances, then a shorter, voiced one."""
    length = round(random.uniform(0.25, 0.4) * RATE)
    burst = random.normal(size=length) * _decay(length, 0.01, random.uniform(0.05, 0.12))
    peaks = random.uniform((400, 1200, 2400), (700, 1800, 3200))
    burst = _shaped(burst, lambda hertz: 0.5 + _peaks(hertz, peaks))
    tail = round(0.15 * RATE)
    times = np.arange(tail) / RATE
    pitch = random.uniform(90, 200)
    voiced = sum(np.sin(2 * np.pi * pitch * k * times) / k for k in range(1, 12))
    return np.concatenate([burst, 0.3 * np.abs(burst).max() * voiced * _decay(tail, 0.01, 0.05)])


def _peaks(hertz: NDArray[np.float64], peaks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Resonances of 120 Hz half width."""
    distance = (hertz[:, None] - peaks) / 120
    return (2 / (1 + distance**2)).sum(axis=1)


def _decay(length: int, rise: float, fall: float) -> NDArray[np.float64]:
    times = np.arange(length) / RATE
    return np.minimum(1, times / rise) * np.exp(-times / fall)


def _shaped(
    sound: NDArray[np.float64], gain: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    hertz = np.linspace(0.0, RATE / 2, len(sound) // 2 + 1)
    spectrum = np.fft.rfft(sound) * gain(hertz)
    return np.fft.irfft(spectrum, len(sound))


def phone_echo(client: Client, decibels: float, delay: float) -> None:
    """From now on the caller's line brings back what the agent says, `delay` s later and by
    `decibels` quieter, mu-law coded as on a telephone. For a client of one rate both ways."""
    gain = 10 ** (decibels / 20)
    heard = 0.0  # up to when; a line has its own clock, our frames leave some ms early or late

    def line(frame: NDArray[np.int16], now: float) -> NDArray[np.int16]:
        nonlocal heard
        seconds = len(frame) / client.in_rate
        if abs(now - seconds - heard) > 0.1:
            heard = now - seconds
        back = client.speaker.sound(heard - delay, len(frame)).astype(np.float64)
        heard += seconds
        return _mu_law(frame + gain * back)

    client.line = line


def _mu_law(samples: NDArray[np.float64]) -> NDArray[np.int16]:
    """As G.711 loses it, by its formula: 255 levels on a logarithmic scale."""
    scaled = np.clip(samples / 32767, -1, 1)
    loudness = np.log1p(255 * np.abs(scaled)) / np.log(256)
    coded: NDArray[np.float64] = np.sign(scaled) * np.rint(127 * loudness) / 127
    decoded = np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255
    return (32767 * decoded).astype(np.int16)
