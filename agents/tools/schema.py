"""Arguments that a JSON schema describes, as slots that a caller can say, and back.

Objects are flattened by one level: {"patient": {"name": …}} is asked for as patient_name.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from agents.tools.contract import Kind, Slot, ToolError

Schema = Mapping[str, Any]

_DEEPEST = 12  # levels of a schema that are followed; deeper ones admit anything
_BY_NAME: Mapping[str, Kind] = {
    "name": "name",
    "phone": "phone",
    "telephone": "phone",
    "mobile": "phone",
    "email": "email",
    "address": "address",
}
_BY_FORMAT: Mapping[str, Kind] = {
    "date": "date",
    "time": "time",
    "email": "email",
    "phone": "phone",
}
_UNSAYABLE = ("uuid", "uri", "uri-reference", "byte", "binary", "hostname", "ipv4", "ipv6")
_BOOLEAN = ("true", "false")
_LABEL_WORDS = 5  # a description that is longer is a sentence, not a noun phrase


class SchemaError(Exception):
    """A schema that no slot can be made of. The message is part of a line: what, and why."""


@dataclass(frozen=True, slots=True)
class Part:
    """One value of an argument object, and the slots that say it: two for a date with a time."""

    path: tuple[str, ...]
    schema: Schema
    slots: Mapping[str, Slot]

    def value(self, arguments: Mapping[str, Any]) -> Any:
        """As the schema wants it; None where it was not said. Raises ToolError."""
        said = [arguments[name] for name in self.slots if name in arguments]
        if len(said) < len(self.slots):
            return None
        value = self._typed(said)
        name, slot = next(iter(self.slots.items()))
        if error := _worst(value, self.schema):
            raise ToolError(_refusal(slot.label, error), name)
        return value

    def _typed(self, said: Sequence[Any]) -> Any:
        if len(said) == 2:  # said in the local time of this machine
            return dt.datetime.fromisoformat("T".join(said)).astimezone().isoformat()
        for option in self.schema.get("enum", ()):
            if str(option) == str(said[0]):
                return option
        return said[0] == _BOOLEAN[0] if _type(self.schema) == "boolean" else said[0]


def resolved(schema: Any, root: Any, *, _depth: int = 0) -> Any:
    """The schema with its references followed, in today's words where OpenAPI 3.0 has others.

    Raises SchemaError for a reference out of the document.
    """
    if _depth > _DEEPEST:
        return {}
    if isinstance(schema, list):
        return [resolved(part, root, _depth=_depth + 1) for part in cast("list[Any]", schema)]
    if not isinstance(schema, Mapping):
        return schema
    node = cast("Mapping[str, Any]", schema)
    if isinstance(reference := node.get("$ref"), str):
        return resolved(_pointed(reference, root), root, _depth=_depth + 1)
    made = {key: resolved(value, root, _depth=_depth + 1) for key, value in node.items()}
    for part in made.pop("allOf", ()):
        properties = {**made.get("properties", {}), **part.get("properties", {})}
        required = [*made.get("required", ()), *part.get("required", ())]
        made = {**part, **made}
        if properties:
            made |= {"properties": properties, "required": required}
    if made.pop("nullable", False) is True:
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    for bound in ("Minimum", "Maximum"):
        if isinstance(strict := made.get(f"exclusive{bound}"), bool):
            del made[f"exclusive{bound}"]
            if strict:
                made[f"exclusive{bound}"] = made.pop(bound.lower())
    return made


def _pointed(reference: str, root: Any) -> Any:
    if not reference.startswith("#/"):
        raise SchemaError(f"{reference!r} is in another file; put all of it into one")
    found = root
    for step in reference[2:].split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or step not in found:
            raise SchemaError(f"{reference!r} is not there")
        found = cast("Any", found[step])
    return found


def parts_of(schema: Schema, *, inside: tuple[str, ...] = (), needed: bool = True) -> list[Part]:
    """The parts of a resolved object schema, in order.

    Values that no caller could say are left out where they are optional. Raises SchemaError for
    one that is required.
    """
    parts: list[Part] = []
    required = cast("Sequence[str]", schema.get("required", ()))
    for name, given in cast("Mapping[str, Schema]", schema.get("properties", {})).items():
        path, needs = (*inside, name), needed and name in required
        part = _without_null(given)
        if _type(part) == "object" and not inside:
            parts += parts_of(part, inside=path, needed=needs)
            continue
        try:
            parts.append(part_of(path, part, required=needs))
        except SchemaError:
            if needs:
                raise
    return parts


def part_of(path: tuple[str, ...], schema: Schema, *, required: bool, about: str = "") -> Part:
    """One value. `about` describes it where the schema does not. Raises SchemaError."""
    schema = _without_null(schema)
    name = _snake("_".join(path))
    slot = Slot(_label(path[-1], schema.get("description") or about or schema.get("title", "")))
    slot = replace(slot, required=required)
    what = f"{'.'.join(path)!r}"
    if (default := schema.get("enum")) and _type(schema) == "string":
        # YAML reads a bare yes, no, on, off as true and false
        words = [{True: "yes", False: "no"}.get(v, v) if v in (True, False) else v for v in default]
        schema = {**schema, "enum": words}
    if "const" in schema:
        slot = replace(slot, kind="enum", options=(str(schema["const"]),))
        return Part(path, {**schema, "enum": [schema["const"]]}, {name: slot})
    if schema.get("enum"):
        options = tuple(str(option) for option in schema["enum"] if option is not None)
        return Part(path, schema, {name: replace(slot, kind="enum", options=options)})
    match _type(schema):
        case "boolean":  # not yes and no: they answer read-backs
            return Part(path, schema, {name: replace(slot, kind="enum", options=_BOOLEAN)})
        case "integer" | "number":
            return Part(path, schema, {name: replace(slot, kind="int")})
        case "string" if schema.get("format") == "date-time":
            day = replace(slot, label=f"{slot.label} day", kind="date")
            hour = replace(slot, label=f"{slot.label} time", kind="time")
            return Part(path, schema, {f"{name}_date": day, f"{name}_time": hour})
        case "string" if schema.get("format") == "uuid" and required:  # another tool returns it
            return Part(path, schema, {name: replace(slot, kind="id", hidden=True)})
        case "string" if schema.get("format") in _UNSAYABLE:
            raise SchemaError(f"{what} is a {schema['format']}, which no caller could say")
        case "string":
            return Part(path, schema, {name: _text_slot(slot, path[-1], schema)})
        case other:
            raise SchemaError(f"{what} is of type {other or 'unknown'}, which no caller could say")


def arguments_of(parts: Sequence[Part], said: Mapping[str, Any]) -> dict[str, Any]:
    """The argument object of what was said. Raises ToolError."""
    made: dict[str, Any] = {}
    for part in parts:
        if (value := part.value(said)) is None:
            continue
        inner = made
        for step in part.path[:-1]:
            inner = inner.setdefault(step, {})
        inner[part.path[-1]] = value
    return made


def misfit(value: Any, schema: Schema) -> str:
    """Where a value is not what the schema says, as text for the log; "" if it is."""
    error = _worst(value, schema)
    if error is None:
        return ""
    return f"{error.json_path}: {error.validator} {error.validator_value!r:.60} does not hold"


def _worst(value: Any, schema: Schema) -> ValidationError | None:
    return best_match(Draft202012Validator(schema).iter_errors(value))


def _text_slot(slot: Slot, name: str, schema: Schema) -> Slot:
    if pattern := schema.get("pattern"):
        pattern = str(pattern).removeprefix("^").removesuffix("$")
        letters = re.sub(r"\\[dw]", "", pattern)
        # Codes are read from speech as capital letters and digits; another pattern is only checked.
        if not re.search(r"[a-z\s_\-/.\\]", re.sub(r"[A-Z0-9]-[A-Z0-9]", "", letters)):
            return replace(slot, kind="id", pattern=pattern)
        return slot
    if kind := _BY_FORMAT.get(schema.get("format", "")):
        return replace(slot, kind=kind)
    return replace(slot, kind=_BY_NAME.get(_snake(name).split("_")[-1], "text"))


def _type(schema: Schema) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "")
    if isinstance(kind, list):
        return next((str(t) for t in cast("list[Any]", kind) if t != "null"), "")
    return str(kind)


def _without_null(schema: Schema) -> Schema:
    for key in ("anyOf", "oneOf"):
        choices = [part for part in schema.get(key, ()) if part.get("type") != "null"]
        if len(choices) == 1:
            rest = {k: v for k, v in schema.items() if k != key}
            return {**rest, **choices[0]}
    return schema


def _snake(name: str) -> str:
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower().strip("_")


def _label(name: str, description: str) -> str:
    """A noun phrase: the description if it is one, else the name in words."""
    first = re.split(r"[.;:(,\n]", description.strip())[0].strip()
    words = re.sub(r"^(the|a|an) ", "", first, flags=re.IGNORECASE).split()
    if 0 < len(words) <= _LABEL_WORDS:
        return " ".join([words[0] if words[0].isupper() else words[0].lower(), *words[1:]])
    return _snake(name).replace("_", " ")


def _refusal(label: str, error: ValidationError) -> str:
    bound = error.validator_value
    if isinstance(bound, float):
        bound = f"{bound:g}"
    match error.validator:
        case "minimum":
            return f"the {label} has to be {bound} at least"
        case "maximum":
            return f"the {label} can be {bound} at most"
        case "exclusiveMinimum":
            return f"the {label} has to be more than {bound}"
        case "exclusiveMaximum":
            return f"the {label} has to be less than {bound}"
        case _:
            return f"I cannot use that as the {label}"


def slots_of(parts: Sequence[Part]) -> Iterator[tuple[str, Slot]]:
    for part in parts:
        yield from part.slots.items()
