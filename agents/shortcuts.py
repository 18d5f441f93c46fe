"""Lines that code understands alone. 60% of the measured turns needed no model: they cost the
caller only their recognition."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.frame import Frame
from agents.mind import (
    GOODBYE,
    HELLO,
    MACHINE,
    NO_MORE,
    NOTHING,
    REPLY,
    STOP,
    THANKS,
    UNKNOWN,
    Want,
)
from agents.reading import Reading
from agents.spoken import Language
from agents.tools import FREE, Tool

# Wants that code answers with a sentence of the language pack.
PHRASES = {
    HELLO: "hello",
    GOODBYE: "goodbye",
    NO_MORE: "no more",
    THANKS: "thanks",
    NOTHING: "open",
    MACHINE: "machine",
    STOP: "nothing to stop",
}
_SMALL_TALK = {"greeting": HELLO, "goodbye": GOODBYE, "no more": NO_MORE, "thanks": THANKS}
_SHORT_ANSWER = {"text": 3, "name": 3, "address": 6}  # words; longer ones may hold something else


def understand(line: str, reading: Reading, frame: Frame | None, language: Language) -> Want | None:
    """What the line wants, or None when only a model can tell.

    `reading` is of the pending action's slots (of none without one).
    """
    words = reading.words
    if language.asks_who_speaks(words):
        return Want(MACHINE, line)
    talk = language.small_talk(words)
    if frame is None:
        if talk:
            return Want(_SMALL_TALK[talk], line)
        return None if reading.rest else Want(NOTHING, line)  # "um", "okay"
    if language.stops(words) and not reading.values:
        return Want(STOP, line)
    if talk == "goodbye":
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
    slot = frame.slots.get(asked)
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


def said_as_written(reading: Reading, tool: Tool, language: Language) -> bool:
    """Whether a line says one of the tool's `asks` and nothing more than its values.

    `reading` is of the tool's slots.
    """
    left = [word for word, used in zip(reading.words, reading.used, strict=True) if not used]
    said = _carrying(left, language)
    return any(said == _carrying(language.words(ask), language) for ask in tool.policy.asks)


def _carrying(words: Iterable[str], language: Language) -> set[str]:
    plain = (word.removesuffix("'s").removesuffix("s") for word in words)
    return {word for word in plain if word and word not in language.fillers}


@dataclass(frozen=True, slots=True)
class Topics:
    """What tells a general question from one that a tool answers."""

    facts: tuple[frozenset[str], ...]  # the stems of each fact
    tools: frozenset[str]  # words by which callers ask for tools

    @classmethod
    def of(cls, facts: Sequence[str], tools: Iterable[Tool], language: Language) -> "Topics":
        words: set[str] = set()
        for tool in tools:
            said = " ".join([tool.policy.wants, *tool.policy.asks])
            words |= _carrying(language.words(said), language) - language.common
        return cls(tuple(frozenset(language.content(fact)) for fact in facts), frozenset(words))


def about_facts(line: str, words: Sequence[str], topics: Topics, language: Language) -> bool:
    """Whether a line without values is a question about a fact, and could mean no tool.

    This saves the model's look at the line, half of the wait for an answer. A question about the
    caller's own case ("my parcel") is left to the model.
    """
    asks = language.questions(words) or line.rstrip().endswith("?")  # "Is their parking?"
    if not asks or language.own_case(words):
        return False
    stems = language.content(" ".join(words))
    shared = max((len(stems & fact) for fact in topics.facts), default=0)
    return shared >= 2 or (shared == 1 and not _carrying(words, language) & topics.tools)
