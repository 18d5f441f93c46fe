"""What the calendars of all languages share: which day is meant where its year is not said."""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import Protocol

from agents.spoken.language import Found

Day = tuple[dt.date, int]  # a date and the word after it


class Calendar(Protocol):
    """What a language's module brings (agents/spoken/en/calendar.py)."""

    def dates(
        self, words: Sequence[str], today: dt.date, *, past: bool, asked: bool
    ) -> list[Found]:
        """ISO dates. Without a year the nearest that fits `past`; a weekday is the next one."""
        ...

    def times(
        self, words: Sequence[str], *, hours: tuple[float, float], asked: bool
    ) -> list[Found]:
        """Times of day as HH:MM. `hours` chooses the half of the day where the caller does not."""
        ...


def found_dates(words: Sequence[str], date_at: Callable[[int], Day | None]) -> list[Found]:
    """All dates of a line, in ISO; `date_at` reads the one that begins at a word."""
    found: list[Found] = []
    at = 0
    while at < len(words):
        hit = written_iso(words[at], at + 1) or date_at(at)
        if hit:
            found.append(Found(hit[0].isoformat(), at, hit[1]))
        at = hit[1] if hit else at + 1
    return found


def found_times(
    words: Sequence[str],
    clock: Callable[[int], tuple[int, int, int] | None],
    half_of_day: Callable[[int, int, int], tuple[int, int]],
) -> list[Found]:
    """All times of a line, HH:MM. `clock` reads hour, minute and the word after them at a word;
    `half_of_day` makes of these the hour that is meant and the word after what says so."""
    found: list[Found] = []
    at = 0
    while at < len(words):
        hit, start = clock(at), at
        at += 1
        if hit:
            hour, at = half_of_day(*hit)
            found.append(Found(f"{hour % 24:02d}:{hit[1]:02d}", start, at))
    return found


def written_iso(word: str, end: int) -> Day | None:
    written = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", word)
    return made(int(written[1]), int(written[2]), int(written[3]), end) if written else None


def made(year: int, month: int, day: int, end: int) -> Day | None:
    try:
        return dt.date(year, month, day), end
    except ValueError:
        return None


def of_year(
    today: dt.date, month: int, day: int, year: int | str | None, past: bool, end: int
) -> Day | None:
    """A day of a month; without a year the nearest that fits `past`."""
    if year:
        return made(int(year), month, day, end)
    for candidate in (today.year, today.year + (-1 if past else 1)):
        date = made(candidate, month, day, end)
        if date and (date[0] <= today if past else date[0] >= today):
            return date
    return None


def of_coming_month(today: dt.date, day: int, end: int) -> Day | None:
    """ "the 3rd": of this month, or of the first of the next two that has it still to come."""
    for months in range(3):
        year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
        date = made(year, month + 1, day, end)
        if date and date[0] >= today:
            return date
    return None


def next_weekday(today: dt.date, weekday: int, day_of_month: int | None = None) -> dt.date:
    """The next such day after today; with its number, the first in 120 days that has both."""
    if day_of_month is not None:
        for ahead in range(120):
            date = today + dt.timedelta(ahead)
            if date.day == day_of_month and date.weekday() == weekday:
                return date
    return today + dt.timedelta((weekday - today.weekday() - 1) % 7 + 1)


def fitting_half(hour: int, minute: int, hours: tuple[float, float]) -> int:
    """The hour or the one twelve hours on, whichever lies in `hours`; the hour where neither."""
    low, high = hours
    fits = [h for h in (hour, (hour + 12) % 24) if low <= h + minute / 60 <= high]
    return fits[0] if fits else hour
