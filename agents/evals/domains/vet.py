"""A vet's practice: visits, medicine, emergencies."""

from typing import Annotated, Any, Literal

from agents.tools import Slot, ToolError, ToolResult, tool

Phone = Annotated[str, Slot("phone number", kind="phone", ask="What is your phone number?")]
Day = Annotated[str, Slot("day", kind="date", ask="Which day would suit you?")]
Time = Annotated[str, Slot("time", kind="time", ask="At what time?", hours=(8, 18))]
_FREE = {
    "2026-11-25": ["09:00", "15:30"],
    "2026-11-26": ["11:00", "16:00", "17:30"],
    "2026-11-27": ["08:30"],
    "2026-11-30": ["10:00", "14:00"],
}


class Vet:
    def __init__(self) -> None:
        self.db: dict[str, Any] = {
            "visits": {
                "5550118": _visit("olive", "cat", "2026-11-26", "09:30"),
                "5550164": _visit("rex", "dog", "2026-11-27", "15:00"),
                "5550139": _visit("biscuit", "rabbit", "2026-12-01", "10:00"),
            },
            "medicine": [],
            "transfers": [],
        }

    def _visit(self, phone: str) -> dict[str, Any]:
        if phone not in self.db["visits"]:
            raise ToolError("I can't find a visit under that phone number", "phone")
        return self.db["visits"][phone]

    def _free(self, date: str = "", time: str = "") -> None:
        if not date:
            return
        times = _FREE.get(date)
        if not times:
            raise ToolError("nothing is free on that day", "date", list(_FREE))
        if time and time not in times:
            raise ToolError("that time is taken", "time", times)

    @tool(
        read_only=True,
        wants="tell which times are free on a day",
        asks=["what times are free", "do you have anything free"],
    )
    def free_times(self, date: Day) -> dict[str, Any]:
        """The free times of a day."""
        self._free(date)
        return {"day": date, "free": _FREE[date]}

    @tool(
        read_only=True,
        wants="tell when a visit is that was booked before",
        asks=["when is my visit", "when is my appointment"],
    )
    def show_visit(self, phone: Phone) -> ToolResult:
        """Day and time of a visit."""
        visit = self._visit(phone)
        return ToolResult({"pet": visit["pet"], "day": visit["date"], "time": visit["time"]})

    @tool(
        wants="book a visit for an animal",
        asks=["i want to make an appointment", "i need to bring in my animal"],
        confirm="A visit for {pet}, a {animal}, on {date} at {time}, phone {phone}. "
        "Shall I book it?",
        done="{pet} has a visit on {date} at {time}.",
        check=_free,
    )
    def book_visit(
        self,
        animal: Annotated[
            Literal["dog", "cat", "rabbit", "bird"],
            Slot(
                "animal",
                ask="What kind of animal is it?",
                synonyms={
                    "dog": ["puppy", "labrador", "terrier"],
                    "cat": ["kitten", "kitty"],
                    "rabbit": ["bunny"],
                    "bird": ["parrot", "budgie", "canary"],
                },
            ),
        ],
        pet: Annotated[str, Slot("pet's name", kind="name", ask="What is your pet's name?")],
        date: Day,
        time: Time,
        phone: Phone,
    ) -> dict[str, Any]:
        """Book a visit."""
        self.db["visits"][phone] = _visit(pet.lower(), animal, date, time)
        return {"booked": True}

    def _movable(self, phone: str, date: str = "", time: str = "") -> None:
        self._visit(phone)
        self._free(date, time)

    @tool(
        wants="move a visit to another day or time",
        asks=["i want to move my appointment", "i need another time"],
        confirm="You want to move your visit to {date} at {time}, phone {phone}. Shall I do that?",
        done="Your visit is now on {date} at {time}.",
        check=_movable,
    )
    def move_visit(self, phone: Phone, date: Day, time: Time) -> dict[str, Any]:
        """Move a visit."""
        self._visit(phone).update(date=date, time=time)
        return {"moved": True}

    def _known(self, phone: str) -> None:
        self._visit(phone)

    @tool(
        irreversible=True,
        wants="cancel a visit",
        asks=["i want to cancel my appointment", "i can't come to my appointment"],
        done="Your visit is cancelled.",
        check=_known,
    )
    def cancel_visit(self, phone: Phone) -> dict[str, Any]:
        """Cancel a visit."""
        del self.db["visits"][phone]
        return {"cancelled": True}

    @tool(
        wants="order medicine that an animal takes regularly",
        asks=["i need more medicine", "i want to order medicine"],
        done="I have ordered {packs} packs of {medicine}.",
    )
    def order_medicine(
        self,
        medicine: Annotated[str, Slot("medicine", ask="Which medicine do you need?")],
        packs: Annotated[int, Slot("number of packs", ask="How many packs?")],
        phone: Phone,
    ) -> dict[str, Any]:
        """Order medicine for pick-up."""
        self.db["medicine"].append({"medicine": medicine.lower(), "packs": packs, "phone": phone})
        return {"ordered": True}

    @tool(
        needs_consent=False,
        wants="connect to the vet at once in an emergency: poison, bleeding, no breath, run over",
        asks=["it is an emergency", "my dog ate poison"],
        done="I am connecting you to the vet now.",
    )
    def emergency(self) -> dict[str, Any]:
        """Connect to the vet on duty."""
        self.db["transfers"].append("vet")
        return {"connected": True}

    @tool(
        needs_consent=False,
        wants="connect the caller to the reception",
        asks=["i want to talk to a person", "put me through to the reception"],
        done="I am connecting you to the reception now.",
    )
    def transfer(self) -> dict[str, Any]:
        """Hand the call to the reception."""
        self.db["transfers"].append("reception")
        return {"connected": True}


def _visit(pet: str, animal: str, date: str, time: str) -> dict[str, Any]:
    return {"pet": pet, "animal": animal, "date": date, "time": time}
