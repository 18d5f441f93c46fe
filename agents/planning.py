"""What an action needs next: a value from the caller, or a tool that knows one."""

from collections.abc import Set
from dataclasses import dataclass

from agents.frame import Frame
from agents.tools import Tool


@dataclass(frozen=True, slots=True)
class Ask:
    """The caller says it, or chooses between the records that were found for it."""

    slot: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """Run `tool`, for a value of `slot` or ("") for the state that it grants."""

    tool: Tool
    slot: str = ""


def next_step(frame: Frame, granted: Set[str]) -> Ask | LookUp | None:
    """None when everything is known. Who calls is found out before anything else."""
    return _missing(frame, frame.tool, granted)


def _missing(frame: Frame, tool: Tool, granted: Set[str]) -> Ask | LookUp | None:
    guard = tool.guard
    if guard is not None and guard.policy.grants not in granted:
        return _missing(frame, guard, granted) or _look_up(frame, guard)
    for name, slot in tool.slots.items():
        if name in frame.values or not slot.required:
            continue
        provider = tool.providers.get(name)
        if provider is None or name in frame.offers:
            return Ask(name)
        known = provider.slots and all(inner in frame.values for inner in provider.slots)
        if slot.hidden or name in frame.unknown or known:
            return _missing(frame, provider, granted) or _look_up(frame, provider, name)
        return Ask(name)
    return None


def _look_up(frame: Frame, tool: Tool, slot: str = "") -> Ask | LookUp:
    again = frame.failed.get(frame.made(tool))
    return Ask(again) if again else LookUp(tool, slot)
