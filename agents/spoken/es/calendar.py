"""Dates and times of day in Spanish words ("pasado mañana", "las ocho y media de la noche")."""

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
from agents.spoken.es.numbers import NUMERALS
from agents.spoken.language import Found
from agents.spoken.numerals import is_word

_MONTH_NAMES = (
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
)
_DAY_NAMES = "lunes martes miércoles jueves viernes sábado domingo"
MONTHS, WEEKDAYS = _MONTH_NAMES.split(), _DAY_NAMES.split()
_MONTHS = {name: index for index, name in enumerate(MONTHS, start=1)} | {"setiembre": 9}
_DAYS = {name: index for index, name in enumerate(WEEKDAYS)} | {"miercoles": 2, "sabado": 5}
_HOLIDAYS = {"nochebuena": (12, 24), "navidad": (12, 25), "nochevieja": (12, 31)}
_UNITS = {"día": 1, "dia": 1, "días": 1, "dias": 1, "semana": 7, "semanas": 7}
_COMING = ("viene", "próximo", "proximo", "próxima", "proxima")


def dates(words: Sequence[str], today: dt.date, *, past: bool, asked: bool) -> list[Found]:
    """ISO dates. Without a year the nearest that fits `past`; a weekday is the next one."""
    return found_dates(words, lambda at: _date(words, at, today, past, asked))


def _date(words: Sequence[str], at: int, today: dt.date, past: bool, asked: bool) -> Day | None:
    word = words[at]
    if word == "hoy":
        if is_word(words, at + 1, "en") and is_word(words, at + 2, "ocho"):  # a week from today
            return today + dt.timedelta(7), at + 3
        return today, at + 1
    if word == "esta" and is_word(words, at + 1, "noche", "tarde", "mañana"):
        return today, at + 1  # the part of the day is the time's
    if word == "pasado" and is_word(words, at + 1, "mañana"):
        return today + dt.timedelta(2), at + 2
    if word == "mañana" and not (at and words[at - 1] in ("la", "una", "esta", "por")):
        return today + dt.timedelta(1), at + 1
    if word in ("ayer", "anteayer"):
        return today - dt.timedelta(1 + (word == "anteayer")), at + 1
    if word in _HOLIDAYS:
        return of_year(today, *_HOLIDAYS[word], None, past, at + 1)
    if word in _DAYS:
        return _weekday(words, at, today, past)
    if later := _later(words, at, today):
        return later
    if written := re.fullmatch(r"(\d{1,2})[/-](\d{1,2})(?:[/-](\d{4}))?", word):
        return of_year(today, int(written[2]), int(written[1]), written[3], past, at + 1)
    return _day(words, at, today, past, asked)


def _later(words: Sequence[str], at: int, today: dt.date) -> Day | None:
    """ "en dos semanas", "dentro de tres días"."""
    start = at + 1 if words[at] == "en" else at + 2
    inside = words[at] == "dentro" and is_word(words, at + 1, "de")
    count = NUMERALS.number(words, start) if words[at] == "en" or inside else None
    if count and is_word(words, count[1], *_UNITS):
        return today + dt.timedelta(count[0] * _UNITS[words[count[1]]]), count[1] + 1
    return None


def _weekday(words: Sequence[str], at: int, today: dt.date, past: bool) -> Day:
    wanted, end = _DAYS[words[at]], at + 1
    number = end + is_word(words, end, "el") + is_word(words, end, "día", "dia")
    if dated := _of_month(words, number, today, past):  # "martes 12 de marzo"
        return dated
    day = _number(words, number)
    if day and not is_word(words, day[1], "y", "personas", "de"):
        date = next_weekday(today, wanted, day[0])
        if date.day == day[0]:
            return date, day[1]
    date = next_weekday(today, wanted)
    if is_word(words, end, "que") and is_word(words, end + 1, "viene"):
        return date, end + 2
    if is_word(words, end, "próximo", "proximo"):
        return date, end + 1
    if tuple(words[end : end + 2]) == ("de", "la"):
        week = words[end + 2 : end + 5]
        if "semana" in week and any(word in _COMING for word in week):
            monday = today + dt.timedelta(7 - today.weekday())
            far = 5 if "viene" in words[end + 2 : end + 6] else 4
            return monday + dt.timedelta(wanted), end + far
    return date, end


def _number(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """The number of a day: "12", "doce", "primero"."""
    day = NUMERALS.ordinal(words, at) or NUMERALS.number(words, at)
    return day if day and 1 <= day[0] <= 31 else None


def _of_month(words: Sequence[str], at: int, today: dt.date, past: bool) -> Day | None:
    day = _number(words, at)
    if not day or not is_word(words, day[1], "de") or not is_word(words, day[1] + 1, *_MONTHS):
        return None
    month, end = _MONTHS[words[day[1] + 1]], day[1] + 2
    if is_word(words, end, "de", "del"):
        year = NUMERALS.number(words, end + 1)
        if year and 1900 <= year[0] <= 2100:
            return of_year(today, month, day[0], year[0], past, year[1])
        if year and 32 <= year[0] <= 99:
            return of_year(today, month, day[0], 1900 + year[0], past, year[1])
    return of_year(today, month, day[0], None, past, end)


def _day(words: Sequence[str], at: int, today: dt.date, past: bool, asked: bool) -> Day | None:
    if dated := _of_month(words, at, today, past):
        return dated
    day = _number(words, at)
    cue = at > 0 and words[at - 1] in ("el", "día", "dia")
    if not day or is_word(words, day[1], "personas", "y", "de"):  # "el 30 de febrero"
        return None
    alone = asked and len(words) == day[1] - at
    return of_coming_month(today, day[0], day[1]) if cue or alone else None


_CUES = ("las", "la")
_COUNTS = ("somos", "seremos", "para", "vamos")  # before a number of people
_NOT_HOURS = ("personas", "persona", "cosas", "mesas", "noches", "días", "dias", "euros")
_HALVES = {"am": 0, "a.m": 0, "pm": 12, "p.m": 12}
_AFTER_NOON = ("tarde", "noche")
_BEFORE_NOON = ("mañana", "madrugada")


def times(words: Sequence[str], *, hours: tuple[float, float], asked: bool) -> list[Found]:
    """Times of day as HH:MM. `hours` chooses the half of the day where the caller does not."""

    return found_times(
        words,
        lambda at: _clock(words, at, asked),
        lambda hour, minute, end: _half_of_day(words, hour, minute, end, hours),
    )


def _clock(words: Sequence[str], at: int, asked: bool) -> tuple[int, int, int] | None:
    word = words[at]
    if word in ("mediodía", "mediodia", "medianoche"):
        return (0 if word == "medianoche" else 12), 0, at + 1
    if written := re.fullmatch(r"(\d{1,2})[:.h](\d\d)(?:h|hs|hrs)?(am|pm)?", word):
        hour = int(written[1])
        if written[3]:
            hour = hour % 12 + _HALVES[written[3]]
        return (hour, int(written[2]), at + 1) if hour <= 24 and int(written[2]) < 60 else None
    if written := re.fullmatch(r"(\d{1,2})(?:h|hs|hrs|(am|pm))", word):
        half = written[2]
        return (int(written[1]) % 12 + _HALVES[half] if half else int(written[1])), 0, at + 1
    if before := _before(words, at):
        return before
    hour = NUMERALS.number(words, at)
    if not hour or hour[0] > 24:
        return None
    hour = _without_minutes(words, at, hour)
    end = hour[1]
    following = words[end] if end < len(words) else ""
    before = words[at - 1] if at else ""
    sure = before in _CUES or (asked and before not in _COUNTS)
    sure = sure and following not in _NOT_HOURS
    if following in ("y", "menos", "con") and end + 1 < len(words):
        quarter = {"media": 30, "cuarto": 15}.get(words[end + 1])
        minute = (quarter, end + 2) if quarter else NUMERALS.number(words, end + 1)
        if minute and 0 < minute[0] < 60 and (sure or quarter):
            if following == "menos":
                return (hour[0] - 1) % 24, 60 - minute[0], minute[1]
            return hour[0], minute[0], minute[1]
    if following in ("en", "horas", "h") and (
        following != "en" or is_word(words, end + 1, "punto")
    ):
        return hour[0], 0, end + 1 + (following == "en")
    minute = NUMERALS.number(words, end)
    if sure and minute and 10 <= minute[0] < 60:  # "las veinte treinta"
        return hour[0], minute[0], minute[1]
    half = following in _HALVES or _part_of_day(words, end) is not None
    return (hour[0], 0, end) if sure or half else None


def _without_minutes(words: Sequence[str], at: int, hour: tuple[int, int]) -> tuple[int, int]:
    """ "veinte y cinco" is a number only above the hours, so the hour is the first word of it."""
    return hour if hour[1] - at == 1 else (NUMERALS.units.get(words[at], hour[0]), at + 1)


def _before(words: Sequence[str], at: int) -> tuple[int, int, int] | None:
    """ "cuarto para las nueve", "diez para las ocho": ten to eight."""
    minute = (15, at + 1) if words[at] == "cuarto" else NUMERALS.number(words, at)
    if not minute or minute[0] not in (5, 10, 15, 20, 25):
        return None
    if not is_word(words, minute[1], "para") or not is_word(words, minute[1] + 1, *_CUES):
        return None
    hour = NUMERALS.number(words, minute[1] + 2)
    if not hour or hour[0] > 12:
        return None
    return (hour[0] - 1) % 24, 60 - minute[0], hour[1]


def _part_of_day(words: Sequence[str], at: int) -> str | None:
    """ "de la noche", "por la tarde", "del mediodía"."""
    if is_word(words, at, "de", "por", "en") and is_word(words, at + 1, "la"):
        part = words[at + 2] if at + 2 < len(words) else ""
        return part if part in _AFTER_NOON + _BEFORE_NOON else None
    if is_word(words, at, "del") and is_word(words, at + 1, "mediodía", "mediodia", "día", "dia"):
        return "tarde"
    return None


def _half_of_day(
    words: Sequence[str], hour: int, minute: int, end: int, hours: tuple[float, float]
) -> tuple[int, int]:
    if is_word(words, end, *_HALVES):
        return hour % 12 + _HALVES[words[end]], end + 1
    part = _part_of_day(words, end)
    if part is not None:
        end += 2 if words[end] == "del" else 3
    elif hour <= 12 and (said := [w for w in words if w in _AFTER_NOON]):
        part = said[0]  # "esta noche a las nueve"
    if hour > 12 or (hour == 0 and part is None):
        return hour, end
    if part in _AFTER_NOON:
        return hour % 12 + (0 if part == "noche" and hour == 12 else 12), end
    if part in _BEFORE_NOON:
        return hour % 12, end
    return fitting_half(hour, minute, hours), end
