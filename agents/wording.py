"""What a model says in one turn: words for an answer or a result, passed on as far as they hold."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from agents import sentences
from agents.actions import Actions
from agents.checks import Ground, grounded, rests_on, whole
from agents.documents import Passage
from agents.events import Quoted, Say
from agents.frame import Frame, State
from agents.llm.engine import Message
from agents.mind import CHAT, Budget, Speech, View, Want
from agents.tools import ToolResult

if TYPE_CHECKING:
    from agents.conversation import Agent


class Wording:
    """For one line of the caller; what is spoken goes where `actions` emits."""

    def __init__(
        self,
        agent: "Agent",
        state: State,
        history: Sequence[Message],
        actions: Actions,
        budget: Budget,
        line: str,
    ) -> None:
        self._agent = agent
        self._language = agent.language
        self._state = state
        self._history = history
        self._actions = actions
        self._budget = budget
        self._line = line
        self._found: list[Passage] | None = None  # by _passages()

    def view(self) -> View:
        """What a mind may look at now."""
        question = sentences.open_question(self._state.frame, self._language)
        exchanges, today = self._actions.exchanges, self._agent.today()
        return View(
            self._state,
            self._history,
            exchanges,
            question,
            today,
            self._budget,
            passages=self._passages(),
        )

    def _passages(self) -> list[Passage]:
        """What the documents say to the line, unless a fact fits it as well."""
        documents, language = self._agent.documents, self._language
        if documents is None:
            return []
        if self._found is None:
            asked = language.content(self._line)
            facts = self._agent.definition.facts
            fit = max((len(asked & language.content(fact)) for fact in facts), default=0)
            self._found = [
                passage
                for passage in documents.find(self._line)
                if not fit
                or len(asked & language.content(f"{passage.heading} {passage.text}")) > fit
            ]
        return self._found

    async def answer(self, want: Want) -> list[Want]:
        """Answer a question or chat; what the model proposes besides."""
        chat = want.name == CHAT
        speech = want.speech or self._agent.mind.answer(self.view(), want.line, chat)
        findings = self._state.findings
        facts, language = self._agent.definition.facts, self._language
        found = [] if chat else self._passages()
        passages = [passage.text for passage in found]
        if speech.trusted or chat:
            said_before = " ".join(message.content for message in self._history)
            known = f"{self._agent.definition.persona} {findings} {said_before}"
            ground = Ground.free(want.line, facts, known, language, passages)
        else:
            ground = Ground.of(want.line, facts, findings, language, passages)
        said = await self._pass_on(speech, ground)
        if (at := rests_on(said, passages, facts, language)) is not None:
            self._actions.emit(Quoted(found[at].file, found[at].heading, found[at].text))
        return speech.then()

    async def tell(self, frame: Frame, result: ToolResult) -> list[Want]:
        """Phrase what a tool found; what the model proposes besides."""
        language = self._language
        arguments = sentences.spoken_values(frame, language)
        known = f"{self._state.findings} {' '.join(arguments.values())}"
        speech = self._agent.mind.tell(self.view(), self._line, frame.tool, arguments)
        if speech.trusted:
            facts = self._agent.definition.facts
            await self._pass_on(speech, Ground.free(self._line, facts, known, language))
            return speech.then()
        async with aclosing(speech.words) as pieces:
            said = "".join([piece async for piece in pieces])
        told = whole(said, result, f"{self._line} {known}", language)
        self._actions.emit(Say(told or sentences.reading(result, language), complete=True))
        return []

    async def _pass_on(self, speech: Speech, ground: Ground) -> str:
        """Speak it as far as it holds; what was said."""
        spoken: list[str] = []
        async with (
            aclosing(speech.words) as pieces,
            aclosing(grounded(pieces, ground, self._language)) as said,
        ):
            async for say in said:
                spoken.append(say.text)
                self._actions.emit(say)
        return "".join(spoken)
