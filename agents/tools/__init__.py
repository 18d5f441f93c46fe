"""Tools that an agent may call, wherever they come from."""

from agents.tools.contract import (
    FREE,
    CallContext,
    Kind,
    Policy,
    Slot,
    Tool,
    ToolError,
    ToolResult,
    ToolTimeout,
)
from agents.tools.python import load_source, tool, tool_of, tools_of

__all__ = [
    "FREE",
    "CallContext",
    "Kind",
    "Policy",
    "Slot",
    "Tool",
    "ToolError",
    "ToolResult",
    "ToolTimeout",
    "load_source",
    "tool",
    "tool_of",
    "tools_of",
]
