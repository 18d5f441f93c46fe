"""One turn: what the caller said, decided by code, thought by a model, told in words."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from loguru import logger
from rapidfuzz import fuzz

from agents import sentences
from agents.acting import Act, Acts, Outcome, outcome_of
from agents.checks import Ground, grounded, whole
from agents.events import Event, Finished, Say, ToolEnded
from agents.frame import LASTING, Expects, Frame, ReadBack, State, Val
from agents.llm.engine import EngineError, Message, ToolCall
from agents.mind import (
    CHAT,
    GOODBYE,
    HELLO,
    QUESTION,
    STOP,
    THANKS,
    UNKNOWN,
    Budget,
    OutOfBudget,
    Speech,
    View,
    Want,
)
from agents.reading import read
from agents.shortcuts import said_as_written, understand
from agents.tools import Tool, ToolResult

if TYPE_CHECKING:
    from agents.conversation import Agent

_GIVE_UP = 4  # misses in a row
_NEARLY = 80  # rapidfuzz ratio from which an offered value is what the caller meant
_CONSENT_WORDS = 5  # words beside the yes; more of them say something else


class Turn:
    """Answers one line of the caller. Works on `state`, its own copy."""

    def __init__(
        self,
        agent: "Agent",
        state: State,
        history: Sequence[Message],
        acts: Acts,
        line: str,
        committed: asyncio.Event,
    ) -> None:
        self._agent = agent
        self._language = agent.language
        self._limits = agent.definition.limits
        self._state = state
        self._history = history
        self._acts = acts
        self._line = line
        self._committed = committed
        self._today = agent.today()
        self._budget = Budget(self._limits.steps, self._limits.turn_seconds)
        self._hang_up = False
        self._new_frames = 0
        self._exchanges: list[Message] = []  # tool calls of this turn, for minds that chain them

    async def events(self) -> AsyncGenerator[Event, None]:
        state = self._state
        state.turn += 1
        state.lines.append(self._line)
        for event in state.unsaid:
            yield event
        state.unsaid = []
        try:
            async with aclosing(self._answer()) as events:
                async for event in events:
                    yield event
        except OutOfBudget:
            logger.warning(f"a turn of {self._agent.definition.name} ran out of steps or time")
            yield self._say("too long")
        except EngineError as exc:
            logger.error(f"the LLM of {self._agent.definition.name} failed: {exc}")
            yield self._say("engine")
        state.expects = self._expects()
        yield Finished(self._hang_up)

    async def _answer(self) -> AsyncGenerator[Event, None]:
        words = self._language.words(self._line)
        frame = self._state.frame
        if not words or self._language.repeat(words):
            if frame is None and self._state.said:
                yield Say(self._state.said, complete=True)
        else:
            if frame and frame.read_back:
                async for event in self._consent(frame, words):
                    yield event
            else:
                async for event in self._listen():
                    yield event
        async for event in self._advance():
            yield event

    # -- consent -----------------------------------------------------------------------------

    async def _consent(self, frame: Frame, words: Sequence[str]) -> AsyncGenerator[Event, None]:
        """The agent waits for a yes or no. A model can bring new values, never a consent."""
        language = self._language
        read_back = frame.read_back
        reading = read(words, frame.tool.slots, language, self._today)
        changed = {k: v for k, v in reading.values.items() if frame.arguments.get(k) != v}
        yes, no = language.yes(words), language.no(words)
        plain = not no and not changed and not language.questions(words)
        if yes and plain and len(reading.rest) <= _CONSENT_WORDS:
            if read_back and not read_back.cut:
                async for event in self._act(frame, read_back):
                    yield event
            return  # cut short: _advance reads it back again
        if changed and not language.questions(words):
            await self._fill(frame, changed, frozenset())
            return
        if language.only_no(words) or language.stops(words):
            yield self._drop(frame)
            return
        before = frame.arguments
        async for event in self._listen(clear=True):
            yield event
        unchanged = self._state.frame is frame and frame.arguments == before
        if unchanged and no and not yes and not language.questions(words):
            yield self._drop(frame)

    # -- what the line wants -------------------------------------------------------------------

    async def _listen(self, clear: bool = False) -> AsyncGenerator[Event, None]:
        for want in await self._wants():
            async for event in self._take(want, clear):
                yield event

    async def _wants(self) -> list[Want]:
        language, frame = self._language, self._state.frame
        words = language.words(self._line)
        asked = frame.asked if frame and not frame.read_back else ""
        reading = read(words, frame.tool.slots if frame else {}, language, self._today, asked)
        if frame is None or not frame.read_back:
            want = understand(self._line, reading, frame, language)
            if want:
                return [want]
        if written := self._as_written(words):
            return [written]
        return await self._agent.mind.wants(self._view(), self._line)

    def _as_written(self, words: Sequence[str]) -> Want | None:
        found: list[Want] = []
        for name, tool in self._agent.tools.items():
            if tool.policy.internal:
                continue
            reading = read(words, tool.slots, self._language, self._today)
            if said_as_written(words, reading.used, tool, self._language):
                found.append(Want(name, self._line, reading.values))
        return found[0] if len(found) == 1 else None

    def _question(self) -> str:
        frame = self._state.frame
        if frame is None:
            return ""
        if frame.read_back:
            return f"Shall I {frame.tool.policy.wants}?"
        slot = frame.tool.slots.get(frame.asked)
        return slot.question if slot else ""

    async def _take(self, want: Want, clear: bool) -> AsyncGenerator[Event, None]:
        frame = self._state.frame
        if want.name in self._agent.tools and not (frame and frame.tool.name == want.name):
            async for event in self._begin(want):
                yield event
        elif want.name == STOP:
            yield self._drop(frame) if frame else self._say("nothing to stop")
        elif want.name in (QUESTION, CHAT):
            if clear and want.name == CHAT:
                yield self._say("clear")
            else:
                async for event in self._speak(want):
                    yield event
        elif want.name == GOODBYE:
            self._state.frames.clear()
            self._hang_up = True
            yield self._say("goodbye")
        elif want.name == HELLO:
            yield self._say("hello")
        elif want.name == THANKS:
            yield self._say("thanks")
        elif frame is None:
            yield self._say("missed")
        elif want.values:
            await self._fill(frame, want.values, want.chosen)
        else:
            frame.misses += 1
            name = "clear" if clear else "without" if want.name == UNKNOWN else "missed"
            yield self._say(name)

    async def _begin(self, want: Want) -> AsyncGenerator[Event, None]:
        """A new action. The first of a line comes first; a read-only one runs at once."""
        frame = Frame(self._agent.tools[want.name])
        for name, slot in frame.tool.slots.items():
            known = self._state.known.get(name)
            if known and slot.kind in LASTING:
                frame.values[name] = Val(known.value, "memory", known.turn)
        self._new_frames += 1
        frames = self._state.frames
        frames.insert(len(frames) - (self._new_frames > 1 and bool(frames)), frame)
        await self._fill(frame, want.values, want.chosen)
        if frame.tool.policy.read_only and not frame.missing:
            frames.remove(frame)
            frames.append(frame)
            async for event in self._act(frame, None):
                yield event

    async def _fill(
        self, frame: Frame, values: Mapping[str, str | int], chosen: frozenset[str]
    ) -> None:
        for name, value in values.items():
            source = "model" if name in chosen else "caller"
            val = Val(value, source, self._state.turn)
            frame.take(name, val)
            self._state.known[name] = val

    # -- the pending action --------------------------------------------------------------------

    async def _advance(self) -> AsyncGenerator[Event, None]:
        """Check, ask, read back or run, until the caller has to say something."""
        while frame := self._state.frame:
            if frame.misses >= _GIVE_UP:
                self._state.frames.remove(frame)
                yield self._say("give up")
                continue
            outcome = await self._check(frame)
            if outcome.refusal or outcome.problem:
                said = self._explain(frame, outcome)
                for event in said:
                    yield event
                if said and self._state.frame is frame:
                    return
                continue
            if frame.missing:
                yield self._ask(frame, frame.missing)
                return
            if self._needs_consent(frame):
                frame.asked = ""
                frame.read_back = ReadBack(sentences.read_back(frame, self._language))
                yield Say(frame.read_back.text, complete=True)
                return
            async for event in self._act(frame, None):
                yield event
            if self._state.frame is frame:
                return  # refused, and asked again

    def _ask(self, frame: Frame, name: str) -> Say:
        frame.asked = name
        return Say(frame.tool.slots[name].question, complete=True)

    def _needs_consent(self, frame: Frame) -> bool:
        if frame.tool.policy.read_only:
            return False
        return frame.tool.policy.needs_consent or any(
            val.source != "caller" for val in frame.values.values()
        )

    async def _check(self, frame: Frame) -> Outcome:
        """The tool's own check of what is known; it may settle further slots."""

        async def settle() -> ToolResult:
            seconds = min(self._limits.tool_seconds, max(self._budget.left, 0.1))
            return ToolResult(await frame.tool.settle(frame.arguments, seconds))

        outcome = await outcome_of(settle(), frame.tool.name)
        for name, value in outcome.result.data.items() if outcome.result else ():
            if name in frame.tool.slots and frame.arguments.get(name) != value:
                frame.values[name] = Val(value, "tool", self._state.turn)
        return outcome

    def _explain(self, frame: Frame, outcome: Outcome) -> list[Event]:
        """Say why a tool refused or failed; ask again what would help, or leave the action."""
        language, refusal = self._language, outcome.refusal
        if refusal is None:
            self._forget(frame)
            reads = frame.tool.policy.read_only or outcome.problem == ""
            return [self._say(outcome.problem + (" reading" if reads else ""))]
        remembered = [name for name, val in frame.values.items() if val.source == "memory"]
        if remembered:  # said for something else; nobody asked for it here
            for name in remembered:
                del frame.values[name]
            return []
        slot = frame.tool.slots.get(refusal.slot)
        if slot is None or refusal.slot not in frame.values:
            self._forget(frame)
            return [self._say("refused", {"why": str(refusal)})]
        given = str(frame.values.pop(refusal.slot).value)
        frame.read_back = None
        near = [option for option in refusal.options if _alike(option, given)]
        if len(near) == 1:
            frame.values[refusal.slot] = Val(near[0], "option", self._state.turn)
            return []
        self._state.known.pop(refusal.slot, None)
        frame.misses += 1
        said = [language.phrase("refused", {"why": str(refusal)})]
        if refusal.options:
            options = ", or ".join(language.say(slot.kind, option) for option in refusal.options)
            said.append(language.phrase("options", {"options": options}))
        question = self._ask(frame, refusal.slot).text
        return [Say(" ".join([*said, question]), complete=True)]

    def _forget(self, frame: Frame) -> None:
        if frame in self._state.frames:
            self._state.frames.remove(frame)

    def _drop(self, frame: Frame) -> Say:
        self._forget(frame)
        text = self._language.phrase("dropped")
        if not self._state.frames:
            text += " " + self._language.phrase("more")
        return Say(text, complete=True)

    # -- acting ------------------------------------------------------------------------------

    async def _act(self, frame: Frame, read_back: ReadBack | None) -> AsyncGenerator[Event, None]:
        """Run the action. One with a side effect waits until the caller's turn is confirmed."""
        tool = frame.tool
        self._budget.step()
        if not tool.policy.read_only:
            waiting = self._budget.left
            await self._committed.wait()
            self._budget.seconds += waiting - self._budget.left
            if read_back and read_back.cut:  # learned while the turn was being confirmed
                return
        self._forget(frame)
        act = Act(self._acts, tool, frame.arguments, self._seconds(tool), self._settle(frame))
        async with aclosing(act.events()) as events:
            async for event in events:
                if isinstance(event, ToolEnded):
                    self._state.unsaid = self._state.unsaid[1:]
                yield event
        self._state.unsaid = []
        outcome = act.outcome
        if outcome.refusal is not None:
            self._state.frames.append(frame)
            for event in self._explain(frame, outcome):
                yield event
        elif outcome.result is not None and tool.policy.read_only and not _ready(frame, outcome):
            async for event in self._tell(frame, outcome.result):
                yield event
        else:
            for event in self._told(frame, outcome):
                yield event

    def _seconds(self, tool: Tool) -> float:
        """A side effect is given its whole time: stopping to wait does not stop it."""
        limit = self._limits.tool_seconds
        return min(limit, max(self._budget.left, 0.1)) if tool.policy.read_only else limit

    def _settle(self, frame: Frame) -> Callable[[Outcome, ToolEnded], None]:
        def settle(outcome: Outcome, ended: ToolEnded) -> None:
            state, tool = self._state, frame.tool
            if outcome.result is not None:
                data = {**frame.arguments, **outcome.result.data}
                state.findings = sentences.findings(data, self._language)
            else:
                state.findings = f"{tool.name} failed: {ended.error}"
            content = (
                json.dumps(ended.result, default=str) if ended.result else f"error: {ended.error}"
            )
            call = ToolCall(ended.id, tool.name, frame.arguments)
            self._exchanges += [
                Message("assistant", "", tool_calls=(call,)),
                Message("tool", content, tool_call_id=ended.id),
            ]
            if not tool.policy.read_only:
                state.unsaid = [ended, *self._told(frame, outcome)]

        return settle

    def _told(self, frame: Frame, outcome: Outcome) -> list[Event]:
        if outcome.result is not None:
            text = sentences.done(frame, outcome.result, self._language)
            if not frame.tool.policy.read_only and not self._state.frames:
                text += " " + self._language.phrase("more")
            return [Say(text, complete=True)]
        if outcome.refusal is not None:
            return [self._say("refused", {"why": str(outcome.refusal)})]
        return [self._say(outcome.problem + (" reading" if frame.tool.policy.read_only else ""))]

    # -- words of the model --------------------------------------------------------------------

    def _view(self) -> View:
        return View(
            self._state,
            self._history,
            self._exchanges,
            self._question(),
            self._today,
            self._budget,
        )

    async def _speak(self, want: Want) -> AsyncGenerator[Event, None]:
        chat = want.name == CHAT
        speech = want.speech or self._agent.mind.answer(self._view(), want.line, chat)
        facts, language = self._agent.definition.facts, self._language
        if speech.trusted or chat:
            said_before = " ".join(message.content for message in self._history)
            known = f"{self._agent.definition.persona} {self._state.findings} {said_before}"
            ground = Ground.free(want.line, facts, known, language)
        else:
            ground = Ground.of(want.line, facts, self._state.findings, language)
        async for event in self._passed_on(speech, ground):
            yield event

    async def _passed_on(self, speech: Speech, ground: Ground) -> AsyncGenerator[Event, None]:
        async with (
            aclosing(speech.words) as pieces,
            aclosing(grounded(pieces, ground, self._language)) as said,
        ):
            async for say in said:
                yield say
        for want in speech.then():
            async for event in self._take(want, clear=False):
                yield event

    async def _tell(self, frame: Frame, result: ToolResult) -> AsyncGenerator[Event, None]:
        language = self._language
        arguments = sentences.spoken_values(frame, language)
        speech = self._agent.mind.tell(self._view(), self._line, frame.tool, arguments)
        if speech.trusted:
            facts = self._agent.definition.facts
            known = f"{self._state.findings} {' '.join(arguments.values())}"
            ground = Ground.free(self._line, facts, known, language)
            async for event in self._passed_on(speech, ground):
                yield event
            return
        async with aclosing(speech.words) as pieces:
            said = "".join([piece async for piece in pieces])
        sources = f"{self._line} {self._state.findings} {' '.join(arguments.values())}"
        plain = sentences.reading(result, language)
        yield Say(whole(said, result, sources, language) or plain, complete=True)

    def _say(self, name: str, values: Mapping[str, str] | None = None) -> Say:
        return Say(self._language.phrase(name, values), complete=True)

    def _expects(self) -> Expects:
        frame = self._state.frame
        if frame is None:
            return ""
        if frame.read_back:
            return "yes_no"
        slot = frame.tool.slots.get(frame.asked)
        match slot.kind if slot else "text":
            case "id" | "phone" | "int":
                return "digits"
            case "name":
                return "name"
            case _:
                return "open"


def _ready(frame: Frame, outcome: Outcome) -> bool:
    """Whether the tool brought its own sentence."""
    return bool(outcome.result and outcome.result.say) or bool(frame.tool.policy.done)


def _alike(option: str, given: str) -> bool:
    a, b = (text.replace(" ", "").lower() for text in (option, given))
    return fuzz.ratio(a, b) >= _NEARLY
