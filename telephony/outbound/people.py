"""Whom a campaign calls: rows of a CSV file, and when they may be called."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from telephony.numbers import Number, NumberError, masked, number

_YES = frozenset({"yes", "y", "true", "1", "x", "ja", "sí", "si", "oui"})
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class PeopleError(Exception):
    """The file is no list of people. One line: file, line, what to do."""


@dataclass(frozen=True, slots=True)
class Person:
    number: Number
    about: Mapping[str, str] = field(default_factory=dict[str, str])  # the other columns


@dataclass(frozen=True, slots=True)
class Left:
    """A row that is not called, and why."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Window:
    """When people are called, by the clock on their own wall."""

    start: time = time(9)
    end: time = time(20)
    days: frozenset[str] = frozenset(_DAYS[:5])

    def opens(self, zones: Iterable[str], now: datetime) -> datetime:
        """`now` if it is open in every one of the zones, or when it next is, in UTC.

        Raises PeopleError where no moment of the coming week suits them all. `now` has a zone.
        """
        places = [ZoneInfo(zone) for zone in zones]
        at, last = now.astimezone(UTC), now + timedelta(days=8)
        while places and at < last:
            later = max(self._next(at.astimezone(place)) for place in places)
            if later <= at:
                return at
            at = later
        raise PeopleError("no minute of the week is inside the window in all zones of the number")

    def _next(self, local: datetime) -> datetime:
        """When it is open, from this moment on a wall, in UTC."""
        today = local.date()
        if self._named(today) in self.days and self.start <= local.time() < self.end:
            return local.astimezone(UTC)
        for days in range(8):
            opening = datetime.combine(today + timedelta(days), self.start, local.tzinfo)
            if self._named(opening.date()) in self.days and opening > local:
                return opening.astimezone(UTC)
        return local.astimezone(UTC) + timedelta(days=8)

    @staticmethod
    def _named(day: date) -> str:
        return _DAYS[day.weekday()]


def read_people(
    path: Path, *, country: str = "", consent: bool = True, never: frozenset[str] = frozenset()
) -> tuple[list[Person], list[Left]]:
    """Rows with a column `number`; with `consent`, only those whose column `consent` says yes.
    A column `zone` (Europe/Berlin) is believed over the number's. `never` are numbers as
    read_numbers gives them. Raises PeopleError."""
    people: dict[str, Person] = {}
    left: list[Left] = []
    for line, row in _rows(path):
        told = row.pop("consent", "").strip().lower()
        try:
            who = number(row.pop("number"), country)
        except NumberError as exc:
            left.append(Left(line, str(exc)))
            continue
        zones = (row["zone"],) if row.get("zone") else who.zones
        shown = masked(who.e164)
        if consent and told not in _YES:
            left.append(Left(line, f"{shown}: no consent"))
        elif who.e164 in never:
            left.append(Left(line, f"{shown}: on the do-not-call list"))
        elif who.e164 in people:
            left.append(Left(line, f"{shown}: named before"))
        elif not zones or not all(map(_known, zones)):
            left.append(Left(line, f"{shown}: its time zone is not known; add a column zone"))
        else:
            people[who.e164] = Person(Number(who.e164, who.country, zones, who.dear), row)
    return list(people.values()), left


def read_numbers(path: Path, country: str = "") -> frozenset[str]:
    """A do-not-call list: a number a line, # begins a comment. Raises PeopleError: a number that
    cannot be read must not be called by mistake."""
    numbers: set[str] = set()
    for line, text in enumerate(_text(path).splitlines(), 1):
        wanted = text.partition("#")[0].strip()
        try:
            if wanted:
                numbers.add(number(wanted, country).e164)
        except NumberError as exc:
            raise PeopleError(f"{path}, line {line}: {exc}") from exc
    return frozenset(numbers)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(_text(path).splitlines())
    names = [name.strip().lower() for name in reader.fieldnames or []]
    if "number" not in names:
        raise PeopleError(f"{path}: no column is called number; its first line names the columns")
    reader.fieldnames = names
    try:
        for row in reader:
            yield (
                reader.line_num,
                {name: (value or "") for name, value in row.items() if name in names},
            )
    except csv.Error as exc:
        raise PeopleError(f"{path}, line {reader.line_num}: {exc}") from exc


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "not UTF-8"
        raise PeopleError(f"{path}: cannot be read ({why})") from exc


def _known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True
