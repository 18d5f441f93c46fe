"""Identifiers, phone numbers and e-mail addresses in words."""

import re
from collections.abc import Sequence

from agents.spoken.en.numbers import digits, is_number_word, number, readings
from agents.spoken.language import Found

_MARKS = re.compile(r"[-#./:,()+]")
_DOMAIN_ENDS = re.compile(r"\.(com|org|net|edu|io|info|de|fr|eu|co\.uk|uk)$")
_SYMBOLS = {"dot": ".", "underscore": "_", "dash": "-", "hyphen": "-", "minus": "-"}


def ids(words: Sequence[str], pattern: str) -> list[Found]:
    """Runs of spoken or written characters that match `pattern` as a whole.

    A run that is longer than the pattern is not cut: half a telephone number is no order number.
    """
    wanted = re.compile(pattern)
    found: list[Found] = []
    at = 0
    while at < len(words):
        end = at
        while end < len(words) and (_is_part(words[end]) or _joins(words, end)):
            end += 1
        if end == at:
            at += 1
            continue
        found += _in_run(words, at, end, wanted)
        at = end
    return found


def _is_part(word: str) -> bool:
    plain = _MARKS.sub("", word)
    return (
        is_number_word(word)
        or word in ("double", "triple")
        or bool(re.fullmatch(r"[a-z]?\d+|\d+[a-z]?|[a-z]|[a-z]{1,4}\d+", plain))
    )


def _joins(words: Sequence[str], at: int) -> bool:
    """ "two hundred *and* ten": the word belongs to the number around it."""
    before = words[at - 1] if at else ""
    after = words[at + 1] if at + 1 < len(words) else ""
    return words[at] == "and" and before in ("hundred", "thousand") and is_number_word(after)


def _in_run(words: Sequence[str], start: int, end: int, wanted: re.Pattern[str]) -> list[Found]:
    # A letter before a number may be an article ("a ten forty two"): the whole run is tried first.
    for first in range(start, end):
        if first > start and not _is_letter(words[first - 1]):
            break
        for form in _forms(words, first, end):
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


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isalpha()


def _forms(words: Sequence[str], start: int, end: int) -> list[str]:
    """Every way to write the words [start, end) as one identifier."""
    forms = [""]
    at = start
    while at < end:
        plain = _MARKS.sub("", words[at])
        said = digits(words[:end], at)
        value = number(words[:end], at)
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


def phones(words: Sequence[str]) -> list[Found]:
    """Digit strings of six and more."""
    found: list[Found] = []
    at = 0
    while at < len(words):
        said = digits(words, at)
        if said and len("".join(said[0])) >= 6:
            found.append(Found("".join(said[0]), at, said[1]))
        at = said[1] if said else at + 1
    return found


def emails(words: Sequence[str]) -> list[Found]:
    """ "sam dot lee at mail dot com", "sam@mail.com"."""
    found: list[Found] = []
    for at, word in enumerate(words):
        if "@" in word and "." in word:
            found.append(Found(word, at, at + 1))
        elif word in ("at", "@") and at and (domain := _domain(words, at + 1)):
            start, local = _local(words, at)
            found.append(Found(f"{local}@{domain[0]}", start, domain[1]))
    return found


def _domain(words: Sequence[str], at: int) -> tuple[str, int] | None:
    domain = ""
    while at < len(words) and (not domain or domain[-1] == "." or words[at] in ("dot", ".")):
        domain += _SYMBOLS.get(words[at], words[at])
        at += 1
        if _DOMAIN_ENDS.search(domain):
            break
    return (domain, at) if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain) else None


def _local(words: Sequence[str], end: int) -> tuple[int, str]:
    """The part before "at": backwards over symbols, digits and spelled letters."""
    start = end - 1
    while start > 0:
        here, before = words[start], words[start - 1]
        joined = here in _SYMBOLS or before in _SYMBOLS
        spelled = len(here) == 1 and len(before) == 1 and before not in ("a", "i")
        numbered = is_number_word(here) or here.isdigit()
        if not (joined or spelled or numbered):
            break
        start -= 1
    local, at = "", start
    while at < end:
        said = digits(words[:end], at) if words[at] not in ("o", "oh") else None
        if said:
            local, at = local + "".join(said[0]), said[1]
        else:
            local, at = local + _SYMBOLS.get(words[at], words[at]), at + 1
    return start, local
