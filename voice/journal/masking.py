"""What could name a person, out of texts that leave this machine.

E-mail addresses, payment card numbers, telephone numbers and other runs of six digits or more, as
figures or in English or Spanish words, become [EMAIL], [CARD], [PHONE] and [NUMBER]; shorter ones
(an order, a time, an amount) stay. Names and addresses are NOT found. Whatever finds them
(presidio, for one) is another `Mask`.
"""

import re
from collections.abc import Callable
from typing import Any, cast

Mask = Callable[[str], str]

_EMAIL = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b[\w.+-]+ at [\w-]+ dot (?:\w+ dot )*\w+\b", re.I
)
_DIGITS = re.compile(r"\+?\(?\d(?:[ ().\-/]{0,2}\d){5,}")
_DIGIT = (
    "zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple|"
    "cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|doble"
)
_SPOKEN = re.compile(rf"\b(?:{_DIGIT}|\d)(?:[ ,.\-]+(?:{_DIGIT}|\d)\b){{5,}}", re.I)
_FIGURES = re.compile(rf"(?:.*\d.*|(?:{_DIGIT}))\W*", re.I)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2})?")


def spans(text: str) -> list[tuple[int, int, str]]:
    """What can be known by its shape alone: from, to and what stands there instead, by place."""
    found = [(m.start(), m.end(), "[EMAIL]") for m in _EMAIL.finditer(text)]
    for pattern in (_DIGITS, _SPOKEN):
        for match in pattern.finditer(text):
            label = _number(match[0]) if pattern is _DIGITS else "[NUMBER]"
            apart = all(match.end() <= start or match.start() >= end for start, end, _ in found)
            if label and apart:
                found.append((match.start(), match.end(), label))
    return sorted(found)


def is_figure(word: str) -> bool:
    """Whether a word is, or holds, a part of a number that is read out."""
    return bool(_FIGURES.fullmatch(word))


def light(text: str) -> str:
    """`text` without what `spans` finds."""
    parts: list[str] = []
    at = 0
    for start, end, label in spans(text):
        parts += [text[at:start], label]
        at = end
    return "".join([*parts, text[at:]])


def unmasked(text: str) -> str:
    return text


def masked(value: Any, mask: Mask) -> Any:
    """JSON with every text in it masked; a number too, which then becomes a text."""
    match value:
        case str():
            return mask(value)
        case dict():
            return {key: masked(one, mask) for key, one in cast("dict[str, Any]", value).items()}
        case list() | tuple():
            return [masked(one, mask) for one in cast("list[Any]", value)]
        case int() if not isinstance(value, bool):
            found = mask(str(value))
            return value if found == str(value) else found
        case _:
            return value


def _number(text: str) -> str:
    """What a run of digits is called; "" for a date."""
    if _DATE.fullmatch(text):
        return ""
    digits = re.sub(r"\D", "", text)
    if 13 <= len(digits) <= 19 and _luhn(digits):
        return "[CARD]"
    spaced = len(digits) < len(text)
    return "[PHONE]" if 7 <= len(digits) <= 15 and spaced else "[NUMBER]"


def _luhn(digits: str) -> bool:
    """Whether the last digit checks the others, as on every payment card."""
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(n - 9 * (n > 9) for n in doubled) % 10 == 0
