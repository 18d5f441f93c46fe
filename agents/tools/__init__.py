"""Tools that an agent may call, wherever they come from."""

from agents.tools.contract import (
    FREE,
    CallContext,
    Kind,
    Policy,
    Slot,
    Tool,
    ToolError,
    ToolFailed,
    ToolResult,
    ToolTimeout,
)
from agents.tools.linked import LinkError, linked
from agents.tools.python import load_source, tool, tool_of, tools_of
from agents.tools.threads import Threads

__all__ = [
    "FREE",
    "CallContext",
    "Kind",
    "LinkError",
    "Policy",
    "Slot",
    "Threads",
    "Tool",
    "ToolError",
    "ToolFailed",
    "ToolResult",
    "ToolTimeout",
    "linked",
    "load_source",
    "tool",
    "tool_of",
    "tools_of",
]
