"""What a language writes that is read aloud in other words; voice/speak/written.py applies it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Writing:
    """How one language writes numbers, dates, money, codes and abbreviations, and says them."""

    number: Callable[[int], str]  # "one thousand and forty two"
    ordinal: Callable[[int], str]
    year: Callable[[int], str]
    agreed: Callable[[str, str, str], str]  # a number in words, between the words around it
    # hour and minute as written; whether no half of the day follows them
    clock: Callable[[int, int, bool], str]
    date: Callable[[int, int, int], str]  # year, month, day
    day: Callable[[int], str]  # of a month: "twenty sixth"
    decimal: str  # mark in "3.5"
    thousands: str  # mark in "1,042"
    point: str  # said for the decimal mark
    minus: str
    to: str  # said in "3-5"
    dot: str  # in addresses of mail and of pages
    at: str
    symbols: Mapping[str, str]  # any other character that is said
    marks: Mapping[str, str]  # characters inside a mail address
    money: Mapping[str, tuple[str, str, str, str]]  # unit, units, hundredth, hundredths
    and_cents: str  # between them
    units: Mapping[str, tuple[str, str]]  # after a number: one, many
    ordinal_ending: str  # regular expression of what follows the digits
    months: tuple[str, ...]
    month_first: bool  # "November 26"; else "26 de noviembre"
    codes: tuple[str, ...]  # nouns whose digits are read one by one ("order")
    between: tuple[str, ...]  # what may stand between such a noun and the digits ("number", "is")
    years: tuple[str, ...]  # words after which four digits are a year ("since")
    abbreviations: Mapping[str, str]  # with their full stops, in lower case
