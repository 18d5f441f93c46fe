"""Tools: typed Python functions that an agent may call.

    class Shop:
        @tool(read_only=True, wants="tell the status of an order")
        def order_status(
            self, order_id: Annotated[str, Slot("order number", kind="id", pattern=r"\\d{4}")]
        ) -> ToolResult:
            \"""Where an order is and when it arrives.\"""

A signature gives the JSON schema, a docstring the description. Synchronous functions run in a
thread, coroutine functions on the event loop.
"""

import asyncio
import functools
import importlib
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

Kind = Literal["text", "name", "address", "date", "time", "int", "phone", "email", "id", "enum"]
FREE: frozenset[Kind] = frozenset({"text", "name", "address"})  # quoted, never computed

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "__openline_tool__"


class ToolError(Exception):
    """A tool's refusal, in words for the caller, without a full stop.

    `slot` is the argument to ask again, `options` are values of it that would work.
    """

    def __init__(self, message: str, slot: str = "", options: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.slot = slot
        self.options = tuple(options)


class ToolTimeout(Exception):
    """A tool did not return in time."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool found, and optionally the sentence that says it.

    Without `say` the model phrases `data`, and code checks the phrase against it.
    """

    data: Mapping[str, Any]
    say: str = ""


@dataclass(frozen=True, slots=True)
class CallContext:
    """Given to tools that have a parameter annotated with it. One per call."""

    call_id: str
    values: dict[str, Any]  # a tool's own memory of this call


@dataclass(frozen=True, slots=True)
class Slot:
    """What an argument is, to the caller and to the code that reads it from speech."""

    label: str  # a noun phrase: "What is the {label}?"
    kind: Kind = "text"
    ask: str = ""  # the question, where "What is the {label}?" does not do
    hint: str = ""  # a sentence for callers who don't know it: where to find it
    pattern: str = ""  # of an id, a regular expression over digits and capital letters
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    past: bool = False  # of a date: only the past makes sense (a birthday)
    hours: tuple[float, float] = (8, 20)  # of a time: chooses am or pm where the caller does not
    options: tuple[str, ...] = ()  # filled from a Literal annotation
    required: bool = True  # False where the signature has a default

    @property
    def question(self) -> str:
        return self.ask or f"What is the {self.label}?"


@dataclass(frozen=True, slots=True)
class Policy:
    """The flags of a tool, as @tool was given them."""

    wants: str
    read_only: bool
    irreversible: bool
    needs_consent: bool
    internal: bool
    asks: tuple[str, ...]
    confirm: str
    done: str
    check: Callable[..., Any] | None
    timeout: float | None
    filler: str


def tool(
    *,
    wants: str = "",
    read_only: bool = False,
    irreversible: bool = False,
    needs_consent: bool | None = None,
    internal: bool = False,
    asks: Sequence[str] = (),
    confirm: str = "",
    done: str = "",
    check: Callable[..., Any] | None = None,
    timeout: float | None = None,
    filler: str = "",
) -> Callable[[F], F]:
    """Mark a function or method as a tool.

    wants: what the caller wants, an imperative ("cancel an order"); read to the model and spoken
        in "Shall I cancel an order?". The docstring's first line where empty.
    read_only: changes nothing, so it may run before the turn is confirmed.
    irreversible: cannot be taken back; implies needs_consent.
    needs_consent: its arguments are read back and the caller says yes before it runs. Default: of
        every tool that is not read-only.
    internal: never offered as something a caller could want.
    asks: how callers put it, without the arguments ("where is my order"); shown to small models
        as examples, and a line that says just this needs no model.
    confirm, done: sentences with {slots} for the read-back and the success; `done` may also use
        the fields of the result.
    check: a function with some of the tool's parameters, called as soon as those without a default
        are known and before anything is read back. It raises ToolError when the call could not
        work, and may return values for slots that are settled by what is known.
    timeout: seconds, instead of the agent's limits.tool_seconds.
    filler: spoken when the tool takes longer than a short pause ("Let me look that up.").
    """

    def mark(function: F) -> F:
        consent = not read_only if needs_consent is None else needs_consent
        doc = (inspect.getdoc(function) or function.__name__.replace("_", " ")).split("\n")[0]
        policy = Policy(
            wants=wants or doc.rstrip(".").lower(),
            read_only=read_only,
            irreversible=irreversible,
            needs_consent=consent or irreversible,
            internal=internal,
            asks=tuple(asks),
            confirm=confirm,
            done=done,
            check=check,
            timeout=timeout,
            filler=filler,
        )
        setattr(function, _MARK, policy)
        return function

    return mark


@dataclass(frozen=True, slots=True)
class Tool:
    """A function ready to be offered and called."""

    name: str
    description: str
    policy: Policy
    slots: Mapping[str, Slot]
    function: Callable[..., Any]
    context_parameter: str = ""
    check: Callable[..., Any] | None = None  # of the policy, bound to the tool's own instance

    @classmethod
    def of(cls, name: str, function: Callable[..., Any]) -> "Tool":
        """Raises TypeError for a signature that no schema can be made of."""
        policy: Policy = getattr(function, _MARK)
        slots: dict[str, Slot] = {}
        context = ""
        hints = typing.get_type_hints(function, include_extras=True)
        for parameter in inspect.signature(function).parameters.values():
            hint = hints.get(parameter.name)
            if hint is CallContext:
                context = parameter.name
                continue
            if hint is None or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                raise TypeError(f"{name}: parameter {parameter.name!r} has no usable type")
            required = parameter.default is parameter.empty
            slots[parameter.name] = replace(_slot(name, parameter.name, hint), required=required)
        doc = inspect.getdoc(function) or policy.wants
        check = policy.check
        if check is not None and inspect.ismethod(function):
            check = check.__get__(function.__self__)
        return cls(name, " ".join(doc.split()), policy, slots, function, context, check)

    def schema(self) -> dict[str, Any]:
        """The tool as OpenAI's API describes it."""
        properties: dict[str, Any] = {}
        for name, slot in self.slots.items():
            how = {"date": ", as YYYY-MM-DD", "time": ", as HH:MM (24 hours)"}.get(slot.kind, "")
            properties[name] = {
                "type": "integer" if slot.kind == "int" else "string",
                "description": slot.label + how,
            }
            if slot.options:
                properties[name]["enum"] = list(slot.options)
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": {
                    "type": "object",
                    "properties": properties,
                    "required": [name for name, slot in self.slots.items() if slot.required],
                    "additionalProperties": False,
                },
            },
        }

    async def run(
        self, arguments: Mapping[str, Any], context: CallContext, seconds: float
    ) -> ToolResult:
        """Call the function.

        Raises ToolError (a refusal), ToolTimeout, and whatever the function raises. A thread
        cannot be stopped: a synchronous function that timed out may still finish later.
        """
        given = dict(arguments)
        if self.context_parameter:
            given[self.context_parameter] = context
        found = await _call(self.function, given, self.policy.timeout or seconds, self.name)
        if isinstance(found, ToolResult):
            return found
        if isinstance(found, Mapping):
            return ToolResult(cast("Mapping[str, Any]", found))
        return ToolResult({"result": found})

    async def settle(self, arguments: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """Run the check, when what it needs is known: values that it settles. Raises as run()."""
        if self.check is None:
            return {}
        parameters = inspect.signature(self.check).parameters
        given = {name: value for name, value in arguments.items() if name in parameters}
        if any(p.default is p.empty and name not in given for name, p in parameters.items()):
            return {}
        return await _call(self.check, given, self.policy.timeout or seconds, self.name) or {}


async def _call(
    function: Callable[..., Any], given: Mapping[str, Any], seconds: float, name: str
) -> Any:
    try:
        async with asyncio.timeout(seconds):
            if inspect.iscoroutinefunction(function):
                return await function(**given)
            return await asyncio.to_thread(functools.partial(function, **given))
    except TimeoutError as exc:
        raise ToolTimeout(f"{name} took longer than {seconds:g} s") from exc


def _slot(tool_name: str, name: str, hint: Any) -> Slot:
    base, slot = hint, Slot(name.replace("_", " "))
    if get_origin(hint) is typing.Annotated:
        base, *notes = get_args(hint)
        slot = next((note for note in notes if isinstance(note, Slot)), slot)
    if get_origin(base) in (typing.Union, types.UnionType):  # str | None
        kinds = [part for part in get_args(base) if part is not type(None)]
        base = kinds[0] if len(kinds) == 1 else base
    if get_origin(base) is Literal:
        return replace(slot, kind="enum", options=tuple(str(option) for option in get_args(base)))
    if base is int:
        return replace(slot, kind="int")
    if base is not str:
        raise TypeError(f"{tool_name}: {name} must be str, int or a Literal of strings")
    return slot


def tools_of(source: object) -> dict[str, Tool]:
    """The tools of an instance or a module, in the order they are written."""
    owner = vars(source) if inspect.ismodule(source) else vars(type(source))
    names = [name for name, value in owner.items() if hasattr(value, _MARK)]
    return {name: Tool.of(name, getattr(source, name)) for name in names}


def load_source(path: str) -> object:
    """Import "package.module:Class" (an instance is made) or "package.module".

    Raises ImportError, AttributeError, TypeError and what the class's constructor raises.
    """
    module_name, _, attribute = path.partition(":")
    module = importlib.import_module(module_name)
    return getattr(module, attribute)() if attribute else module
