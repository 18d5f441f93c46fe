"""What an agent can do on a telephone line; name it under `tools:`, `only:` what it may.

tools:
  - use: agents.line_tools
    only: [transfer, hang_up]
handoff:
  tool: transfer
  to: "+4930123456"
"""

import re
from typing import Annotated

from agents.spoken import language
from agents.tools import CallContext, Slot, ToolError, ToolResult, tool


def _said(call: CallContext, able: str, phrase: str) -> ToolResult:
    """The sentence of what is done, or of what would be done on a telephone."""
    if not call.telephone.wire:
        return ToolResult({"done": False}, language(call.language).phrase("no telephone"))
    if able and able not in call.telephone.can:
        raise ToolError(language(call.language).phrase("not on this line"))
    return ToolResult({"done": True}, language(call.language).phrase(phrase) if phrase else "")


@tool(
    wants="speak to a person",
    asks=["put me through to somebody", "can i speak to a person", "connect me to a colleague"],
    needs_consent=False,
)
async def transfer(call: CallContext) -> ToolResult:
    """Put the caller through to a person: to the agent's handoff.to."""
    if call.telephone.wire and not call.telephone.desk:
        raise ToolError(language(call.language).phrase("nobody there"))
    said = _said(call, "transfer", "put through")
    if call.telephone.desk:
        call.telephone.transfer(call.telephone.desk)
    return said


@tool(wants="end the call", asks=["hang up", "end this call"], needs_consent=False)
async def hang_up(call: CallContext) -> ToolResult:
    """Say goodbye and end the call."""
    call.telephone.hang_up()
    return ToolResult({"done": True}, language(call.language).phrase("goodbye"))


@tool(wants="press keys on the telephone", asks=["press one", "enter 123"], needs_consent=False)
async def send_keys(
    keys: Annotated[str, Slot("keys", kind="id", pattern=r"[0-9*#]{1,32}")], call: CallContext
) -> ToolResult:
    """Press keys, for a machine at the other end."""
    if not re.fullmatch(r"[0-9*#]{1,32}", keys):
        raise ToolError(language(call.language).phrase("not on this line"))
    said = _said(call, "dtmf", "done")
    call.telephone.send_keys(keys)
    return said


@tool(
    wants="wait for a moment",
    asks=["hold on", "one moment please", "give me a minute"],
    needs_consent=False,
)
async def hold(call: CallContext) -> ToolResult:
    """Put the call on hold for half a minute."""
    said = _said(call, "", "holding")  # a wire that has no hold can still wait
    call.telephone.hold(30.0)
    return said
