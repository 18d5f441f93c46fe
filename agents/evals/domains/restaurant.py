"""A restaurant: tables, bookings, the menu."""

from typing import Annotated, Any, Literal

from agents.tools import Slot, ToolError, tool

Date = Annotated[str, Slot("date", kind="date", ask="Which day would you like?")]
Time = Annotated[str, Slot("time", kind="time", ask="At what time?", hours=(12, 22))]
Guests = Annotated[int, Slot("number of guests", ask="For how many people?")]
Phone = Annotated[str, Slot("phone number", kind="phone", ask="What is your phone number?")]
_OTHER_TIMES = ["18:00", "21:00"]
_MENU = {
    "vegetarian": "mushroom risotto, eggplant parmigiana, margherita pizza",
    "gluten_free": "gluten free pasta on request, grilled sea bass",
    "kids": "kids pasta and mini pizza, 7 dollars",
    "wine": "40 Italian wines, house red 6 dollars a glass",
    "desserts": "tiramisu, panna cotta, lemon sorbet",
}


class Restaurant:
    def __init__(self) -> None:
        self.db: dict[str, Any] = {
            "reservations": [
                _reservation("anna berg", "5550142", "2026-11-27", "19:30", 2),
                _reservation("tom hale", "5550177", "2026-11-28", "20:00", 5),
                _reservation("tom hale", "5550177", "2026-12-05", "13:00", 3),
            ],
            "full": ["2026-11-28 19:00", "2026-11-28 20:00"],
        }

    def _free(self, date: str, time: str) -> None:
        if f"{date} {time}" in self.db["full"]:
            raise ToolError("all tables are taken at that time", "time", _OTHER_TIMES)

    @tool(
        read_only=True,
        wants="check whether a table is free",
        asks=["is a table free", "do you have a table"],
    )
    def check_availability(self, date: Date, time: Time, guests: Guests) -> dict[str, Any]:
        """Whether a table is free."""
        full = f"{date} {time}" in self.db["full"]
        return {"table free": not full, **({"other times": _OTHER_TIMES} if full else {})}

    @tool(
        wants="book a table",
        asks=["i want to book a table", "i want to reserve a table"],
        done="Your table for {guests} is booked for {date} at {time}, under the name {name}.",
    )
    def book_table(
        self,
        date: Date,
        time: Time,
        guests: Guests,
        name: Annotated[str, Slot("guest's name", kind="name", ask="What name is it for?")],
        phone: Phone,
    ) -> dict[str, Any]:
        """Book a table."""
        self._free(date, time)
        booked = _reservation(name.lower(), phone, date, time, guests)
        self.db["reservations"].append(booked)
        return {"booked": True}

    def _of(self, phone: str, date: str = "") -> dict[str, str]:
        """The reservation of a caller; of several, the one on `date`."""
        found = [r for r in self.db["reservations"] if r["phone"] == phone]
        if not found:
            raise ToolError("I can't find a booking under that number", "phone")
        if not date:
            return {"date": found[0]["date"]} if len(found) == 1 else {}
        if date not in [r["date"] for r in found]:
            raise ToolError("there is no booking on that day", "date", [r["date"] for r in found])
        return {}

    @tool(
        read_only=True,
        wants="tell when a booking is that was made before",
        asks=["when is my booking", "what time is my table"],
    )
    def find_reservation(self, phone: Phone) -> dict[str, Any]:
        """The bookings under a phone number."""
        self._of(phone)
        mine = [r for r in self.db["reservations"] if r["phone"] == phone]
        shown = ("date", "time", "guests")
        return {"bookings": [{key: r[key] for key in shown} for r in mine]}

    @tool(
        irreversible=True,
        wants="cancel a booking",
        asks=["i want to cancel my booking", "cancel my reservation"],
        confirm="Your booking on {date}, under the number {phone}. Shall I cancel it?",
        done="Your booking is cancelled.",
        check=_of,
    )
    def cancel_reservation(
        self,
        phone: Phone,
        date: Annotated[str, Slot("day of the booking", kind="date", ask="Which day is it on?")],
    ) -> dict[str, Any]:
        """Cancel a booking."""
        kept = [r for r in self.db["reservations"] if (r["phone"], r["date"]) != (phone, date)]
        self.db["reservations"] = kept
        return {"cancelled": True}

    def _movable(self, phone: str) -> None:
        self._of(phone)

    @tool(
        wants="move a booking to another day or time",
        asks=["i want to move my booking", "can i change my reservation"],
        confirm="You want to come on {new_date} at {new_time} instead, under the number {phone}. "
        "Shall I move it?",
        done="Your booking is now on {new_date} at {new_time}.",
        check=_movable,
    )
    def change_reservation(
        self,
        phone: Phone,
        new_date: Annotated[str, Slot("new day", kind="date", ask="Which day instead?")],
        new_time: Annotated[
            str, Slot("new time", kind="time", ask="At what new time?", hours=(12, 22))
        ],
    ) -> dict[str, Any]:
        """Move a booking."""
        mine = next(r for r in self.db["reservations"] if r["phone"] == phone)
        mine.update(date=new_date, time=new_time)
        return {"moved": True}

    @tool(
        read_only=True,
        wants="tell what is on the menu",
        asks=["what is on the menu", "what do you have to eat"],
    )
    def menu(
        self,
        topic: Annotated[
            Literal["vegetarian", "gluten_free", "kids", "wine", "desserts"],
            Slot(
                "part of the menu",
                ask="Vegetarian, gluten free, for kids, wine, or desserts?",
                synonyms={
                    "vegetarian": ["veggie", "meatless", "without meat"],
                    "kids": ["children", "child"],
                    "desserts": ["dessert", "sweet"],
                    "gluten_free": ["gluten"],
                    "wine": ["wines"],
                },
            ),
        ],
    ) -> dict[str, Any]:
        """A part of the menu."""
        return {topic.replace("_", " "): _MENU[topic]}


def _reservation(name: str, phone: str, date: str, time: str, guests: int) -> dict[str, Any]:
    return {"name": name, "phone": phone, "date": date, "time": time, "guests": guests}
