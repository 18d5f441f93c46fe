"""What could name a person, out of texts that leave this machine.

E-mail addresses, payment card numbers, telephone numbers and other runs of six digits or more
become [EMAIL], [CARD], [PHONE] and [NUMBER]; shorter ones (an order, a time, an amount) stay. Names
and addresses are NOT found. Whatever finds them (presidio, for one) is another `Mask`.
"""

import re
from collections.abc import Callable
from typing import Any, cast

Mask = Callable[[str], str]

_EMAIL = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b[\w.+-]+ at [\w-]+ dot (?:\w+ dot )*\w+\b", re.I
)
_DIGITS = re.compile(r"\+?\(?\d(?:[ ().\-/]{0,2}\d){5,}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2})?")


def light(text: str) -> str:
    """`text` without what can be known by its shape alone."""
    return _DIGITS.sub(_number, _EMAIL.sub("[EMAIL]", text))


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


def _number(found: re.Match[str]) -> str:
    text = found[0]
    if _DATE.fullmatch(text):
        return text
    digits = re.sub(r"\D", "", text)
    if 13 <= len(digits) <= 19 and _luhn(digits):
        return "[CARD]"
    spaced = len(digits) < len(text)
    return "[PHONE]" if 7 <= len(digits) <= 15 and spaced else "[NUMBER]"


def _luhn(digits: str) -> bool:
    """Whether the last digit checks the others, as on every payment card."""
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(n - 9 * (n > 9) for n in doubled) % 10 == 0
