"""The front desk of an office over a real SQLite file: who is in, messages, transfers."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from agents.database import data_file, transaction
from agents.tools import CallContext, Slot, ToolError, ToolResult, tool

Person = Annotated[
    Literal["Anna Berg", "Tom Hale", "Priya Nair", "Reception"],
    Slot(
        "person",
        ask="For whom, please?",
        hint="Anna Berg leads sales, Tom Hale does the accounts, Priya Nair is our engineer.",
        synonyms={
            "Anna Berg": ["anna", "miss berg", "mrs berg", "sales", "ana berg", "anna burg"],
            "Tom Hale": ["tom", "mr hale", "mister hale", "accounts", "accounting", "tom hail"],
            "Priya Nair": ["priya", "miss nair", "mrs nair", "engineering", "engineer"],
            "Reception": ["reception", "front desk", "anybody", "anyone"],
        },
    ),
]
_EXTENSIONS = {"Anna Berg": "11", "Tom Hale": "12", "Priya Nair": "13", "Reception": "10"}
_OUT = {"Tom Hale": (0, 1, 2, 3, 4), "Priya Nair": (4,)}  # weekdays away, Monday is 0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY, person TEXT NOT NULL, name TEXT NOT NULL, phone TEXT NOT NULL,
  message TEXT NOT NULL, taken TEXT NOT NULL
);
"""


class FrontDesk:
    """Tools over one SQLite file; each call of a tool opens its own connection."""

    def __init__(
        self, path: Path | None = None, today: Callable[[], dt.date] = dt.date.today
    ) -> None:
        """`path` defaults to frontdesk.sqlite in $OPENLINE_DATA, or in the user's data."""
        self.path = data_file("frontdesk.sqlite", path)
        self._today = today
        with transaction(self.path) as db:
            db.execute(_SCHEMA)

    def _away(self, person: str) -> bool:
        return self._today().weekday() in _OUT.get(person, ())

    @tool(
        read_only=True,
        wants="tell whether somebody is in",
        asks=["is she in", "is he in today", "is there"],
    )
    def is_in(self, person: Person) -> ToolResult:
        """Whether a person is in today."""
        away = self._away(person)
        say = f"{person} is out today." if away else f"{person} is in today."
        return ToolResult({"person": person, "in": not away}, say)

    @tool(
        wants="take a message for somebody",
        asks=["can i leave a message", "i want to leave a message", "take a message"],
        confirm="So a message for {person} from {name}, {phone}: {message}. Shall I pass it on?",
    )
    def take_message(
        self,
        person: Person,
        name: Annotated[str, Slot("your name", kind="name", ask="What is your name, please?")],
        phone: Annotated[
            str, Slot("phone number", kind="phone", ask="At which number can you be called back?")
        ],
        message: Annotated[str, Slot("message", ask="What shall I tell them?")],
    ) -> ToolResult:
        """Write a message down for a person."""
        with transaction(self.path) as db:
            db.execute(
                "INSERT INTO messages (person, name, phone, message, taken) VALUES (?, ?, ?, ?, ?)",
                (person, name, phone, message, self._today().isoformat()),
            )
        return ToolResult({"taken": True}, f"I have written it down for {person}.")

    def _reachable(self, person: str = "Reception") -> dict[str, Any]:
        if self._away(person):
            raise ToolError(f"{person} is out today, but I can take a message")
        return {}

    @tool(
        wants="put the caller through to somebody",
        asks=["put me through to", "can i speak to", "i'd like to speak with", "connect me to"],
        needs_consent=False,
        check=_reachable,
    )
    def transfer(self, call: CallContext, person: Person = "Reception") -> ToolResult:
        """Put the caller through to a person."""
        call.telephone.transfer(_EXTENSIONS[person])
        say = f"I am putting you through to {person} now."
        return ToolResult({"person": person, "extension": _EXTENSIONS[person]}, say)
