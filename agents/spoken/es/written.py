"""How Spanish is written, and read aloud."""

import re

from num2words import num2words

from agents.spoken.es.calendar import MONTHS
from agents.spoken.written import Writing

_CODES = (
    "pedido pedidos número números código códigos reserva reservas referencia habitación cuenta "
    "vuelo factura matrícula extensión teléfono tarjeta"
)


def _number(value: int) -> str:
    return str(num2words(value, lang="es"))


def _ordinal(value: int) -> str:
    return str(num2words(value, lang="es", to="ordinal"))


def _agreed(number: str, before: str, after: str) -> str:
    """ "una persona", "veintiún euros", "la una"."""
    if not number.endswith("uno"):
        return number
    stem = number.removesuffix("uno")
    if before.lower() in ("la", "las") or re.search(r"(?:as?|noches)$", after):
        return f"{stem}una"
    if after:
        return f"{stem}ún" if stem.endswith("i") else f"{stem}un"
    return number


def _date(year: int, month: int, day: int) -> str:
    return f"{_number(day)} de {MONTHS[month - 1]} de {_number(year)}"


def _clock(hour: int, minute: int, alone: bool) -> str:
    """ "ocho y media", "una y cinco": hours are feminine."""
    said = "una" if hour == 1 else "veintiuna" if hour == 21 else _number(hour)
    match minute:
        case 0:
            return said
        case 15 if hour <= 12:
            return f"{said} y cuarto"
        case 30 if hour <= 12:
            return f"{said} y media"
        case _:
            return f"{said} y {_number(minute)}"


SPANISH = Writing(
    number=_number,
    ordinal=_ordinal,
    year=_number,
    agreed=_agreed,
    clock=_clock,
    date=_date,
    day=_number,
    decimal=",",
    thousands=".",
    point="coma",
    minus="menos",
    to="a",
    dot="punto",
    at="arroba",
    symbols={
        "&": "y",
        "%": "por ciento",
        "@": "arroba",
        "+": "más",
        "=": "igual a",
        "°": "grados",
        "#": "número",
    },
    marks={"_": "guion bajo", "-": "guion", "+": "más"},
    money={
        "$": ("dólar", "dólares", "centavo", "centavos"),
        "€": ("euro", "euros", "céntimo", "céntimos"),
        "£": ("libra", "libras", "penique", "peniques"),
    },
    and_cents="con",
    units={
        "km/h": ("kilómetro por hora", "kilómetros por hora"),
        "km": ("kilómetro", "kilómetros"),
        "cm": ("centímetro", "centímetros"),
        "mm": ("milímetro", "milímetros"),
        "kg": ("kilo", "kilos"),
        "ml": ("mililitro", "mililitros"),
        "cl": ("centilitro", "centilitros"),
        "min": ("minuto", "minutos"),
        "GB": ("giga", "gigas"),
        "MB": ("mega", "megas"),
        "h": ("hora", "horas"),
        "°C": ("grado", "grados"),
    },
    ordinal_ending=r"\.?[ºª]",
    months=tuple(MONTHS),
    month_first=False,
    codes=tuple(_CODES.split()),
    between=("número", "nº", "es", "el", "la", "de", "código"),
    years=("en", "desde", "hasta", "de", "del", "año"),
    abbreviations={
        "sr.": "señor",
        "sra.": "señora",
        "srta.": "señorita",
        "dr.": "doctor",
        "dra.": "doctora",
        "ud.": "usted",
        "uds.": "ustedes",
        "etc.": "etcétera",
        "aprox.": "aproximadamente",
        "nº": "número",
        "n.º": "número",
        "av.": "avenida",
        "avda.": "avenida",
        "c/": "calle",
        "ee.uu.": "Estados Unidos",
    },
)
