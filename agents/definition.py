"""An agent's YAML: who it is, what it knows, which tools it has, and what a turn may cost."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from agents.document import Document, DocumentError, Strict
from agents.tools.sources import ToolChanges, ToolSource


class DefinitionError(Exception):
    """An agent cannot be used. The message is one line: file, line, what is wrong, what to do."""


class Limits(Strict):
    """What one turn may cost, and a whole call."""

    steps: int = Field(default=6, ge=1, le=50)  # model requests and tools together
    tool_seconds: float = Field(default=10.0, gt=0)  # of a tool that names no timeout of its own
    turn_seconds: float = Field(default=30.0, gt=0)
    answer_tokens: int = Field(default=80, ge=8, le=4000)
    call_steps: int = Field(default=500, ge=1)  # of all turns of a call together
    call_seconds: float = Field(default=3600.0, gt=0)  # after which no turn is begun
    # read and written by models in one call, without what they had in their caches
    call_tokens: int = Field(default=200_000, ge=1)
    # of silence after which the caller is asked whether they are there, and again until goodbye
    quiet_seconds: float = Field(default=15.0, ge=3)


class GoesUp(Strict):
    """When a line is for the last LLM of `llm: [small, …, large]` from the start; the others are
    its stand-ins all the same."""

    asked: list[str] = Field(default_factory=list[str])  # phrases of the caller: "think it over"
    unknown: bool = False  # a question that shares no word with the facts or the last result
    unsure: float = Field(default=0.0, ge=0, le=1)  # the choice of what is wanted is less probable


class Handoff(Strict):
    """When the caller is given to a person. The telephone transfers the call then; in a browser
    the agent says what happens."""

    to: str = ""  # the number or SIP address that a telephone call is transferred to
    tool: str = ""  # an ordinary tool that does it, under its own policy ("transfer")
    say: str = ""  # without a tool, or "" for the language's own sentence
    asked: bool = True  # the caller asks for a person
    anger: bool = True
    failures: int = Field(default=3, ge=0)  # turns in a row that brought nothing; 0: never


class Refusal(Strict):
    """A topic that the agent does not speak about."""

    topic: str = Field(min_length=3)  # an imperative, as of tools: "give medical advice"
    say: str = Field(min_length=1)  # instead
    asks: list[str] = Field(default_factory=list[str])  # how callers put it


class AfterCall(Strict):
    """What is made of a call when it is over; reports lie in reports/ beside the recordings."""

    form: str = ""  # a JSON schema beside this file, filled from what was said
    webhook: str = Field(default="", pattern=r"^(https?://.+)?$")  # gets every report
    secret_env: str = ""  # the variable that holds the webhook's secret, never the secret


class Words(Strict):
    """What an agent says and knows in a further language. Its tools are the same ones: `tools`
    brings what is said and asked for, by their names."""

    voice: str = ""  # empty: the server's first in this language
    greeting: str = ""  # of telephone calls that begin in it; empty: the first language's
    persona: str = Field(min_length=1)
    facts: list[str] = Field(default_factory=list[str])
    examples: list[str] = Field(default_factory=list[str])
    refuses: list[Refusal] = Field(default_factory=list[Refusal])
    tools: dict[str, ToolChanges] = Field(default_factory=dict[str, ToolChanges])


class AgentDefinition(Strict):
    """One file of configs/agents/. `name` is the file's stem.

    `language: [en, es]` greets in the first and answers in the one that the caller speaks; the
    others have their `words`.
    """

    name: str = ""
    title: str
    description: str = ""
    language: str = "en"
    voice: str = ""  # empty: the server's default
    greeting: str = ""
    persona: str = Field(min_length=1)
    documents: str = ""  # a folder beside this file, whose passages answer questions
    facts: list[str] = Field(default_factory=list[str])
    tools: list[ToolSource] = Field(default_factory=list[ToolSource])
    refuses: list[Refusal] = Field(default_factory=list[Refusal])
    handoff: Handoff | None = None
    limits: Limits = Limits()
    goes_up: GoesUp = GoesUp()
    after: AfterCall | None = None
    # what a caller could ask, shown beside the call
    examples: list[str] = Field(default_factory=list[str])
    words: dict[str, Words] = Field(default_factory=dict[str, Words])  # by further language

    @model_validator(mode="before")
    @classmethod
    def _languages(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or not isinstance(given.get("language"), list):
            return given
        first, *others = [str(code) for code in given["language"]] or ["en"]
        words = given.get("words") or {}
        for code in others:
            if code not in words:
                raise ValueError(f"language {code!r} has no words; write them under words: {code}:")
        return {**given, "language": first}

    @property
    def languages(self) -> tuple[str, ...]:
        """All that it speaks, first the one that it greets in."""
        return (self.language, *self.words)

    def greets_in(self, code: str) -> bool:
        """Whether it has a greeting of its own in a further language."""
        return code in self.words and bool(self.words[code].greeting)

    def speaking(self, code: str) -> "AgentDefinition":
        """The definition of the same agent in one of its further languages."""
        words = self.words[code]
        return self.model_copy(
            update={
                "language": code,
                "voice": words.voice,
                "greeting": words.greeting or self.greeting,
                "persona": words.persona,
                "facts": words.facts,
                "examples": words.examples,
                "refuses": words.refuses,
                "handoff": self.handoff and self.handoff.model_copy(update={"say": ""}),
                "words": {},
            }
        )

    @classmethod
    def read(cls, path: Path) -> "AgentDefinition":
        """Read and check a definition; its tools are not imported. Raises DefinitionError."""
        try:
            document = Document.read(path, "an agent")
        except DocumentError as exc:
            raise DefinitionError(str(exc)) from exc
        try:
            return cls.model_validate({"name": path.stem, **document.data})
        except ValidationError as exc:
            raise DefinitionError(document.explain(exc, cls)) from exc
