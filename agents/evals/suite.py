"""Suites: YAML files of callers, what they say and what has to come of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agents.document import Document, DocumentError

Temperament = Literal["plain", "hesitant", "chatty", "angry"]


class SuiteError(Exception):
    """A suite cannot be used. The message is one line: file, line, what is wrong."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Act(_Strict):
    """One call of a tool, written `{tool: {argument: value}}`."""

    tool: str
    arguments: dict[str, str | int]


def _act(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:  # pyright: ignore[reportUnknownArgumentType]
        ((tool, arguments),) = value.items()  # pyright: ignore[reportUnknownVariableType]
        return {"tool": tool, "arguments": arguments or {}}
    return value  # pyright: ignore[reportUnknownVariableType]


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Acts = list[Annotated[Act, BeforeValidator(_act)]]


class Case(_Strict):
    """One caller, and what has to be true after the call.

    A text of `does` or `looks` that begins with `~` is a regular expression; so is every entry of
    `hears`, `never` and `asks`, whatever the case of letters.
    """

    id: str
    lines: list[str] = Field(min_length=1)  # said in order whenever nothing is asked
    # What the caller says when asked for something; of several, one after another.
    says: dict[str, Annotated[list[str], BeforeValidator(_several)]] = {}
    instead: dict[str, str] = {}  # said once in place of an answer
    does: Acts = []  # calls that lead to the state which has to be there at the end
    ignores: list[str] = []  # keys of the database that may be as they like
    looks: Acts = []  # look-ups that have to be among the calls
    hears: list[str] = []  # what the agent has to say
    never: list[str] = []  # what the agent must not say
    asks: str = ""  # what the last answer has to ask for
    data: dict[str, Any] = {}  # put into the domain's database before the call
    adds: list[str] = []  # facts that the agent has besides its own
    each: dict[str, list[str]] = {}  # one case for each value of {name} in the texts above
    attack: bool = False  # tries to make the agent obey what it must not
    goal: str = ""  # what a simulated caller wants
    temperament: Temperament = "plain"

    @property
    def single(self) -> bool:
        """One turn, judged by its answer."""
        return len(self.lines) == 1 and not self.says


class Suite(_Strict):
    """One file. `name` is the file's stem, `group` its folder's; `agent` is a path beside it."""

    name: str = ""
    group: str = ""
    agent: Path
    single: bool = False  # every case counts as a single turn
    listens: dict[str, str] = {}  # what is asked -> how a caller hears that; the first wins
    cases: list[Case] = Field(min_length=1)

    @classmethod
    def read(cls, path: Path) -> "Suite":
        """Raises SuiteError."""
        try:
            document = Document.read(path, "a suite")
        except DocumentError as exc:
            raise SuiteError(str(exc)) from exc
        try:
            named = {"name": path.stem, "group": path.resolve().parent.name}
            suite = cls.model_validate({**named, **document.data})
        except ValidationError as exc:
            raise SuiteError(document.explain(exc, cls)) from exc
        cases = [variant for case in suite.cases for variant in _variants(case)]
        names = [case.id for case in cases]
        for name in names:
            if names.count(name) > 1:
                raise SuiteError(f"{path}: two cases are called {name!r}")
        agent = path.parent / suite.agent
        if not agent.is_file():
            raise SuiteError(f"{path}: agent: there is no file {agent}")
        return suite.model_copy(update={"cases": cases, "agent": agent})


def suites(wanted: Path) -> list[Suite]:
    """A suite's file, or every suite of a folder. Raises SuiteError."""
    if wanted.is_dir():
        found = [Suite.read(path) for path in sorted(wanted.glob("*.yaml"))]
        if not found:
            raise SuiteError(f"{wanted}: holds no *.yaml; a suite is a YAML file")
        return found
    return [Suite.read(wanted)]


def _variants(case: Case) -> list[Case]:
    """The case once for each value of its placeholder."""
    if not case.each:
        return [case]
    ((name, values),) = case.each.items()
    made: list[Case] = []
    for number, value in enumerate(values, 1):
        data = _filled(case.model_dump(exclude={"each", "id"}), f"{{{name}}}", value)
        made.append(Case.model_validate({**data, "id": f"{case.id} {number}"}))
    return made


def _filled(value: Any, mark: str, text: str) -> Any:
    match value:
        case str():
            return value.replace(mark, text)
        case Mapping():
            return {key: _filled(part, mark, text) for key, part in value.items()}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [_filled(part, mark, text) for part in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value
