"""The owner's form: a JSON schema, as the fields that a call may fill."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from agents.tools import Kind, Slot

_FORMATS: dict[str, Kind] = {"date": "date", "time": "time", "email": "email", "phone": "phone"}
_DEEPEST = 3  # objects in objects; a form that a person fills is no deeper


class FormError(Exception):
    """A schema that no form can be made of. The message names the field and what to do."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of the form, or a list of them. `slot` says what it is and how it is read."""

    path: tuple[str, ...]
    slot: Slot
    yes_no: bool = False
    number: bool = False  # whole numbers only where the slot's kind is int
    several: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    title: str
    fields: tuple[Field, ...]

    @classmethod
    def read(cls, path: Path) -> "Form":
        """Raises FormError."""
        try:
            schema: Any = json.loads(path.read_text(encoding="utf-8"))
        except OSError as exc:
            raise FormError(f"{path}: cannot be read ({exc.strerror})") from exc
        except ValueError as exc:
            raise FormError(f"{path}: not JSON ({exc})") from exc
        try:
            return cls.of(schema)
        except FormError as exc:
            raise FormError(f"{path}: {exc}") from exc

    @classmethod
    def of(cls, schema: Any) -> "Form":
        """Raises FormError."""
        if not isinstance(schema, dict):
            raise FormError("a form is a JSON schema of an object")
        keys = cast("dict[str, Any]", schema)
        found = tuple(_fields(keys, ()))
        if not found:
            raise FormError("no properties: a form has at least one field")
        return cls(str(keys.get("title", "")), found)


def _fields(schema: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Field]:
    if schema.get("type", "object") != "object" or len(path) > _DEEPEST:
        raise FormError(f"{'.'.join(path) or 'the schema'}: not an object of at most 3 levels")
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    for name, inner in properties.items():
        here = (*path, name)
        if "properties" in inner:
            yield from _fields(inner, here)
        elif inner.get("type") == "array":
            yield _field(inner.get("items", {}), here, inner.get("description", ""), several=True)
        else:
            yield _field(inner, here, "", several=False)


def _field(schema: Mapping[str, Any], path: tuple[str, ...], about: str, *, several: bool) -> Field:
    label = about or str(schema.get("description") or path[-1].replace("_", " "))
    kinds = schema.get("type", "string")
    kind = next((k for k in kinds if k != "null"), "") if isinstance(kinds, list) else kinds
    options = tuple(str(option) for option in schema.get("enum", ()) if option is not None)
    if options:
        return Field(path, Slot(label, kind="enum", options=options), several=several)
    match kind:
        case "boolean":
            return Field(path, Slot(label), yes_no=True, several=several)
        case "integer" | "number":
            return Field(path, Slot(label, kind="int"), number=True, several=several)
        case "string":
            pattern = str(schema.get("pattern", "")).strip("^$")
            shape = _FORMATS.get(str(schema.get("format", "")), "id" if pattern else "text")
            return Field(path, Slot(label, kind=shape, pattern=pattern), several=several)
        case _:
            raise FormError(
                f"{'.'.join(path)}: a field of type {kind!r} cannot be filled from speech; "
                "use string, integer, number, boolean, enum, or an array of them"
            )
