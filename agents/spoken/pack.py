"""What all language packs share: everything that follows from word lists and number words."""

import datetime as dt
import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from rapidfuzz import fuzz

from agents.spoken.calendar import Calendar
from agents.spoken.codes import Codes
from agents.spoken.language import Found, Prompts, Small, Waits, Words
from agents.spoken.lexicon import Lexicon
from agents.spoken.numerals import readings
from agents.spoken.written import Writing
from agents.tools import Kind, Slot

_LISTENS_MOST = 6  # words; who says more has something to say
_ENUM_RATIO = 86  # "headlamps" for "headlamp"; below it "boots" becomes "books"


class Pack:
    """A language of word lists; a subclass brings them, its calendar, and how values are said."""

    code: ClassVar[str]
    lexicon: ClassVar[Lexicon]
    calendar: ClassVar[Calendar]
    codes: ClassVar[Codes]
    phrases: ClassVar[Mapping[str, str]]
    waits: ClassVar[Waits]
    prompts: ClassVar[Prompts]
    writing: ClassVar[Writing]

    @property
    def fillers(self) -> frozenset[str]:
        return self.lexicon.FILLERS

    @property
    def common(self) -> frozenset[str]:
        return self.lexicon.COMMON

    @property
    def offers(self) -> frozenset[str]:
        return self.lexicon.OFFERS

    def plain(self, text: str) -> str:
        """Lower case, in the one spelling of apostrophes and hyphens that the lists use."""
        return text.lower().replace("’", "'")

    def words(self, text: str) -> list[str]:
        plain = re.sub(r"(?<=[^\W\d_])[,.;:!?]+(?=\s|$)", "", self.plain(text))
        return [word for raw in plain.split() if (word := raw.strip(".,!?;:'\"()[]…–—¿¡"))]

    def has(self, word: str) -> bool:
        lexicon = self.lexicon
        known = (lexicon.FILLERS, lexicon.COMMON, lexicon.GREETING, lexicon.CLOSING)
        return any(word in each for each in known) or self.codes.numerals.is_number(word)

    def find(
        self, kind: Kind, words: Words, slot: Slot, today: dt.date, asked: bool
    ) -> list[Found]:
        match kind:
            case "date":
                found = self.calendar.dates(words, today, past=slot.past, asked=asked)
                now = today.isoformat()
                return [hit for hit in found if not slot.past or str(hit.value) < now]
            case "time":
                return self.calendar.times(words, hours=slot.hours, asked=asked)
            case "email":
                return self.codes.emails(words)
            case "phone":
                return self.codes.phones(words)
            case "id":
                return self.codes.ids(words, slot.pattern or r"[A-Z0-9]+")
            case "int":
                return self._integers(words, asked)
            case "enum":
                return _options(words, slot)
            case "text" | "name" | "address":
                return []

    def _integers(self, words: Words, asked: bool) -> list[Found]:
        lexicon, numerals = self.lexicon, self.codes.numerals
        found: list[Found] = []
        at = 0
        while at < len(words):
            value = numerals.number(words, at)
            if tuple(words[at : at + 2]) in lexicon.PAIRS:
                value = 2, at + 2
            following = words[value[1]] if value and value[1] < len(words) else ""
            counts = asked or following in lexicon.COUNTED or words[at] not in lexicon.ARTICLES
            if value and counts and following not in lexicon.NOT_COUNTED:
                found.append(Found(value[0], at, value[1]))
                at = value[1]
            else:
                at += 1
        return found

    def named(self, words: Words) -> Found | None:
        line = " ".join(words)
        cue = self.lexicon.NAME.search(line)
        if not cue or cue.lastindex is None:
            return None
        said = self.lexicon.NAME_ENDS.split(cue[cue.lastindex] + " ")[0].split()[:3]
        number = self.codes.numerals.is_number
        if not said or any(word in self.fillers or number(word) for word in said):
            return None
        before = line[: cue.start(cue.lastindex)].split()
        return Found(" ".join(said), len(before), len(before) + len(said))

    def span(self, kind: Kind, words: Words) -> str | None:
        lexicon, number = self.lexicon, self.codes.numerals.is_number
        part = list(words)
        leading = lexicon.ADDRESS_FILLERS if kind == "address" else self.fillers
        while part and part[0] in leading:
            part = part[1:]
        while part and part[-1] in lexicon.TRAILING:
            part = part[:-1]
        if not part or (kind != "address" and self.common.issuperset(part)):
            return None
        if kind == "name" and any(number(w) or any(map(str.isdigit, w)) for w in part):
            return None
        return " ".join(self._written_numbers(part) if kind == "address" else part)

    def _written_numbers(self, words: Words) -> list[str]:
        written: list[str] = []
        at = 0
        while at < len(words):
            said = self.codes.numerals.digits(words, at)
            written.append("".join(said[0]) if said else words[at])
            at = said[1] if said else at + 1
        return written

    def negated(self, words: Words, found: Found) -> bool:
        before = words[max(0, found.start - 2) : found.start]
        return any(word in self.lexicon.NEGATES for word in before)

    def corrects(self, words: Words) -> bool:
        return bool(self.lexicon.CORRECTS.search(" ".join(words)))

    def yes(self, words: Words) -> bool:
        """It has to begin with one: "others would have said yes" and "okay, bye" give none."""
        lexicon = self.lexicon
        before = itertools.takewhile(lexicon.BEFORE_YES.__contains__, words)
        said = " ".join(words[len(list(before)) :])
        begins = lexicon.YES.match(said)
        leaves = any(word in lexicon.GOODBYE_CUES for word in words)
        return bool(begins) and not (leaves and begins[0] in lexicon.WEAK_YES)

    def no(self, words: Words) -> bool:
        return bool(self.lexicon.NO.search(" ".join(words)))

    def only_no(self, words: Words) -> bool:
        no = self.lexicon.NO
        left = [word for word in words if word not in self.fillers and not no.search(word)]
        thanks = len(left) < 2 and self.lexicon.THANKS_CUES.issuperset(left)
        return self.no(words) and not self.yes(words) and thanks

    def stops(self, words: Words) -> bool:
        return bool(self.lexicon.STOPS.search(" ".join(words)))

    def unknown(self, words: Words) -> bool:
        return bool(self.lexicon.UNKNOWN.search(" ".join(words)))

    def questions(self, words: Words) -> bool:
        return bool(self.lexicon.QUESTION.search(" ".join(words)))

    def own_case(self, words: Words) -> bool:
        return any(word in self.lexicon.MINE for word in words)

    def asks_who_speaks(self, words: Words) -> bool:
        return bool(self.lexicon.WHO_SPEAKS.search(" ".join(words)))

    def repeat(self, words: Words) -> bool:
        return bool(self.lexicon.REPEAT.fullmatch(" ".join(words)))

    def listens(self, words: Words) -> bool:
        lexicon = self.lexicon
        if not words or len(words) > _LISTENS_MOST:
            return False
        if " ".join(words) in lexicon.LISTENS_WHOLE:
            return True
        known = all(word in lexicon.LISTENS or word in lexicon.LISTENS_BESIDE for word in words)
        return known and any(word in lexicon.LISTENS for word in words)

    def calls(self, words: Words) -> bool:
        return not self.lexicon.CALLS.isdisjoint(words)

    def asks_for_person(self, words: Words) -> bool:
        return bool(self.lexicon.PERSON.search(" ".join(words)))

    def angry(self, words: Words) -> bool:
        return bool(self.lexicon.ANGRY.search(" ".join(words)))

    def position(self, words: Words, count: int) -> int | None:
        if not self.lexicon.LAST.isdisjoint(words):
            return count - 1
        for at in range(len(words)):
            place = self.codes.numerals.ordinal(words, at)
            if place and place[0] <= count:
                return place[0] - 1
        return None

    def more(self, words: Words) -> bool:
        return bool(self.lexicon.MORE.search(" ".join(words)))

    def listed(self, parts: Sequence[str]) -> str:
        *first, last = parts
        return "; ".join(first) + self.phrase("or the last") + last if first else last

    def small_talk(self, words: Words) -> Small | None:
        lexicon = self.lexicon
        if not words:
            return None
        if lexicon.GREETING.issuperset(words):
            return "greeting"
        if lexicon.CLOSING.issuperset(words):
            if not lexicon.GOODBYE_CUES.isdisjoint(words):
                return "goodbye"
            if not lexicon.NO_MORE_CUES.isdisjoint(words):
                return "no more"
            if not lexicon.THANKS_CUES.isdisjoint(words):
                return "thanks"
        return None

    def clauses(self, text: str, verbs: Collection[str] = ()) -> list[str]:
        words, lexicon = self.words(text), self.lexicon
        line = " ".join(words)
        if lexicon.TWO_REQUESTS.match(line):
            return [text]
        parts = [part.split() for part in lexicon.TWO_REQUESTS.split(line, maxsplit=1)]
        if len(parts) == 1:
            parts = _at_a_verb(words, lexicon.JOINS, verbs)
        long = all(len(part) > 2 for part in parts)
        return [" ".join(part) for part in parts] if len(parts) == 2 and long else [text]

    def numbers(self, text: str) -> set[str]:
        words, numerals = self.words(text), self.codes.numerals
        found: set[str] = set()
        at = 0
        while at < len(words):
            found |= set(re.findall(r"\d+", words[at].replace(numerals.thousands, "")))
            value, said = numerals.number(words, at), numerals.digits(words, at)
            place = numerals.ordinal(words, at)
            if value and words[at] not in self.lexicon.ARTICLES:
                found.add(str(value[0]))
            if place:
                found.add(str(place[0]))
            if said and len(said[0]) > 1:
                found |= set(readings(said[0]))
            at = max(at + 1, value[1] if value else 0)
        return found

    def claims(self, text: str, known: str = "") -> bool:
        plain = text.replace("’", "'")
        if self.lexicon.CLAIM.search(plain) or self.lexicon.HUMAN.search(plain):
            return True
        reports: list[str] = self.lexicon.REPORT.findall(plain)
        return bool({verb.lower() for verb in reports} - set(self.words(known)))

    def opens_claim(self, text: str) -> bool:
        return self.claims(f"{text} {self.lexicon.DONE}")

    def denies(self, text: str) -> bool:
        return bool(self.lexicon.DENIAL.search(text.replace("’", "'")))

    def limits(self, text: str) -> bool:
        return self.denies(text) or not self.lexicon.LIMITS.isdisjoint(self.words(text))

    def content(self, text: str) -> set[str]:
        carrying = [
            word
            for word in self.words(text)
            if len(word) > 3 and word not in self.common and word not in self.fillers
        ]
        return {word[:4] for word in carrying} | self.numbers(text)

    def phrase(self, name: str, values: Mapping[str, str] | None = None) -> str:
        return self.phrases[name].format_map(values or {})


def _at_a_verb(
    words: Sequence[str], joins: Collection[str], verbs: Collection[str]
) -> list[Sequence[str]]:
    """Cut before a verb that follows an "and"."""
    for at in range(1, len(words)):
        if words[at] in verbs and words[at - 1] in joins:
            before = itertools.dropwhile(joins.__contains__, reversed(words[:at]))
            return [list(before)[::-1], words[at:]]
    return [words]


def _options(words: Sequence[str], slot: Slot) -> list[Found]:
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
