"""A restaurant that takes bookings in two languages, over a real SQLite file."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from agents.database import data_file, transaction
from agents.spoken import language
from agents.tools import CallContext, Slot, ToolError, ToolResult, tool

TABLES = (2, 2, 2, 4, 4, 4, 6, 8)  # seats
STAY = 120  # min that a table is taken for
OPENS, LAST, CLOSES = "13:00", "22:00", "23:30"  # the last booking is for LAST
CLOSED = 0  # the weekday, Monday
_STEP = 30  # min between the times that are offered instead

Day = Annotated[str, Slot("day", kind="date", ask="For which day?")]
Time = Annotated[str, Slot("time", kind="time", ask="At what time?", hours=(12, 23.5))]
Guests = Annotated[int, Slot("number of guests", ask="For how many people?")]
BookingId = Annotated[
    str,
    Slot(
        "booking number",
        kind="id",
        pattern=r"\d{4}",
        ask="What is your booking number?",
        hint="It has four digits; we told it to you when you booked.",
    ),
]
Dish = Annotated[
    Literal["vegetarian", "vegan", "fish", "meat", "children", "desserts"],
    Slot(
        "kind of dish",
        ask="What kind of dish: vegetarian, vegan, fish, meat, for children, or desserts?",
        synonyms={"children": ["kids", "child"], "desserts": ["dessert", "sweet"]},
    ),
]
_MENU = {
    "en": {
        "vegetarian": "grilled vegetables, mushroom rice and a potato omelette",
        "vegan": "grilled vegetables and mushroom rice",
        "fish": "hake in green sauce and octopus with paprika",
        "meat": "oxtail stew and lamb chops",
        "children": "croquettes and a small omelette",
        "desserts": "burnt cheesecake and rice pudding",
    },
    "es": {
        "vegetarian": "parrillada de verduras, arroz con setas y tortilla de patatas",
        "vegan": "parrillada de verduras y arroz con setas",
        "fish": "merluza en salsa verde y pulpo con pimentón",
        "meat": "rabo de toro y chuletillas de cordero",
        "children": "croquetas y una tortilla pequeña",
        "desserts": "tarta de queso y arroz con leche",
    },
}
_SAID = {
    "en": {
        "menu": "We have {dishes}.",
        "week": "We are open Tuesday to Sunday, from 1 PM to 11:30 PM.",
        "open": "On {day} we are open from 1 PM to 11:30 PM.",
        "closed": "On {day} we are closed. We open again on Tuesday.",
        "closed why": "we are closed on Mondays",
        "past": "that day is over",
        "hours why": "tables can be booked from 1 PM to 10 PM",
        "full": "there is no table for {guests} at that time",
        "full day": "there is no table for {guests} left on that day",
        "large": "we have no table for more than {most} people",
        "unknown": "I can't find a booking with the number {booking}",
        "booked": "Your table is booked. Your booking number is {booking}.",
        "moved": "Your booking {booking} is now for {day} at {time}.",
        "cancelled": "Your booking {booking} is cancelled.",
        "details": "Booking {booking} is a table for {guests} on {day} at {time}, under {name}.",
    },
    "es": {
        "menu": "Tenemos {dishes}.",
        "week": "Abrimos de martes a domingo, de la 1 de la tarde a las 11:30 de la noche.",
        "open": "El {day} abrimos de la 1 de la tarde a las 11:30 de la noche.",
        "closed": "El {day} está cerrado. Volvemos a abrir el martes.",
        "closed why": "los lunes cerramos",
        "past": "ese día ya ha pasado",
        "hours why": "se puede reservar de la 1 de la tarde a las 10 de la noche",
        "full": "no queda mesa para {guests} a esa hora",
        "full day": "no queda mesa para {guests} ese día",
        "large": "no tenemos mesas para más de {most} personas",
        "unknown": "no encuentro ninguna reserva con el número {booking}",
        "booked": "Su mesa está reservada. Su número de reserva es el {booking}.",
        "moved": "Su reserva {booking} es ahora para el {day} a {time}.",
        "cancelled": "Su reserva {booking} está cancelada.",
        "details": "La reserva {booking} es una mesa para {guests} el {day} a {time}, "
        "a nombre de {name}.",
    },
}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS bookings (
  id INTEGER PRIMARY KEY, seat INTEGER NOT NULL, day TEXT NOT NULL, time TEXT NOT NULL,
  guests INTEGER NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'open'
)
"""
_FIRST_ID = 4711


class Restaurant:
    """Tools over one SQLite file; each call of a tool opens its own connection.

    What tools say is in the caller's language, which is the call's.
    """

    def __init__(
        self, path: Path | None = None, today: Callable[[], dt.date] = dt.date.today
    ) -> None:
        """`path` defaults to restaurant.sqlite in $OPENLINE_DATA, or the user's data directory."""
        self.path = data_file("restaurant.sqlite", path)
        self._today = today
        with transaction(self.path, immediate=True) as db:
            db.execute(_SCHEMA)

    # -- tables ------------------------------------------------------------------------------

    def _free(
        self, db: sqlite3.Connection, day: str, time: str, guests: int, moved: str = ""
    ) -> int | None:
        """The smallest table that is free; `moved` is a booking that leaves its own."""
        taken = {
            row[0]
            for row in db.execute(
                "SELECT seat, time FROM bookings WHERE day = ? AND status = 'open' AND id != ?",
                (day, moved or 0),
            )
            if abs(_minutes(row[1]) - _minutes(time)) < STAY
        }
        fits = [at for at, seats in enumerate(TABLES) if seats >= guests and at not in taken]
        return min(fits, key=lambda at: TABLES[at], default=None)

    def _table(
        self,
        db: sqlite3.Connection,
        call: CallContext,
        day: str,
        time: str,
        guests: int,
        moved: str = "",
    ) -> int:
        """A free table. Raises ToolError with the nearest times at which there is one."""
        self._check_day(call, day)
        if guests > max(TABLES):
            raise ToolError(_said(call, "large", most=max(TABLES)), "guests")
        times = [_clock(at) for at in range(_minutes(OPENS), _minutes(LAST) + 1, _STEP)]
        if not OPENS <= time <= LAST:
            raise ToolError(_said(call, "hours why"), "time")
        table = self._free(db, day, time, guests, moved)
        if table is not None:
            return table
        times.sort(key=lambda other: abs(_minutes(other) - _minutes(time)))
        free = [t for t in times if self._free(db, day, t, guests, moved) is not None][:2]
        if not free:
            raise ToolError(_said(call, "full day", guests=guests), "day")
        raise ToolError(_said(call, "full", guests=guests), "time", sorted(free))

    def _check_day(self, call: CallContext, day: str) -> None:
        date = dt.date.fromisoformat(day)
        if date < self._today():
            raise ToolError(_said(call, "past"), "day")
        if date.weekday() == CLOSED:
            raise ToolError(_said(call, "closed why"), "day")

    def _booking(self, db: sqlite3.Connection, call: CallContext, booking: str) -> tuple[str, ...]:
        """Day, time, guests and name."""
        row = db.execute(
            "SELECT day, time, guests, name FROM bookings WHERE id = ? AND status = 'open'",
            (booking,),
        ).fetchone()
        if row is None:
            raise ToolError(_said(call, "unknown", booking=booking), "booking")
        return tuple(map(str, row))

    # -- checks, before anything is read back ---------------------------------------------------

    def _bookable(self, call: CallContext, day: str, time: str = "", guests: int = 0) -> None:
        self._check_day(call, day)
        if time:
            with transaction(self.path, immediate=True) as db:
                self._table(db, call, day, time, guests or 1)

    def _movable(self, call: CallContext, booking: str, day: str = "", time: str = "") -> None:
        with transaction(self.path, immediate=True) as db:
            guests = int(self._booking(db, call, booking)[2])
            if day and time:
                self._table(db, call, day, time, guests, booking)
            elif day:
                self._check_day(call, day)

    def _known(self, call: CallContext, booking: str) -> None:
        with transaction(self.path, immediate=True) as db:
            self._booking(db, call, booking)

    # -- tools ---------------------------------------------------------------------------------

    @tool(
        wants="book a table",
        asks=["i want to book a table", "i would like to reserve a table", "do you have a table"],
        confirm="So a table for {guests} on {day} at {time}, under the name {name}. "
        "Shall I book it?",
        check=_bookable,
    )
    def book_table(
        self,
        call: CallContext,
        day: Day,
        time: Time,
        guests: Guests,
        name: Annotated[str, Slot("name", kind="name", ask="What name is it for?")],
    ) -> ToolResult:
        """Book a table for a party."""
        with transaction(self.path, immediate=True) as db:
            table = self._table(db, call, day, time, guests)
            last = db.execute("SELECT max(id) FROM bookings").fetchone()[0]
            booking = str(max(_FIRST_ID, (last or 0) + 1))
            row = (booking, table, day, time, guests, name, "open")
            db.execute("INSERT INTO bookings VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return ToolResult({"booking": booking}, _said(call, "booked", booking=booking))

    @tool(
        wants="move a booking to another time",
        asks=["i want to change my booking", "i need to move my reservation"],
        confirm="So you want to move booking {booking} to {day} at {time}. Shall I do that?",
        check=_movable,
    )
    def move_booking(
        self, call: CallContext, booking: BookingId, day: Day, time: Time
    ) -> ToolResult:
        """Move a booking to another day or time."""
        with transaction(self.path, immediate=True) as db:
            guests = int(self._booking(db, call, booking)[2])
            table = self._table(db, call, day, time, guests, booking)
            db.execute(
                "UPDATE bookings SET seat = ?, day = ?, time = ? WHERE id = ?",
                (table, day, time, booking),
            )
        say = _said(call, "moved", booking=booking, day=day, time=time)
        return ToolResult({"booking": booking, "day": day, "time": time}, say)

    @tool(
        irreversible=True,
        wants="cancel a booking",
        asks=["i want to cancel my booking", "please cancel my reservation"],
        confirm="So you want to cancel booking {booking}. Shall I cancel it?",
        check=_known,
    )
    def cancel_booking(self, call: CallContext, booking: BookingId) -> ToolResult:
        """Cancel a booking."""
        with transaction(self.path, immediate=True) as db:
            self._booking(db, call, booking)
            db.execute("UPDATE bookings SET status = 'cancelled' WHERE id = ?", (booking,))
        return ToolResult({"booking": booking}, _said(call, "cancelled", booking=booking))

    @tool(
        read_only=True,
        wants="tell when a booking is",
        asks=["when is my booking", "what is in my reservation"],
    )
    def booking_details(self, call: CallContext, booking: BookingId) -> ToolResult:
        """When a booking is and for how many."""
        with transaction(self.path, immediate=True) as db:
            day, time, guests, name = self._booking(db, call, booking)
        values = {"booking": booking, "day": day, "time": time, "guests": guests, "name": name}
        return ToolResult(values, _said(call, "details", **values))

    @tool(
        read_only=True,
        wants="tell the opening hours",
        asks=["when are you open", "what are your opening hours", "are you open"],
    )
    def opening_hours(self, call: CallContext, day: Day = "") -> ToolResult:
        """The opening hours, of one day or of the week."""
        if not day:
            return ToolResult({"opens": OPENS, "closes": CLOSES}, _said(call, "week"))
        is_open = dt.date.fromisoformat(day).weekday() != CLOSED
        say = _said(call, "open" if is_open else "closed", day=day)
        return ToolResult({"day": day, "open": is_open}, say)

    @tool(
        read_only=True,
        wants="tell what dishes of a kind there are",
        asks=["what dishes do you have", "what is on the menu"],
    )
    def menu(self, call: CallContext, dish: Dish) -> ToolResult:
        """What is on the menu."""
        dishes = _MENU[call.language][dish]
        return ToolResult({"dishes": dishes}, _said(call, "menu", dishes=dishes))


def _said(call: CallContext, name: str, **values: object) -> str:
    """A sentence in the caller's language; days and times are said in it."""
    spoken = language(call.language)
    written = {key: str(value) for key, value in values.items()}
    for kind in ("day", "time"):
        if kind in written:
            written[kind] = spoken.say("date" if kind == "day" else "time", written[kind])
    return _SAID[call.language][name].format_map(written)


def _minutes(time: str) -> int:
    hour, minute = map(int, time.split(":"))
    return 60 * hour + minute


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
