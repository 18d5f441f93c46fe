"""Lines that code understands alone. 60% of the measured turns needed no model: they cost the
caller only their recognition."""

from collections.abc import Iterable

from agents.frame import Frame
from agents.mind import GOODBYE, HELLO, REPLY, STOP, THANKS, UNKNOWN, Want
from agents.reading import Reading
from agents.spoken import Language
from agents.tools import FREE, Tool

_SMALL_TALK = {"greeting": HELLO, "goodbye": GOODBYE, "thanks": THANKS}
_SHORT_ANSWER = {"text": 3, "name": 3, "address": 6}  # words; longer ones may hold something else


def understand(line: str, reading: Reading, frame: Frame | None, language: Language) -> Want | None:
    """What the line wants, or None when only a model can tell.

    `reading` is of the pending action's slots (of none without one).
    """
    words = reading.words
    if frame is None:
        talk = language.small_talk(words)
        return Want(_SMALL_TALK[talk], line) if talk else None
    if language.stops(words) and not reading.values:
        return Want(STOP, line)
    if language.small_talk(words) == "goodbye" and "bye" in " ".join(words):
        return Want(GOODBYE, line)
    reply = Want(REPLY, line, reading.values)
    if reading.values and not reading.rest and not reading.choices:
        return reply
    if language.questions(words):
        return None
    return _answer(line, reading, frame, language, reply)


def _answer(
    line: str, reading: Reading, frame: Frame, language: Language, reply: Want
) -> Want | None:
    words, asked = reading.words, frame.asked
    slot = frame.tool.slots.get(asked)
    if slot is None:
        return None
    if slot.kind not in FREE and not reading.values and not reading.rest:
        return Want(UNKNOWN, line) if language.unknown(words) else reply  # "hmm", "yes"
    if reading.choices:
        return None
    if asked in reading.values:
        return reply if len(reading.rest) <= 1 else None
    if language.unknown(words):
        return Want(UNKNOWN, line, reading.values)
    if slot.kind in FREE and not language.no(words):
        limit = _SHORT_ANSWER[slot.kind]
        value = language.span(slot.kind, words)
        named_with_values = slot.kind == "name" and reading.values
        if value and len(value.split()) <= limit and not named_with_values:
            return Want(REPLY, line, {**reading.values, asked: value})
    return None


def said_as_written(
    words: Iterable[str], used: Iterable[bool], tool: Tool, language: Language
) -> bool:
    """Whether the line says one of the tool's `asks` and nothing more than its values."""
    said = _carrying((w for w, taken in zip(words, used, strict=True) if not taken), language)
    return any(said == _carrying(language.words(ask), language) for ask in tool.policy.asks)


def _carrying(words: Iterable[str], language: Language) -> set[str]:
    plain = (word.removesuffix("'s").removesuffix("s") for word in words)
    return {word for word in plain if word and word not in language.fillers}
