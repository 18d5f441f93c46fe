"""Text as it is written, turned into words that any synthesizer can read.

No markdown, no emoji; numbers, dates, money, codes, addresses and abbreviations are written out by
language. Every spoken word knows which written word it belongs to, so that the page, the history
and what was heard keep the written form ("order 1042") while the voice is given words ("order one
zero four two").
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.spoken import writing_of
from agents.spoken.written import Writing

_LONGEST = 15  # characters of a number that is said as one; longer ones digit by digit

Piece = tuple[str, int]  # text, and the place in the match whose written word it belongs to


@dataclass(frozen=True, slots=True)
class SpokenText:
    """`owners`: for each of the spoken `words`, the index of its word in the written text.split().

    Owners never decrease; a written word may have no spoken one (an emoji), or many (a number).
    """

    words: tuple[str, ...]
    owners: tuple[int, ...]
    written: int  # words of the written text

    @property
    def text(self) -> str:
        """What a synthesizer reads; "" where nothing is to be said."""
        return " ".join(self.words)

    def written_ends(self, ends: Sequence[float]) -> tuple[float, ...]:
        """Where each written word ends, from where the spoken words do (s); () for ()."""
        if len(ends) != len(self.words):
            return ()
        found = [0.0] * self.written
        for owner, end in zip(self.owners, ends, strict=True):
            found[owner] = end
        for at in range(1, self.written):
            found[at] = max(found[at], found[at - 1])
        return tuple(found)


def spoken_text(text: str, language: str = "en") -> SpokenText:
    """The words to be spoken for a clause. A language without a pack keeps its numbers as they are
    for the synthesizer; markup and emoji are never spoken."""
    line = _Line(text)
    _unmark(line)
    writing = writing_of(language)
    if writing is not None:
        _addresses(line, writing)
        _abbreviations(line, writing)
        _dates(line, writing)
        _money(line, writing)
        _clocks(line, writing)
        _numbers(line, writing)
        for symbol, word in writing.symbols.items():
            line.sub(
                rf"{re.escape(symbol)}(?=\w)" if symbol == "#" else re.escape(symbol), f" {word} "
            )
    line.sub(r"[*_`#~|<>{}\[\]\\^]+", " ")
    line.keep(lambda c: unicodedata.category(c) not in ("So", "Sk", "Cs", "Co", "Cn"))
    line.sub(r"[\u200d\ufe0f]", "")
    line.sub(r"\s+(?=[.,!?;:](?:\s|$))", "")
    return line.spoken()


class _Line:
    """A text under change, whose characters know their written word."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.written = len(text.split())
        self.owners: list[int] = []
        word, inside = -1, False
        for character in text:
            if not character.isspace() and not inside:
                word += 1
            inside = not character.isspace()
            self.owners.append(max(word, 0))

    def sub(
        self, pattern: str, by: str | Callable[[re.Match[str]], str | list[Piece]], flags: int = 0
    ) -> None:
        """Replace as re.sub does; what `by` returns belongs to the word that the match begins in,
        or to those that its pieces name."""
        text, owners, done = "", list[int](), 0
        for found in re.finditer(pattern, self.text, flags):
            made = by if isinstance(by, str) else by(found)
            pieces = [(made, 0)] if isinstance(made, str) else made
            text += self.text[done : found.start()]
            owners += self.owners[done : found.start()]
            for piece, place in pieces:
                text += piece
                at = min(found.start() + place, len(self.owners) - 1)
                owners += [self.owners[at]] * len(piece)
            done = found.end()
        self.text, self.owners = text + self.text[done:], owners + self.owners[done:]

    def keep(self, wanted: Callable[[str], bool]) -> None:
        kept = [(c, o) for c, o in zip(self.text, self.owners, strict=True) if wanted(c)]
        self.text = "".join(c for c, _ in kept)
        self.owners = [owner for _, owner in kept]

    def spoken(self) -> SpokenText:
        found = list(re.finditer(r"\S+", self.text))
        if not any(c.isalnum() for c in self.text):
            return SpokenText((), (), self.written)
        owners = [self.owners[word.start()] for word in found]
        return SpokenText(tuple(w.group() for w in found), tuple(owners), self.written)


def _kept(found: re.Match[str], group: int) -> list[Piece]:
    """A group as it is, each character at its own place."""
    start = found.start(group) - found.start()
    return [(character, start + at) for at, character in enumerate(found[group])]


def _unmark(line: _Line) -> None:
    line.sub(r"```.*?```", " ", re.DOTALL)
    # A link is read by its text
    line.sub(r"!?\[([^\]]*)\]\([^)]*\)", lambda m: _kept(m, 1))
    line.sub(r"https?://(?:www\.)?([^\s/?]+)\S*?(?=[.,;:!?)]*(?:\s|$))", lambda m: m[1])
    line.sub(r"^\s*(?:#{1,6}|[-*+•]|\d{1,2}[.)])\s+", "", re.MULTILINE)
    line.sub(r"[*`~]+", "")


def _addresses(line: _Line, writing: Writing) -> None:
    def spelled(text: str) -> str:
        text = text.replace(".", f" {writing.dot} ")
        for mark, word in writing.marks.items():
            text = text.replace(mark, f" {word} ")
        return re.sub(r"\d+", lambda m: f" {_digits(m.group(), writing)} ", text)

    def mail(found: re.Match[str]) -> str:
        return f"{spelled(found[1])} {writing.at} {spelled(found[2])}"

    line.sub(r"([\w.+-]+)@([\w-]+(?:\.[\w-]+)*\.?[\w-]+)", mail)
    line.sub(
        r"\b(?:[a-z][\w-]*\.)+(?:com|org|net|es|eu|io|info|uk|de|fr)\b", lambda m: spelled(m[0])
    )


def _abbreviations(line: _Line, writing: Writing) -> None:
    names = "|".join(re.escape(name) for name in writing.abbreviations)
    line.sub(
        rf"(?<!\w)(?:{names})(?=\s|$|[,;:\w])",
        lambda m: writing.abbreviations[m.group().lower()] + (" " if m[0].endswith("/") else ""),
        re.IGNORECASE,
    )


def _dates(line: _Line, writing: Writing) -> None:
    months = "|".join(writing.months)

    def iso(found: re.Match[str]) -> str:
        year, month, day = int(found[1]), int(found[2]), int(found[3])
        return writing.date(year, month, day) if 1 <= month <= 12 else found[0]

    line.sub(r"\b(\d{4})-(\d\d)-(\d\d)\b", iso)
    if not writing.month_first:
        return

    def day(found: re.Match[str]) -> list[Piece]:
        pieces = [(f"{found[1]} ", 0), (writing.day(int(found[2])), found.start(2) - found.start())]
        if found[3]:
            pieces.append((f", {writing.year(int(found[3]))}", found.start(3) - found.start()))
        return pieces

    ending = writing.ordinal_ending
    line.sub(rf"\b({months}) (\d{{1,2}}){ending}?(?:, (\d{{4}}))?\b", day)


def _amount(text: str, writing: Writing) -> tuple[int, str]:
    """The whole part of a written number, and the digits after its decimal mark."""
    whole, _, rest = text.replace(writing.thousands, "").partition(writing.decimal)
    return int(whole), rest


def _written_number(writing: Writing) -> str:
    thousands, decimal = re.escape(writing.thousands), re.escape(writing.decimal)
    return rf"(?:\d{{1,3}}(?:{thousands}\d{{3}}){{1,3}}|\d{{1,12}})(?:{decimal}\d{{1,6}})?"


def _money(line: _Line, writing: Writing) -> None:
    signs = "".join(map(re.escape, writing.money))
    names = {many: sign for sign, (_, many, _, _) in writing.money.items()}
    amount = _written_number(writing)

    def priced(sign: str, text: str) -> str:
        unit, units, cent, cents = writing.money[sign]
        whole, rest = _amount(text, writing)
        small = int((rest + "00")[:2])
        parts = [_counted(whole, unit, units, writing)] if whole or not small else []
        if small:
            parts.append(_counted(small, cent, cents, writing))
        return f" {writing.and_cents} ".join(parts)

    line.sub(rf"([{signs}])\s?({amount})(?!\d|[.,]\d)", lambda m: priced(m[1], m[2]))
    line.sub(rf"(?<![\d.,])({amount})\s?([{signs}])", lambda m: priced(m[2], m[1]))
    decimal = re.escape(writing.decimal)
    line.sub(
        rf"(?<![\d.,])(\d+{decimal}\d\d) ({'|'.join(names)})\b", lambda m: priced(names[m[2]], m[1])
    )


def _counted(number: int, one: str, many: str, writing: Writing) -> str:
    unit = one if number == 1 else many
    return f"{writing.agreed(writing.number(number), '', unit)} {unit}"


def _clocks(line: _Line, writing: Writing) -> None:
    def clock(found: re.Match[str]) -> str:
        hour, minute = int(found[1]), int(found[2])
        if hour > 24 or minute > 59:
            return found[0]
        return writing.clock(hour, minute, not found[3])

    line.sub(r"\b(\d{1,2}):(\d\d)\b(?=(\s?[ap]\.?m\b)?)", clock, re.IGNORECASE)
    line.sub(r"(?<=\d)(?=[ap]m\b)", " ", re.IGNORECASE)
    line.sub(r"\b([AP])M\b", lambda m: f"{m[1]} M")


def _digits(digits: str, writing: Writing) -> str:
    """One by one; long ones in threes, as a listener writes them down."""
    said = [writing.number(int(digit)) for digit in digits]
    if len(said) < 7:
        return " ".join(said)
    groups = [" ".join(said[at : at + 3]) for at in range(0, len(said) - 1, 3)]
    if len(said) % 3 == 1:
        groups[-1] = " ".join(said[3 * (len(groups) - 1) :])
    return ", ".join(groups)


def _numbers(line: _Line, writing: Writing) -> None:
    decimal, thousands = re.escape(writing.decimal), re.escape(writing.thousands)
    names, between = "|".join(writing.codes), "|".join(map(re.escape, writing.between))

    def spelled(found: re.Match[str]) -> str:
        return _digits(found.group(), writing)

    def phone(found: re.Match[str]) -> list[Piece]:
        if sum(map(str.isdigit, found[0])) < 7:
            return _kept(found, 0)
        pieces: list[Piece] = []
        for group in re.finditer(r"\d+|[^\d]+", found[0]):
            if group[0].isdigit():
                pieces.append((_digits(group[0], writing), group.start()))
            else:
                pieces.append((", " if group.end() < len(found[0]) else "", group.start()))
        return pieces

    line.sub(r"(?<![\w.,-])\(?\d{2,4}\)?(?:[ -]\d{2,4}){1,4}(?![\w-]|[.,]\d)", phone)
    line.sub(
        rf"\b((?:{names})s?(?:\s+(?:{between}))*\s*[#:]?\s*)(\d{{3,}})\b(?![.,]\d)",
        lambda m: [*_kept(m, 1), (_digits(m[2], writing), len(m[1]))],
        re.IGNORECASE,
    )
    line.sub(
        r"\b(?=[A-Z\d]*\d)(?=[A-Z\d]*[A-Z])[A-Z\d]{4,}\b",
        lambda m: " ".join(writing.number(int(c)) if c.isdigit() else c for c in m[0]),
    )
    years = "|".join(writing.years)
    line.sub(
        rf"\b((?:{years})\s+)((?:19|20)\d\d)\b(?![.,]\d)",
        lambda m: [*_kept(m, 1), (writing.year(int(m[2])), len(m[1]))],
        re.IGNORECASE,
    )
    line.sub(rf"\b(\d{{1,3}}){writing.ordinal_ending}(?!\w)", lambda m: writing.ordinal(int(m[1])))
    line.sub(r"(?<=\d)\s?[-–]\s?(?=\d)", f" {writing.to} ")
    line.sub(r"(?<![\w])[-−](?=\d)", f"{writing.minus} ")
    _measures(line, writing)
    line.sub(r"(?<![\d.,])0\d+\b", spelled)

    def plain(found: re.Match[str]) -> str:
        if len(found[0]) > _LONGEST:
            return _digits(re.sub(r"\D", "", found[0]), writing)
        whole, rest = _amount(found[0], writing)
        run = found[0].isdigit()
        # Nobody writes a quantity like 1042 or 61234 without its mark, but codes are so written.
        if run and len(found[0]) > 3 and whole % (100 if len(found[0]) == 4 else 1000):
            return _digits(found[0], writing)
        said = writing.number(whole)
        if rest:
            return f"{said} {writing.point} " + " ".join(writing.number(int(d)) for d in rest)
        before = re.search(r"(\w+)\s+$", found.string[: found.start()])
        after = re.match(r"\s+([^\W\d_]+)", found.string[found.end() :])
        return writing.agreed(said, before[1] if before else "", after[1] if after else "")

    line.sub(rf"(?:\d{{1,3}}(?:{thousands}\d{{3}})+|\d+)(?:{decimal}\d+)?", plain)


def _measures(line: _Line, writing: Writing) -> None:
    names = "|".join(re.escape(unit) for unit in writing.units)

    def measure(found: re.Match[str]) -> list[Piece]:
        one, many = writing.units[found[2]]
        unit = one if found[1] == "1" else many
        return [(f"{found[1]} ", 0), (unit, found.start(2) - found.start())]

    line.sub(rf"({_written_number(writing)})\s?({names})(?![\w/])", measure)
