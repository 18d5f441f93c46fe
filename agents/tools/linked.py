"""Tools that know what other tools need: who is behind a hidden slot, and who grants a state."""

from collections.abc import Iterable
from dataclasses import replace

from agents.tools.contract import Tool


class LinkError(Exception):
    """Tools that cannot work together. The message is one line."""


def linked(tools: Iterable[Tool]) -> dict[str, Tool]:
    """The tools by name, each with its providers and its guard. Raises LinkError."""
    known: dict[str, Tool] = {}
    for tool in tools:
        if tool.name in known:
            raise LinkError(f"two tools are called {tool.name!r}")
        known[tool.name] = tool
    made: dict[str, Tool] = {}

    def link(name: str, path: tuple[str, ...]) -> Tool:
        if name in made:
            return made[name]
        if name in path:
            raise LinkError(f"{' needs '.join((*path, name))}: a circle")
        tool, path = known[name], (*path, name)
        providers: dict[str, Tool] = {}
        for slot_name, slot in tool.slots.items():
            sources = [other for other in known.values() if slot_name in other.policy.returns]
            source = next((other for other in sources if other.name != name), None)
            if source is not None and (slot.hidden or source.name not in path):
                providers[slot_name] = link(source.name, path)
            elif slot.hidden:
                raise LinkError(
                    f"{name}: no tool returns the hidden slot {slot_name!r}; mark a read-only "
                    f"tool with returns=[{slot_name!r}]"
                )
        guard = None
        if needs := tool.policy.needs:
            granting = [other.name for other in known.values() if other.policy.grants == needs]
            if not granting:
                raise LinkError(f"{name}: needs {needs!r}, which no tool grants")
            guard = link(granting[0], path)
        made[name] = replace(tool, providers=providers, guard=guard)
        return made[name]

    for tool in known.values():
        if (tool.policy.returns or tool.policy.grants) and not tool.policy.read_only:
            raise LinkError(f"{tool.name}: a tool that returns slots or grants must be read_only")
        if tool.policy.grants and not tool.policy.internal:  # its attempts are counted by code
            raise LinkError(f"{tool.name}: a tool that grants must be internal")
    for name in known:
        link(name, ())
    return {name: made[name] for name in known}
