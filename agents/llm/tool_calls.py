"""Tool calls of engines without native ones: a grammar of words or one call, and its reader."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from agents.llm.engine import Message, ToolCall
from agents.llm.gbnf import quoted

_VALUES = r"""
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" (string ": " value (", " string ": " value)*)? "}"
array ::= "[" (value (", " value)*)? "]"
string ::= "\"" ([^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" hex hex hex hex))* "\""
hex ::= [0-9a-fA-F]
integer ::= "-"? ("0" | [1-9] [0-9]*)
number ::= integer ("." [0-9]+)? ([eE] [-+]? [0-9]+)?
boolean ::= "true" | "false"
"""
# No brace and no backtick anywhere: small models also write a call, or a ```json, after "Sure!".
_WORDS = r"words ::= [^ \n{}<`] [^{}`]*"
_TYPES = {"string", "integer", "number", "boolean", "null"}
_PLAIN = {"type", "enum", "const", "title", "description", "default", "examples"}


class ToolError(Exception):
    """A tool that cannot be offered. The message names it and says why, in one line."""


def grammar(tools: Sequence[Mapping[str, Any]], *, required: bool) -> str:
    """GBNF for one call of one of `tools` (as in OpenAI's API), or words unless it is `required`.

    A flat schema (named values of a type, an enum or a constant) is followed to the letter, keys
    in its own order, required ones first; arguments of any other schema are any JSON object.
    Raises ToolError.
    """
    calls: list[str] = []
    rules: list[str] = []
    for index, tool in enumerate(tools):
        schema: dict[str, Any] = tool["function"].get("parameters") or {"properties": {}}
        rules.append(f"args{index} ::= {_arguments(schema)}")
        head = f'{{"name": {json.dumps(_named(tool))}, "arguments": '
        calls.append(f'{quoted(head)} args{index} "}}"')
    root = f"root ::= {'call' if required else 'call | words'}"
    words = [] if required else [_WORDS]
    return "\n".join([root, f"call ::= {' | '.join(calls)}", *words, *rules]) + _VALUES


def told(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> list[Message]:
    """The messages for an engine that knows no tools: they are described in the system message,
    calls are what the grammar made of them, and results are lines of the user's."""
    told: list[Message] = []
    names: dict[str, str] = {}
    for message in messages:
        if message.role == "tool":
            name = names.get(message.tool_call_id, "")
            said = Message("user", f"The tool {name} found {message.content}. Answer in words now.")
            if told and told[-1].role == "user":  # many templates refuse two in a row
                said = Message("user", f"{told.pop().content}\n{said.content}")
            told.append(said)
        elif message.tool_calls:
            names |= {call.id: call.name for call in message.tool_calls}
            lines = [message.content] if message.content else []
            lines += [_written(call) for call in message.tool_calls]
            told.append(Message("assistant", "\n".join(lines)))
        else:
            told.append(message)
    if not tools:
        return told
    about = _about(tools)
    if told and told[0].role == "system":
        return [replace(told[0], content=f"{told[0].content}\n\n{about}"), *told[1:]]
    return [Message("system", about), *told]


class Reader:
    """What a model wrote under the grammar: words come out as they come, a call at its end."""

    def __init__(self) -> None:
        self._call = ""
        self._begun = False

    def read(self, text: str) -> str:
        """The part of `text` that is words."""
        if not self._begun:
            text = text.lstrip()
            self._begun = bool(text)
        if self._call or text.startswith("{"):
            self._call += text
            return ""
        return text

    def end(self, call_id: str) -> ToolCall | None:
        """The call, if there was one; one that was cut off by `max_tokens` is none."""
        try:
            written: object = json.loads(self._call or "null")
        except ValueError:
            return None
        match written:
            case {"name": str(name), "arguments": dict(arguments)}:
                return ToolCall(call_id, name, cast("dict[str, Any]", arguments))
            case _:
                return None


def _about(tools: Sequence[Mapping[str, Any]]) -> str:
    lines = ["You have these tools:"]
    for tool in tools:
        function = tool["function"]
        described = {key: function[key] for key in ("name", "description", "parameters")
                     if function.get(key)}  # fmt: skip
        lines.append(json.dumps(described, ensure_ascii=False))
    # Worded on qwen2.5-coder-1.5b. With "..." for the name, "Hello" was a call too; told "to use
    # one, answer with its call", it described the tool to the caller instead.
    example = f'{{"name": {json.dumps(tools[0]["function"]["name"])}, "arguments": {{...}}}}'
    lines.append(
        f"Whoever asks for what a tool does is answered by JSON alone: {example}. "
        "Speak only when no tool fits, a value is missing, or its result is there."
    )
    return "\n".join(lines)


def _written(call: ToolCall) -> str:
    return json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)


def _named(tool: Mapping[str, Any]) -> str:
    name = str(tool["function"]["name"])
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
        raise ToolError(f"tool {name[:70]!r}: a name has letters, digits, _, . and -; 64 at most")
    return name


def _arguments(schema: Mapping[str, Any]) -> str:
    properties: Mapping[str, Any] = schema.get("properties") or {}
    known = {"type", "properties", "required", "additionalProperties", "title", "description"}
    if set(schema) - known - {"$schema"} or schema.get("type", "object") != "object":
        return "object"
    if not properties:
        closed = "properties" in schema or schema.get("additionalProperties") is False
        return '"{}"' if closed else "object"
    required: set[str] = set(schema.get("required") or [])
    pairs: dict[str, str] = {}
    for key in sorted(properties, key=lambda key: key not in required):
        value = _value(properties[key])
        if not value:
            return "object"
        pairs[key] = f"{quoted(f'{json.dumps(key)}: ')} ({value})"
    if required - set(pairs):
        return "object"
    return '"{" ' + _sequence(pairs, required) + ' "}"'


def _sequence(pairs: Mapping[str, str], required: set[str]) -> str:
    """Required pairs in order, then any of the others, in order too."""
    must = [pair for key, pair in pairs.items() if key in required]
    may = [pair for key, pair in pairs.items() if key not in required]
    after = [f'(", " {pair})?' for pair in may]
    if must:
        return " ".join(['", " '.join(f"{pair} " for pair in must), *after])
    starts = [" ".join([pair, *after[i + 1 :]]) for i, pair in enumerate(may)]
    return f"({' | '.join(starts)})?"


def _value(schema: object) -> str:
    """A rule for one value, or "" where the schema says more than a type and what is allowed."""
    if not isinstance(schema, dict):
        return ""
    plain = cast("dict[str, Any]", schema)
    options: list[dict[str, Any]] | None = plain.get("anyOf")
    if options and set(plain) - {"anyOf"} <= _PLAIN - {"type", "enum", "const"}:
        found = [_value(option) for option in options]
        return " | ".join(found) if all(found) else ""
    if set(plain) - _PLAIN:
        return ""
    if "const" in plain:
        return quoted(json.dumps(plain["const"], ensure_ascii=False))
    if plain.get("enum"):
        return " | ".join(quoted(json.dumps(one, ensure_ascii=False)) for one in plain["enum"])
    types = list(_types(plain.get("type")))
    return " | ".join('"null"' if kind == "null" else kind for kind in types)


def _types(given: object) -> Iterator[str]:
    kinds = cast("list[object]", given) if isinstance(given, list) else [given]
    if all(kind in _TYPES for kind in kinds):
        yield from (str(kind) for kind in kinds)
