"""Which of the records that were read out the caller means."""

import datetime as dt
from collections.abc import Sequence

from agents import records
from agents.actions import Actions
from agents.frame import Frame, Offer, behind
from agents.mind import MORE, REPLY, Want
from agents.reading import Reading, read
from agents.spoken import Language
from agents.tools import FREE


def choice(
    frame: Frame, line: str, reading: Reading, language: Language, today: dt.date
) -> Want | None:
    """While the caller is asked which: the record that a line names, or that it wants others."""
    offer = frame.choosing
    if offer is None:
        return None
    if named := records.chosen(offer.records, [line], language, today, offer.shown):
        return Want(REPLY, line, {frame.asked: named[frame.asked]})
    said = {name: val.value for name, val in frame.values.items()}
    if any(said.get(name) != value for name, value in reading.values.items()):
        return None  # another day, another doctor
    words = reading.words
    others = language.more(words) and not language.stops(words)
    return Want(MORE, line) if others or language.only_no(words) else None


def other_choice(
    frame: Frame, line: str, language: Language, today: dt.date
) -> dict[str, str | int]:
    """At a read-back: another one of the records that were found ("no, the later one")."""
    for name, offer in frame.offers.items():
        named = records.chosen(offer.records, [line], language, today, offer.shown)
        if named and name in frame.values and named[name] != frame.values[name].value:
            return {name: named[name]}
    return {}


def corrected(
    frame: Frame, words: Sequence[str], language: Language, today: dt.date
) -> dict[str, str | int]:
    """At a read-back: a bare value ("no, make it ten") where only one slot can hold it."""
    if not language.no(words) and not language.corrects(words):
        return {}
    found: dict[str, str | int] = {}
    for name, slot in frame.slots.items():
        if name in frame.values and slot.kind not in (*FREE, "enum"):
            value = read(words, {name: slot}, language, today, name).values.get(name)
            if value is not None and value != frame.values[name].value:
                found[name] = value
    return found if len(found) == 1 else {}


def read_on(actions: Actions, frame: Frame, offer: Offer) -> None:
    """The next of the records, or, where there are none, another try with another value."""
    if offer.shown.stop < len(offer.records):
        frame.offers[frame.asked] = Offer(offer.records, offer.shown.stop)
        return
    frame.misses += 1
    frame.offers[frame.asked] = Offer(offer.records)
    provider = next(t for t in behind(frame.tool) if frame.asked in t.policy.returns)
    again = next((n for n in reversed(list(provider.said)) if n in frame.values), "")
    if again:
        frame.values.pop(again)
        frame.stale(again)
        actions.ask(frame, again, actions.language.phrase("no more records"))
    else:
        actions.say("no more records")
