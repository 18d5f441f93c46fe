"""Records of a look-up: found in its result, told to the caller, and chosen by their words."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from rapidfuzz import fuzz

from agents.frame import Offer
from agents.sentences import is_date, is_time, spoken
from agents.spoken import Found, Language
from agents.tools import Slot

_ALIKE = 85  # rapidfuzz ratio between a word of a record and one that was said
_DAY = Slot("day", kind="date")
_HALVES = tuple(Slot("time", kind="time", hours=hours) for hours in ((0, 12), (12, 24)))


Record = Mapping[str, Any]


def found(result: object, slot: str) -> tuple[Mapping[str, Any], ...]:
    """The objects of a result that hold a value of `slot`, wherever they are nested."""
    match result:
        case Mapping():
            here = cast("Mapping[str, Any]", result)
            if here.get(slot) not in (None, ""):
                return (here,)
            return tuple(record for part in here.values() for record in found(part, slot))
        case list() | tuple():
            parts = cast("Sequence[Any]", result)
            return tuple(record for part in parts for record in found(part, slot))
        case _:
            return ()


def without(data: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    """A result without identifiers, wherever they are nested."""
    return {key: _bare(value, hidden) for key, value in data.items() if key not in hidden}


def _bare(value: object, hidden: frozenset[str]) -> Any:
    match value:
        case Mapping():
            return without(cast("Mapping[str, Any]", value), hidden)
        case list() | tuple():
            return [_bare(part, hidden) for part in cast("Sequence[Any]", value)]
        case _:
            return value


def told(record: Mapping[str, Any], hidden: frozenset[str], language: Language) -> str:
    """A record as the caller hears it: its fields without the identifiers."""
    return ", ".join(
        f"{key.replace('_', ' ')} {value}" if isinstance(value, int) else spoken(value, language)
        for key, value in record.items()
        if key not in hidden and value not in (None, "")
    )


def offered(
    offer: Offer, hidden: frozenset[str], language: Language, *, question: bool = True
) -> str:
    """The next records, read out, and the question which it is to be."""
    said = [told(offer.records[at], hidden, language) for at in offer.shown]
    listed = language.listed(said)
    left = len(offer.records) - offer.shown.stop
    text = language.phrase("records", {"records": listed})
    if left:
        text += " " + language.phrase("records left")
    return f"{text} {language.phrase('which')}" if question else text


def chosen(
    records: Sequence[Mapping[str, Any]],
    lines: Sequence[str],
    language: Language,
    today: dt.date,
    shown: range | None = None,
) -> Mapping[str, Any] | None:
    """The one record that the caller's words name; None where none or several could be meant.

    A date or time that is said and that no record has names none: the caller wants another day.
    `shown` are the places of the records read last, for "the second one".
    """
    scores = [0] * len(records)
    for line in lines:
        words = language.words(line)
        clues = _clues(words, language, today)
        fits = [[clue.fits(record) for record in records] for clue in clues]
        if any(clue.sure and not any(fit) for clue, fit in zip(clues, fits, strict=True)):
            scores = [0] * len(records)
            continue
        for at, record in enumerate(records):
            scores[at] += _named(record, words, language) + 2 * sum(fit[at] for fit in fits)
        place = language.position(words, len(shown)) if shown else None
        if shown and place is not None and not any(clue.sure for clue in clues):
            scores[shown[place]] += 1
    best = max(scores, default=0)
    return records[scores.index(best)] if best and scores.count(best) == 1 else None


@dataclass(frozen=True, slots=True)
class _Clue:
    """A day or a time in a line; a time in both halves of the day where the caller left it open.

    One word ("the second", "the one with …") may be neither, so it rules nothing out.
    """

    kind: Literal["date", "time"]
    values: frozenset[str]
    sure: bool

    def fits(self, record: Mapping[str, Any]) -> bool:
        """Whether the record has it; also where it has nothing of the kind."""
        is_kind = is_date if self.kind == "date" else is_time
        own = {part for part in _parts(record) if is_kind(part)}
        return bool(own & self.values) if own else self.sure


def _clues(words: Sequence[str], language: Language, today: dt.date) -> list[_Clue]:
    days = language.find("date", words, _DAY, today, True)
    open_words = list(words)
    for hit in days:
        open_words[hit.start : hit.end] = ["|"] * (hit.end - hit.start)
    times = [
        hit for half in _HALVES for hit in language.find("time", open_words, half, today, True)
    ]
    clues: list[_Clue] = []
    kinds: tuple[tuple[Literal["date", "time"], list[Found]], ...] = (
        ("date", days),
        ("time", times),
    )
    for kind, hits in kinds:
        meant = [hit for hit in hits if not language.negated(words, hit)]
        if meant and language.corrects(words):
            last = max(hit.start for hit in meant)
            meant = [hit for hit in meant if hit.start == last]
        if meant:
            said = [words[hit.start : hit.end] for hit in meant]
            sure = any(len(part) > 1 or _is_sure(kind, part, language) for part in said)
            clues.append(_Clue(kind, frozenset(str(hit.value) for hit in meant), sure))
    return clues


def _is_sure(kind: str, words: Sequence[str], language: Language) -> bool:
    """Of one word: "Friday" and "9:30" are, "second" and "one" are not."""
    if kind == "date":
        return language.position(words, 31) is None
    return ":" in words[0]


def _parts(record: Mapping[str, Any]) -> list[str]:
    """The single values of a record as text."""
    parts: list[str] = []
    for value in record.values():
        many = cast("Sequence[Any]", value) if isinstance(value, list | tuple) else (value,)
        parts += [str(part) for part in many]
    return parts


def _named(record: Mapping[str, Any], words: Sequence[str], language: Language) -> int:
    """How many words of the record were said."""
    own = {
        word
        for part in _parts(record)
        if not is_date(part) and not is_time(part)
        for word in language.words(part.replace("_", " "))
        if len(word) > 2 and word not in language.fillers
    }
    return sum(any(fuzz.ratio(word, said) >= _ALIKE for said in words) for word in own)
