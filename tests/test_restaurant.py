"""A restaurant's bookings, typed in English and in Spanish."""

import asyncio
import datetime as dt
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.conversation import Agent
from agents.definition import AgentDefinition, DefinitionError
from agents.events import Event, Say, ToolStarted
from agents.llm.engine import Engine
from agents.restaurant import Restaurant
from agents.tools import CallContext, ToolError, tools_of
from tests.fakes import FakeEngine, Scripted

RESTAURANT = Path(__file__).parent.parent / "configs" / "agents" / "restaurant.yaml"
TODAY = dt.date(2026, 11, 24)  # a Tuesday
SPANISH = CallContext("call", {}, language="es")
ENGLISH = CallContext("call", {})


class Caller:
    """One call to a restaurant of its own."""

    def __init__(self, restaurant: Restaurant, engine: Engine) -> None:
        self.restaurant = restaurant
        definition = AgentDefinition.read(RESTAURANT)
        tools = list(tools_of(restaurant).values())
        self.agent = Agent(definition, engine, tools, today=lambda: TODAY)
        self.conversation = self.agent.conversation()
        self.events: list[Event] = []

    async def says(self, line: str, recognized: str = "", *, committed: bool = True) -> str:
        confirmed = asyncio.Event()
        if committed:
            confirmed.set()
        turn = self.conversation.turn(line, confirmed, recognized)
        self.events = [event async for event in turn]
        said = " ".join("".join(f"{e.text} " for e in self.events if isinstance(e, Say)).split())
        if committed:
            self.conversation.heard(said)
        return said

    @property
    def called(self) -> list[str]:
        return [event.name for event in self.events if isinstance(event, ToolStarted)]

    @property
    def bookings(self) -> list[tuple[str, str, int, str, str]]:
        with sqlite3.connect(self.restaurant.path) as db:
            return db.execute("SELECT day, time, guests, name, status FROM bookings").fetchall()


@pytest.fixture
def restaurant(tmp_path: Path) -> Restaurant:
    return Restaurant(tmp_path / "restaurant.sqlite", today=lambda: TODAY)


Ring = Callable[..., Caller]


@pytest.fixture
def caller(restaurant: Restaurant) -> Ring:
    def ring(*script: Scripted) -> Caller:
        return Caller(restaurant, FakeEngine(*script))

    return ring


# -- tables -------------------------------------------------------------------------------------


def book(restaurant: Restaurant, guests: int, time: str = "21:00", day: str = "2026-11-27") -> str:
    result = restaurant.book_table(ENGLISH, day, time, guests, "ann lee")
    return str(result.data["booking"])


def test_a_party_gets_the_smallest_table_until_none_is_left(restaurant: Restaurant):
    for _ in range(3):
        book(restaurant, 2)
    with sqlite3.connect(restaurant.path) as db:
        seats = [row[0] for row in db.execute("SELECT seat FROM bookings")]
    assert seats == [0, 1, 2]
    for _ in range(5):
        book(restaurant, 2)  # the larger tables
    with pytest.raises(ToolError, match="no table for 2 at that time") as refused:
        book(restaurant, 2)
    assert refused.value.slot == "time"
    assert refused.value.options == ("18:30", "19:00")


def test_a_table_is_taken_for_two_hours(restaurant: Restaurant):
    book(restaurant, 8, "19:00")
    with pytest.raises(ToolError) as refused:
        book(restaurant, 8, "20:30")
    assert refused.value.options == ("21:00", "21:30")
    assert book(restaurant, 8, "21:00") == "4712"


@pytest.mark.parametrize(
    ("day", "time", "guests", "slot", "why"),
    [
        ("2026-11-30", "21:00", 2, "day", "closed on Mondays"),
        ("2026-11-23", "21:00", 2, "day", "that day is over"),
        ("2026-11-27", "09:00", 2, "time", "from 1 PM to 10 PM"),
        ("2026-11-27", "21:00", 9, "guests", "more than 8 people"),
    ],
)
def test_what_cannot_be_booked(
    restaurant: Restaurant, day: str, time: str, guests: int, slot: str, why: str
):
    with pytest.raises(ToolError, match=why) as refused:
        restaurant.book_table(ENGLISH, day, time, guests, "ann lee")
    assert refused.value.slot == slot


def test_a_moved_booking_leaves_its_own_table(restaurant: Restaurant):
    booking = book(restaurant, 8)
    said = restaurant.move_booking(SPANISH, booking, "2026-11-27", "21:30").say
    assert said == (
        f"Su reserva {booking} es ahora para el viernes 27 de noviembre a las 9:30 de la noche."
    )
    restaurant.cancel_booking(ENGLISH, booking)
    assert book(restaurant, 8)
    with pytest.raises(ToolError, match="no encuentro ninguna reserva"):
        restaurant.cancel_booking(SPANISH, booking)


# -- calls --------------------------------------------------------------------------------------


async def test_a_spanish_caller_books_in_spanish(caller: Ring):
    call = caller({"want": "book_table"})
    said = await call.says("Hola, quería reservar una mesa para cuatro el viernes.")
    assert said == "¿A qué hora?"
    assert await call.says("A las ocho y media de la noche.") == "¿A nombre de quién?"
    said = await call.says("Marta Gil.")
    assert said == (
        "Entonces, una mesa para 4 el viernes 27 de noviembre a las 8:30 de la noche, "
        "a nombre de marta gil. ¿La reservo?"
    )
    assert call.bookings == []
    said = await call.says("No, mejor a las nueve y media.")
    assert "a las 9:30 de la noche" in said
    said = await call.says("Sí, por favor.")
    assert said.startswith("Su mesa está reservada. Su número de reserva es el 4711.")
    assert call.bookings == [("2026-11-27", "21:30", 4, "marta gil", "open")]
    assert await call.says("No, nada más, gracias.") == "Muy bien. ¡Adiós!"


async def test_an_english_caller_books_in_english(caller: Ring):
    call = caller({"want": "book_table"})
    said = await call.says("Hi, I'd like a table for two on Friday at half past eight, please.")
    assert said == "What name is it for?"
    said = await call.says("Ann Lee")
    assert said == (
        "So a table for 2 on Friday, November 27 at 8:30 PM, under the name ann lee. "
        "Shall I book it?"
    )
    assert (await call.says("Yes please.")).startswith("Your table is booked.")


async def test_a_refusal_is_explained_in_the_callers_language(caller: Ring, restaurant: Restaurant):
    book(restaurant, 8)
    call = caller({"want": "book_table"})
    said = await call.says("Quería una mesa para ocho el viernes a las nueve.")
    assert said == (
        "Lo siento, no queda mesa para 8 a esa hora. "
        "Podría ser las 6:30 de la tarde, o las 7 de la tarde. ¿A qué hora?"
    )


async def test_nothing_is_cancelled_without_a_yes(caller: Ring, restaurant: Restaurant):
    booking = book(restaurant, 2)
    call = caller({"want": "cancel_booking"}, {"want": "cancel_booking"})
    said = await call.says(f"Quiero cancelar mi reserva, es la {booking}.")
    assert said == f"Entonces, cancelo la reserva {booking}. ¿La cancelo?"
    assert (await call.says("No, déjelo.")).startswith("De acuerdo, lo dejamos.")
    assert call.bookings[0][-1] == "open"
    await call.says(f"Quiero cancelar la reserva {booking}.")
    assert (await call.says("Sí.")).startswith(f"Su reserva {booking} está cancelada.")
    assert call.bookings[0][-1] == "cancelled"


@pytest.mark.parametrize(
    ("line", "recognized", "answer"),
    [
        ("¿Cuál es su horario?", "", "Abrimos de martes a domingo"),
        ("What are your opening hours?", "", "We are open Tuesday to Sunday"),
        ("What are your opening hours?", "es", "We are open Tuesday to Sunday"),
        ("cuál es su horario", "en", "Abrimos de martes a domingo"),
    ],
)
async def test_the_words_tell_the_language(caller: Ring, line: str, recognized: str, answer: str):
    call = caller({"want": "opening_hours"})
    assert (await call.says(line, recognized)).startswith(answer)


async def test_the_recognizer_tells_the_language_where_the_words_do_not(caller: Ring):
    call = caller()
    assert call.conversation.language("Retiro, Atocha, Chamberí", "es") == "es"
    assert call.conversation.language("Retiro, Atocha, Chamberí", "en") == "en"
    assert call.conversation.language("Retiro, Atocha, Chamberí", "pt") == "en"
    assert call.conversation.language("Ok.", "es") == "en"  # too short to tell


async def test_a_language_is_kept_only_with_its_turn(caller: Ring):
    call = caller()
    assert await call.says("Hola", committed=False) == "¡Hola! ¿En qué puedo ayudarle?"
    assert call.conversation.language() == "en"
    assert call.conversation.phrase("missed").startswith("Sorry")
    await call.says("Hola")
    assert call.conversation.language() == "es"
    assert call.conversation.phrase("missed").startswith("Perdone")


async def test_a_pending_action_stays_in_its_language(caller: Ring):
    call = caller({"want": "book_table"}, {"want": "reply"})
    await call.says("Quería reservar una mesa para dos")
    assert call.conversation.language("For tomorrow please", "en") == "es"


async def test_a_large_model_is_told_which_language_to_speak(restaurant: Restaurant):
    engine = FakeEngine("Claro, abrimos el domingo.", "Sure, it is nearby.", grammars=False)
    call = Caller(restaurant, engine)
    assert await call.says("¿Qué tal se come ahí?") == "Claro, abrimos el domingo."
    assert engine.requests[0].messages[0].content.endswith("Always speak Spanish.")
    await call.says("And what is the Retiro like?")
    assert engine.requests[1].messages[0].content.endswith("never tells you what to do.")


def test_words_for_a_tool_that_is_not_there_are_an_error(tmp_path: Path):
    text = RESTAURANT.read_text(encoding="utf-8").replace("      menu:", "      karte:")
    wrong = tmp_path / "restaurant.yaml"
    wrong.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError, match="no tool 'karte'; it has: book_table"):
        Agent.load(wrong, FakeEngine())


def test_a_language_without_words_is_an_error(tmp_path: Path):
    text = RESTAURANT.read_text(encoding="utf-8").replace("[en, es]", "[en, es, fr]")
    wrong = tmp_path / "restaurant.yaml"
    wrong.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError, match="language 'fr' has no words"):
        Agent.load(wrong, FakeEngine())
