"""One turn: what the caller said, decided by code, thought by a model, told in words."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

from loguru import logger

from agents import sentences
from agents.acting import Acts, Outcome
from agents.actions import Actions
from agents.choices import choice, corrected, other_choice, read_on
from agents.definition import Handoff
from agents.events import Event, Finished, HandOver, Say, Transfer
from agents.frame import LASTING, Expects, Frame, ReadBack, State, Val
from agents.llm.engine import EngineError, Message
from agents.lookups import look_up, take_granted
from agents.mind import (
    CHAT,
    GOODBYE,
    MORE,
    QUESTION,
    STOP,
    UNKNOWN,
    Budget,
    CallSpent,
    OutOfBudget,
    Want,
)
from agents.planning import Ask, LookUp, next_step
from agents.reading import Reading, read
from agents.shortcuts import PHRASES, about_facts, said_as_written, understand
from agents.wording import Wording

if TYPE_CHECKING:
    from agents.conversation import Agent

_GIVE_UP = 4  # misses in a row
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
        self._state = state
        self._history = history
        self._line = line
        self._words = self._language.words(line)
        self._today = agent.today()
        limits = agent.definition.limits
        self._budget = Budget(
            limits.steps, limits.turn_seconds, notes=acts.notes, call=acts.spending
        )
        # Unbounded: a turn's events are as many as its steps and the tokens of its answers.
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._actions = Actions(
            state,
            self._language,
            limits,
            self._budget,
            acts,
            agent.hidden,
            committed,
            self._events.put_nowait,
            self._handoff.tool if self._handoff else "",
        )
        self._telephone = acts.context.telephone
        self._emit, self._say = self._actions.emit, self._actions.say
        self._wording = Wording(agent, state, history, self._actions, self._budget, line)
        self._hang_up = False
        self._hand_over: HandOver = ""
        self._counted = False  # this turn is among those that failed
        self._begun = 0  # actions that this line asked for

    async def events(self) -> AsyncGenerator[Event, None]:
        """Everything that is said and done, ending in Finished. Closing it cancels the rest."""
        work = asyncio.create_task(self._work(), name="turn")
        try:
            while (event := await self._events.get()) is not None:
                yield event
            await work
        finally:
            work.cancel()
            await asyncio.wait((work,))

    async def prepare(self) -> None:
        """The caller is still speaking: let the model read the words so far. Nothing is kept."""
        want = self._by_code() if self._words and not self._state.unsaid else None
        if self._words and (want is None or want.name == QUESTION):
            await self._agent.mind.prepare(
                self._wording.view(), self._line, want.name if want else ""
            )

    async def _work(self) -> None:
        state = self._state
        state.turn += 1
        state.lines.append(self._line)
        for event in state.unsaid:
            self._emit(event)
        state.unsaid = []
        name = self._agent.definition.name
        try:
            try:
                await self._answer()
            except EngineError as exc:
                logger.error(f"the LLM of agent {name!r} failed: {exc}")
                self._say("missed" if state.frame else "engine")
                await self._advance()  # the open question needs no model
        except CallSpent:
            logger.warning(f"a call of agent {name!r} has cost what it may")
            state.frames.clear()
            self._say("call spent")
            self._hang_up, self._hand_over = True, "limits" if self._handoff else ""
        except OutOfBudget:
            logger.warning(f"a turn of agent {name!r} ran out of steps or time")
            self._say("too long")
            if state.frame:  # a yes to this sentence is no consent
                state.frame.read_back = None
        finally:
            state.failures = state.failures + 1 if self._actions.failed else 0
            state.expects = self._expects()
            self._emit(self._finished())
            self._events.put_nowait(None)

    def _finished(self) -> Finished:
        telephone = self._telephone
        then = tuple(telephone.asked)
        put_through = any(isinstance(command, Transfer) for command in then)
        if self._hand_over and telephone.desk and not put_through:
            then = (*then, Transfer(telephone.desk))
        return Finished(self._hang_up or telephone.over, self._hand_over, then)

    async def _answer(self) -> None:
        frame = self._state.frame
        if why := self._asks_for_person():
            await self._give_to_person(why)
        elif not self._words or self._language.repeat(self._words):
            if frame is None and self._state.said:
                self._emit(Say(self._state.said, complete=True))
        elif frame and frame.read_back:
            await self._consent(frame, frame.read_back)
        else:
            await self._listen()
        if not await self._tired():
            await self._advance()
            await self._tired()

    # -- a person ------------------------------------------------------------------------------

    @property
    def _handoff(self) -> Handoff | None:
        return self._agent.definition.handoff

    def _asks_for_person(self) -> HandOver:
        handoff = self._handoff
        if handoff and handoff.asked and self._language.asks_for_person(self._words):
            return "asked"
        return "anger" if handoff and handoff.anger and self._language.angry(self._words) else ""

    async def _tired(self) -> bool:
        """Whether the call goes to a person because turns in a row brought nothing."""
        state, handoff = self._state, self._handoff
        if self._counted or not self._actions.failed:
            return False
        self._counted = True
        if handoff is None or not handoff.failures or state.failures + 1 < handoff.failures:
            return False
        await self._give_to_person("failures")
        return True

    async def _give_to_person(self, why: HandOver) -> None:
        """By the agent's own tool, or in words alone; what is pending is left to the person."""
        handoff = self._handoff
        if handoff is None:
            return
        self._state.frames.clear()
        if handoff.tool:
            await self._begin(Want(handoff.tool, self._line))
        else:
            self._emit(Say(handoff.say or self._language.phrase("hand over"), complete=True))
            self._hand_over = why

    # -- consent -----------------------------------------------------------------------------

    async def _consent(self, frame: Frame, read_back: ReadBack) -> None:
        """The agent waits for a yes or no. A model can bring new values, never a consent.

        Where this says nothing, _advance() reads the action back again.
        """
        language = self._language
        reading = read(self._words, frame.slots, language, self._today)
        said = {k: val.value for k, val in frame.values.items()}
        changed = {k: v for k, v in reading.values.items() if said.get(k) != v}
        changed = other_choice(frame, self._line, language, self._today) or changed
        changed = changed or corrected(frame, self._words, language, self._today)
        # Without the words of values: "the wrong size" is a reason, no refusal.
        words = [w for w, used in zip(self._words, reading.used, strict=True) if not used]
        yes, no = language.yes(words), language.no(words)
        asks = language.questions(words)
        if yes and not no and not changed and not asks and len(reading.rest) <= _CONSENT_WORDS:
            if not read_back.cut:
                await self._run(frame, read_back)
        elif (
            language.small_talk(self._words) == "goodbye"
        ):  # "okay, bye" leaves, and agrees to nothing
            await self._take(Want(GOODBYE, self._line))
        elif other := self._as_written():  # "look at 555" says nothing about this action
            await self._take(other)
        elif changed and not asks:
            self._actions.fill(frame, changed)
        elif language.only_no(words) or language.stops(words):
            self._actions.drop(frame)
        elif reading.values and language.common.issuperset(reading.rest) and not asks:
            pass  # what is known was said again
        else:
            before = frame.arguments
            await self._listen(waits=True)
            unchanged = self._state.frame is frame and frame.arguments == before
            if unchanged and no and not yes and not asks:
                self._actions.drop(frame)

    # -- what the line wants -------------------------------------------------------------------

    async def _listen(self, waits: bool = False) -> None:
        """`waits`: for a yes or no, which this line is not."""
        for want in await self._wants():
            await self._take(want, waits)

    async def _wants(self) -> list[Want]:
        want = self._by_code()
        return [want] if want else await self._agent.mind.wants(self._wording.view(), self._line)

    def _by_code(self) -> Want | None:
        """What the line wants, where no model is needed to tell."""
        language, frame, words = self._language, self._state.frame, self._words
        asked = frame.asked if frame and not frame.read_back else ""
        reading = read(words, frame.slots if frame else {}, language, self._today, asked)
        if frame and (want := choice(frame, self._line, reading, language, self._today)):
            return want
        if frame is None or not frame.read_back:
            want = understand(self._line, reading, frame, language)
            if want:
                return want
        return self._as_written() or self._about_facts(reading)

    def _as_written(self) -> Want | None:
        found: list[Want] = []
        for name, tool in self._agent.tools.items():
            reading = read(self._words, tool.said, self._language, self._today)
            if said_as_written(reading, tool, self._language):
                found.append(Want(name, self._line, reading.values))
        return found[0] if len(found) == 1 else None

    def _about_facts(self, pending: Reading) -> Want | None:
        tools = self._agent.tools.values()
        readings = [read(self._words, t.said, self._language, self._today) for t in tools]
        if pending.values or any(reading.values for reading in readings):
            return None
        if about_facts(self._line, self._words, self._agent.topics, self._language):
            return Want(QUESTION, self._line)
        return None

    async def _take(self, want: Want, waits: bool = False) -> None:
        frame = self._state.frame
        if want.name in self._agent.tools and not (frame and frame.tool.name == want.name):
            await self._begin(want)
        elif want.name == STOP and frame:
            self._actions.drop(frame)
        elif want.name == QUESTION or (want.name == CHAT and not waits):
            for proposed in await self._wording.answer(want):
                await self._take(proposed)
        elif phrase := PHRASES.get(want.name):
            if want.name == GOODBYE:
                self._state.frames.clear()
                self._hang_up = True
            self._say(phrase)
        elif frame is None:
            self._say("missed")
        elif want.values:
            self._actions.fill(frame, want.values, want.chosen)
        else:
            if want.name == MORE and (offer := frame.choosing):
                read_on(self._actions, frame, offer)
                return
            if want.name == UNKNOWN and frame.asked in frame.tool.providers:
                frame.unknown.add(frame.asked)  # a tool knows it
                return
            frame.misses += 1
            slot = frame.slots.get(frame.asked)
            if want.name == UNKNOWN and slot and slot.hint:
                self._emit(Say(slot.hint, complete=True))
            else:
                self._say("clear" if waits else "without" if want.name == UNKNOWN else "missed")

    async def _begin(self, want: Want) -> None:
        """A new action. The first of a line comes first; a read-only one runs at once."""
        tool = self._agent.tools[want.name]
        if tool.policy.says:
            self._emit(Say(tool.policy.says, complete=True))
            return
        frame = Frame(tool, since=len(self._state.lines) - 1)
        for proved in self._state.granted.values():
            take_granted(frame, proved, self._agent.hidden)
        for name, slot in frame.slots.items():
            known = self._state.known.get(name)
            if known and slot.kind in LASTING:
                frame.values[name] = Val(known.value, "memory", known.turn)
        self._actions.fill(frame, want.values, want.chosen)
        frames = self._state.frames
        self._begun += 1
        ready = next_step(frame, self._state.granted.keys()) is None
        if frame.tool.policy.read_only and ready:
            frames.append(frame)
            await self._run(frame)
        else:
            frames.insert(len(frames) - (self._begun > 1 and bool(frames)), frame)

    # -- the pending action --------------------------------------------------------------------

    async def _advance(self) -> None:
        """Check, ask, read back or run, until the caller has to say something."""
        while (frame := self._state.frame) and frame is not self._actions.waits_for:
            if frame.misses >= _GIVE_UP:
                self._actions.forget(frame)
                self._say("give up")
                continue
            if frame.tool.name in self._state.ran and frame.tool.policy.once_per_call:
                self._actions.forget(frame)
                self._say("once")
                continue
            guard = frame.tool.guard
            step = next_step(frame, self._state.granted.keys())
            if guard is None or guard.policy.grants in self._state.granted:
                outcome = await self._actions.check(frame)
                if outcome.result is None:
                    self._actions.explain(frame, outcome)
                    continue
                step = next_step(frame, self._state.granted.keys())
            elif self._state.attempts.get(guard.policy.grants, 0) >= guard.policy.attempts:
                self._actions.forget(frame)
                await self._locked()
                continue
            if isinstance(step, Ask):
                self._actions.ask(frame, step.slot)
            elif isinstance(step, LookUp):
                if not await look_up(self._actions, frame, step, self._today):
                    await self._locked()
            elif self._actions.needs_consent(frame):
                frame.asked = ""
                frame.read_back = ReadBack(sentences.read_back(frame, self._language))
                self._emit(Say(frame.read_back.text, complete=True))
                return
            else:
                await self._run(frame)

    async def _locked(self) -> None:
        """The caller could not prove who they are."""
        self._say("locked")
        if self._handoff:
            await self._give_to_person("identity")

    async def _run(self, frame: Frame, read_back: ReadBack | None = None) -> None:
        """Run an action and tell how it ended."""
        outcome = await self._actions.run(frame, read_back)
        if outcome is None:
            return
        if outcome.refusal is not None:
            self._state.frames.append(frame)
            self._actions.explain(frame, outcome)
        elif (
            outcome.result is not None
            and frame.tool.policy.read_only
            and not _says(frame, outcome)
            and not self._actions.listed(frame.tool, outcome.result)
        ):
            for proposed in await self._wording.tell(frame, outcome.result):
                await self._take(proposed)
        else:
            for event in self._actions.told(frame, outcome):
                self._emit(event)
        handoff = self._handoff
        if outcome.result is not None and handoff and handoff.tool == frame.tool.name:
            self._hand_over = "asked"

    def _expects(self) -> Expects:
        frame = self._state.frame
        if frame is None:
            return ""
        if frame.read_back:
            return "yes_no"
        slot = frame.slots.get(frame.asked)
        match slot.kind if slot else "text":
            case "id" | "phone" | "int":
                return "digits"
            case "name":
                return "name"
            case _:
                return "open"


def _says(frame: Frame, outcome: Outcome) -> bool:
    """Whether code can tell the result: the tool brought its own sentence, or a template."""
    return bool(outcome.result and outcome.result.say) or bool(frame.tool.policy.done)
