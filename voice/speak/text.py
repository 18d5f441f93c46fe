"""Written text to words that a synthesizer can read: no markdown, no emoji, sensible symbols."""

import re
import unicodedata

_SYMBOLS = {"&": "and", "%": "percent", "@": "at", "+": "plus", "=": "equals", "°": "degrees"}
_SYMBOLS_BY_LANGUAGE = {"en": _SYMBOLS}
_MONEY = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}
_PLURALS = {"penny": "pence"}


def for_speech(text: str, language: str = "en") -> str:
    """The same sentence, speakable. Words stay as they are; "" where nothing is left."""
    text = re.sub(r"```.*?```", " ", text, flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)  # a link is read by its text
    text = re.sub(r"https?://(?:www\.)?([^\s/?]+)\S*?(?=[.,;:!?)]*(?:\s|$))", r"\1", text)
    text = re.sub(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s+", "", text, flags=re.MULTILINE)
    code = language.split("-")[0].lower()
    if code == "en":
        text = re.sub(r"#(?=\d)", "number ", text)
        text = re.sub(r"([$€£])\s?(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d\d))?(?!\d|[.,]\d)", _money, text)
        text = re.sub(r"\b(\d{1,2}):00(?=\s?[ap]\.?m\b)", r"\1", text, flags=re.IGNORECASE)
        text = re.sub(r"\b(\d{1,2}):00\b", r"\1 o'clock", text)
        text = re.sub(r"\b(\d{1,2}):(\d\d)\b", _clock, text)
    text = re.sub(r"[*_`#~|<>{}\[\]\\^]+", " ", text)
    for symbol, word in _SYMBOLS_BY_LANGUAGE.get(code, {}).items():
        text = text.replace(symbol, f" {word} ")
    text = "".join(c for c in text if unicodedata.category(c) not in ("So", "Sk", "Cs", "Co", "Cn"))
    text = re.sub(r"[\u200d\ufe0f]", "", text)
    text = re.sub(r"\s+([.,!?;:])", r"\1", " ".join(text.split()))
    return text if any(c.isalnum() for c in text) else ""


def _money(found: re.Match[str]) -> str:
    unit, small = _MONEY[found[1]]
    whole, cents = int(found[2].replace(",", "")), int(found[3] or 0)
    parts = [_count(whole, unit)] if whole or not cents else []
    if cents:
        parts.append(_count(cents, small))
    return " and ".join(parts)


def _count(number: int, unit: str) -> str:
    return f"{number} {unit if number == 1 else _PLURALS.get(unit, unit + 's')}"


def _clock(found: re.Match[str]) -> str:
    minutes = found[2]
    return f"{found[1]} oh {minutes[1]}" if minutes[0] == "0" else f"{found[1]} {minutes}"
