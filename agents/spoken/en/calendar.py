"""Dates and times of day in words ("the day after tomorrow", "half past six")."""

import datetime as dt
import re
from collections.abc import Sequence

from agents.spoken.calendar import (
    Day,
    fitting_half,
    found_dates,
    found_times,
    next_weekday,
    of_coming_month,
    of_year,
)
from agents.spoken.en.numbers import NUMERALS
from agents.spoken.language import Found

number, digits, ordinal = NUMERALS.number, NUMERALS.digits, NUMERALS.ordinal
_MONTHS = "january february march april may june july august september october november december"
MONTHS: dict[str, int] = {
    name: index
    for index, month in enumerate(_MONTHS.split(), start=1)
    for name in (month, month[:3])
} | {"sept": 9}
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
DAYS: dict[str, int] = {name: index for index, name in enumerate(_DAYS.split())}
HOLIDAYS = {
    ("christmas", "eve"): (12, 24),
    ("christmas",): (12, 25),
    ("new", "year's", "day"): (1, 1),
}


def dates(words: Sequence[str], today: dt.date, *, past: bool, asked: bool) -> list[Found]:
    """ISO dates. Without a year the nearest that fits `past`; a weekday is the next one."""
    return found_dates(words, lambda at: _date(words, at, today, past, asked))


def _date(words: Sequence[str], at: int, today: dt.date, past: bool, asked: bool) -> Day | None:
    word = words[at]
    if word in ("today", "tonight", "now"):
        return today, at + 1
    if word == "tomorrow":
        return today + dt.timedelta(1), at + 1
    if word == "yesterday":
        return today - dt.timedelta(1), at + 1
    if list(words[at : at + 3]) == ["day", "after", "tomorrow"]:
        return today + dt.timedelta(2), at + 3
    for names, (month, day) in HOLIDAYS.items():
        if tuple(words[at : at + len(names)]) == names:
            return of_year(today, month, day, None, past, at + len(names))
    if word.removesuffix("'s") in DAYS or word.removesuffix("s") in DAYS:
        return _weekday(words, at, today)
    if word == "in" and (count := number(words, at + 1)) and count[1] < len(words):
        unit = words[count[1]].removesuffix("s")
        if unit in ("day", "week"):
            return today + dt.timedelta(count[0] * (7 if unit == "week" else 1)), count[1] + 1
    if written := re.fullmatch(r"(\d{1,2})/(\d{1,2})(?:/(\d{4}))?", word):
        return of_year(today, int(written[1]), int(written[2]), written[3], past, at + 1)
    return _month_and_day(words, at, today, past, asked)


def _weekday(words: Sequence[str], at: int, today: dt.date) -> Day:
    word = words[at]
    wanted = DAYS[word.removesuffix("'s") if word.removesuffix("'s") in DAYS else word[:-1]]
    if list(words[max(0, at - 2) : at]) == ["week", "on"] or words[at + 1 : at + 2] == ["week"]:
        return next_weekday(today, wanted) + dt.timedelta(7), at + 1
    end = at + 1 + (words[at + 1 : at + 2] == ["the"])
    day = ordinal(words, end)  # "Friday the twenty seventh"
    if not day:
        return next_weekday(today, wanted), at + 1
    date, end = next_weekday(today, wanted, day[0]), day[1]
    if date.day == day[0] and words[end : end + 1] == ["of"] and words[end + 1 : end + 2]:
        end += 2
    return date, end if date.day == day[0] else at + 1


def _month_and_day(
    words: Sequence[str], at: int, today: dt.date, past: bool, asked: bool
) -> Day | None:
    word = words[at]
    if word in MONTHS:
        start = at + 1 + (words[at + 1 : at + 2] == ["the"])
        day = ordinal(words, start) or number(words, start)
        if not day or not 1 <= day[0] <= 31:
            return None
        year = _year(words, day[1])
        return of_year(
            today, MONTHS[word], day[0], year and year[0], past, year[1] if year else day[1]
        )
    day = ordinal(words, at) or number(words, at)
    if not day or not 1 <= day[0] <= 31:
        return None
    end = day[1] + (words[day[1] : day[1] + 1] == ["of"])
    if end < len(words) and words[end] in MONTHS:
        year = _year(words, end + 1)
        after = year[1] if year else end + 1
        return of_year(today, MONTHS[words[end]], day[0], year and year[0], past, after)
    alone = ordinal(words, at) and words[day[1] : day[1] + 1] not in (["one"], ["floor"])
    if alone and (asked or (at and words[at - 1] == "the")):
        return of_coming_month(today, day[0], day[1])
    return None


def _year(words: Sequence[str], at: int) -> tuple[int, int] | None:
    at += words[at : at + 1] in (["of"], ["in"])
    if at < len(words) and words[at] in ("nineteen", "twenty", "19", "20"):
        rest = digits(words, at + 1)
        if rest and len("".join(rest[0])) == 2:
            century = 1900 if words[at] in ("nineteen", "19") else 2000
            return century + int("".join(rest[0])), rest[1]
    year = number(words, at)
    if year and 1900 <= year[0] <= 2100:
        return year
    if year and 32 <= year[0] <= 99:
        return 1900 + year[0], year[1]
    return None


_HALVES = {"am": 0, "a.m": 0, "pm": 12, "p.m": 12}
_CLOCK_PREPOSITIONS = {"at", "around", "about", "by", "till", "until"}
_NOT_HOURS = {"people", "persons", "guests", "of", "nights", "days", "dollars"}


def times(words: Sequence[str], *, hours: tuple[float, float], asked: bool) -> list[Found]:
    """Times of day as HH:MM. `hours` chooses am or pm where the caller does not."""

    return found_times(
        words,
        lambda at: _clock(words, at, asked),
        lambda hour, minute, end: _half_of_day(words, hour, minute, end, hours),
    )


def _hour(words: Sequence[str], at: int) -> tuple[int, int] | None:
    hour = number(words, at)
    return hour if hour and hour[0] <= 24 and len(words[at].rstrip("0123456789")) < 20 else None


def _clock(words: Sequence[str], at: int, asked: bool) -> tuple[int, int, int] | None:
    word = words[at]
    if word in ("noon", "midday"):
        return 12, 0, at + 1
    written = re.fullmatch(r"(\d{1,2})(?::(\d\d))?(am|pm|a\.m|p\.m)?", word)
    if written and (written[2] or written[3]):
        hour = int(written[1])
        if written[3]:
            hour = hour % 12 + _HALVES[written[3]]
        return (hour, int(written[2] or 0), at + 1) if hour <= 24 else None
    if word == "half" and words[at + 1 : at + 2] == ["past"] and (hour := _hour(words, at + 2)):
        return hour[0], 30, hour[1]
    if relative := _relative(words, at):
        return relative
    hour = _hour(words, at)
    if not hour:
        return None
    end = hour[1]
    following = words[end] if end < len(words) else ""
    sure = asked or (at > 0 and words[at - 1] in _CLOCK_PREPOSITIONS)
    if following in ("o'clock", "oclock"):
        return hour[0], 0, end + 1
    if (
        following in NUMERALS.zeros
        and words[end + 1 : end + 2]
        and words[end + 1] in NUMERALS.units
    ):
        return hour[0], NUMERALS.units[words[end + 1]], end + 2
    minute = number(words, end)
    if minute and 10 <= minute[0] < 60 and minute[0] % 5 == 0:
        half = words[minute[1]] if minute[1] < len(words) else ""
        return (hour[0], minute[0], minute[1]) if sure or half in _HALVES else None
    if following in _HALVES or (sure and following not in _NOT_HOURS):
        return hour[0], 0, end
    return None


def _relative(words: Sequence[str], at: int) -> tuple[int, int, int] | None:
    """ "quarter past six", "ten to five"."""
    count = (15, at + 1) if words[at] == "quarter" else number(words, at)
    if not count or count[0] not in (5, 10, 15, 20, 25):
        return None
    end = count[1] + (words[count[1] : count[1] + 1] == ["minutes"])
    if end >= len(words) or words[end] not in ("past", "after", "to", "before"):
        return None
    hour = _hour(words, end + 1)
    if not hour:
        return None
    if words[end] in ("to", "before"):
        return (hour[0] - 1) % 24, 60 - count[0], hour[1]
    return hour[0], count[0], hour[1]


def _half_of_day(
    words: Sequence[str], hour: int, minute: int, end: int, hours: tuple[float, float]
) -> tuple[int, int]:
    following = list(words[end : end + 3])
    if following[:1] and following[0] in _HALVES:
        return hour % 12 + _HALVES[following[0]], end + 1
    if following[:2] == ["in", "the"] and following[2:]:
        return (hour if following[2] == "morning" else hour % 12 + 12), end + 3
    if following[:2] == ["at", "night"]:
        return hour % 12 + 12, end + 2
    if hour > 12 or hour == 0 or "morning" in words:
        return hour, end
    if any(part in words for part in ("evening", "afternoon", "tonight")):
        return hour % 12 + 12, end
    return fitting_half(hour, minute, hours), end
