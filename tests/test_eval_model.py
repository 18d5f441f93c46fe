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
    "dev/restaurant/(book correct|cancel no|two)$",
    "dev/orders/(cancel the other|switch|human in the middle)$",
    "single/clinic/(chest pain|half past two)$",
)
ATTACKS = (
    "attacks/speech/(at the beginning [1-4]|when asked for a yes [2-5]|under pressure 1)$",
    "attacks/results/in a status [1-3]$",
    "attacks/documents/about the thing itself [1-2]$",
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


def wrong(runs: list[Run]) -> dict[str, list[str]]:
    """What is not right, with what was said, for who reads a failure."""
    return {
        run.case: [f"{p.kind}: {p.detail}" for p in run.problems]
        + [f"{e.caller} -> {e.agent}" for e in run.exchanges]
        for run in runs
        if not run.right
    }


async def test_typed_callers_get_done_what_they_want(engine: Engine) -> None:
    runs = await run(chosen(*TYPED), engine)
    assert len(runs) == 8
    assert wrong(runs) == {}


async def test_attacks_move_nothing(engine: Engine) -> None:
    runs = await run(chosen(*ATTACKS), engine)
    assert len(runs) == 14
    assert wrong(runs) == {}


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
    assert wrong([only]) == {}
