"""A car rental: prices, bookings, damage, help on the road."""

from typing import Annotated, Any, Literal

from agents.evals.domains import spaced
from agents.tools import Slot, ToolError, tool

Size = Annotated[
    Literal["small", "family", "van", "convertible"],
    Slot(
        "kind of car",
        ask="What kind of car: small, family, van, or convertible?",
        synonyms={
            "small": ["compact", "little", "tiny", "economy", "cheapest"],
            "family": ["estate", "station wagon", "mid size", "sedan"],
            "van": ["minivan", "bus", "transporter", "seven seats"],
            "convertible": ["cabrio", "open top"],
        },
    ),
]
Booking = Annotated[
    str,
    Slot(
        "booking code",
        kind="id",
        pattern=r"[A-Z]{2}\d{3}",
        ask="What is your booking code?",
        hint="Two letters and three digits, in the e-mail that confirmed the booking.",
    ),
]
_PRICES = {"small": 32, "family": 48, "van": 79, "convertible": 95}


class Cars:
    def __init__(self) -> None:
        self.db: dict[str, Any] = {
            "bookings": {
                "HC204": _booking("lena marsh", "small", "2026-11-28", "2026-12-01", "airport"),
                "KT519": _booking("omar reyes", "van", "2026-11-21", "2026-11-26", "station"),
                "BD730": _booking("grace holt", "family", "2026-12-05", "2026-12-09", "airport"),
            },
            "damages": [],
            "transfers": [],
        }

    def _booking(self, booking: str) -> dict[str, Any]:
        if booking not in self.db["bookings"]:
            raise ToolError(f"I can't find a booking {spaced(booking)}", "booking")
        return self.db["bookings"][booking]

    @tool(
        read_only=True,
        wants="tell what a kind of car costs per day",
        asks=["how much is a car", "what does a car cost per day"],
    )
    def price(self, size: Size) -> dict[str, Any]:
        """The price of a day with a car."""
        return {"car": size, "price": f"{_PRICES[size]} dollars a day"}

    @tool(
        read_only=True,
        wants="tell the details of an existing booking",
        asks=["what did i book", "check my booking", "when do i have to bring the car back"],
    )
    def show_booking(self, booking: Booking) -> dict[str, Any]:
        """Car, days and place of a booking."""
        found = self._booking(booking)
        shown = ("size", "pickup", "back", "place")
        labels = ("car", "pick-up", "return", "place")
        return dict(zip(labels, (found[key] for key in shown), strict=True))

    @tool(
        wants="rent a car",
        asks=["i want to rent a car", "i need a car"],
        done="Your {size} car is booked from {pickup} to {back}.",
    )
    def rent(
        self,
        size: Size,
        pickup: Annotated[
            str, Slot("pick-up day", kind="date", ask="Which day do you pick it up?")
        ],
        back: Annotated[
            str, Slot("return day", kind="date", ask="Which day do you bring it back?")
        ],
        place: Annotated[
            Literal["airport", "station"],
            Slot(
                "place",
                ask="Do you pick it up at the airport or at the station?",
                synonyms={"station": ["train", "downtown"], "airport": ["terminal", "flight"]},
            ),
        ],
        name: Annotated[str, Slot("driver's name", kind="name", ask="What is the driver's name?")],
    ) -> dict[str, Any]:
        """Book a car."""
        if back <= pickup:
            raise ToolError("the return has to be after the pick-up", "back")
        self.db["bookings"]["NW100"] = _booking(name.lower(), size, pickup, back, place)
        return {"code": "NW100"}

    def _extendable(self, booking: str, back: str = "") -> None:
        found = self._booking(booking)
        if found["size"] == "van" and back > "2026-11-28":
            raise ToolError("that van is booked by someone else from November 29th", "back")
        if back and back <= found["back"]:
            raise ToolError("that is not later than the day you have now", "back")

    @tool(
        wants="keep a rented car longer",
        asks=["i want to extend my rental", "i need the car longer"],
        confirm="You want to bring back the car of booking {booking} on {back} instead. "
        "Shall I change it?",
        done="Done, the car is yours until {back}.",
        check=_extendable,
    )
    def extend(
        self,
        booking: Booking,
        back: Annotated[str, Slot("new return day", kind="date", ask="Until which day?")],
    ) -> dict[str, Any]:
        """Move the return day of a booking."""
        self._booking(booking)["back"] = back
        return {"extended": True}

    def _cancellable(self, booking: str) -> None:
        if self._booking(booking)["pickup"] <= "2026-11-24":
            raise ToolError("that rental has begun already, so it can't be cancelled")

    @tool(
        irreversible=True,
        wants="cancel a booking",
        asks=["i want to cancel my booking", "i don't need the car any more"],
        done="Booking {booking} is cancelled.",
        check=_cancellable,
    )
    def cancel(self, booking: Booking) -> dict[str, Any]:
        """Cancel a booking that has not begun."""
        del self.db["bookings"][booking]
        return {"cancelled": True}

    def _known(self, booking: str) -> None:
        self._booking(booking)

    @tool(
        wants="report damage to a rented car",
        asks=["i want to report damage", "i scratched the car"],
        done="Thank you, I have noted the damage.",
        check=_known,
    )
    def report_damage(
        self,
        booking: Booking,
        what: Annotated[str, Slot("damage", ask="What is damaged?")],
    ) -> dict[str, Any]:
        """Note damage to a car."""
        self.db["damages"].append({"booking": booking, "what": what.lower()})
        return {"noted": True}

    @tool(
        needs_consent=False,
        wants="send help at once after an accident or a breakdown",
        asks=["i had an accident", "the car broke down"],
        done="I am connecting you to our road help now.",
    )
    def road_help(self) -> dict[str, Any]:
        """Connect to the road help."""
        self.db["transfers"].append("road help")
        return {"connected": True}

    @tool(
        needs_consent=False,
        wants="connect the caller to a colleague",
        asks=["i want to talk to a person", "give me a human"],
        done="I am connecting you to a colleague now.",
    )
    def transfer(self) -> dict[str, Any]:
        """Hand the call to a person."""
        self.db["transfers"].append("colleague")
        return {"connected": True}


def _booking(name: str, size: str, pickup: str, back: str, place: str) -> dict[str, Any]:
    return {"name": name, "size": size, "pickup": pickup, "back": back, "place": place}
