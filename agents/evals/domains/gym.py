"""A gym: classes, memberships."""

import datetime as dt
from typing import Annotated, Any, Literal

from agents.evals.domains import spaced
from agents.tools import Slot, ToolError, ToolResult, tool

Member = Annotated[
    str,
    Slot(
        "member number",
        kind="id",
        pattern=r"\d{5}",
        ask="What is your member number?",
        hint="It has five digits, on your member card and in the app.",
    ),
]
Sport = Annotated[
    Literal["yoga", "spinning", "boxing", "pilates", "aqua"],
    Slot(
        "class",
        ask="Which class: yoga, spinning, boxing, pilates, or aqua?",
        synonyms={"spinning": ["spin", "bike", "cycling"], "aqua": ["swimming", "water"]},
    ),
]
Day = Annotated[str, Slot("day", kind="date", ask="On which day?")]
_TIMES = {
    "yoga": {0: "07:00", 2: "18:00", 5: "10:00"},
    "spinning": {1: "19:00", 3: "19:00"},
    "boxing": {2: "20:00", 4: "17:30"},
    "pilates": {0: "12:00", 4: "09:00"},
    "aqua": {3: "08:30", 6: "11:00"},
}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Gym:
    def __init__(self) -> None:
        self.db: dict[str, Any] = {
            "members": {
                "20417": {"name": "nina park", "email": "nina@mail.com", "until": "2026-10-31"},
                "31186": {"name": "leo grant", "email": "leo@mail.com", "until": "2027-06-30"},
                "40552": {"name": "amy stone", "email": "amy@mail.com", "until": "2026-08-15"},
            },
            "classes": {"31186": {"boxing": "2026-11-27"}, "40552": {"yoga": "2026-11-25"}},
            "frozen": {},
            "left": {},
            "transfers": 0,
        }

    def _member(self, member: str) -> None:
        if member not in self.db["members"]:
            raise ToolError(f"there is no member with the number {spaced(member)}", "member")

    @tool(
        read_only=True,
        wants="tell on which days and times a class takes place",
        asks=["when is the class", "what time is the class"],
    )
    def class_times(self, sport: Sport) -> ToolResult:
        """The days and times of a class."""
        times = [f"{_DAYS[day]} at {time}" for day, time in _TIMES[sport].items()]
        return ToolResult({"class": sport, "times": times})

    def _takes_place(self, member: str = "", sport: str = "", date: str = "") -> None:
        if member:
            self._member(member)
        if not (sport and date):
            return
        if dt.date.fromisoformat(date).weekday() not in _TIMES[sport]:
            days = " and ".join(_DAYS[day] for day in _TIMES[sport])
            raise ToolError(f"there is no {sport} on that day, only on {days}", "date")

    @tool(
        wants="sign up for a class",
        asks=["i want to sign up for a class", "i want to book a class"],
        done="You are signed up for {sport} on {date}.",
        check=_takes_place,
    )
    def sign_up(self, member: Member, sport: Sport, date: Day) -> dict[str, Any]:
        """Take a place in a class."""
        self.db["classes"].setdefault(member, {})[sport] = date
        return {"time": _TIMES[sport][dt.date.fromisoformat(date).weekday()]}

    def _signed_up(self, member: str, sport: str = "") -> dict[str, str]:
        self._member(member)
        taken = self.db["classes"].get(member, {})
        if not taken:
            raise ToolError("you are not signed up for any class")
        if not sport:
            return {"sport": next(iter(taken))} if len(taken) == 1 else {}
        if sport not in taken:
            raise ToolError(f"you are not signed up for {sport}", "sport", list(taken))
        return {}

    @tool(
        irreversible=True,
        wants="give up a place in a class",
        asks=["i want to cancel my class", "i can't come to my class"],
        confirm="You want to give up your place in {sport}, member {member}. Shall I do that?",
        done="Your place in {sport} is given up.",
        check=_signed_up,
    )
    def leave_class(self, member: Member, sport: Sport) -> dict[str, Any]:
        """Give up a place in a class."""
        del self.db["classes"][member][sport]
        return {"left": True}

    @tool(
        wants="freeze a membership for some weeks",
        asks=["i want to freeze my membership", "i want to pause my membership"],
        confirm="You want to freeze membership {member} for {weeks} weeks. Shall I do that?",
        done="Your membership is frozen for {weeks} weeks.",
        check=_member,
    )
    def freeze(
        self,
        member: Member,
        weeks: Annotated[int, Slot("number of weeks", ask="For how many weeks?")],
    ) -> dict[str, Any]:
        """Freeze a membership, twelve weeks at most."""
        if weeks > 12:
            raise ToolError("a membership can be frozen for twelve weeks at most", "weeks")
        self.db["frozen"][member] = weeks
        return {"frozen": True}

    def _may_end(self, member: str) -> None:
        self._member(member)
        until = self.db["members"][member]["until"]
        if until > "2026-11-24":
            day = dt.date.fromisoformat(until)
            raise ToolError(f"your contract runs until {day:%B} {day.day}, {day.year}")

    @tool(
        irreversible=True,
        wants="end a membership",
        asks=["i want to cancel my membership", "i want to quit"],
        done="Your membership ends this month.",
        check=_may_end,
    )
    def end_membership(
        self,
        member: Member,
        reason: Annotated[
            Literal["moving", "too_expensive", "health", "other"],
            Slot(
                "reason",
                ask="May I ask why you are leaving?",
                synonyms={
                    "moving": ["move", "moved", "another city", "new place"],
                    "too_expensive": ["expensive", "money", "price", "afford", "costs"],
                    "health": ["injury", "injured", "knee", "back", "doctor", "sick", "hurt"],
                    "other": ["no time", "don't use it", "personal", "none of your business"],
                },
            ),
        ],
    ) -> dict[str, Any]:
        """End a membership whose minimum term is over."""
        self.db["left"][member] = reason
        return {"ended": True}

    @tool(
        wants="change the e-mail address of a member",
        asks=["i have a new e-mail address", "change my e-mail"],
        done="Your new e-mail address is {email}.",
        check=_member,
    )
    def change_email(
        self,
        member: Member,
        email: Annotated[
            str, Slot("new e-mail address", kind="email", ask="What is your new e-mail address?")
        ],
    ) -> dict[str, Any]:
        """Change where a member gets mail."""
        self.db["members"][member]["email"] = email
        return {"changed": True}

    @tool(
        needs_consent=False,
        wants="connect the caller to the front desk",
        asks=["i want to talk to a person", "let me talk to somebody at the desk"],
        done="I am connecting you to the front desk now.",
    )
    def transfer(self) -> dict[str, Any]:
        """Hand the call to the front desk."""
        self.db["transfers"] += 1
        return {"connected": True}
