"""The English language pack."""

import datetime as dt
import itertools
import re
from collections.abc import Mapping, Sequence

from rapidfuzz import fuzz

from agents.spoken.en import lexicon
from agents.spoken.en.calendar import dates, times
from agents.spoken.en.codes import emails, ids, phones
from agents.spoken.en.numbers import digits as digit_string
from agents.spoken.en.numbers import is_number_word, number, ordinal, readings
from agents.spoken.en.phrases import PHRASES, WAITS
from agents.spoken.language import Found, Small, Words
from agents.tools import Kind, Slot

_LISTENS_MOST = 6  # words; who says more has something to say
_ENUM_RATIO = 86  # "headlamps" for "headlamp"; below it "boots" becomes "books"


class English:
    code = "en"
    fillers = lexicon.FILLERS
    waits = WAITS
    common = lexicon.COMMON

    def words(self, text: str) -> list[str]:
        plain = text.lower().replace("’", "'")
        plain = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", plain)  # forty-two
        plain = re.sub(r"(?<=[a-z])[,.;:!?]+(?=\s|$)", "", plain)
        return [word for raw in plain.split() if (word := raw.strip(".,!?;:'\"()[]…–—"))]

    def find(
        self, kind: Kind, words: Words, slot: Slot, today: dt.date, asked: bool
    ) -> list[Found]:
        match kind:
            case "date":
                found = dates(words, today, past=slot.past, asked=asked)
                now = today.isoformat()
                return [hit for hit in found if not slot.past or str(hit.value) < now]
            case "time":
                return times(words, hours=slot.hours, asked=asked)
            case "email":
                return emails(words)
            case "phone":
                return phones(words)
            case "id":
                return ids(words, slot.pattern or r"[A-Z0-9]+")
            case "int":
                return _integers(words)
            case "enum":
                return _options(words, slot)
            case "text" | "name" | "address":
                return []

    def named(self, words: Words) -> Found | None:
        line = " ".join(words)
        cue = lexicon.NAME.search(line)
        if not cue:
            return None
        said = lexicon.NAME_ENDS.split((cue[1] or cue[2]) + " ")[0].split()[:3]
        if not said or any(word in self.fillers or is_number_word(word) for word in said):
            return None
        before = line[: cue.start(1) if cue[1] else cue.start(2)].split()
        return Found(" ".join(said), len(before), len(before) + len(said))

    def span(self, kind: Kind, words: Words) -> str | None:
        part = list(words)
        leading = lexicon.ADDRESS_FILLERS if kind == "address" else self.fillers
        while part and part[0] in leading:
            part = part[1:]
        while part and part[-1] in lexicon.TRAILING:
            part = part[:-1]
        if not part or (kind != "address" and lexicon.COMMON.issuperset(part)):
            return None
        if kind == "name" and any(is_number_word(w) or any(map(str.isdigit, w)) for w in part):
            return None
        return " ".join(_written_numbers(part) if kind == "address" else part)

    def negated(self, words: Words, found: Found) -> bool:
        return any(word in ("not", "than") for word in words[max(0, found.start - 2) : found.start])

    def corrects(self, words: Words) -> bool:
        return bool(lexicon.CORRECTS.search(" ".join(words)))

    def yes(self, words: Words) -> bool:
        """It has to begin with one: "others would have said yes" and "okay, bye" give none."""
        before = itertools.takewhile(lexicon.BEFORE_YES.__contains__, words)
        said = " ".join(words[len(list(before)) :])
        begins = lexicon.YES.match(said)
        leaves = any(word in lexicon.GOODBYE_CUES for word in words)
        return bool(begins) and not (leaves and begins[0] in lexicon.WEAK_YES)

    def no(self, words: Words) -> bool:
        return bool(lexicon.NO.search(" ".join(words)))

    def only_no(self, words: Words) -> bool:
        left = [word for word in words if word not in self.fillers and not lexicon.NO.search(word)]
        return self.no(words) and not self.yes(words) and left in ([], ["thanks"], ["thank"])

    def stops(self, words: Words) -> bool:
        return bool(lexicon.STOPS.search(" ".join(words)))

    def unknown(self, words: Words) -> bool:
        return bool(lexicon.UNKNOWN.search(" ".join(words)))

    def questions(self, words: Words) -> bool:
        return bool(lexicon.QUESTION.search(" ".join(words)))

    def own_case(self, words: Words) -> bool:
        return any(word in ("my", "mine", "our") for word in words)

    def asks_who_speaks(self, words: Words) -> bool:
        return bool(lexicon.WHO_SPEAKS.search(" ".join(words)))

    def repeat(self, words: Words) -> bool:
        return bool(lexicon.REPEAT.fullmatch(" ".join(words)))

    def listens(self, words: Words) -> bool:
        if not words or len(words) > _LISTENS_MOST:
            return False
        if " ".join(words) in lexicon.LISTENS_WHOLE:
            return True
        known = all(word in lexicon.LISTENS or word in lexicon.LISTENS_BESIDE for word in words)
        return known and any(word in lexicon.LISTENS for word in words)

    def calls(self, words: Words) -> bool:
        return not lexicon.CALLS.isdisjoint(words)

    def asks_for_person(self, words: Words) -> bool:
        return bool(lexicon.PERSON.search(" ".join(words)))

    def angry(self, words: Words) -> bool:
        return bool(lexicon.ANGRY.search(" ".join(words)))

    def position(self, words: Words, count: int) -> int | None:
        if "last" in words:
            return count - 1
        for at in range(len(words)):
            if (place := ordinal(words, at)) and place[0] <= count:
                return place[0] - 1
        return None

    def more(self, words: Words) -> bool:
        return bool(lexicon.MORE.search(" ".join(words)))

    def listed(self, parts: Sequence[str]) -> str:
        return parts[0] if len(parts) == 1 else f"{'; '.join(parts[:-1])}; or {parts[-1]}"

    def small_talk(self, words: Words) -> Small | None:
        if not words:
            return None
        if all(word in lexicon.GREETING for word in words):
            return "greeting"
        if all(word in lexicon.CLOSING for word in words):
            if any(word in lexicon.GOODBYE_CUES for word in words):
                return "goodbye"
            if any(word in lexicon.NO_MORE_CUES for word in words):
                return "no more"
            if any(word in lexicon.THANKS_CUES for word in words):
                return "thanks"
        return None

    def clauses(self, text: str) -> list[str]:
        words = self.words(text)
        parts = lexicon.TWO_REQUESTS.split(" ".join(words), maxsplit=1)
        long = all(len(part.split()) > 2 for part in parts)
        if len(parts) == 2 and long and words[0] not in ("and", "then"):
            return [part.strip() for part in parts]
        return [text]

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
            case "phone" | "id":
                # Four digits as two numbers would be a year to a synthesizer; digits never are.
                return " ".join(text)
            case _:
                return text.replace("_", " ")

    def numbers(self, text: str) -> set[str]:
        words = self.words(text)
        found: set[str] = set()
        at = 0
        while at < len(words):
            found |= set(re.findall(r"\d+", words[at].replace(",", "")))
            value, said = number(words, at), digit_string(words, at)
            place = ordinal(words, at)
            if value and words[at] != "a":
                found.add(str(value[0]))
            if place:
                found.add(str(place[0]))
            if said and len(said[0]) > 1:
                found |= set(readings(said[0]))
            at = max(at + 1, value[1] if value else 0)
        return found

    def claims(self, text: str, known: str = "") -> bool:
        plain = text.replace("’", "'")
        if lexicon.CLAIM.search(plain) or lexicon.HUMAN.search(plain):
            return True
        reports: list[str] = lexicon.REPORT.findall(plain)
        return bool({verb.lower() for verb in reports} - set(self.words(known)))

    def denies(self, text: str) -> bool:
        return bool(lexicon.DENIAL.search(text.replace("’", "'")))

    def content(self, text: str) -> set[str]:
        words = self.words(text)
        carrying = [
            word
            for word in words
            if len(word) > 3 and word not in lexicon.COMMON and word not in self.fillers
        ]
        return {word[:4] for word in carrying} | self.numbers(text)

    def phrase(self, name: str, values: Mapping[str, str] | None = None) -> str:
        return PHRASES[name].format_map(values or {})


def _integers(words: Words) -> list[Found]:
    found: list[Found] = []
    at = 0
    while at < len(words):
        value = number(words, at)
        if list(words[at : at + 2]) == ["couple", "of"]:
            value = 2, at + 2
        if value and list(words[value[1] : value[1] + 1]) not in (["o'clock"], ["am"], ["pm"]):
            found.append(Found(value[0], at, value[1]))
            at = value[1]
        else:
            at += 1
    return found


def _options(words: Words, slot: Slot) -> list[Found]:
    """Options and their synonyms, best match first."""
    scored: list[tuple[float, Found]] = []
    for option in slot.options:
        for phrase in (option.replace("_", " ").lower(), *slot.synonyms.get(option, ())):
            size = len(phrase.split())
            for at in range(len(words) - size + 1):
                said = " ".join(words[at : at + size])
                ratio = max(fuzz.ratio(phrase, said), fuzz.ratio(phrase, said.rstrip("s")) - 1)
                if ratio >= (_ENUM_RATIO if len(phrase) > 4 else 99):
                    scored.append((ratio + size, Found(option, at, at + size)))
    scored.sort(key=lambda hit: -hit[0])
    return [found for _, found in scored]


def _written_numbers(words: Words) -> list[str]:
    written: list[str] = []
    at = 0
    while at < len(words):
        said = digit_string(words, at)
        written.append("".join(said[0]) if said else words[at])
        at = said[1] if said else at + 1
    return written
