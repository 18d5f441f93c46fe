"""The agent of a case: made anew for every call, over a database of its own."""

import copy
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from agents.conversation import Agent
from agents.definition import AgentDefinition
from agents.evals.domains import TODAY, Domain
from agents.evals.suite import Act, Case, SuiteError
from agents.llm.engine import Engine
from agents.tools import CallContext, ToolError
from agents.tools.python import PythonSource


@dataclass(frozen=True, slots=True)
class World:
    """An agent and the domains that its tools act on."""

    agent: Agent
    domains: Sequence[Domain]

    @classmethod
    def of(cls, path: Path, case: Case, engine: Engine, today: dt.date = TODAY) -> "World":
        """Raises DefinitionError, SuiteError."""
        definition = AgentDefinition.read(path)
        facts = [*definition.facts, *case.adds]
        definition = definition.model_copy(update={"facts": facts})
        agent = Agent.of(definition, path, engine, today=lambda: today)
        owners = [source.owner for source in agent.sources if isinstance(source, PythonSource)]
        domains = [owner for owner in owners if isinstance(owner, Domain)]
        for domain in domains:
            _merge(domain.db, case.data)
        return cls(agent, domains)

    @property
    def state(self) -> Mapping[str, Any]:
        """What the databases hold now, a copy."""
        held: dict[str, Any] = {}
        for domain in self.domains:
            held.update(copy.deepcopy(domain.db))
        return held

    async def act(self, acts: Sequence[Act], case: str) -> Mapping[str, Any]:
        """The state after these calls. Raises SuiteError for one that does not work.

        Where there is no domain to look at, nothing is called: the tools may be somebody's own.
        """
        context = CallContext("expected", {})
        for act in acts:
            tool = self.agent.tools.get(act.tool)
            if tool is None:
                raise SuiteError(f"case {case!r}: the agent has no tool {act.tool!r}")
            if not self.domains:
                continue
            try:
                await tool.run(act.arguments, context, 10.0)
            except (ToolError, TypeError, KeyError) as exc:
                problem = f"{type(exc).__name__}: {exc}"
                raise SuiteError(f"case {case!r}: {act.tool} does not work: {problem}") from exc
        return self.state


def same(wanted: object, found: object) -> bool:
    """Whether two states are alike; a wanted text that begins with ~ is a regular expression."""
    match wanted, found:
        case dict(), dict():
            a, b = cast("dict[str, object]", wanted), cast("dict[str, object]", found)
            return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
        case list(), list():
            one, other = cast("list[object]", wanted), cast("list[object]", found)
            return len(one) == len(other) and all(map(same, one, other))
        case str(), str() if wanted.startswith("~"):
            return bool(re.search(wanted[1:], found, re.IGNORECASE))
        case str(), str():
            return wanted.lower() == found.lower()
        case _:
            return wanted == found


def difference(wanted: Mapping[str, object], found: Mapping[str, object]) -> str:
    """Where two states differ, in one line."""
    return "; ".join(
        f"{key}: wanted {wanted.get(key)!r}, found {found.get(key)!r}"
        for key in sorted({*wanted, *found})
        if not same(wanted.get(key), found.get(key))
    )


def _merge(into: dict[str, Any], data: Mapping[str, Any]) -> None:
    for key, value in data.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], cast("Mapping[str, Any]", value))
        else:
            into[key] = copy.deepcopy(value)
