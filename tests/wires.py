"""Sound for the tests of wires, and a carrier's side of them in a line each."""

import numpy as np
from numpy.typing import NDArray

from telephony.events import Audio, Event
from telephony.line import Message, WireProtocol


def speech(rate: int, seconds: float, seed: int = 7) -> NDArray[np.int16]:
    """Sound with speech's ups and downs: no two frames of it are alike."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(rate * seconds)) / rate
    tone = sum(np.sin(2 * np.pi * f * t + p) for f, p in ((220, 0), (470, 1), (1310, 2)))
    level = 0.55 + 0.45 * np.sin(2 * np.pi * 3 * t)
    return (4000 * level * tone + rng.normal(0, 300, len(t))).astype("<i2")


def hear(wire: WireProtocol, *messages: Message) -> list[Event]:
    """Everything that these messages tell."""
    return [event for message in messages for event in wire.receive(message)]


def sound_of(events: list[Event]) -> bytes:
    return b"".join(event.samples for event in events if isinstance(event, Audio))


def correlation(a: bytes, b: bytes) -> float:
    x, y = (np.frombuffer(sound, "<i2").astype(float) for sound in (a, b))
    assert len(x) == len(y)
    return float(np.corrcoef(x, y)[0, 1])
