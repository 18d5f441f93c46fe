"""Spanish number words."""

from agents.spoken.numerals import Numerals

_UNITS = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
    "dieciséis diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro "
    "veinticinco veintiséis veintisiete veintiocho veintinueve"
)
_TENS = ["treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"]
_HUNDREDS = "doscient trescient cuatrocient quinient seiscient setecient ochocient novecient"
_ORDINALS = "primer segund tercer cuart quint sext séptim octav noven décim"
_UNACCENTED = str.maketrans("áéíóú", "aeiou")

_units = {word: value for value, word in enumerate(_UNITS.split())}
_units |= {word.translate(_UNACCENTED): value for word, value in _units.items()}
_units |= {"un": 1, "una": 1, "veintiún": 21, "veintiun": 21, "veintiuna": 21}

NUMERALS = Numerals(
    units=_units,
    tens={word: 10 * value for value, word in enumerate(_TENS, start=3)},
    ordinals={
        stem.translate(table) + ending: value
        for value, stem in enumerate(_ORDINALS.split(), start=1)
        for table in ({}, _UNACCENTED)
        for ending in ("o", "a")
    }
    | {"primer": 1, "tercer": 3},
    scales={"mil": 1000},
    hundreds={"cien": 100, "ciento": 100}
    | {
        stem + ending: 100 * value
        for value, stem in enumerate(_HUNDREDS.split(), start=2)
        for ending in ("os", "as")
    },
    repeats={"doble": 2, "triple": 3},
    pauses=frozenset({"guion", "guión", "eh", "em"}),
    joins_unit="y",
    thousands=".",
    ordinal_ending=r"\.?(?:º|ª|°|ro|er|do|to|mo|vo|no)",
)
