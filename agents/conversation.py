"""An agent, shared by all calls, and its conversation, one per call."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, assert_never

from agents.acting import Acts
from agents.after.record import Act
from agents.definition import AgentDefinition, DefinitionError
from agents.document import Document
from agents.documents import Documents, DocumentsError
from agents.events import Event, Finished, Say
from agents.frame import Expects, ReadBack, State
from agents.ladder import Ladder
from agents.llm.engine import Engine, Message
from agents.mind import Mind, Spending
from agents.native import NativeMind
from agents.notes import Notes, unread
from agents.refusals import misfit, refusals
from agents.shortcuts import Topics
from agents.small import SmallMind
from agents.spoken import Language, language, language_of
from agents.telephone import Telephone
from agents.tools import CallContext, Tool, linked
from agents.tools.opened import WrongSource, opened
from agents.tools.sources import Source, SourceError
from agents.turn import Turn
from agents.waiting import WaitingPhrases, filled

# Words at the end of a read-back that may be missing: where words lie in the audio is known to
# about a word.
_UNHEARD_WORDS = 1


# The caller was not understood, has to wait before there is a turn, says nothing, or could not be
# given to a person
Aside = Literal["missed", "waits", "still there", "nobody", "engine", "not put through"]


class Agent:
    """A definition, its tools and the engine that thinks for it. Shared by all calls."""

    def __init__(
        self,
        definition: AgentDefinition,
        engine: Engine,
        tools: Sequence[Tool],
        *,
        stand_ins: Sequence[Engine] = (),
        sources: Sequence[Source] = (),
        documents: Documents | None = None,
        today: Callable[[], dt.date] = dt.date.today,
    ) -> None:
        """`stand_ins` take over where `engine` fails; the last one is the largest.

        Raises DefinitionError where `words` of another language fit no tool.
        """
        self.definition = definition
        self.engine = engine
        self.stand_ins = tuple(stand_ins)
        self.tools = linked([*tools, *refusals(definition.refuses)])
        self.language: Language = language(definition.language)
        self.hidden = frozenset(
            name for tool in tools for name, slot in tool.slots.items() if slot.hidden
        )
        self.today = today
        self.topics = Topics.of(definition.facts, self.tools.values(), self.language)
        self.documents = documents
        self.sources = tuple(sources)  # what the tools act on
        self.mind: Mind = self._mind(engine)
        if stand_ins:
            minds = [(each.name, self._mind(each)) for each in (engine, *stand_ins)]
            self.mind = Ladder(minds, definition.goes_up, definition.facts, self.language)
        others = {code: self._other(code, tools) for code in definition.words}
        self.languages: dict[str, Agent] = {definition.language: self, **others}

    @classmethod
    def load(cls, path: Path, engine: Engine, stand_ins: Sequence[Engine] = ()) -> "Agent":
        """Read configs/agents/NAME.yaml and import its tools. Raises DefinitionError."""
        return cls.of(AgentDefinition.read(path), path, engine, stand_ins)

    @classmethod
    def of(
        cls,
        definition: AgentDefinition,
        path: Path,
        engine: Engine,
        stand_ins: Sequence[Engine] = (),
        *,
        today: Callable[[], dt.date] = dt.date.today,
    ) -> "Agent":
        """Import the tools of a definition, which was read from `path`. Raises DefinitionError."""
        try:
            for code in (definition.language, *definition.words):
                language(code)
        except LookupError as exc:
            place = Document.read(path, "an agent").place(["language"])
            raise DefinitionError(f"{place}: language: {exc}") from exc
        documents = None
        if definition.documents:
            folder = path.parent / definition.documents
            try:
                documents = Documents.read(folder, definition.language)
            except DocumentsError as exc:
                place = Document.read(path, "an agent").place(["documents"])
                raise DefinitionError(f"{place}: documents: {exc}") from exc
        try:
            sources, tools = opened(definition.tools, path.parent)
        except WrongSource as exc:
            place = Document.read(path, "an agent").place(["tools", exc.index])
            raise DefinitionError(f"{place}: tools: {exc.why}") from exc
        if problem := misfit(definition, tools):
            for source in sources:
                source.close()
            where, what = problem
            place = Document.read(path, "an agent").place(where)
            raise DefinitionError(f"{place}: {'.'.join(where)}: {what}")
        try:
            return cls(
                definition,
                engine,
                tools,
                stand_ins=stand_ins,
                sources=sources,
                documents=documents,
                today=today,
            )
        except DefinitionError as exc:
            raise DefinitionError(f"{path}: {exc}") from exc

    def _other(self, code: str, given: Sequence[Tool]) -> "Agent":
        """The same agent in another language: its own words, prompts and lists."""
        changes = self.definition.words[code].tools
        names = [tool.name for tool in given]
        for name in changes.keys() - set(names):
            known = ", ".join(names) or "none"
            raise DefinitionError(f"words: {code}: tools: no tool {name!r}; it has: {known}")
        try:
            tools = [
                changes[tool.name].on(tool) if tool.name in changes else tool for tool in given
            ]
        except SourceError as exc:
            raise DefinitionError(f"words: {code}: tools: {exc}") from exc
        definition = self.definition.speaking(code)
        return Agent(
            definition,
            self.engine,
            tools,
            stand_ins=self.stand_ins,
            documents=self.documents,
            today=self.today,
        )

    def _mind(self, engine: Engine) -> Mind:
        kind = SmallMind if engine.grammars else NativeMind
        headings = self.documents.headings if self.documents else ()
        return kind(engine, self.definition, self.tools, self.language, headings)

    async def warm_up(self) -> None:
        """Put the constant parts of the prompts in the engine's cache, in every language.

        Raises EngineError.
        """
        for agent in self.languages.values():
            await agent.mind.warm_up()

    def conversation(
        self, notes: Notes = unread, telephone: Telephone | None = None
    ) -> "Conversation":
        """`notes` is told what a journal keeps of the call's turns beside their events; without a
        `telephone` the call is one of a browser."""
        return Conversation(self, notes, telephone or Telephone())

    async def close(self) -> None:
        """Close the tools' own resources; the engine belongs to whoever opened it."""
        for source in self.sources:
            await asyncio.to_thread(source.close)


@dataclass(slots=True)
class _Spoken:
    """An answer whose hearing is not reported yet; `message` is its place in the history."""

    message: Message
    read_back: ReadBack | None


@dataclass(slots=True)
class _Draft:
    """A turn that may still be dropped."""

    text: str
    state: State
    committed: asyncio.Event
    said: list[str] = field(default_factory=list[str])
    fillers: list[str] = field(default_factory=list[str])


class Conversation:
    """One call: what was said, as the caller heard it, and what is pending.

    One turn at a time; starting the next drops one that was never committed.
    """

    def __init__(self, agent: Agent, notes: Notes, telephone: Telephone) -> None:
        self._agent = agent
        self._history: list[Message] = []
        likely = telephone.language
        self._state = State(language=likely if likely in agent.languages else "")
        self._draft: _Draft | None = None
        self._unheard: list[_Spoken] = []
        self._waits = {code: _waits(spoken) for code, spoken in agent.languages.items()}
        limits = agent.definition.limits
        spending = Spending(limits.call_steps, limits.call_seconds, limits.call_tokens)
        code = agent.definition.language
        handoff = agent.definition.handoff
        telephone.desk = handoff.to if handoff else ""
        context = CallContext(
            uuid.uuid4().hex[:8], {}, self._tell, language=code, telephone=telephone
        )
        self._acts = Acts(context, notes, spending)

    def _tell(self, words: str) -> None:
        """A tool says how far it is."""
        self._waits[self._acts.context.language].tell(words)

    def language(self, text: str = "", recognized: str = "") -> str:
        """The language of an answer to `text`: the one that the caller speaks, else the call's.

        Nothing is changed while an action is pending. `recognized`: what the recognizer says.
        """
        state = self._kept
        now = state.language or self._agent.definition.language
        if len(self._agent.languages) == 1 or state.frames:
            return now
        packs = {spoken.language: code for code, spoken in self._agent.languages.items()}
        said = language_of(text, list(packs), recognized)
        return packs[said] if said else now

    @property
    def spoken(self) -> str:
        """The language that the caller last spoke, "" before they have."""
        return self._kept.language

    @property
    def _kept(self) -> State:
        """The state of the last turn that was confirmed."""
        draft = self._draft
        return draft.state if draft and draft.committed.is_set() else self._state

    @property
    def _speaking(self) -> Agent:
        return self._agent.languages[self.language()]

    @property
    def history(self) -> list[Message]:
        """Caller ("user") and agent ("assistant"), the agent as far as it was heard."""
        self._settle()
        return list(self._history)

    @property
    def acts(self) -> tuple[Act, ...]:
        """The tools that ran, in the order in which they ended."""
        return tuple(self._acts.ended)

    @property
    def expects(self) -> Expects:
        """What the agent asked for last, so that turn-taking knows what kind of answer to await.

        Right after a speculative turn ended, this is what that turn asked.
        """
        return (self._draft.state if self._draft else self._state).expects

    async def turn(
        self, text: str, committed: asyncio.Event, recognized: str = ""
    ) -> AsyncGenerator[Event, None]:
        """Answer the caller's line; `recognized` is the recognizer's word for its language.

        It may begin on an eager transcript. Nothing that it did remains unless `committed` is set
        by the time the generator is closed, or, when it ran to its end, by the time of the next
        call of this object. Tools with side effects wait for `committed`. Never raises for what a
        model or a tool does.
        """
        self._settle(drop=True)
        await self._acts.settled()
        self._acts.context.telephone.begin()
        code = self.language(text, recognized)
        draft = _Draft(text, self._state.copy(), committed)
        draft.state.language = code
        self._draft = draft
        self._acts.context = replace(self._acts.context, language=code)
        agent = self._agent.languages[code]
        turn = Turn(agent, draft.state, self._history, self._acts, text, committed)
        said = filled(turn.events(), committed, self._waits[code], draft.fillers.append)
        finished = False
        try:
            async with aclosing(said) as events:
                async for event in events:
                    if isinstance(event, Say):
                        draft.said.append(event.text + " " * event.complete)
                    finished = isinstance(event, Finished)
                    yield event
        finally:
            if not finished and self._draft is draft:
                self._settle(drop=True)

    async def prepare(self, text: str) -> None:
        """The caller has said this much and goes on: let the model read it already.

        Says, does and keeps nothing; to be cancelled as soon as a turn is to be answered.
        """
        state, agent = self._kept.copy(), self._agent.languages[self.language(text)]
        await Turn(agent, state, self._history, self._acts, text, asyncio.Event()).prepare()

    def _settle(self, drop: bool = False) -> None:
        """Keep the draft if its turn was confirmed; `drop` forgets it otherwise."""
        draft = self._draft
        if draft is None:
            return
        if not draft.committed.is_set():
            if drop:
                self._draft = None
            return
        self._draft = None
        self._state = draft.state
        self._history.append(Message("user", draft.text))
        said = " ".join("".join(draft.said).split())
        if said:
            self._state.said = said
            for filler in draft.fillers:  # nobody asks for them again
                self._state.said = self._state.said.replace(filler + " ", "", 1)
            message = Message("assistant", said)
            self._history.append(message)
            frame = self._state.frame
            self._unheard.append(_Spoken(message, frame.read_back if frame else None))

    def heard(self, text: str) -> None:
        """What the caller heard of an answer that ended or was interrupted ("" for nothing)."""
        self._settle()
        words = self._speaking.language.words(text)
        for spoken in self._unheard:
            said = self._speaking.language.words(spoken.message.content)
            if said[: len(words)] == words:
                break
        else:
            if text.strip():  # the greeting, which is no turn
                self._history.append(Message("assistant", text.strip()))
            return
        self._unheard.remove(spoken)
        if spoken.read_back is not None:
            spoken.read_back.cut = len(said) - len(words) > _UNHEARD_WORDS
        at = next(i for i, message in enumerate(self._history) if message is spoken.message)
        if words:
            self._history[at] = Message("assistant", text.strip())
        else:
            del self._history[at]

    @property
    def quiet_seconds(self) -> float:
        """Silence after which a caller who was asked something is asked again."""
        return self._agent.definition.limits.quiet_seconds

    def phrase(self, name: Aside) -> str:
        """What code says besides answering; what is heard of it is told like an answer."""
        match name:
            case "waits":
                return self._waits[self.language()].next()
            case "missed" | "still there" | "nobody" | "engine" | "not put through":
                return self._speaking.language.phrase(name)
            case _:
                assert_never(name)

    async def close(self) -> None:
        """The call is over. An action that has begun is waited for."""
        self._settle(drop=True)
        await self._acts.settled()


def _waits(agent: Agent) -> WaitingPhrases:
    tools = {name: tool.policy.filler for name, tool in agent.tools.items()}
    return WaitingPhrases(agent.language.waits.first, agent.language.waits.more, tools)
