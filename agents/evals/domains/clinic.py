"""A clinic: patients, free times, appointments, refills."""

from typing import Annotated, Any, Literal

from agents.tools import Slot, ToolError, tool

Doctor = Annotated[
    Literal["patel", "ruiz", "chen"],
    Slot(
        "doctor",
        ask="Which doctor would you like to see?",
        synonyms={
            "ruiz": ["skin", "dermatologist", "rash"],
            "chen": ["children", "child", "kids", "son", "daughter", "pediatrician"],
            "patel": ["general", "family doctor", "gp"],
        },
    ),
]
Name = Annotated[str, Slot("full name", kind="name", ask="What is the patient's full name?")]
Birth = Annotated[
    str, Slot("date of birth", kind="date", past=True, ask="What is the date of birth?")
]
Day = Annotated[str, Slot("day", kind="date", ask="Which day would you like to come?")]


class Clinic:
    def __init__(self) -> None:
        self.db: dict[str, Any] = {
            "patients": {
                "maria lopez": "1985-03-12",
                "john kim": "1990-07-01",
                "ellen price": "1978-10-09",
            },
            "free": [
                ["patel", "2026-11-26", "09:00"],
                ["patel", "2026-11-26", "14:30"],
                ["ruiz", "2026-11-27", "10:00"],
                ["chen", "2026-11-25", "11:00"],
                ["patel", "2026-11-27", "08:30"],
                ["ruiz", "2026-11-30", "16:00"],
            ],
            "appointments": [
                _appointment("john kim", "ruiz", "2026-11-30", "15:00"),
                _appointment("ellen price", "patel", "2026-11-25", "10:00"),
                _appointment("ellen price", "ruiz", "2026-12-02", "09:30"),
            ],
            "refills": [],
            "transfers": 0,
        }

    def _patient(self, name: str, birth: str = "") -> None:
        if name.lower() not in self.db["patients"]:
            raise ToolError("I can't find a patient with that name", "name")
        if birth and self.db["patients"][name.lower()] != birth:
            raise ToolError("that is not the date of birth I have for that name", "birth")

    def _times(self, doctor: str, date: str) -> list[str]:
        times = [time for who, day, time in self.db["free"] if (who, day) == (doctor, date)]
        if not times:
            days = sorted({day for who, day, _ in self.db["free"] if who == doctor})
            raise ToolError("there is nothing free on that day", "date", days)
        return times

    @tool(
        read_only=True,
        wants="tell the free appointment times of a doctor",
        asks=["which times does the doctor have", "is there anything free with the doctor"],
    )
    def list_slots(self, doctor: Doctor, date: Day) -> dict[str, Any]:
        """The free times of a doctor on a day."""
        return {"doctor": doctor, "day": date, "free": self._times(doctor, date)}

    def _bookable(
        self, doctor: str = "", date: str = "", time: str = "", name: str = "", birth: str = ""
    ) -> dict[str, str]:
        if name:
            self._patient(name, birth)
        if not (doctor and date):
            return {}
        times = self._times(doctor, date)
        if not time:
            return {"time": times[0]} if len(times) == 1 else {}
        if time not in times:
            raise ToolError("that time is not free", "time", times)
        return {}

    @tool(
        wants="book a new appointment with a doctor",
        asks=["i want to see a doctor", "i need an appointment"],
        confirm="An appointment for {name}, born {birth}, with Doctor {doctor} on {date} "
        "at {time}. Shall I book it?",
        done="Your appointment with Doctor {doctor} is booked for {date} at {time}.",
        check=_bookable,
    )
    def book_appointment(
        self,
        name: Name,
        birth: Birth,
        doctor: Doctor,
        date: Day,
        time: Annotated[str, Slot("time", kind="time", ask="At which time?", hours=(8, 17))],
    ) -> dict[str, Any]:
        """Book a free time for a patient."""
        self.db["free"].remove([doctor, date, time])
        self.db["appointments"].append(_appointment(name.lower(), doctor, date, time))
        return {"booked": True}

    def _mine(self, name: str, birth: str, date: str = "") -> dict[str, str]:
        self._patient(name, birth)
        days = [a["date"] for a in self.db["appointments"] if a["name"] == name.lower()]
        if not days:
            raise ToolError("there is no appointment on file")
        if not date:
            return {"date": days[0]} if len(days) == 1 else {}
        if date not in days:
            raise ToolError("there is no appointment on that day", "date", days)
        return {}

    @tool(
        irreversible=True,
        wants="cancel an appointment that the caller has",
        asks=["i want to cancel my appointment", "i can't come to my appointment"],
        confirm="The appointment of {name}, born {birth}, on {date}. Shall I cancel it?",
        done="Your appointment is cancelled.",
        check=_mine,
    )
    def cancel_appointment(
        self,
        name: Name,
        birth: Birth,
        date: Annotated[
            str, Slot("day of the appointment", kind="date", ask="On which day is it?")
        ],
    ) -> dict[str, Any]:
        """Cancel an appointment."""
        self.db["appointments"] = [
            a for a in self.db["appointments"] if (a["name"], a["date"]) != (name.lower(), date)
        ]
        return {"cancelled": True}

    @tool(
        read_only=True,
        wants="tell when the caller's own appointment is",
        asks=["when is my appointment", "when do i have to come"],
    )
    def show_appointments(self, name: Name, birth: Birth) -> dict[str, Any]:
        """The appointments of a patient."""
        self._mine(name, birth)
        mine = [a for a in self.db["appointments"] if a["name"] == name.lower()]
        return {"appointments": [{k: a[k] for k in ("doctor", "date", "time")} for a in mine]}

    @tool(
        wants="order a prescription refill",
        asks=["i need a refill", "i am running out of my medicine"],
        confirm="A refill of {medicine} for {name}, born {birth}. Shall I order it?",
        done="I have passed on the refill request for {medicine}.",
        check=_patient,
    )
    def request_refill(
        self,
        name: Name,
        birth: Birth,
        medicine: Annotated[str, Slot("medicine", ask="Which medicine do you need?")],
    ) -> dict[str, Any]:
        """Ask the doctor for a refill."""
        self.db["refills"].append({"name": name.lower(), "medicine": medicine.lower()})
        return {"requested": True}

    @tool(
        needs_consent=False,
        wants="connect to the nurse, at once for emergencies: chest pain, trouble breathing",
        asks=["it is an emergency", "i want to talk to the nurse"],
        done="I am connecting you to the nurse now.",
    )
    def transfer_to_nurse(self) -> dict[str, Any]:
        """Hand the call to the nurse."""
        self.db["transfers"] += 1
        return {"connected": True}


def _appointment(name: str, doctor: str, date: str, time: str) -> dict[str, Any]:
    return {"name": name, "doctor": doctor, "date": date, "time": time}
