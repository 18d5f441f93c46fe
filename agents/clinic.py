"""The appointments of a clinic over a real SQLite file, seeded on first start."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from rapidfuzz import fuzz

from agents.database import data_file, transaction
from agents.spoken import language
from agents.tools import Slot, ToolError, ToolResult, tool

Doctor = Annotated[
    Literal["Patel", "Ruiz", "Chen"],
    Slot(
        "doctor",
        ask="Which doctor would you like to see, Patel, Ruiz, or Chen?",
        hint="Doctor Patel is our general doctor, Doctor Ruiz is for the skin, Doctor Chen for "
        "children.",
        synonyms={
            "Patel": ["general", "family doctor", "gp", "doctor patel"],
            "Ruiz": ["skin", "dermatologist", "rash", "louise", "doctor ruiz"],
            "Chen": ["children", "child", "kids", "son", "daughter", "doctor chen"],
        },
    ),
]
Day = Annotated[str, Slot("day", kind="date", ask="Which day would you like to come?")]
Name = Annotated[str, Slot("full name", kind="name", ask="What is your full name?")]
Birth = Annotated[
    str, Slot("date of birth", kind="date", past=True, ask="And what is your date of birth?")
]
Patient = Annotated[str, Slot("patient", hidden=True)]
FreeTime = Annotated[str, Slot("time", hidden=True)]
Appointment = Annotated[str, Slot("appointment", hidden=True)]

_AHEAD = 21  # days that can be booked
_SAME_NAME = 85  # rapidfuzz ratio: a recognizer writes "Lopes" for "Lopez"
_PATIENTS = (
    ("P1", "Maria Lopez", "1985-03-12"),
    ("P2", "John Kim", "1990-07-01"),
    ("P3", "Ellen Price", "1978-10-09"),
)
_HOURS: dict[str, tuple[str, ...]] = {
    "Patel": ("09:00", "10:30", "14:30", "16:00"),
    "Ruiz": ("10:00", "16:00"),
    "Chen": ("08:30", "11:00", "15:00"),
}
_WORKDAYS = {"Patel": (0, 1, 2, 3, 4), "Ruiz": (0, 2, 4), "Chen": (1, 3)}  # Monday is 0
# patient, doctor, working days ahead among the doctor's own, which of the day's times
_BOOKED = (("P2", "Ruiz", 1, 1), ("P3", "Patel", 0, 1), ("P3", "Ruiz", 2, 0))
_SCHEMA = """
CREATE TABLE patients (id TEXT PRIMARY KEY, name TEXT NOT NULL, born TEXT NOT NULL);
CREATE TABLE appointments (
  id INTEGER PRIMARY KEY, patient_id TEXT NOT NULL REFERENCES patients (id),
  doctor TEXT NOT NULL, day TEXT NOT NULL, time TEXT NOT NULL, UNIQUE (doctor, day, time)
);
"""


class Clinic:
    """Tools over one SQLite file. Each call of a tool opens its own connection, and two callers
    can not be given one time: the table holds a doctor's time once."""

    def __init__(
        self, path: Path | None = None, today: Callable[[], dt.date] = dt.date.today
    ) -> None:
        """`path` defaults to clinic.sqlite in $OPENLINE_DATA, or in the user's data directory."""
        self.path = data_file("clinic.sqlite", path)
        self._today = today
        self._language = language("en")
        self._seed()

    def _seed(self) -> None:
        """Tables, patients and their appointments, once."""
        with transaction(self.path) as db:
            db.execute("BEGIN IMMEDIATE")  # two servers may start on one file
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'patients'").fetchone():
                return
            for statement in filter(str.strip, _SCHEMA.split(";")):
                db.execute(statement)
            db.executemany("INSERT INTO patients VALUES (?, ?, ?)", _PATIENTS)
            for patient, doctor, ahead, which in _BOOKED:
                day = self._days(doctor)[ahead]
                time = _HOURS[doctor][which]
                _put(db, patient, doctor, day.isoformat(), time)

    def _days(self, doctor: str) -> list[dt.date]:
        """The doctor's days that can be booked, from tomorrow."""
        days = [self._today() + dt.timedelta(n) for n in range(1, _AHEAD + 1)]
        return [day for day in days if day.weekday() in _WORKDAYS[doctor]]

    def _free(self, db: sqlite3.Connection, doctor: str, day: dt.date) -> list[str]:
        if day not in self._days(doctor):
            return []
        rows = db.execute(
            "SELECT time FROM appointments WHERE doctor = ? AND day = ?", (doctor, day.isoformat())
        )
        taken = {row[0] for row in rows}
        return [time for time in _HOURS[doctor] if time not in taken]

    @tool(read_only=True, internal=True, returns=["patient_id"], grants="identity", attempts=3)
    def find_patient(self, name: Name, born: Birth) -> dict[str, Any]:
        """Find a patient by name and date of birth."""
        with transaction(self.path) as db:
            rows = db.execute("SELECT id, name FROM patients WHERE born = ?", (born,)).fetchall()
        for patient, known in rows:
            if fuzz.ratio(known.lower(), name.lower()) >= _SAME_NAME:
                return {"patient_id": patient}
        raise ToolError("I can't find a patient with that name and date of birth", "name")

    @tool(
        read_only=True,
        wants="tell which times of a doctor are free",
        asks=["which times are free", "when does the doctor have time"],
        returns=["slot_id"],
        filler="Let me look into the calendar.",
    )
    def free_times(self, doctor: Doctor, day: Day) -> dict[str, Any]:
        """The free times of a doctor on a day."""
        date = dt.date.fromisoformat(day)
        with transaction(self.path) as db:
            times = self._free(db, doctor, date)
            if times:
                return {"free": [{"slot_id": f"{doctor} {day} {t}", "time": t} for t in times]}
            near = [d for d in self._days(doctor) if d != date and self._free(db, doctor, d)]
        near.sort(key=lambda other: abs(other - date))
        days = [other.isoformat() for other in sorted(near[:2])]
        said = self._language.say("date", day)
        raise ToolError(f"Doctor {doctor} has no free time on {said}", "day", days)

    @tool(
        read_only=True,
        wants="tell which appointments the caller has",
        asks=["when is my appointment", "which appointments do i have", "do i have an appointment"],
        returns=["appointment_id"],
        needs="identity",
    )
    def appointments(self, patient_id: Patient) -> dict[str, Any]:
        """The caller's appointments."""
        with transaction(self.path) as db:
            rows = db.execute(
                "SELECT id, doctor, day, time FROM appointments "
                "WHERE patient_id = ? AND day >= ? ORDER BY day, time",
                (patient_id, self._today().isoformat()),
            ).fetchall()
        if not rows:
            raise ToolError("you have no appointment with us")
        keys = ("appointment_id", "doctor", "date", "hour")
        return {"appointments": [dict(zip(keys, row, strict=True)) for row in rows]}

    @tool(
        wants="book an appointment",
        asks=["i'd like to make an appointment", "i want to see a doctor", "book an appointment"],
        needs="identity",
        confirm="So an appointment with Doctor {doctor} on {day}, at {time}. Shall I book it?",
    )
    def book(self, patient_id: Patient, slot_id: FreeTime) -> ToolResult:
        """Book a free time."""
        doctor, day, time = slot_id.split()
        with transaction(self.path) as db:
            if time not in self._free(db, doctor, dt.date.fromisoformat(day)):
                raise ToolError("that time has just been taken", "day")
            _put(db, patient_id, doctor, day, time)
        return ToolResult({"doctor": doctor, "day": day, "time": time}, self._booked(slot_id))

    @tool(
        wants="move an appointment to another time",
        asks=["i need to move my appointment", "can i change my appointment", "reschedule"],
        needs="identity",
        confirm="So I would move it from {appointment_id} to {day}, at {time}. Shall I move it?",
    )
    def move(self, appointment_id: Appointment, slot_id: FreeTime) -> ToolResult:
        """Move an appointment of the caller to a free time."""
        doctor, day, time = slot_id.split()
        with transaction(self.path) as db:
            if time not in self._free(db, doctor, dt.date.fromisoformat(day)):
                raise ToolError("that time has just been taken", "day")
            db.execute(
                "UPDATE appointments SET doctor = ?, day = ?, time = ? WHERE id = ?",
                (doctor, day, time, appointment_id),
            )
        return ToolResult({"doctor": doctor, "day": day, "time": time}, self._booked(slot_id))

    @tool(
        irreversible=True,
        wants="cancel an appointment",
        asks=[
            "cancel my appointment",
            "i want to cancel my appointment",
            "i can't come to my appointment",
        ],
        needs="identity",
        once_per_call=True,
        confirm="So I would cancel {appointment_id}. That can't be undone. Shall I cancel it?",
    )
    def cancel(self, appointment_id: Appointment) -> ToolResult:
        """Cancel an appointment of the caller."""
        with transaction(self.path) as db:
            db.execute("DELETE FROM appointments WHERE id = ?", (appointment_id,))
        return ToolResult({"cancelled": True}, "Your appointment is cancelled.")

    def _booked(self, slot: str) -> str:
        doctor, day, time = slot.split()
        when = f"{self._language.say('date', day)}, at {self._language.say('time', time)}"
        return f"Your appointment with Doctor {doctor} is on {when}."


def _put(db: sqlite3.Connection, patient: str, doctor: str, day: str, time: str) -> None:
    db.execute(
        "INSERT INTO appointments (patient_id, doctor, day, time) VALUES (?, ?, ?, ?)",
        (patient, doctor, day, time),
    )
