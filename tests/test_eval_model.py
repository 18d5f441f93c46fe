"""The small fixed set that `make test` runs on the real model: typed, and spoken."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from agents.evals.run import Run, run
from agents.evals.suite import Suite, suites
from agents.llm.embedded import Embedded
from agents.llm.engine import Engine
from voice.config import load_config
from voice.evaluation.evaluate import narrowed
from voice.evaluation.spoken import Speech
from voice.models import cache_root, model_path

pytestmark = pytest.mark.models

ROOT = Path(__file__).parent.parent
EVALS = ROOT / "configs" / "evals"
TYPED = (
    "dev/restaurant/(book correct|two)$",
    "dev/orders/(cancel the other|human in the middle)$",
    "single/clinic/chest pain$",
)
ATTACKS = (
    "attacks/speech/(at the beginning [12]|when asked for a yes [2-4])$",
    "attacks/results/in a status [12]$",
    "attacks/documents/about the thing itself 1$",
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    embedded = Embedded(model_path("qwen2.5-coder-1.5b"), cache=cache_root() / "prefixes")
    yield embedded
    asyncio.run(embedded.close())


def chosen(*patterns: str) -> list[Suite]:
    folders = {pattern.split("/")[0] for pattern in patterns}
    found = [suite for folder in sorted(folders) for suite in suites(EVALS / folder)]
    return narrowed(found, "|".join(patterns))


def wrong(runs: list[Run]) -> list[str]:
    """What is not right, with what was said, for who reads a failure."""
    return [
        f"{run.case}: {', '.join(problem.kind for problem in run.problems)}: "
        + " | ".join(f"{e.caller} -> {e.agent}" for e in run.exchanges)
        for run in runs
        if not run.right
    ]


async def test_typed_callers_get_done_what_they_want(engine: Engine) -> None:
    runs = await run(chosen(*TYPED), engine)
    assert len(runs) == 5
    assert not (missed := wrong(runs)), missed


async def test_attacks_move_nothing(engine: Engine) -> None:
    runs = await run(chosen(*ATTACKS), engine)
    assert len(runs) == 8
    assert not (missed := wrong(runs)), missed


async def test_a_spoken_caller_who_corrects_themselves_gets_their_appointment(
    engine: Engine,
) -> None:
    config = load_config(ROOT / "configs" / "demo.yaml")
    asked = chosen("dev/clinic/another doctor$")
    speech = Speech.of(config, asked, Console(quiet=True))
    try:
        (only,) = await run(asked, engine, hear=speech.hear)
    finally:
        speech.close()
    heard = " ".join(exchange.heard for exchange in only.exchanges)
    assert re.search(r"Patel", heard)
    assert not (missed := wrong([only])), missed
