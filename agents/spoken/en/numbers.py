"""Cardinals, ordinals and digit strings in words ("forty-two", "double five oh")."""

import re
from collections.abc import Sequence

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
UNITS: dict[str, int] = {word: value for value, word in enumerate(_UNITS.split())}
ZEROS = {"oh", "o"}
TENS: dict[str, int] = {
    word: 10 * value
    for value, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
ORDINALS: dict[str, int] = {word: value for value, word in enumerate(_ORDINALS.split(), start=1)}
ORDINALS["thirtieth"] = 30
_SCALES = {"hundred": 100, "thousand": 1000}
_REPEATS = {"double": 2, "triple": 3}


def is_number_word(word: str) -> bool:
    return word in UNITS or word in TENS or word in ZEROS or word in _SCALES


def number(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """The cardinal at word `at` and the word after it: "25", "twenty five", "a thousand"."""
    if at >= len(words):
        return None
    word, end = words[at], at + 1
    if re.fullmatch(r"\d{1,3}(,\d{3})+|\d+", word):
        value = int(word.replace(",", ""))
    elif word in TENS:
        value = TENS[word]
        if end < len(words) and 1 <= UNITS.get(words[end], 0) <= 9:
            value, end = value + UNITS[words[end]], end + 1
    elif word in UNITS:
        value = UNITS[word]
    elif word == "a" and end < len(words) and words[end] in _SCALES:
        value = 1
    else:
        return None
    for scale, factor in reversed(_SCALES.items()):
        if end < len(words) and words[end] == scale:
            value, end = value * factor, end + 1
            rest = number(words, end + (words[end : end + 1] == ["and"]))
            if rest and rest[0] < factor:
                value, end = value + rest[0], rest[1]
    return value, end


def digits(words: Sequence[str], at: int) -> tuple[list[str], int] | None:
    """The digit string at word `at`, as the pieces it was said in, and the word after it.

    "five double five" -> 5, 55; "ten forty two" -> 10, 42; "555-01.99" -> 5550199.
    """
    pieces: list[str] = []
    end = at
    while end < len(words):
        word = words[end]
        plain = re.sub(r"[-./()#+:,]", "", word)
        following = words[end + 1] if end + 1 < len(words) else ""
        if plain.isdigit():
            pieces.append(plain)
        elif word in _REPEATS and (following in UNITS or following in ZEROS or following.isdigit()):
            digit = following if following.isdigit() else str(UNITS.get(following, 0))
            pieces.append(digit * _REPEATS[word])
            end += 1
        elif word in TENS and 1 <= UNITS.get(following, 0) <= 9:
            pieces.append(str(TENS[word] + UNITS[following]))
            end += 1
        elif word in TENS or word in UNITS:
            pieces.append(str(TENS.get(word, UNITS.get(word))))
        elif word in ZEROS:
            pieces.append("0")
        elif word == "hundred" and pieces:
            pieces.append("00")
        elif not (word in ("dash", "uh", "um") and pieces and _digit_word(following)):
            break
        end += 1
    return (pieces, end) if pieces else None


def _digit_word(word: str) -> bool:
    return word in UNITS or word in TENS or word in ZEROS or word.isdigit()


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


def ordinal(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """The ordinal at word `at` and the word after it: "3rd", "twenty first"."""
    if at >= len(words):
        return None
    if written := re.fullmatch(r"(\d{1,2})(st|nd|rd|th)", words[at]):
        return int(written[1]), at + 1
    if words[at] in TENS and at + 1 < len(words) and ORDINALS.get(words[at + 1], 99) < 10:
        return TENS[words[at]] + ORDINALS[words[at + 1]], at + 2
    return (ORDINALS[words[at]], at + 1) if words[at] in ORDINALS else None
