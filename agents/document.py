"""A YAML file that a person wrote: read it, and say in one line what is wrong and where."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError


class Strict(BaseModel):
    """Part of such a file: a key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DocumentError(Exception):
    """The file cannot be used. The message is one line: file, line, what is wrong."""


@dataclass(frozen=True, slots=True)
class Document:
    """A mapping, and the lines its keys came from."""

    path: Path
    data: dict[str, Any]
    node: yaml.Node | None

    @classmethod
    def read(cls, path: Path, what: str) -> "Document":
        """`what` names such a file ("a config"). Raises DocumentError."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as exc:
            raise DocumentError(f"{path}: cannot be read ({exc.strerror})") from exc
        except UnicodeDecodeError as exc:
            raise DocumentError(f"{path}: not UTF-8 text; save it as UTF-8") from exc
        try:
            node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
            data: Any = yaml.safe_load(text)
        except yaml.MarkedYAMLError as exc:
            line = exc.problem_mark.line + 1 if exc.problem_mark else 1
            raise DocumentError(f"{path}:{line}: not valid YAML ({exc.problem})") from exc
        except yaml.YAMLError as exc:
            raise DocumentError(f"{path}: not valid YAML ({exc})") from exc
        if not isinstance(data, dict | None):
            raise DocumentError(f"{path}:1: {what} is a mapping of keys to values")
        return cls(path, data or {}, node)

    def explain(
        self, exc: ValidationError, schema: type[BaseModel], given: Iterable[str] = ()
    ) -> str:
        """The first thing that `schema` found wrong. `given`: keys that are not in the file."""
        error = exc.errors()[0]
        # pydantic names its validators in the location: "function-before[_named(), LLMConfig]"
        where = [part for part in error["loc"] if isinstance(part, int) or "[" not in part]
        dotted = ".".join(str(part) for part in where)
        place = str(self.path) if dotted in given else self.place(where)
        more = f" ({exc.error_count() - 1} more)" if exc.error_count() > 1 else ""
        match error["type"]:
            case "extra_forbidden":
                known = _keys(schema, where[:-1])
                near = difflib.get_close_matches(str(where[-1]), known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
                return f"{place}: unknown key {dotted!r}; {hint}{more}"
            case "secret":  # what was given is not repeated
                return f"{place}: {dotted}: {error['msg']}{more}"
            case "missing":
                return f"{place}: {dotted!r} is missing{more}"
            case _:
                message = error["msg"].removeprefix("Value error, ")
                return f"{place}: {dotted}: {message}, got {error['input']!r}{more}"

    def place(self, where: Sequence[int | str]) -> str:
        """The file and the line of a key, or of the nearest that is there: "desk.yaml:3"."""
        return f"{self.path}:{self._line(where)}"

    def _line(self, where: Sequence[int | str]) -> int:
        node = self.node
        line = node.start_mark.line if node else 0
        for part in where:
            inner: yaml.Node | None = None
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if key.value == str(part):
                        line, inner = key.start_mark.line, value
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                inner = node.value[part] if part < len(node.value) else None
                line = inner.start_mark.line if inner else line
            node = inner
        return line + 1


def _keys(schema: type[BaseModel], where: list[int | str]) -> list[str]:
    """The keys that `schema` knows at a place; of every alternative where it has several."""
    schemas = [schema]
    for part in where:
        if isinstance(part, int):
            continue
        fields = [known.model_fields[part] for known in schemas if part in known.model_fields]
        schemas = [model for field in fields for model in _models(field.annotation)] or schemas
    return list(dict.fromkeys(key for known in schemas for key in known.model_fields))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in (getattr(annotation, "__origin__", None), *getattr(annotation, "__args__", ())):
        if inner is not None:
            yield from _models(inner)
