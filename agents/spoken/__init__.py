"""Spoken values: what callers say as dates, numbers and yes, and how such values are said.

One language pack each (`agents.spoken.en`); docs/languages.md tells how to write one. No
model is involved.
"""

from agents.spoken.en import English
from agents.spoken.es import Spanish
from agents.spoken.language import Found, Language, Prompts
from agents.spoken.which import language_of
from agents.spoken.written import Writing

_PACKS = {"en": English, "es": Spanish}


def language(code: str) -> Language:
    """The pack of a language ("en", "en-GB"). Raises LookupError for one that has none."""
    pack = _PACKS.get(code.split("-")[0])
    if pack is None:
        raise LookupError(f"no language pack for {code!r}; known: {', '.join(_PACKS)}")
    return pack()


def writing_of(code: str) -> Writing | None:
    """How a language is read aloud; None for one without a pack."""
    pack = _PACKS.get(code.split("-")[0].lower())
    return pack.writing if pack else None


__all__ = ["Found", "Language", "Prompts", "language", "language_of", "writing_of"]
