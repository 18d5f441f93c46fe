"""What an agent may call: its slots, its policy, and how it runs."""

import asyncio
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from agents.telephone import Telephone

if TYPE_CHECKING:
    from agents.tools.threads import Threads

Kind = Literal["text", "name", "address", "date", "time", "int", "phone", "email", "id", "enum"]
FREE: frozenset[Kind] = frozenset({"text", "name", "address"})  # quoted, never computed


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


class ToolFailed(Exception):
    """A tool could not do its work, or returned what it must not. The message is for the log: one
    line, without secrets; the caller hears that it did not work."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool found, and optionally the sentence that says it.

    Without `say` the model phrases `data`, and code checks the phrase against it.
    """

    data: Mapping[str, Any]
    say: str = ""


def _unheard(_: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """Given to tools that have a parameter annotated with it. `values` is shared by the call."""

    call_id: str
    values: dict[str, Any]  # a tool's own memory of this call
    speak: Callable[[str], None] = _unheard
    gone: threading.Event = field(default_factory=threading.Event)
    language: str = "en"  # that the caller speaks
    telephone: Telephone = field(default_factory=Telephone)

    def say(self, text: str) -> None:
        """Progress in words for the caller ("I am still looking"), from any thread.

        Spoken in place of the next waiting phrase, so only while the caller waits; the latest
        counts.
        """
        if not self.gone.is_set():
            self.speak(text)

    @property
    def cancelled(self) -> bool:
        """Nobody waits for this run any more: the turn was dropped, or the tool took too long.

        A coroutine function that only reads is cancelled besides; one in a thread has to look.
        """
        return self.gone.is_set()


NO_CALL = CallContext("", {})


@dataclass(frozen=True, slots=True)
class Slot:
    """What an argument is, to the caller and to the code that reads it from speech."""

    label: str  # a noun phrase, as in "What is the {label}?"
    kind: Kind = "text"
    ask: str = ""  # the question, where "What is the {label}?" does not do
    hint: str = ""  # a sentence for callers who don't know it: where to find it
    pattern: str = ""  # of an id, a regular expression over digits and capital letters
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    past: bool = False  # of a date: only the past makes sense (a birthday)
    hours: tuple[float, float] = (8, 20)  # of a time: chooses am or pm where the caller does not
    options: tuple[str, ...] = ()  # filled from a Literal annotation
    required: bool = True  # False where the signature has a default
    hidden: bool = False  # no caller says it; it comes from a read-only tool that returns it


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
    returns: tuple[str, ...] = ()
    once_per_call: bool = False
    needs: str = ""
    grants: str = ""
    attempts: int = 3
    says: str = ""  # of a topic that is refused: said instead, and nothing runs


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
    result: Callable[[Any], Any] | None = None  # what was returned, checked; raises ToolFailed
    threads: "Threads | None" = None  # for a synchronous function
    providers: Mapping[str, "Tool"] = field(default_factory=dict[str, "Tool"])  # by slot; linked()
    guard: "Tool | None" = None  # the tool that grants what the policy needs

    @property
    def said(self) -> Mapping[str, Slot]:
        """What a caller may say for it: its own slots, and in the place of the hidden ones those
        of the tools that know them."""
        said = {name: slot for name, slot in self.slots.items() if not slot.hidden}
        hidden = [tool for name, tool in self.providers.items() if self.slots[name].hidden]
        for tool in (*hidden, *filter(None, (self.guard,))):
            said = {**tool.said, **said}
        return said

    def schema(self) -> dict[str, Any]:
        """The tool as OpenAI's API describes it, with what a caller may say."""
        properties: dict[str, Any] = {}
        for name, slot in self.said.items():
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
                    "required": [name for name, slot in self.said.items() if slot.required],
                    "additionalProperties": False,
                },
            },
        }

    async def run(
        self, arguments: Mapping[str, Any], context: CallContext, seconds: float
    ) -> ToolResult:
        """Call the function.

        Raises ToolError (a refusal), ToolTimeout, ToolFailed, and whatever the function raises. A
        thread cannot be stopped: a synchronous function that timed out may still finish later.
        """
        running = replace(context, gone=threading.Event())
        given = dict(arguments)
        if self.context_parameter:
            given[self.context_parameter] = running
        try:
            found = await self._call(self.function, given, seconds, context.call_id)
        finally:
            running.gone.set()
        if isinstance(found, ToolResult):
            return found
        if self.result is not None:
            found = self.result(found)
        if isinstance(found, Mapping):
            return ToolResult(cast("Mapping[str, Any]", found))
        return ToolResult({"result": found})

    async def settle(
        self, arguments: Mapping[str, Any], seconds: float, context: CallContext = NO_CALL
    ) -> Mapping[str, Any]:
        """Run the check, when what it needs is known: values that it settles. Raises as run()."""
        if self.check is None:
            return {}
        parameters = inspect.signature(self.check).parameters
        given = {name: value for name, value in arguments.items() if name in parameters}
        given |= {name: context for name, p in parameters.items() if p.annotation is CallContext}
        if any(p.default is p.empty and name not in given for name, p in parameters.items()):
            return {}
        return await self._call(self.check, given, seconds, context.call_id) or {}

    async def _call(
        self, function: Callable[..., Any], given: Mapping[str, Any], seconds: float, call_id: str
    ) -> Any:
        seconds = self.policy.timeout or seconds
        try:
            async with asyncio.timeout(seconds):
                if inspect.iscoroutinefunction(function):
                    return await function(**given)
                if self.threads is None:
                    raise TypeError(f"{self.name} is synchronous and has no threads to run in")
                return await self.threads.run(function, given, call_id, self.name)
        except TimeoutError as exc:
            raise ToolTimeout(f"{self.name} took longer than {seconds:g} s") from exc
