"""Identifiers, phone numbers and e-mail addresses in words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.spoken.language import Found
from agents.spoken.numerals import Numerals, readings

_MARKS = re.compile(r"[-#./:,()+]")
_DOMAIN_ENDS = re.compile(r"\.(com|org|net|edu|io|info|de|fr|eu|es|mx|co\.uk|uk)$")


@dataclass(frozen=True, slots=True)
class Codes:
    """What is read character by character, in one language."""

    numerals: Numerals
    symbols: Mapping[str, str]  # "dot" -> "."
    at: frozenset[str]  # what "@" is called
    letters: frozenset[str] = frozenset()  # single letters that are words of their own

    def ids(self, words: Sequence[str], pattern: str) -> list[Found]:
        """Runs of spoken or written characters that match `pattern` as a whole.

        A run that is longer than the pattern is not cut: half a telephone number is no order
        number.
        """
        wanted = re.compile(pattern)
        found: list[Found] = []
        at = 0
        while at < len(words):
            end = at
            while end < len(words) and (self._is_part(words[end]) or self._joins(words, end)):
                end += 1
            if end == at:
                at += 1
                continue
            found += self._in_run(words, at, end, wanted)
            at = end
        return found

    def _is_part(self, word: str) -> bool:
        plain = _MARKS.sub("", word)
        return (
            self.numerals.is_number(word)
            or word in self.numerals.repeats
            or bool(re.fullmatch(r"[a-z]?\d+|\d+[a-z]?|[a-z]|[a-z]{1,4}\d+", plain))
        )

    def _joins(self, words: Sequence[str], at: int) -> bool:
        """ "two hundred *and* ten": the word belongs to the number around it."""
        numerals = self.numerals
        before = words[at - 1] if at else ""
        after = words[at + 1] if at + 1 < len(words) else ""
        if not numerals.is_number(after):
            return False
        rest = words[at] == numerals.joins_rest and before in numerals.scales
        return rest or (words[at] == numerals.joins_unit and before in numerals.tens)

    def _in_run(
        self, words: Sequence[str], start: int, end: int, wanted: re.Pattern[str]
    ) -> list[Found]:
        # A letter before a number may be an article ("a ten forty two"): the whole run comes first.
        for first in range(start, end):
            if first > start and not _is_letter(words[first - 1]):
                break
            for form in self._forms(words, first, end):
                if wanted.fullmatch(form):
                    return [Found(form, first, end)]
        found: list[Found] = []
        for at in range(start, end):
            plain = _MARKS.sub("", words[at]).upper()
            if wanted.fullmatch(plain):
                found.append(Found(plain, at, at + 1))
            elif len(plain) > 2 and plain.isdigit():
                return []  # "555 0142 123": a longer number in groups
        return found

    def _forms(self, words: Sequence[str], start: int, end: int) -> list[str]:
        """Every way to write the words [start, end) as one identifier."""
        numerals, run = self.numerals, words[:end]
        forms = [""]
        at = start
        while at < end:
            plain = _MARKS.sub("", words[at])
            said = numerals.digits(run, at)
            value = numerals.number(run, at)
            if said:
                parts = readings(said[0])
                if value and value[1] == said[1]:
                    parts.append(str(value[0]))
                at = said[1]
                if value and value[1] > at:  # "one thousand forty two"
                    parts, at = [str(value[0])], value[1]
            elif value:
                parts, at = [str(value[0])], value[1]
            elif re.fullmatch(r"[a-z]+\d*|\d+[a-z]+", plain):
                parts, at = [plain.upper()], at + 1
            else:
                return []
            forms = [form + part for form in forms for part in parts]
        return list(dict.fromkeys(forms))

    def phones(self, words: Sequence[str]) -> list[Found]:
        """Digit strings of six and more."""
        found: list[Found] = []
        at = 0
        while at < len(words):
            said = self.numerals.digits(words, at)
            if said and len("".join(said[0])) >= 6:
                found.append(Found("".join(said[0]), at, said[1]))
            at = said[1] if said else at + 1
        return found

    def emails(self, words: Sequence[str]) -> list[Found]:
        """ "sam dot lee at mail dot com", "sam@mail.com"."""
        found: list[Found] = []
        for at, word in enumerate(words):
            if "@" in word and "." in word:
                found.append(Found(word, at, at + 1))
            elif (word in self.at or word == "@") and at and (domain := self._domain(words, at)):
                start, local = self._local(words, at)
                found.append(Found(f"{local}@{domain[0]}", start, domain[1]))
        return found

    def _domain(self, words: Sequence[str], at: int) -> tuple[str, int] | None:
        domain, end = "", at + 1
        while end < len(words):
            part = self.symbols.get(words[end], words[end])
            if domain and domain[-1] != "." and part != ".":
                break
            domain, end = domain + part, end + 1
            if _DOMAIN_ENDS.search(domain):
                break
        return (domain, end) if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain) else None

    def _local(self, words: Sequence[str], end: int) -> tuple[int, str]:
        """The part before "at": backwards over symbols, digits and spelled letters."""
        start = end - 1
        while start > 0:
            here, before = words[start], words[start - 1]
            joined = here in self.symbols or before in self.symbols
            spelled = len(here) == 1 and len(before) == 1 and before not in self.letters
            numbered = self.numerals.is_number(here) or here.isdigit()
            if not (joined or spelled or numbered):
                break
            start -= 1
        local, at = "", start
        while at < end:
            zero = words[at] in self.numerals.zeros  # the letter "o"
            said = None if zero else self.numerals.digits(words[:end], at)
            if said:
                local, at = local + "".join(said[0]), said[1]
            else:
                local, at = local + self.symbols.get(words[at], words[at]), at + 1
        return start, local


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isalpha()
