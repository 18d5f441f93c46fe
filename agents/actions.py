"""What happens to pending actions in a turn: values come in, they are checked, run, or left."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz import fuzz

from agents import records, sentences
from agents.acting import Acts, Outcome, Settle, outcome_of
from agents.definition import Limits
from agents.events import Event, Say, ToolEnded
from agents.frame import Frame, ReadBack, Source, State, Val
from agents.llm.engine import Message, ToolCall
from agents.mind import Budget
from agents.spoken import Language
from agents.tools import FREE, Tool, ToolResult

_FAILURES = {"missed", "without", "give up", "engine", "refused"} | {
    f"{problem}{reading}" for problem in ("failed", "slow") for reading in ("", " reading")
}
_NEARLY = 80  # rapidfuzz ratio from which an offered value is what the caller meant


@dataclass(slots=True)
class Actions:
    """The pending actions of one turn. Everything is said through `emit`."""

    state: State
    language: Language
    limits: Limits
    budget: Budget
    acts: Acts
    hidden: frozenset[str]  # slots that are never spoken of: identifiers that only tools know
    committed: asyncio.Event
    emit: Callable[[Event], None]
    last_tool: str = ""  # the tool that gives the caller to a person: nothing is offered after it
    exchanges: list[Message] = field(default_factory=list[Message])  # calls of this turn, results
    waits_for: Frame | None = None  # the action that this turn asked something for
    failed: bool = False  # something that the caller wanted did not work

    def say(self, name: str, values: Mapping[str, str] | None = None) -> None:
        """One of the language's sentences."""
        self.failed = self.failed or name in _FAILURES
        self.emit(Say(self.language.phrase(name, values), complete=True))

    def fill(
        self,
        frame: Frame,
        values: Mapping[str, str | int],
        chosen: frozenset[str] = frozenset(),
    ) -> None:
        """Take values from the caller's line; `chosen` of them were chosen by the model."""
        for name, value in values.items():
            before = frame.values.get(name)
            if name in frame.offers and name not in frame.slots:
                offer = frame.offers[name].records
                record = next(record for record in offer if record[name] == value)
                frame.take(name, self.val_of(frame, name, record, "record"))
                self.take_fields(frame, record)
                continue
            val = Val(value, "model" if name in chosen else "caller", self.state.turn)
            frame.take(name, val)
            self.state.known[name] = val
            if before is None or before.value != value:
                for tool in frame.stale(name):
                    proved = self.state.granted.get(tool.policy.grants, {}).get(name)
                    if proved is not None and proved.value != value:  # somebody else
                        del self.state.granted[tool.policy.grants]

    def take_fields(self, frame: Frame, record: Mapping[str, Any]) -> None:
        """What a chosen record says of slots that nobody has spoken of: its doctor, its size."""
        for name, value in record.items():
            slot = frame.slots.get(name)
            fits = slot and (not slot.options or value in slot.options)
            if fits and name not in frame.values and isinstance(value, str | int):
                frame.values[name] = Val(value, "result", self.state.turn)

    def val_of(self, frame: Frame, slot: str, record: Mapping[str, Any], source: Source) -> Val:
        """The value of a slot that a look-up knew, and the record that says what it is."""
        spoken = records.told(record, self.hidden, self.language)
        value = record[slot]
        value = value if isinstance(value, int) else str(value)
        return Val(value, source, self.state.turn, spoken, record)

    def ask(self, frame: Frame, name: str, before: str = "") -> None:
        frame.asked = name
        self.waits_for = frame
        if name in frame.offers:
            question = records.offered(frame.offers[name], self.hidden, self.language)
        else:
            slot = {**frame.tool.slots, **frame.slots}[name]
            question = sentences.question(slot, self.language)
        self.emit(Say(f"{before} {question}".strip(), complete=True))

    def drop(self, frame: Frame) -> None:
        """The caller gave the action up."""
        self.forget(frame)
        text = self.language.phrase("dropped")
        if not self.state.frames:
            text += " " + self.language.phrase("more")
        self.emit(Say(text, complete=True))

    def forget(self, frame: Frame) -> None:
        if frame in self.state.frames:
            self.state.frames.remove(frame)

    def needs_consent(self, frame: Frame) -> bool:
        policy = frame.tool.policy
        said = all(val.source == "caller" for val in frame.values.values())
        return not policy.read_only and (policy.needs_consent or not said)

    # -- checks and refusals -----------------------------------------------------------------

    async def check(self, frame: Frame) -> Outcome:
        """The tool's own check of what is known; it may settle further slots."""

        async def settle() -> ToolResult:
            tool, context = frame.tool, self.acts.context
            return ToolResult(await tool.settle(frame.arguments, self._seconds(tool), context))

        outcome = await outcome_of(settle(), frame.tool.name)
        if frame.tool.check is not None and frame.arguments:
            self.acts.checked(frame.tool, frame.arguments, outcome)
        for name, value in outcome.result.data.items() if outcome.result else ():
            if name in frame.slots and frame.arguments.get(name) != value:
                frame.values[name] = Val(value, "tool", self.state.turn)
        return outcome

    def explain(self, frame: Frame, outcome: Outcome, heard: str = "") -> None:
        """Say why a tool refused or failed, and ask for what would help, or leave the action.

        Says nothing where the tool may be tried again with what is known now. `heard` is said
        besides: what the tool was asked with.
        """
        refusal = outcome.refusal
        if refusal is None:
            self.forget(frame)
            self.say(f"{outcome.problem} reading")  # a check changes nothing
            return
        remembered = [name for name, val in frame.values.items() if val.source == "memory"]
        for name in remembered:  # said for something else; nobody asked for it here
            del frame.values[name]
        if remembered:
            return
        slot = frame.slots.get(refusal.slot)
        if slot is None or refusal.slot not in frame.values:
            self.forget(frame)
            self.say("refused", {"why": str(refusal)})
            return
        given = frame.values.pop(refusal.slot)
        frame.read_back = None
        # A time or a number that is written alike is another one: 19:00 for 21:00.
        words = slot.kind in FREE or slot.kind == "enum"
        near = [one for one in refusal.options if words and _alike(one, str(given.value))]
        if len(near) == 1 and given.source != "option":
            frame.values[refusal.slot] = Val(near[0], "option", self.state.turn)
            return
        self.state.known.pop(refusal.slot, None)
        frame.misses += 1
        self.failed = True
        frame.stale(refusal.slot)
        why = self.language.phrase("refused", {"why": str(refusal)})
        if heard:
            why += " " + self.language.phrase("heard", {"heard": heard})
        if refusal.options:
            said = [self.language.say(slot.kind, option) for option in refusal.options]
            why += " " + self.language.phrase(
                "options", {"options": self.language.phrase("or").join(said)}
            )
        self.ask(frame, refusal.slot, why)

    # -- running -----------------------------------------------------------------------------

    async def run(self, frame: Frame, read_back: ReadBack | None = None) -> Outcome | None:
        """Run the action, with a side effect only once the caller's turn is confirmed.

        None when it did not run after all: its read-back was cut short. The frame is gone then
        only if it ran. Raises OutOfBudget.
        """
        tool = frame.tool
        self.budget.step()
        if not tool.policy.read_only:
            async with self.budget.paused():
                await self.committed.wait()
            if read_back and read_back.cut:  # learned while the turn was being confirmed
                return None
        self.forget(frame)
        settle = self._settle(frame, tool)
        outcome = await self.acts.run(tool, frame.arguments, self._seconds(tool), self.emit, settle)
        self.state.unsaid = []
        return outcome

    async def look_up(self, frame: Frame, tool: Tool) -> Outcome:
        """Ask a read-only tool for what the action needs. Raises OutOfBudget."""
        self.budget.step()
        arguments = frame.arguments_of(tool)
        settle = self._settle(frame, tool)
        return await self.acts.run(tool, arguments, self._seconds(tool), self.emit, settle)

    def listed(self, tool: Tool, result: ToolResult) -> str:
        """The records that a tool found for others, read out; "" where it found none."""
        for slot in tool.policy.returns:
            if found := records.found(result.data, slot):
                offer = records.Offer(found)
                return records.offered(offer, self.hidden, self.language, question=False)
        return ""

    def told(self, frame: Frame, outcome: Outcome) -> list[Event]:
        """How the end of an action is told, where no model is needed."""
        if outcome.result is not None and (text := self.listed(frame.tool, outcome.result)):
            pass
        elif outcome.result is not None:
            text = sentences.done(frame, outcome.result, self.language)
            goes_on = frame.tool.name != self.last_tool and not self.state.frames
            goes_on = goes_on and not self.acts.context.telephone.busy
            if not frame.tool.policy.read_only and goes_on:
                text += " " + self.language.phrase("more")
        elif outcome.refusal is not None:
            text = self.language.phrase("refused", {"why": str(outcome.refusal)})
        else:
            reads = " reading" if frame.tool.policy.read_only else ""
            text = self.language.phrase(outcome.problem + reads)
        return [Say(text, complete=True)]

    def _settle(self, frame: Frame, tool: Tool) -> Settle:
        state, arguments = self.state, frame.arguments_of(tool)

        def settle(outcome: Outcome, ended: ToolEnded) -> None:
            if outcome.result is not None:
                state.ran.add(tool.name)
                data = records.without({**arguments, **outcome.result.data}, self.hidden)
                state.findings = sentences.findings(data, self.language)
                content = json.dumps(ended.result, default=str)
            else:
                state.findings = f"{tool.name} failed: {ended.error}"
                content = f"error: {ended.error}"
            call = ToolCall(ended.id, tool.name, arguments)
            self.exchanges.append(Message("assistant", "", tool_calls=(call,)))
            self.exchanges.append(Message("tool", content, tool_call_id=ended.id))
            if not tool.policy.read_only:
                state.unsaid = [ended, *self.told(frame, outcome)]
            self.emit(ended)

        return settle

    def _seconds(self, tool: Tool) -> float:
        """A side effect is given its whole time: stopping to wait does not stop it."""
        limit = self.limits.tool_seconds
        return min(limit, max(self.budget.left, 0.1)) if tool.policy.read_only else limit


def _alike(option: str, given: str) -> bool:
    a, b = (text.replace(" ", "").lower() for text in (option, given))
    return fuzz.ratio(a, b) >= _NEARLY
