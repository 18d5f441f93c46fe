"""A domain of tau2-bench, run from a copy of it: its tasks, its tools, its policy.

The folder is a checkout of sierra-research/tau2-bench, or one laid out like it:

    data/tau2/domains/NAME/{tasks.json, db.json, policy.md}
    src/tau2/domains/NAME/tools.py

The domain's own Python is run. Of the benchmark's package it gets stand-ins for what domains build
on (tau2.environment.toolkit, .db, tau2.utils), so that nothing else of it has to be installed.

A task is passed when every part of its `reward_basis` that can be judged is: DB (the database is
the one that the task's actions lead to, the case of letters aside), ENV_ASSERTION, ACTION and
COMMUNICATE. NL_ASSERTION needs a judge, which no small model is: it is left out, and said so.
"""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.conversation import Agent
from agents.definition import AgentDefinition, Limits
from agents.evals.caller import Caller
from agents.evals.domains import TODAY
from agents.evals.run import Run
from agents.evals.score import Problem
from agents.evals.simulated import SimulatedCaller
from agents.evals.talk import Call, Counted, Exchange, talk
from agents.evals.tau2_code import Tau2Error, Toolkit, toolkit_of, tools_of
from agents.evals.world import difference, same
from agents.llm.engine import Engine

_FACTS = 12  # sentences of a policy given to a small model: its prompt has room for few
_JUDGED = frozenset({"DB", "ENV_ASSERTION", "ACTION", "COMMUNICATE"})


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Action(_Loose):
    """A call that the benchmark expects. `compare_args`: those that have to fit; None for all."""

    name: str
    arguments: dict[str, Any] = {}
    compare_args: list[str] | None = None
    requestor: str = "assistant"


class Function(_Loose):
    env_type: str = "assistant"
    func_name: str
    arguments: dict[str, Any] = {}
    assert_value: bool = True


class Instructions(_Loose):
    reason_for_call: str = ""
    known_info: str | None = None
    unknown_info: str | None = None
    task_instructions: str = ""

    @property
    def text(self) -> str:
        return " ".join(
            part for part in (self.reason_for_call, self.known_info, self.task_instructions) if part
        )


class Scenario(_Loose):
    persona: str | None = None
    instructions: str | Instructions


class Data(_Loose):
    agent_data: dict[str, Any] | None = None


class Initial(_Loose):
    initialization_data: Data | None = None
    initialization_actions: list[Function] | None = None
    message_history: list[dict[str, Any]] | None = None


class Criteria(_Loose):
    actions: list[Action] | None = None
    env_assertions: list[Function] | None = None
    communicate_info: list[str] | None = None
    reward_basis: list[str] = ["DB", "COMMUNICATE"]


class Task(_Loose):
    """One task of tasks.json."""

    id: str
    user_scenario: Scenario
    initial_state: Initial | None = None
    evaluation_criteria: Criteria | None = Field(default_factory=Criteria)

    @property
    def goal(self) -> str:
        told = self.user_scenario.instructions
        return told if isinstance(told, str) else told.text

    @property
    def unsupported(self) -> str:
        """Why the task cannot be run here, or ""."""
        state = self.initial_state or Initial()
        criteria = self.evaluation_criteria or Criteria()
        functions = [*(state.initialization_actions or []), *(criteria.env_assertions or [])]
        users = any(function.env_type == "user" for function in functions)
        users |= any(action.requestor == "user" for action in criteria.actions or [])
        if users:
            return "the caller has tools of their own"
        if not _JUDGED & set(criteria.reward_basis):
            return "it can be judged by a large model only"
        return ""


@dataclass(frozen=True, slots=True)
class Tau2Domain:
    """A domain, loaded. `toolkit` makes its tools over a database of their own."""

    name: str
    policy: str
    tasks: Sequence[Task]
    data: Mapping[str, Any]
    toolkit: Callable[[Mapping[str, Any]], Toolkit]

    @classmethod
    def load(cls, folder: Path, name: str) -> "Tau2Domain":
        """Read the files and import the domain's tools. Raises Tau2Error."""
        place = folder / "data" / "tau2" / "domains" / name
        code = folder / "src" / "tau2" / "domains" / name
        for path in (
            place / "tasks.json",
            place / "db.json",
            place / "policy.md",
            code / "tools.py",
        ):
            if not path.is_file():
                raise Tau2Error(f"{path}: not there; --tau2 takes a checkout of tau2-bench")
        try:
            tasks = [Task.model_validate(task) for task in _json(place / "tasks.json")]
        except ValidationError as exc:
            error = exc.errors()[0]
            where = ".".join(map(str, error["loc"]))
            raise Tau2Error(f"{place / 'tasks.json'}: {where}: {error['msg']}") from exc
        data = _json(place / "db.json")
        policy = (place / "policy.md").read_text(encoding="utf-8")
        return cls(name, policy, tasks, data, toolkit_of(folder / "src", name))

    def world(self, task: Task) -> Toolkit:
        """The domain's tools as a task finds them."""
        state = task.initial_state or Initial()
        data = json.loads(json.dumps(self.data))
        if state.initialization_data and state.initialization_data.agent_data:
            _update(data, state.initialization_data.agent_data)
        kit = self.toolkit(data)
        for function in state.initialization_actions or []:
            getattr(kit, function.func_name)(**function.arguments)
        for message in state.message_history or []:
            for call in message.get("tool_calls") or []:
                getattr(kit, call["name"])(**call["arguments"])
        return kit

    def agent(self, kit: Toolkit, engine: Engine) -> Agent:
        """An agent whose facts are the policy's sentences."""
        lines = (line.strip(" -*#0123456789.") for line in self.policy.splitlines())
        facts = [line if line.endswith(".") else f"{line}." for line in lines if " " in line]
        definition = AgentDefinition(
            name=self.name,
            title=self.name,
            greeting="Hello, how can I help you?",
            persona=f"You are the assistant of a company, on the phone ({self.name}).",
            facts=facts[:_FACTS] if engine.grammars else facts,
            limits=Limits(steps=12, turn_seconds=120),
        )
        return Agent(definition, engine, tools_of(kit), today=lambda: TODAY)


async def run_tau2(
    domain: Tau2Domain,
    engine: Engine,
    caller: Engine,
    *,
    seed: int = 0,
    done: Callable[[Run], None] = lambda run: None,
) -> list[Run]:
    """Every task that can be run here, once. Raises EngineError."""
    runs: list[Run] = []
    for task in domain.tasks:
        if task.unsupported:
            continue
        player = SimulatedCaller(caller, task.goal, seed=seed)
        runs.append(await _one(domain, task, Counted(engine), player, seed))
        done(runs[-1])
    return runs


async def _one(domain: Tau2Domain, task: Task, engine: Counted, caller: Caller, seed: int) -> Run:
    kit = domain.world(task)
    agent = domain.agent(kit, engine)
    exchanges = await talk(agent, caller, engine)
    found = rewards(domain, task, kit, exchanges)
    wrong = tuple(Problem("state", f"{part}: {why}") for part, why in found.items() if why)
    return Run("tau2", domain.name, task.id, False, False, seed, tuple(exchanges), wrong)


def rewards(
    domain: Tau2Domain, task: Task, kit: Toolkit, exchanges: Sequence[Exchange]
) -> dict[str, str]:
    """Each part of the task's reward that can be judged: "" for met, or what is missing."""
    criteria = task.evaluation_criteria or Criteria()
    calls = [call for exchange in exchanges for call in exchange.calls if call.error is None]
    said = " ".join(exchange.agent for exchange in exchanges).lower().replace(",", "")
    found: dict[str, str] = {}
    for part in criteria.reward_basis:
        match part:
            case "DB":
                expected = domain.world(task)
                for action in criteria.actions or []:
                    with contextlib.suppress(ValueError):  # some tasks expect a refusal
                        getattr(expected, action.name)(**action.arguments)
                wanted, state = _state(expected), _state(kit)
                found[part] = "" if same(wanted, state) else difference(wanted, state)
            case "ACTION":
                missing = [a.name for a in criteria.actions or [] if not _called(a, calls)]
                found[part] = ", ".join(missing)
            case "ENV_ASSERTION":
                failed = [
                    f.func_name
                    for f in criteria.env_assertions or []
                    if getattr(kit, f.func_name)(**f.arguments) != f.assert_value
                ]
                found[part] = ", ".join(failed)
            case "COMMUNICATE":
                unsaid = [t for t in criteria.communicate_info or [] if t.lower() not in said]
                found[part] = ", ".join(unsaid)
            case _:  # NL_ASSERTION
                pass
    return found


def _called(action: Action, calls: Sequence[Call]) -> bool:
    names = action.arguments if action.compare_args is None else action.compare_args
    wanted = {name: action.arguments.get(name) for name in names}
    return any(
        call.tool == action.name
        and same(wanted, {name: call.arguments.get(name) for name in wanted})
        for call in calls
    )


def _state(kit: Toolkit) -> dict[str, object]:
    return kit.db.model_dump(mode="json")


def _update(into: dict[str, Any], data: Mapping[str, Any]) -> None:
    for key, value in data.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _update(into[key], cast("Mapping[str, Any]", value))
        else:
            into[key] = value


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as exc:
        raise Tau2Error(f"{path}: not readable as JSON ({exc})") from exc
