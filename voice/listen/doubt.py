"""What makes a transcript doubtful: text that repeats itself, sound that it leaves unread."""

import zlib

import numpy as np
from numpy.typing import NDArray

from voice.listen.vad import SAMPLE_RATE


def plain(text: str) -> list[str]:
    """The words alone, in lower case."""
    return "".join(c.lower() if c.isalnum() or c == "'" else " " for c in text).split()


def sounding(audio: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which 20 ms of audio (16 kHz) stand out of its own background; noise alone does not."""
    step = SAMPLE_RATE // 50
    power = (audio[: len(audio) // step * step].reshape(-1, step) ** 2).mean(axis=1)
    if len(power) < 3:
        return np.zeros(len(power), np.bool_)
    power = np.convolve(power, np.ones(3) / 3, "same")
    low, high = np.percentile(power, [10, 95])
    return power > max(8 * low, 0.003 * high)


def compression(text: str) -> float:
    """How well a text compresses: more than 2.4 is repetition (OpenAI's own limit)."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def loops(words: list[str]) -> bool:
    """Whether three or more words stand twice back to back, or fewer four times."""
    return _loop(words) is not None


def unrepeated(text: str) -> str:
    """The text with each of its loops said once."""
    words = text.split()
    while (found := _loop(["".join(plain(word)) for word in words])) is not None:
        start, size, times = found
        del words[start + size : start + times * size]
    return " ".join(words)


def _loop(words: list[str]) -> tuple[int, int, int] | None:
    """The first loop: where it starts, how many words it has, how often they stand there."""
    for size in range(1, len(words) // 2 + 1):
        for start in range(len(words) - 2 * size + 1):
            part, times = words[start : start + size], 1
            while words[start + times * size : start + (times + 1) * size] == part:
                times += 1
            if times >= (2 if size >= 3 else 4):
                return start, size, times
    return None
