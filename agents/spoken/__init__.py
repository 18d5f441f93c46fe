"""Spoken values: what callers say as dates, numbers and yes, and how such values are said.

One language pack each (`agents.spoken.en`). No model is involved.
"""

from agents.spoken.language import Found, Language


def language(code: str) -> Language:
    """The pack of a language ("en", "en-GB"). Raises LookupError for one that has none."""
    if code.split("-")[0] == "en":
        from agents.spoken.en import English

        return English()
    raise LookupError(f"no language pack for {code!r}; known: en")


__all__ = ["Found", "Language", "language"]
