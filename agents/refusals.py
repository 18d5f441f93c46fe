"""Topics that an agent refuses, as choices beside its tools: they are told, and nothing runs.
And whether a definition and its tools fit."""

import re
from collections.abc import Sequence

from agents.definition import AgentDefinition, Refusal
from agents.tools import LinkError, Policy, Tool, ToolResult, linked


def refusals(topics: Sequence[Refusal]) -> list[Tool]:
    return [_refusal(topic) for topic in topics]


def misfit(definition: AgentDefinition, tools: Sequence[Tool]) -> tuple[list[str], str] | None:
    """The key of the definition that does not fit its tools, and why; None if all do."""
    try:
        linked([*tools, *refusals(definition.refuses)])
    except LinkError as exc:
        return ["tools"], str(exc)
    handoff = definition.handoff
    if handoff and handoff.tool and all(tool.name != handoff.tool for tool in tools):
        known = ", ".join(tool.name for tool in tools) or "none"
        return ["handoff", "tool"], f"no tool {handoff.tool!r}; there are: {known}"
    return None


def _refusal(topic: Refusal) -> Tool:
    def told() -> ToolResult:
        return ToolResult({}, topic.say)

    policy = Policy(
        wants=topic.topic,
        read_only=True,
        irreversible=False,
        needs_consent=False,
        internal=False,
        asks=tuple(topic.asks),
        confirm="",
        done="",
        check=None,
        timeout=None,
        filler="",
        says=topic.say,
    )
    name = re.sub(r"\W+", "_", topic.topic.lower()).strip("_")
    return Tool(name, topic.topic, policy, {}, told)
