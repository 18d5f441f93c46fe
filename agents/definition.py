"""An agent's YAML: who it is, what it knows, which tools it has, and what a turn may cost."""

import difflib
from pathlib import Path
from typing import Annotated, Any, cast

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError


class DefinitionError(Exception):
    """An agent cannot be used. The message is one line: file, line, what is wrong, what to do."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Strict):
    """What one turn may cost."""

    steps: int = Field(default=6, ge=1, le=50)  # model requests and tools together
    tool_seconds: float = Field(default=10.0, gt=0)  # of a tool that names no timeout of its own
    turn_seconds: float = Field(default=30.0, gt=0)
    answer_tokens: int = Field(default=80, ge=8, le=4000)


class ToolSource(_Strict):
    """Where tools come from: "package.module:Class", or "package.module" for plain functions."""

    use: str = Field(pattern=r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?$")
    only: list[str] | None = None  # an allow list; without it, every tool of the source


def _source(value: Any) -> Any:
    return {"use": value} if isinstance(value, str) else value


class AgentDefinition(_Strict):
    """One file of configs/agents/. `name` is the file's stem."""

    name: str = ""
    title: str
    description: str = ""
    language: str = "en"
    voice: str = ""  # empty: the server's default
    greeting: str = ""
    persona: str = Field(min_length=1)
    facts: list[str] = []
    tools: list[Annotated[ToolSource, BeforeValidator(_source)]] = []
    limits: Limits = Limits()
    examples: list[str] = []  # what a caller could ask, shown beside the call

    @classmethod
    def read(cls, path: Path) -> "AgentDefinition":
        """Read and check a definition; its tools are not imported. Raises DefinitionError."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as exc:
            raise DefinitionError(f"{path}: cannot be read ({exc.strerror})") from exc
        except UnicodeDecodeError as exc:
            raise DefinitionError(f"{path}: not UTF-8 text; save it as UTF-8") from exc
        try:
            node = cast("yaml.Node | None", yaml.compose(text, Loader=yaml.SafeLoader))
            data: Any = yaml.safe_load(text)
        except yaml.MarkedYAMLError as exc:
            line = exc.problem_mark.line + 1 if exc.problem_mark else 1
            raise DefinitionError(f"{path}:{line}: not valid YAML ({exc.problem})") from exc
        except yaml.YAMLError as exc:
            raise DefinitionError(f"{path}: not valid YAML ({exc})") from exc
        if not isinstance(data, dict):
            raise DefinitionError(f"{path}:1: an agent is a mapping of keys to values")
        try:
            return cls.model_validate({"name": path.stem, **data})
        except ValidationError as exc:
            raise DefinitionError(_explain(path, node, exc)) from exc


_SECTIONS: dict[str, type[BaseModel]] = {"limits": Limits, "tools": ToolSource}


def _explain(path: Path, node: yaml.Node | None, exc: ValidationError) -> str:
    error = exc.errors()[0]
    # pydantic adds its validators' names to the location ("function-before[_source(), …]")
    where = [part for part in error["loc"] if isinstance(part, int) or "[" not in part]
    dotted = ".".join(str(part) for part in where)
    place = f"{path}:{_line(node, where)}"
    more = f" ({exc.error_count() - 1} more)" if exc.error_count() > 1 else ""
    if error["type"] == "extra_forbidden":
        model = _SECTIONS.get(str(where[0]), AgentDefinition) if where[1:] else AgentDefinition
        known = list(model.model_fields)
        near = difflib.get_close_matches(str(where[-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        return f"{place}: unknown key {dotted!r}; {hint}{more}"
    if error["type"] == "missing":
        return f"{place}: {dotted!r} is missing{more}"
    message = error["msg"].removeprefix("Value error, ")
    return f"{place}: {dotted}: {message}, got {error['input']!r}{more}"


def _line(node: yaml.Node | None, where: list[int | str]) -> int:
    line = node.start_mark.line if node else 0
    for part in where:
        inner: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    line, inner = key.start_mark.line, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            item: yaml.Node = node.value[part]
            inner, line = item, item.start_mark.line
        node = inner
    return line + 1
