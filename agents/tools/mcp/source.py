"""The tools of an MCP server, each let through by name; its own word only makes them stricter."""

import json
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from mcp.client._transport import TransportStreams
from mcp_types import CallToolResult, TextContent
from mcp_types import Tool as Offered

from agents.tools.contract import Policy, Tool, ToolError, ToolFailed
from agents.tools.mcp.link import Link, LinkError
from agents.tools.mcp.wires import address, process
from agents.tools.results import pruned, spoken_refusal
from agents.tools.schema import (
    Part,
    SchemaError,
    arguments_of,
    misfit,
    parts_of,
    resolved,
    slots_of,
)
from agents.tools.sources import MCPTools, SourceError, chosen, secret

_WANTS = 80  # characters of a description that are read to a small model


class MCPSource:
    """A server, connected for as long as the agent is there."""

    def __init__(self, wanted: MCPTools, folder: Path) -> None:
        """Starts the server and asks what it offers. Raises SourceError."""
        self._wanted = wanted
        self._folder = folder
        server = wanted.mcp
        self._name = server.url or Path(server.command[0]).name
        self._environment = {name: secret(name) for name in server.env}
        self._headers = server.auth.content() if server.auth else {}
        headers = [text.split()[-1] for text in self._headers.values()]
        self._secrets = [*self._environment.values(), *headers]
        self._last_words: deque[str] = deque(maxlen=20)
        self._link = Link(self._name, self._wire)
        where = f"mcp {self._name}"
        try:
            offered = {tool.name: tool for tool in self._link.start()}
        except LinkError as exc:
            said = next((line for line in reversed(self._last_words) if line.strip()), "")
            why = self._without_secrets(
                f"{exc}; it said: {said.strip()[:200]}" if said else f"{exc}"
            )
            raise SourceError(f"{where}: {why}") from exc
        try:
            names = ", ".join(offered) or "none"
            if wanted.only is None:
                raise SourceError(f"{where}: name what you let through in `only`; it has: {names}")
            known = {name: self._tool(offered[name]) for name in wanted.only if name in offered}
            self.tools = chosen(wanted, known, where, names)
        except SourceError:
            self._link.close()
            raise

    def close(self) -> None:
        self._link.close()

    def _wire(self, gone: Callable[[], None]) -> AbstractAsyncContextManager[TransportStreams]:
        server = self._wanted.mcp
        if server.url:
            return address(server.url, self._headers)
        words, folder = self._last_words, self._folder
        return process(server.command, self._environment, folder, words, gone)

    def _tool(self, offered: Offered) -> Tool:
        where = f"mcp {self._name}: {offered.name}"
        try:
            schema = resolved(offered.input_schema, offered.input_schema)
            parts = parts_of(schema)
            answers = offered.output_schema
            answers = resolved(answers, answers) if answers else None
        except SchemaError as exc:
            raise SourceError(f"{where}: {exc}") from exc
        hints = offered.annotations
        changes = bool(hints and hints.read_only_hint is False)
        destroys = bool(hints and hints.destructive_hint and not hints.read_only_hint)
        owner = self._wanted.tools.get(offered.name)
        if owner and owner.read_only and (changes or destroys):
            raise SourceError(f"{where}: read_only, but the server says that it changes things")
        described = " ".join((offered.description or offered.title or offered.name).split())
        wants = re.split(r"[.:;]", described)[0][:_WANTS]
        policy = Policy(
            wants=wants[:1].lower() + wants[1:],
            read_only=False,  # until the owner says so
            irreversible=destroys,
            needs_consent=True,
            internal=False,
            asks=(),
            confirm="",
            done="",
            check=None,
            timeout=None,
            filler="",
        )
        call = self._calling(offered.name, parts, answers)
        return Tool(offered.name, described[:300], policy, dict(slots_of(parts)), call)

    def _calling(
        self, name: str, parts: list[Part], answers: Mapping[str, Any] | None
    ) -> Callable[..., Awaitable[Mapping[str, Any]]]:
        async def call(**said: Any) -> Mapping[str, Any]:
            result = await self._link.call(name, arguments_of(parts, said))
            return self._data(name, result, answers)

        return call

    def _data(
        self, name: str, result: CallToolResult, answers: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        texts = [block.text for block in result.content if isinstance(block, TextContent)]
        text = self._without_secrets("\n".join(texts))
        if result.is_error:
            reason = re.sub(rf"^Error executing tool {re.escape(name)}:?", "", text)
            raise ToolError(spoken_refusal(reason) or "that was not accepted")
        data: Any = result.structured_content
        if data is None:
            try:
                data = json.loads(text)
            except ValueError:
                data = text
        else:
            data = json.loads(self._without_secrets(json.dumps(data)))
        if answers and (why := misfit(data, answers)):
            raise ToolFailed(f"{name}: returned what its schema forbids: {why}")
        return pruned(data) if data != "" else {}

    def _without_secrets(self, text: str) -> str:
        for secret_text in self._secrets:
            text = text.replace(secret_text, "***")
        return text
