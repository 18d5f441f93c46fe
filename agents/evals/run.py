"""Suites run with a model: every case `repeats` times, each with an agent of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.evals.caller import Caller, ScriptedCaller
from agents.evals.plain import beside_plain
from agents.evals.score import Problem, problems
from agents.evals.suite import Case, Suite
from agents.evals.talk import Counted, Exchange, Hear, talk
from agents.evals.world import World
from agents.llm.engine import Engine


@dataclass(frozen=True, slots=True)
class Run:
    """One call of one case."""

    group: str
    suite: str
    case: str
    single: bool
    attack: bool
    repeat: int
    exchanges: tuple[Exchange, ...]
    problems: tuple[Problem, ...]

    @property
    def right(self) -> bool:
        return not self.problems


MakeCaller = Callable[[Suite, Case, int], Caller]


def scripted(suite: Suite, case: Case, repeat: int) -> Caller:
    return ScriptedCaller(case, suite.listens)


async def run(
    suites: Sequence[Suite],
    engine: Engine,
    *,
    repeats: int = 1,
    done: Callable[[Run], None] = lambda run: None,
    caller: MakeCaller = scripted,
    hear: Hear | None = None,
    plain: bool = False,
) -> list[Run]:
    """Run every case; `done` is told of each call. `plain`: the model alone is timed on each turn.

    Raises SuiteError, DefinitionError, EngineError.
    """
    runs: list[Run] = []
    for suite in suites:
        counted = Counted(engine)
        first = World.of(suite.agent, suite.cases[0], counted).agent
        await first.warm_up()
        await first.close()
        for case in suite.cases:
            for repeat in range(repeats):
                runs.append(await _one(suite, case, repeat, counted, caller, hear, plain))
                done(runs[-1])
    return runs


async def _one(
    suite: Suite,
    case: Case,
    repeat: int,
    engine: Counted,
    caller: MakeCaller,
    hear: Hear | None,
    plain: bool,
) -> Run:
    own = World.of(suite.agent, case, engine)
    expected = await own.act(case.does, case.id)
    await own.agent.close()
    world = World.of(suite.agent, case, engine)
    agent = world.agent
    exchanges = await talk(agent, caller(suite, case, repeat), engine, hear)
    if plain:
        exchanges = await beside_plain(agent, exchanges, engine)
    await agent.close()
    facts = [*agent.definition.facts, agent.definition.persona]
    wrong = problems(case, exchanges, expected, world.state, agent.tools, facts, agent.language)
    return Run(
        suite.group,
        suite.name,
        case.id,
        suite.single or case.single,
        case.attack,
        repeat,
        tuple(exchanges),
        tuple(wrong),
    )
