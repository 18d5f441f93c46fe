"""English number words."""

from agents.spoken.numerals import Numerals

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]

NUMERALS = Numerals(
    units={word: value for value, word in enumerate(_UNITS.split())},
    tens={word: 10 * value for value, word in enumerate(_TENS, start=2)},
    ordinals={w: value for value, w in enumerate(_ORDINALS.split(), start=1)} | {"thirtieth": 30},
    scales={"hundred": 100, "thousand": 1000},
    zeros=frozenset({"oh", "o"}),
    repeats={"double": 2, "triple": 3},
    pauses=frozenset({"dash", "uh", "um"}),
    one="a",
    joins_rest="and",
)
