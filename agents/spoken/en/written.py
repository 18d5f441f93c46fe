"""How English is written, and read aloud."""

from num2words import num2words

from agents.spoken.written import Writing

_MONTHS = "January February March April May June July August September October November December"
_CODES = (
    "order orders number numbers code codes reservation booking reference ref ticket account "
    "flight room invoice tracking confirmation pin plate card extension ending"
)


def _number(value: int) -> str:
    return str(num2words(value)).replace("-", " ").replace(",", "")


def _ordinal(value: int) -> str:
    return str(num2words(value, to="ordinal")).replace("-", " ")


def _year(value: int) -> str:
    return str(num2words(value, to="year")).replace("-", " ")


def _date(year: int, month: int, day: int) -> str:
    return f"{_MONTHS.split()[month - 1]} {_ordinal(day)} {_year(year)}"


def _clock(hour: int, minute: int, alone: bool) -> str:
    """ "three thirty", "nine oh five", "ten o'clock"."""
    if minute == 0:
        return f"{_number(hour)} o'clock" if alone else _number(hour)
    return f"{_number(hour)} {'oh ' if minute < 10 else ''}{_number(minute)}"


ENGLISH = Writing(
    number=_number,
    ordinal=_ordinal,
    year=_year,
    agreed=lambda number, before, after: number,
    clock=_clock,
    date=_date,
    day=_ordinal,
    decimal=".",
    thousands=",",
    point="point",
    minus="minus",
    to="to",
    dot="dot",
    at="at",
    symbols={
        "&": "and",
        "%": "percent",
        "@": "at",
        "+": "plus",
        "=": "equals",
        "°": "degrees",
        "#": "number",
    },
    marks={"_": "underscore", "-": "dash", "+": "plus"},
    money={
        "$": ("dollar", "dollars", "cent", "cents"),
        "€": ("euro", "euros", "cent", "cents"),
        "£": ("pound", "pounds", "penny", "pence"),
    },
    and_cents="and",
    units={
        "km/h": ("kilometer per hour", "kilometers per hour"),
        "mph": ("mile per hour", "miles per hour"),
        "km": ("kilometer", "kilometers"),
        "cm": ("centimeter", "centimeters"),
        "mm": ("millimeter", "millimeters"),
        "kg": ("kilogram", "kilograms"),
        "lbs": ("pound", "pounds"),
        "lb": ("pound", "pounds"),
        "oz": ("ounce", "ounces"),
        "ft": ("foot", "feet"),
        "ml": ("milliliter", "milliliters"),
        "GB": ("gigabyte", "gigabytes"),
        "MB": ("megabyte", "megabytes"),
        "hrs": ("hour", "hours"),
        "min": ("minute", "minutes"),
        "°C": ("degree Celsius", "degrees Celsius"),
        "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    },
    ordinal_ending="(?:st|nd|rd|th)",
    months=tuple(_MONTHS.split()),
    month_first=True,
    codes=tuple(_CODES.split()),
    between=("number", "code", "no.", "is", "in"),
    years=("in", "since", "until", "from", "of", "year"),
    abbreviations={
        "mr.": "mister",
        "mrs.": "missus",
        "ms.": "miss",
        "dr.": "doctor",
        "e.g.": "for example",
        "i.e.": "that is",
        "etc.": "and so on",
        "approx.": "approximately",
        "vs.": "versus",
    },
)
