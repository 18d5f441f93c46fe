"""The English language pack."""

import datetime as dt
import re

from agents.spoken.codes import Codes
from agents.spoken.en import calendar, lexicon
from agents.spoken.en.numbers import NUMERALS
from agents.spoken.en.phrases import PHRASES, PROMPTS, WAITS
from agents.spoken.en.written import ENGLISH
from agents.spoken.pack import Pack
from agents.tools import Kind


class English(Pack):
    code = "en"
    lexicon = lexicon
    calendar = calendar
    codes = Codes(
        NUMERALS,
        symbols={"dot": ".", "underscore": "_", "dash": "-", "hyphen": "-", "minus": "-"},
        at=frozenset({"at"}),
        letters=frozenset({"a", "i"}),
    )
    phrases = PHRASES
    waits = WAITS
    prompts = PROMPTS
    writing = ENGLISH

    def plain(self, text: str) -> str:
        return re.sub(r"(?<=[a-z])-(?=[a-z])", " ", super().plain(text))  # forty-two

    def say(self, kind: Kind, value: str | int) -> str:
        text = str(value)
        match kind:
            case "date":
                day = dt.date.fromisoformat(text)
                return f"{day:%A}, {day:%B} {day.day}"
            case "time":
                hour, minute = map(int, text.split(":"))
                half = "AM" if hour < 12 else "PM"
                return f"{(hour - 1) % 12 + 1}{f':{minute:02d}' if minute else ''} {half}"
            case _:
                return text.replace("_", " ")
