"""Cardinals, ordinals and digit strings in words, by a language's table of number words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_MARKS = re.compile(r"[-./()#+:,]")


def is_word(words: Sequence[str], at: int, *wanted: str) -> bool:
    """Whether the word at `at` is there and is one of `wanted`."""
    return at < len(words) and words[at] in wanted


@dataclass(frozen=True, slots=True)
class Numerals:
    """The number words of a language, lower case."""

    units: Mapping[str, int]  # and all others below 100 that are one word: "twelve", "veintidós"
    tens: Mapping[str, int]  # what a unit can follow
    ordinals: Mapping[str, int]
    scales: Mapping[str, int]  # they multiply what stands before them; the larger one last
    hundreds: Mapping[str, int] = field(default_factory=dict[str, int])  # "doscientos"
    zeros: frozenset[str] = frozenset()  # said for 0 among digits only: "oh"
    repeats: Mapping[str, int] = field(default_factory=dict[str, int])  # "double"
    pauses: frozenset[str] = frozenset()  # said between digits: "dash", "uh"
    one: str = ""  # "a" of "a hundred"; "": the scale alone means one of it ("mil")
    joins_unit: str = ""  # "y" of "treinta y dos"
    joins_rest: str = ""  # "and" of "two hundred and ten"
    thousands: str = ","  # between groups of three written digits
    ordinal_ending: str = r"(?:st|nd|rd|th)"  # of a written ordinal

    def is_number(self, word: str) -> bool:
        tables = (self.units, self.tens, self.zeros, self.scales, self.hundreds)
        return any(word in table for table in tables)

    def number(self, words: Sequence[str], at: int) -> tuple[int, int] | None:
        """The cardinal at word `at` and the word after it: "25", "twenty five", "a thousand"."""
        if at >= len(words):
            return None
        word, mark = words[at], re.escape(self.thousands)
        if re.fullmatch(rf"\d{{1,3}}({mark}\d{{3}})+|\d+", word):
            value, end = int(word.replace(self.thousands, "")), at + 1
        elif small := self._below_thousand(words, at):
            value, end = small
        elif self.one and word == self.one and is_word(words, at + 1, *self.scales):
            value, end = 1, at + 1
        elif not self.one and word in self.scales:
            value, end = 1, at
        else:
            return None
        for scale, factor in reversed(list(self.scales.items())):
            if is_word(words, end, scale):
                value, end = value * factor, end + 1
                joined = bool(self.joins_rest) and is_word(words, end, self.joins_rest)
                rest = self.number(words, end + joined)
                if rest and rest[0] < factor:
                    value, end = value + rest[0], rest[1]
        return value, end

    def _below_thousand(self, words: Sequence[str], at: int) -> tuple[int, int] | None:
        """A number in words without a scale."""
        word, end = words[at], at + 1
        if word in self.hundreds:
            value = self.hundreds[word]
            rest = self._below_thousand(words, end) if end < len(words) else None
            return (value + rest[0], rest[1]) if rest and 0 < rest[0] < 100 else (value, end)
        if word in self.tens:
            unit = end + bool(self.joins_unit)
            joined = not self.joins_unit or is_word(words, end, self.joins_unit)
            if joined and unit < len(words) and 1 <= self.units.get(words[unit], 0) <= 9:
                return self.tens[word] + self.units[words[unit]], unit + 1
            return self.tens[word], end
        return (self.units[word], end) if word in self.units else None

    def digits(self, words: Sequence[str], at: int) -> tuple[list[str], int] | None:
        """The digit string at word `at`, as the pieces it was said in, and the word after it.

        "five double five" -> 5, 55; "ten forty two" -> 10, 42; "555-01.99" -> 5550199.
        """
        pieces: list[str] = []
        end = at
        while end < len(words):
            word = words[end]
            plain = _MARKS.sub("", word)
            following = words[end + 1] if end + 1 < len(words) else ""
            small = self._below_thousand(words, end)
            if plain.isdigit():
                pieces.append(plain)
            elif word in self.repeats and self._is_digit(following):
                digit = following if following.isdigit() else str(self.units.get(following, 0))
                pieces.append(digit * self.repeats[word])
                end += 1
            elif small:
                pieces.append(str(small[0]))
                end = small[1] - 1
            elif word in self.zeros:
                pieces.append("0")
            elif self.scales.get(word) == 100 and pieces:
                pieces.append("00")
            elif not (word in self.pauses and pieces and self._goes_on(following)):
                break
            end += 1
        return (pieces, end) if pieces else None

    def _is_digit(self, word: str) -> bool:
        return word in self.units or word in self.zeros or word.isdigit()

    def _goes_on(self, word: str) -> bool:
        return self._is_digit(word) or word in self.tens or word in self.hundreds

    def ordinal(self, words: Sequence[str], at: int) -> tuple[int, int] | None:
        """The ordinal at word `at` and the word after it: "3rd", "twenty first"."""
        if at >= len(words):
            return None
        if written := re.fullmatch(rf"(\d{{1,2}}){self.ordinal_ending}", words[at]):
            return int(written[1]), at + 1
        following = words[at + 1] if at + 1 < len(words) else ""
        if words[at] in self.tens and self.ordinals.get(following, 99) < 10:
            return self.tens[words[at]] + self.ordinals[following], at + 2
        return (self.ordinals[words[at]], at + 1) if words[at] in self.ordinals else None


def readings(pieces: Sequence[str]) -> list[str]:
    """The digit strings that pieces can mean: 10 40 2 is 10402, or 1042 where a recognizer wrote
    "forty two" as "40 2"."""
    merged: list[str] = []
    for piece in pieces:
        if merged and re.fullmatch(r"\d*[2-9]0", merged[-1]) and re.fullmatch(r"[1-9]", piece):
            merged[-1] = merged[-1][:-1] + piece
        else:
            merged.append(piece)
    return list(dict.fromkeys(["".join(pieces), "".join(merged)]))
