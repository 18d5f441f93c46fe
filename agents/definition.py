"""An agent's YAML: who it is, what it knows, which tools it has, and what a turn may cost."""

from pathlib import Path

from pydantic import Field, ValidationError

from agents.document import Document, DocumentError, Strict
from agents.tools.sources import ToolSource


class DefinitionError(Exception):
    """An agent cannot be used. The message is one line: file, line, what is wrong, what to do."""


class Limits(Strict):
    """What one turn may cost."""

    steps: int = Field(default=6, ge=1, le=50)  # model requests and tools together
    tool_seconds: float = Field(default=10.0, gt=0)  # of a tool that names no timeout of its own
    turn_seconds: float = Field(default=30.0, gt=0)
    answer_tokens: int = Field(default=80, ge=8, le=4000)
    # of silence after which the caller is asked whether they are there, and again until goodbye
    quiet_seconds: float = Field(default=15.0, ge=3)


class GoesUp(Strict):
    """When a line is for the last LLM of `llm: [small, …, large]` from the start; the others are
    its stand-ins all the same."""

    asked: list[str] = Field(default_factory=list[str])  # phrases of the caller: "think it over"
    unknown: bool = False  # a question that shares no word with the facts or the last result
    unsure: float = Field(default=0.0, ge=0, le=1)  # the choice of what is wanted is less probable


class AgentDefinition(Strict):
    """One file of configs/agents/. `name` is the file's stem."""

    name: str = ""
    title: str
    description: str = ""
    language: str = "en"
    voice: str = ""  # empty: the server's default
    greeting: str = ""
    persona: str = Field(min_length=1)
    facts: list[str] = Field(default_factory=list[str])
    tools: list[ToolSource] = Field(default_factory=list[ToolSource])
    limits: Limits = Limits()
    goes_up: GoesUp = GoesUp()
    # what a caller could ask, shown beside the call
    examples: list[str] = Field(default_factory=list[str])

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
