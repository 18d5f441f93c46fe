"""Where an agent's tools come from, as its YAML says it, and what of them the owner changes."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, Protocol

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from agents.document import Strict
from agents.tools.contract import Kind, Policy, Slot, Tool


class SourceError(Exception):
    """A source of tools cannot be used. The message is one line: what is wrong, what to do."""


class Source(Protocol):
    """Somewhere tools come from, opened."""

    @property
    def tools(self) -> Mapping[str, Tool]: ...

    def close(self) -> None:
        """Let go of what is held open. May block; not for an event loop's thread."""
        ...


class SlotChanges(Strict):
    """Keys of Slot. Those that are left out stay as the source has them."""

    label: str | None = None
    kind: Kind | None = None
    ask: str | None = None
    hint: str | None = None
    pattern: str | None = None
    synonyms: dict[str, list[str]] | None = None
    past: bool | None = None
    hours: tuple[float, float] | None = None
    hidden: bool | None = None

    def on(self, slot: Slot) -> Slot:
        return replace(slot, **self.model_dump(exclude_none=True))


class ToolChanges(Strict):
    """Keys of @tool. Those that are left out stay as the source has them."""

    wants: str | None = None
    read_only: bool | None = None
    irreversible: bool | None = None
    needs_consent: bool | None = None
    internal: bool | None = None
    asks: list[str] | None = None
    confirm: str | None = None
    done: str | None = None
    timeout: float | None = Field(default=None, gt=0)
    filler: str | None = None
    returns: list[str] | None = None
    once_per_call: bool | None = None
    needs: str | None = None
    grants: str | None = None
    attempts: int | None = Field(default=None, ge=1)
    slots: dict[str, SlotChanges] = Field(default_factory=dict[str, SlotChanges])

    def on(self, tool: Tool) -> Tool:
        """Raises SourceError for a slot that the tool has not."""
        slots = dict(tool.slots)
        for name, changes in self.slots.items():
            if name not in slots:
                known = ", ".join(slots) or "none"
                raise SourceError(f"{tool.name} has no slot {name!r}; it has: {known}")
            slots[name] = changes.on(slots[name])
        changes = self.model_dump(exclude_none=True, exclude={"slots"})
        for name in ("asks", "returns"):
            if name in changes:
                changes[name] = tuple(changes[name])
        if self.read_only is not None and self.needs_consent is None:
            changes["needs_consent"] = not self.read_only
        policy: Policy = replace(tool.policy, **changes)
        policy = replace(policy, needs_consent=policy.needs_consent or policy.irreversible)
        return replace(tool, policy=policy, slots=slots)


class _Source(Strict):
    only: list[str] | None = None  # an allow list; without it, every tool of the source
    # by name, what differs from what the source says
    tools: dict[str, ToolChanges] = Field(default_factory=dict[str, ToolChanges])


class PythonTools(_Source):
    """ "package.module:Class", or "package.module" for plain functions."""

    use: str = Field(pattern=r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?$")


_NO_SECRETS = (
    "a secret does not belong into YAML: put it into an environment variable and name that"
)


def _variable(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", value):
        raise PydanticCustomError("secret", _NO_SECRETS)
    return value


Variable = Annotated[str, BeforeValidator(_variable)]


def secret(variable: str) -> str:
    """What the environment holds. Raises SourceError where it holds nothing."""
    value = os.environ.get(variable, "")
    if not value:
        raise SourceError(f"the variable {variable} is not set; export it first")
    return value


def _no_literal(value: Any) -> Any:
    given = value if isinstance(value, Mapping) else {"value": value}
    if {"value", "token", "key", "secret", "password", "bearer"} & given.keys():
        example = "auth: {header: Authorization, env: NAME}"
        raise PydanticCustomError("secret", f"{_NO_SECRETS}: {example}")
    return value


class Header(Strict):
    """A header whose content is secret."""

    header: str = Field(default="Authorization", pattern=r"^[A-Za-z0-9-]+$")
    env: Variable  # the environment variable that holds it
    scheme: str = Field(default="", pattern=r"^[A-Za-z]*$")  # before it, as in "Bearer …"

    def content(self) -> dict[str, str]:
        """Raises SourceError."""
        return {self.header: f"{self.scheme} {secret(self.env)}".strip()}


Auth = Annotated[Header, BeforeValidator(_no_literal)]


def _address(value: str) -> str:
    if not re.match(r"https?://[^/?#]", value):
        raise ValueError("not an http address")
    if "@" in value.split("/")[2]:
        raise PydanticCustomError("secret", _NO_SECRETS)
    return value


Address = Annotated[str, BeforeValidator(_address)]


class OpenAPITools(_Source):
    """The operations of an HTTP API, by their operationId."""

    openapi: str  # a file beside the agent's, or an http address
    base: Address | None = None  # where the API is, if not where its file says
    auth: Auth | None = None


class MCPServer(Strict):
    """A server that is started with `command`, or one at an address."""

    command: list[str] = Field(default_factory=list[str])
    # variables that the process gets, by name, beside PATH, HOME and the like
    env: list[Variable] = Field(default_factory=list[str])
    url: Address | None = None
    auth: Auth | None = None

    @model_validator(mode="after")
    def _one(self) -> "MCPServer":
        if bool(self.command) == bool(self.url):
            raise ValueError("give either `command` or `url`")
        if self.url and self.env:
            raise ValueError("`env` is for a `command`; a server at an address has `auth`")
        if self.command and self.auth:
            raise ValueError("`auth` is for a `url`; a command has `env`")
        return self


class MCPTools(_Source):
    """Tools of an MCP server; `only` has to name them."""

    mcp: MCPServer


def _which(value: Any) -> Literal["[use]", "[openapi]", "[mcp]"]:
    keys = value if isinstance(value, Mapping) else {"use": value}
    return "[openapi]" if "openapi" in keys else "[mcp]" if "mcp" in keys else "[use]"


def _source(value: Any) -> Any:
    return {"use": value} if isinstance(value, str) else value


# Names in brackets are left out where a mistake is located
ToolSource = Annotated[
    Annotated[PythonTools, Tag("[use]")]
    | Annotated[OpenAPITools, Tag("[openapi]")]
    | Annotated[MCPTools, Tag("[mcp]")],
    Discriminator(_which),
    BeforeValidator(_source),
]


def chosen(
    wanted: _Source, offered: Mapping[str, Tool], where: str, names: str = ""
) -> dict[str, Tool]:
    """The tools that the owner lets through, changed as they say. `names`: all that the source
    has, where that is more than `offered`. Raises SourceError."""
    names = names or ", ".join(offered) or "none"
    keep: Sequence[str] = list(offered) if wanted.only is None else wanted.only
    for name in [*keep, *wanted.tools]:
        if name not in offered:
            raise SourceError(f"{where}: no tool {name!r}; it has: {names}")
    for name in wanted.tools:
        if name not in keep:
            raise SourceError(f"{where}: {name!r} is changed but not among `only`")
    try:
        return {
            name: wanted.tools[name].on(offered[name]) if name in wanted.tools else offered[name]
            for name in keep
        }
    except SourceError as exc:
        raise SourceError(f"{where}: {exc}") from exc
