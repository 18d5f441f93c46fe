"""Typed values in a caller's line, found by code."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.spoken import Found, Language
from agents.tools import FREE, Kind, Slot

# Each kind hides the words it used from the next ones: "at 10:42 on May 3rd" holds no id.
_ORDER: tuple[Kind, ...] = ("email", "phone", "date", "id", "time", "enum", "int")


@dataclass(frozen=True, slots=True)
class Reading:
    """What code understood of a line."""

    words: tuple[str, ...]
    values: Mapping[str, str | int]  # slot name -> value
    choices: Mapping[str, tuple[str, ...]]  # slot name -> spans, where code cannot tell which
    used: tuple[bool, ...]  # the words that values were made of
    rest: tuple[str, ...]  # the words that carry meaning and were not used


def read(
    words: Sequence[str],
    slots: Mapping[str, Slot],
    language: Language,
    today: dt.date,
    asked: str = "",
) -> Reading:
    """Find the values of `slots` in a line; `asked` is the slot the agent asked for."""
    used = [False] * len(words)
    values: dict[str, str | int] = {}
    choices: dict[str, tuple[str, ...]] = {}
    names = [name for name, slot in slots.items() if slot.kind == "name"]
    if names and (said := language.named(words)):
        values[asked if asked in names else names[0]] = said.value
        _mark(used, said)
    for kind in _ORDER:
        same = [name for name, slot in slots.items() if slot.kind == kind]
        for group in _groups(kind, same, slots, asked):
            first = asked if asked in group else group[0]
            open_words = ["|" if taken else word for word, taken in zip(words, used, strict=True)]
            found = language.find(kind, open_words, slots[first], today, asked in group)
            if kind == "date" and len(group) < len(same) and not slots[first].past:
                found = [hit for hit in found if str(hit.value) >= today.isoformat()]
            for hit in found[:1] if kind == "enum" else found:
                _mark(used, hit)
            kept = [hit for hit in found if not language.negated(words, hit)]
            if kept:
                _give(kept, group, asked, language.corrects(words), words, values, choices)
    labels = {
        word for slot in slots.values() if slot.kind not in FREE for word in slot.label.split()
    }
    rest = [
        word
        for word, taken in zip(words, used, strict=True)
        if not taken and word not in language.fillers and word not in labels
    ]
    return Reading(tuple(words), values, choices, tuple(used), tuple(rest))


def _groups(kind: Kind, same: list[str], slots: Mapping[str, Slot], asked: str) -> list[list[str]]:
    """Slots that compete for the same words. Identifiers and lists have their own patterns; a day
    without a year is rather an appointment than a birthday, unless that was asked."""
    if kind in ("id", "enum"):
        return [[name] for name in same]
    if kind != "date":
        return [same] if same else []
    split = [[name for name in same if slots[name].past is past] for past in (False, True)]
    return sorted(filter(None, split), key=lambda group: asked not in group)


def _give(
    found: list[Found],
    group: list[str],
    asked: str,
    corrects: bool,
    words: Sequence[str],
    values: dict[str, str | int],
    choices: dict[str, tuple[str, ...]],
) -> None:
    distinct = {hit.value for hit in found}
    if len(group) == 1:
        best = found[-1] if corrects else found[0]
        values[group[0]] = best.value
        if len(distinct) > 1 and not corrects:
            choices[group[0]] = _spans(found, words)
    elif asked in group:
        values[asked] = found[-1 if corrects else 0].value
    else:
        choices.update({name: _spans(found, words) for name in group})


def _spans(found: list[Found], words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(words[hit.start : hit.end]) for hit in found))


def _mark(used: list[bool], found: Found) -> None:
    for at in range(found.start, found.end):
        used[at] = True
