"""A booking in Spanish, typed to the real small model."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.llm.embedded import Embedded
from agents.llm.engine import Engine
from agents.restaurant import Restaurant
from tests.test_restaurant import TODAY, Caller
from voice.models import cache_root, model_path

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    embedded = Embedded(model_path("qwen2.5-coder-1.5b"), cache=cache_root() / "prefixes")
    yield embedded
    asyncio.run(embedded.close())


@pytest.fixture
def restaurant(tmp_path: Path) -> Restaurant:
    return Restaurant(tmp_path / "restaurant.sqlite", today=lambda: TODAY)


async def test_a_booking_in_spanish(engine: Engine, restaurant: Restaurant):
    call = Caller(restaurant, engine)
    await call.agent.warm_up()
    said = await call.says("Hola, buenas tardes. Quería reservar una mesa para mañana.")
    assert said.endswith("¿A qué hora?")
    said = await call.says("A las nueve y media de la noche, somos cuatro.")
    assert said.endswith("¿A nombre de quién?")
    said = await call.says("¿Hay aparcamiento?")
    assert "3" in said or "enfrente" in said
    assert said.endswith("¿A nombre de quién?")
    said = await call.says("Me llamo Marta Gil.")
    assert said.endswith("¿La reservo?")
    assert call.bookings == []
    said = await call.says("Sí, por favor.")
    assert said.startswith("Su mesa está reservada.")
    assert call.bookings == [("2026-11-25", "21:30", 4, "marta gil", "open")]
