"""The sentences about an action. Code composes them; a model never says that something is done."""

import re
from collections.abc import Mapping
from typing import Any

from agents.frame import Frame
from agents.spoken import Language
from agents.tools import Slot, ToolResult

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d")


def is_date(text: str) -> bool:
    return bool(_DATE.fullmatch(text))


def is_time(text: str) -> bool:
    return bool(_TIME.fullmatch(text))


def spoken_values(frame: Frame, language: Language) -> dict[str, str]:
    """Slot name -> its value as it is said; "" for an optional one without a value.

    What was chosen of a look-up is there too, by its fields.
    """
    slots = {**frame.slots, **frame.tool.slots}
    said = dict.fromkeys(slots, "")
    for val in frame.values.values():
        for key, value in val.record.items():
            said.setdefault(str(key), spoken(value, language))
    for name, val in frame.values.items():
        slot = slots.get(name)
        if slot is not None:
            said[name] = val.spoken if slot.hidden else language.say(slot.kind, val.value)
            if slot.past and is_date(str(val.value)):
                said[name] += f", {str(val.value)[:4]}"  # nobody is born "on October 9"
    return said


def read_back(frame: Frame, language: Language) -> str:
    """Every value and the question, so that a yes is a yes to this action."""
    policy = frame.tool.policy
    values = spoken_values(frame, language)
    if policy.confirm:
        return policy.confirm.format_map(values)
    details = ", ".join(
        f"{slot.label} {values[name]}" for name, slot in frame.tool.slots.items() if values[name]
    )
    name = "confirm" if details else "confirm bare"
    return language.phrase(name, {"details": details, "wants": policy.wants})


def open_question(frame: Frame | None, language: Language) -> str:
    """What the agent asked and has no answer to, alone and short; "" for nothing."""
    if frame is None:
        return ""
    if frame.read_back:
        return language.phrase("shall i", {"wants": frame.tool.policy.wants})
    if frame.choosing:
        return language.phrase("which")
    slot = frame.slots.get(frame.asked)
    return question(slot, language) if slot else ""


def question(slot: Slot, language: Language) -> str:
    return slot.ask or language.phrase("ask", {"label": slot.label})


def done(frame: Frame, result: ToolResult, language: Language) -> str:
    """What a successful action is told as."""
    if result.say:
        return result.say
    template = frame.tool.policy.done
    if not template:
        return language.phrase("done")
    fields = {str(key): spoken(value, language) for key, value in result.data.items()}
    return template.format_map({**fields, **spoken_values(frame, language)})


def reading(result: ToolResult, language: Language) -> str:
    """A plain reading of a result, for where the model's words do not hold."""
    text = findings(result.data, language)
    return text[:1].upper() + text[1:] + "."


def findings(data: Mapping[str, Any], language: Language) -> str:
    """A result as text: "status shipped, items tent; stove"."""
    return ", ".join(f"{_label(key)} {spoken(value, language)}" for key, value in data.items())


def spoken(value: Any, language: Language) -> str:
    match value:
        case bool():
            return language.phrase("yes" if value else "no")
        case Mapping():
            return findings(value, language)  # pyright: ignore[reportUnknownArgumentType]
        case list() | tuple():
            return "; ".join(spoken(part, language) for part in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case str() if is_date(value):
            return language.say("date", value)
        case str() if is_time(value):
            return language.say("time", value)
        case _:
            return str(value)


def leaves(value: Any, language: Language) -> list[str]:
    """The single values of a result, as they are said."""
    match value:
        case bool():
            return []
        case Mapping():
            return [leaf for part in value.values() for leaf in leaves(part, language)]  # pyright: ignore[reportUnknownVariableType]
        case list() | tuple():
            return [leaf for part in value for leaf in leaves(part, language)]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return [spoken(value, language)]


def _label(key: str) -> str:
    return str(key).replace("_", " ")
