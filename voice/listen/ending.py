"""Whether a caller who pauses has finished: the signs there are, to one score and a wait.

The score is the logarithm of the odds that the turn has ended. It is a logistic regression over up
to three signs: smart-turn's verdict on the sound, Whisper's own probability that the sentence ends
after the last word, and the words themselves, read by a hashed linear model of dialogue ("my name
is Ann" goes on, "is there anything else?" does not). What is always known counts with them: who has
paused and gone on before may do so again, and smart-turn is worth more once it has heard that much;
and who speaks before anybody else has said a word has more to say. Silence adds to it, so that a
sure ending waits briefly and an unsure one longer. `openline bench turns --learn` writes the
weights beside this file, with where they come from.
"""

import base64
import json
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

READ_AT = 0.2  # s of silence at which the weights were learned
_WEIGHTS = Path(__file__).with_name("ending.json")
_CLIP = 8.0  # of the words' log-odds: ten words of one topic must not outvote the voice

_SENTENCE = re.compile(r"(?<=[.?!])\s+")
_WORD = re.compile(r"#+|[a-z']+")
_DIGITS = re.compile(r"\d[\d,.:-]*")
_TRAILING = re.compile(r"[.?!,…;:\s\\-]+$")
_ASKING = frozenset(
    [
        "what",
        "which",
        "how",
        "when",
        "where",
        "who",
        "can",
        "could",
        "would",
        "do",
        "is",
        "are",
        "any",
        "anything",
        "should",
        "have",
        "need",
    ]
)


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of a pause. None where it is not known (yet, or at all)."""

    sound: float | None = None  # smart-turn's probability that the turn has ended
    words: str | None = None  # the caller's in this turn, punctuated as Whisper does; English
    closing: float | None = None  # Whisper's probability of . ? or ! after the last word
    asked: str = ""  # what the agent said last, as heard; "" where nobody spoke before the caller
    resumed: bool = False  # the caller has paused and gone on before in this turn


@dataclass(frozen=True, slots=True)
class Weights:
    """Log-odds are `bias + Σ weight · input`; a set for every choice of signs in `logistic`."""

    words: NDArray[np.float32]  # (a power of two,) by the hash of a feature
    logistic: dict[str, tuple[float, ...]]  # by `inputs`' name: a weight for each, then the bias
    rise_seconds: float  # of silence that add 1 to the log-odds
    learned_from: frozenset[str]  # calls

    @staticmethod
    def read(path: Path = _WEIGHTS) -> "Weights":
        found = json.loads(path.read_text(encoding="utf-8"))
        packed = np.frombuffer(zlib.decompress(base64.b64decode(found["words"])), np.int8)
        return Weights(
            words=packed.astype(np.float32) * np.float32(found["words_scale"]),
            logistic={name: tuple(row) for name, row in found["logistic"].items()},
            rise_seconds=found["rise_seconds"],
            learned_from=frozenset(found["learned_from"]["calls"]),
        )


@cache
def weights() -> Weights:
    return Weights.read()


def log_odds(signs: Signs, using: Weights | None = None) -> float:
    """That the turn has ended, READ_AT s into the silence. Without any sign, the base rate's."""
    using = using or weights()
    name, values = inputs(signs, using.words)
    *factors, bias = using.logistic[name]
    return bias + sum(f * v for f, v in zip(factors, values, strict=True))


def inputs(signs: Signs, table: NDArray[np.float32]) -> tuple[str, tuple[float, ...]]:
    """Which signs there are ("sound+words+closing"), and what the regression for them sees."""
    again, unasked = float(signs.resumed), float(not signs.asked)
    names: list[str] = []
    values: list[float] = []
    if signs.sound is not None:
        names.append("sound")
        values.append(logit(signs.sound))
        if signs.words:  # without them the voice is all there is, and counts from the first pause
            values.append(again * logit(signs.sound))
    if signs.words:
        names.append("words")
        values.append(words_log_odds(signs.words, signs.asked, table))
    if signs.closing is not None:
        names.append("closing")
        values.append(logit(signs.closing))
    return "+".join(names), (*values, again, unasked)


def probability(odds: float, silence: float, using: Weights | None = None) -> float:
    """That the turn has ended after `silence` s, from the log-odds of its signs."""
    using = using or weights()
    return 1 / (1 + math.exp(-odds - (silence - READ_AT) / using.rise_seconds))


def needed_silence(odds: float, certainty: float, using: Weights | None = None) -> float:
    """Seconds of silence until `probability` reaches `certainty`; may be below zero."""
    using = using or weights()
    return READ_AT + using.rise_seconds * (logit(certainty) - odds)


def logit(probability: float) -> float:
    """Log-odds, no further than ±6.2: models are not as sure as they say."""
    p = min(max(probability, 0.002), 0.998)
    return math.log(p / (1 - p))


def words_log_odds(words: str, asked: str, table: NDArray[np.float32]) -> float:
    """What the words alone say: about 50 µs."""
    total = sum(float(table[hashed(name, len(table))]) for name in features(words, asked))
    return min(max(total, -_CLIP), _CLIP)


def hashed(feature: str, size: int) -> int:
    """A feature's place in a table of `size` (a power of two) weights."""
    return zlib.crc32(feature.encode()) & (size - 1)


def features(words: str, asked: str) -> Iterator[str]:
    """Names of what is seen in the last sentence of a turn so far and in what it replies to.

    Digits become # (a number's length matters, its value does not); punctuation at the very end
    is not looked at but for a question mark, since Whisper closes what was cut off, too.
    """
    question = words.rstrip().endswith("?")
    sentences = _sentences(_TRAILING.sub("", words))
    last = _WORD.findall(sentences[-1]) if sentences else []
    length, count = f"L{_length_class(len(last))}", f"K{min(len(sentences), 4)}"
    yield from ("b", length, count, length + count)
    if question:
        yield from ("?", f"?{count}", f"?{length}")
        if last:
            yield from (f"?e{last[-1]}", f"?s{last[0]}")
    else:
        yield f".{count}"
    for n in range(1, min(4, len(last)) + 1):
        yield f"e{' '.join(last[-n:])}"
        yield f"s{' '.join(last[:n])}"
    if len(last) <= 4:
        yield f"w{' '.join(last)}"
    if last:
        first, end = last[0], last[-1]
        yield from (f"se{first}|{end}", f"el{end}{length}", f"sl{first}{length}")
        yield f"sk{first}{count}"
    for word in sorted(set(last)):
        yield f"u{word}"
    if len(sentences) > 1:
        yield f"p{' '.join(_WORD.findall(sentences[-2])[:2])}"
    yield from _replying(last, length, count, asked)


def _replying(last: list[str], length: str, count: str, asked: str) -> Iterator[str]:
    sentences = _sentences(asked)
    before = _WORD.findall(sentences[-1])[-12:] if sentences else []
    asking = next((word for word in before if word in _ASKING), "-" if before else "0")
    yield from (f"c{asking}", f"cl{asking}{length}", f"ck{asking}{count}")
    yield f"clk{asking}{length}{count}"
    if not before:
        return
    yield from (f"ce{' '.join(before[-2:])}", f"cs{' '.join(before[:2])}")
    for word in sorted(set(before)):
        yield f"cu{word}{count}"
    if last:
        yield from (f"cqe{asking}{last[-1]}", f"cqs{asking}{last[0]}")


def _sentences(text: str) -> list[str]:
    text = text.lower().replace("’", "'").strip()
    text = _DIGITS.sub(lambda found: "#" * min(5, sum(c.isdigit() for c in found[0])), text)
    return [part for part in _SENTENCE.split(text) if _WORD.search(part)]


def _length_class(words: int) -> int:
    return words if words < 6 else 6 + min(3, (words - 6) // 4)
