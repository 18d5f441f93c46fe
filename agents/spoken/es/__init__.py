"""The Spanish language pack, as it is spoken in Spain; times and numbers of Latin America too."""

import datetime as dt

from agents.spoken.codes import Codes
from agents.spoken.es import calendar, lexicon
from agents.spoken.es.calendar import MONTHS, WEEKDAYS
from agents.spoken.es.numbers import NUMERALS
from agents.spoken.es.phrases import PHRASES, PROMPTS, WAITS
from agents.spoken.es.written import SPANISH
from agents.spoken.pack import Pack
from agents.tools import Kind


class Spanish(Pack):
    code = "es"
    lexicon = lexicon
    calendar = calendar
    codes = Codes(
        NUMERALS,
        symbols={
            "punto": ".",
            "guion": "-",
            "guión": "-",
            "barra": "_",
            "subrayado": "_",
            "menos": "-",
        },
        at=frozenset({"arroba"}),
        letters=frozenset({"a", "e", "o", "u", "y"}),
    )
    phrases = PHRASES
    waits = WAITS
    prompts = PROMPTS
    writing = SPANISH

    def say(self, kind: Kind, value: str | int) -> str:
        text = str(value)
        match kind:
            case "date":
                day = dt.date.fromisoformat(text)
                return f"{WEEKDAYS[day.weekday()]} {day.day} de {MONTHS[day.month - 1]}"
            case "time":
                hour, minute = map(int, text.split(":"))
                return _clock(hour, minute)
            case _:
                return text.replace("_", " ")


def _clock(hour: int, minute: int) -> str:
    """ "las 8:30 de la noche", "la 1 de la tarde"."""
    part = (
        "de la madrugada"
        if hour < 6
        else "de la mañana"
        if hour < 12
        else "del mediodía"
        if hour == 12
        else "de la tarde"
        if hour < 20
        else "de la noche"
    )
    small = (hour - 1) % 12 + 1
    return f"{'la' if small == 1 else 'las'} {small}{f':{minute:02d}' if minute else ''} {part}"
