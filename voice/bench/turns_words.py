"""Learns what the words say about the end of a turn, from written task dialogues.

The dialogues are the Schema-Guided Dialogue set's (google-research-datasets/dstc8-schema-guided-
dialogue, CC BY-SA 4.0: 20 domains of callers and agents). A whole turn is an end; the same turn cut
behind a sentence, at a comma or conjunction, or anywhere is a hold. People there answer in whole
sentences, callers often in a word: where the agent asked for one value, that value alone is an
end as well.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice.bench.turns_data import TurnDataError
from voice.listen.ending import features, hashed

SIZE = 1 << 16  # weights of the table; a hash collision costs less than a larger file
SOURCE = "Schema-Guided Dialogue, google-research-datasets, CC BY-SA 4.0"
_LEADS = ("", "", "", "", "it's ", "the ", "my ", "um ", "yes, ", "okay, ", "for ", "at ", "on ")
_JOINING = frozenset(["and", "but", "or", "so", "because", "for", "on", "in", "at", "with", "to"])
_NO_CONTEXT = 0.3  # of the turns are read as if nobody knew what was said before
_BATCH, _PASSES, _RATE, _DECAY = 512, 3, 0.08, 1e-6

Example = tuple[NDArray[np.int32], bool]  # hashes of the features; whether the turn has ended


def learn_words(
    folder: Path, each: Callable[[Iterator[Path], int], Iterator[Path]], limit: int = 600_000
) -> NDArray[np.float32]:
    """The table (SIZE,) from `folder`/**/dialogues_*.json; two minutes. Raises TurnDataError."""
    files = sorted(folder.rglob("dialogues_*.json"))
    if not files:
        raise TurnDataError(f"{folder}: no dialogues_*.json of Schema-Guided Dialogue is there")
    rng = random.Random(0)
    rng.shuffle(files)
    examples: list[Example] = []
    for file in each(iter(files), len(files)):
        if len(examples) < limit:
            examples += _examples_of(file, rng)
    return _fit(examples)


def _examples_of(file: Path, rng: random.Random) -> Iterator[Example]:
    try:
        dialogues: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return  # a file that git-lfs has not fetched
    for dialogue in dialogues:
        asked, slot = "", ""
        for turn in dialogue["turns"]:
            text = str(turn["utterance"]).strip()
            asked = "" if rng.random() < _NO_CONTEXT else asked
            if text:
                yield _example(text, asked, True)
                for part in _unfinished(text, rng):
                    yield _example(part, asked, False)
            value = _value(turn, slot)
            if value and rng.random() < 0.7:
                yield from _short_answers(value, asked, rng)
            asked, slot = text, _slot_asked_for(turn)


def _example(words: str, asked: str, ended: bool) -> Example:
    hashes = [hashed(name, SIZE) for name in features(words, asked)]
    return np.array(hashes, np.int32), ended


def _unfinished(text: str, rng: random.Random) -> Iterator[str]:
    sentences = [s for s in re.split(r"(?<=[.?!])\s+", text) if re.search(r"\w", s)]
    for i in range(1, len(sentences)):
        yield " ".join(sentences[:i])
    words = text.split()
    joints = [
        i
        for i in range(1, len(words))
        if words[i - 1].endswith(",") or words[i].lower() in _JOINING
    ]
    if joints and rng.random() < 0.4:
        yield " ".join(words[: rng.choice(joints)])
    if len(words) > 2 and rng.random() < 0.25:
        yield " ".join(words[: rng.randrange(1, len(words))])


def _short_answers(value: str, asked: str, rng: random.Random) -> Iterator[Example]:
    lead = rng.choice(_LEADS)
    yield _example(lead + value + rng.choice(("", "", "", " please")), asked, True)
    words = value.split()
    if len(words) > 1 and rng.random() < 0.4:
        yield _example(lead + " ".join(words[: rng.randrange(1, len(words))]), asked, False)
    if lead.strip() and rng.random() < 0.15:
        yield _example(lead, asked, False)


def _actions(turn: dict[str, Any]) -> list[dict[str, Any]]:
    return [action for frame in turn["frames"] for action in frame.get("actions", [])]


def _slot_asked_for(turn: dict[str, Any]) -> str:
    if turn["speaker"] != "SYSTEM":
        return ""
    slots = [str(action["slot"]) for action in _actions(turn) if action["act"] == "REQUEST"]
    return slots[0] if len(slots) == 1 else ""


def _value(turn: dict[str, Any], slot: str) -> str:
    for action in _actions(turn) if slot else []:
        if action["act"] == "INFORM" and action["slot"] == slot and action["values"]:
            return str(action["values"][0])
    return ""


def _fit(examples: list[Example]) -> NDArray[np.float32]:
    """Logistic regression with AdaGrad."""
    table, squares = np.zeros(SIZE, np.float32), np.full(SIZE, 1e-6, np.float32)
    lengths = np.array([len(hashes) for hashes, _ in examples])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    flat = np.concatenate([hashes for hashes, _ in examples])
    ended = np.array([label for _, label in examples], np.float32)
    rng = np.random.default_rng(0)
    for _ in range(_PASSES):
        order = rng.permutation(len(examples))
        for begin in range(0, len(order), _BATCH):
            batch = order[begin : begin + _BATCH]
            index = np.concatenate([flat[starts[i] : starts[i + 1]] for i in batch])
            row = np.repeat(np.arange(len(batch)), lengths[batch])
            odds = np.bincount(row, table[index], len(batch))
            error = 1 / (1 + np.exp(-odds)) - ended[batch]
            used, place = np.unique(index, return_inverse=True)
            step = np.bincount(place, error[row]).astype(np.float32)
            step += np.float32(_DECAY * len(batch)) * table[used]
            squares[used] += step**2
            table[used] -= np.float32(_RATE) * step / np.sqrt(squares[used])
    return table
