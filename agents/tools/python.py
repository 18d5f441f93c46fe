"""Tools that are typed Python functions.

    class Shop:
        @tool(wants="tell the status of an order", read_only=True)
        def order_status(
            self, order_id: Annotated[str, Slot("order number", kind="id", pattern=r"\\d{4}")]
        ) -> ToolResult:
            \"""Where an order is and when it arrives.\"""

A signature gives the JSON schema, a docstring the description, the return annotation what a result
is checked against. Synchronous functions run in a thread, coroutine functions on the event loop.
"""

import importlib
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, Protocol, TypeVar, get_args, get_origin, runtime_checkable

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from agents.tools.contract import CallContext, Policy, Slot, Tool, ToolFailed, ToolResult
from agents.tools.sources import PythonTools, SourceError, chosen
from agents.tools.threads import Threads

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "__openline_tool__"


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
    returns: Sequence[str] = (),
    once_per_call: bool = False,
    needs: str = "",
    grants: str = "",
    attempts: int = 3,
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
    returns: of a read-only tool, the slots of other tools that its result knows ("slot_id"). Where
        such a slot is hidden, or the caller does not know it, this tool is asked first.
    once_per_call: a second run in one call is refused.
    needs: a state that the call has to be in ("identity"), which another tool grants; that tool
        runs first.
    grants: the state that the success of this read-only, internal tool brings about.
    attempts: of a tool that grants: refusals in one call after which nothing that needs it runs.
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
            returns=tuple(returns),
            once_per_call=once_per_call,
            needs=needs,
            grants=grants,
            attempts=attempts,
        )
        setattr(function, _MARK, policy)
        return function

    return mark


def tool_of(name: str, function: Callable[..., Any], threads: Threads | None = None) -> Tool:
    """Raises TypeError for a signature that no schema can be made of, or a return annotation that
    no result can be checked against."""
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
    return Tool(
        name,
        " ".join(doc.split()),
        policy,
        slots,
        function,
        context,
        check,
        result=_checked(name, hints.get("return", Any)),
        threads=threads or Threads(),
    )


def _checked(name: str, hint: Any) -> Callable[[Any], Any] | None:
    """What makes plain data of a result and raises ToolFailed where it is not what was declared."""
    if hint in (Any, object, ToolResult):
        return None
    try:
        declared = TypeAdapter[Any](hint)
    except PydanticUserError as exc:
        why = str(exc).splitlines()[0]
        raise TypeError(f"{name}: nothing can be checked against {hint!r}: {why}") from exc

    def check(found: Any) -> Any:
        try:
            return declared.dump_python(declared.validate_python(found, strict=True), mode="json")
        except ValidationError as exc:
            error = exc.errors()[0]
            where = ".".join(str(part) for part in error["loc"]) or "the result"
            raise ToolFailed(
                f"{name} returned what it does not declare: {where}: {error['msg']}"
            ) from exc

    return check


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
    threads = Threads()
    return {name: tool_of(name, getattr(source, name), threads) for name in names}


def load_source(path: str) -> object:
    """Import "package.module:Class" (an instance is made) or "package.module".

    Raises ImportError, AttributeError, TypeError and what the class's constructor raises.
    """
    module_name, _, attribute = path.partition(":")
    module = importlib.import_module(module_name)
    return getattr(module, attribute)() if attribute else module


@runtime_checkable
class _Closable(Protocol):
    """A tools' class that holds something open."""

    def close(self) -> None: ...


class PythonSource:
    """An imported module, or an instance of a class of it."""

    def __init__(self, wanted: PythonTools) -> None:
        """Raises SourceError."""
        try:
            self.owner = load_source(wanted.use)
            offered = tools_of(self.owner)
        except Exception as exc:
            raise SourceError(f"{wanted.use}: {type(exc).__name__}: {exc}") from exc
        if not offered:
            raise SourceError(f"{wanted.use}: no tools; nothing is marked with @tool")
        self.tools = chosen(wanted, offered, wanted.use)

    def close(self) -> None:
        if isinstance(self.owner, _Closable):
            self.owner.close()
