"""The tools that a definition names, opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from agents.tools.contract import Tool
from agents.tools.openapi import OpenAPISource
from agents.tools.python import PythonSource
from agents.tools.sources import (
    MCPTools,
    OpenAPITools,
    PythonTools,
    Source,
    SourceError,
    ToolSource,
)


@dataclass(frozen=True, slots=True)
class WrongSource(Exception):
    """The source at `index` cannot be used; `why` is one line."""

    index: int
    why: str


def opened(wanted: Sequence[ToolSource], folder: Path) -> tuple[list[Source], list[Tool]]:
    """Open every source; files are looked for in `folder`. Raises WrongSource."""
    sources: list[Source] = []
    tools: dict[str, Tool] = {}
    for index, one in enumerate(wanted):
        try:
            source = _open(one, folder)
            sources.append(source)
            for name, tool in source.tools.items():
                if name in tools:
                    raise SourceError(f"two tools are called {name!r}")
                tools[name] = tool
        except SourceError as exc:
            for source in sources:  # a server that was started is not left behind
                source.close()
            raise WrongSource(index, str(exc)) from exc
    return sources, list(tools.values())


def _open(wanted: ToolSource, folder: Path) -> Source:
    match wanted:
        case PythonTools():
            return PythonSource(wanted)
        case OpenAPITools():
            return OpenAPISource(wanted, folder)
        case MCPTools():
            # The SDK takes a second to import, and few agents need it.
            from agents.tools.mcp.source import MCPSource

            return MCPSource(wanted, folder)
        case _:
            assert_never(wanted)
