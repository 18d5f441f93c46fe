"""An electricity company: bills, meters, tariffs, technicians, outages."""

from typing import Annotated, Any, Literal

from agents.evals.domains import spaced
from agents.tools import Slot, ToolError, ToolResult, tool

Account = Annotated[
    str,
    Slot(
        "account number",
        kind="id",
        pattern=r"\d{6}",
        ask="What is your account number?",
        hint="It has six digits, at the top of every bill.",
    ),
]
Tariff = Annotated[
    Literal["basic", "green", "night"],
    Slot(
        "tariff",
        ask="Which tariff: basic, green, or night?",
        synonyms={"green": ["renewable", "eco", "wind"], "night": ["night time", "off peak"]},
    ),
]


class Power:
    def __init__(self) -> None:
        self.db: dict[str, Any] = {
            "accounts": {
                "204417": _account("ruth adams", 84, "basic", 18240),
                "310096": _account("ben ortiz", 0, "night", 40510),
                "557802": _account("tara singh", 212, "green", 9975),
            },
            "outages": {"10240": "expected back at 18:30", "10255": "expected back tomorrow"},
            "moves": {},
            "technicians": [],
            "transfers": 0,
        }

    def _account(self, account: str) -> dict[str, Any]:
        if account not in self.db["accounts"]:
            raise ToolError(f"I can't find the account {spaced(account)}", "account")
        return self.db["accounts"][account]

    def _known(self, account: str) -> None:
        self._account(account)

    @tool(
        read_only=True,
        wants="tell whether the power is out in an area",
        asks=["my power is out", "there is no electricity", "is there an outage"],
    )
    def outage(
        self,
        zip_code: Annotated[
            str, Slot("zip code", kind="id", pattern=r"\d{5}", ask="What is your zip code?")
        ],
    ) -> ToolResult:
        """Whether an outage is known in an area, and when it ends."""
        area = spaced(zip_code)
        known = self.db["outages"].get(zip_code)
        if known is None:
            return ToolResult({"outage": False}, f"No outage is known in {area}.")
        return ToolResult({"outage": True}, f"There is an outage in {area}, the power is {known}.")

    @tool(
        read_only=True,
        wants="tell what a customer owes",
        asks=["how much do i owe", "what is my balance", "how high is my bill"],
    )
    def balance(self, account: Account) -> dict[str, Any]:
        """What is open on an account."""
        found = self._account(account)
        return {"open amount": f"{found['owes']} dollars", "tariff": found["tariff"]}

    def _readable(self, account: str, reading: int = 0) -> None:
        found = self._account(account)
        if reading and reading < found["reading"]:
            raise ToolError(f"the last reading was {found['reading']} already", "reading")

    @tool(
        wants="note a meter reading",
        asks=["i want to give you my meter reading", "here is my meter reading"],
        confirm="A reading of {reading} for account {account}. Shall I note it?",
        done="Thank you, the reading of {reading} is noted.",
        check=_readable,
    )
    def submit_reading(
        self,
        account: Account,
        reading: Annotated[int, Slot("meter reading", ask="What does the meter show?")],
    ) -> dict[str, Any]:
        """Note what a meter shows."""
        self._account(account)["reading"] = reading
        return {"noted": True}

    def _another(self, account: str, tariff: str = "") -> None:
        if self._account(account)["tariff"] == tariff:
            raise ToolError(f"that account has the {tariff} tariff already", "tariff")

    @tool(
        wants="change the tariff",
        asks=["i want to change my tariff", "i want another plan"],
        confirm="You want to have the {tariff} tariff on account {account}. Shall I change it?",
        done="From next month you have the {tariff} tariff.",
        check=_another,
    )
    def change_tariff(self, account: Account, tariff: Tariff) -> dict[str, Any]:
        """Change the tariff from next month on."""
        self._account(account)["tariff"] = tariff
        return {"changed": True}

    def _may_end(self, account: str) -> None:
        if self._account(account)["owes"] > 100:
            owes = self._account(account)["owes"]
            raise ToolError(f"{owes} dollars are open, and have to be paid first")

    @tool(
        irreversible=True,
        wants="end a contract because the customer moves out",
        asks=["i am moving out", "i want to end my contract"],
        confirm="You want to end the contract of account {account} on {date}. Shall I end it?",
        done="Your contract ends on {date}.",
        check=_may_end,
    )
    def end_contract(
        self,
        account: Account,
        date: Annotated[str, Slot("day", kind="date", ask="On which day do you move out?")],
    ) -> dict[str, Any]:
        """End a contract."""
        self.db["moves"][account] = date
        return {"ended": True}

    @tool(
        wants="send a technician",
        asks=["i need a technician", "can you send somebody"],
        done="A technician comes on {date} in the {part}.",
        check=_known,
    )
    def send_technician(
        self,
        account: Account,
        problem: Annotated[str, Slot("problem", ask="What is the problem?")],
        date: Annotated[str, Slot("day", kind="date", ask="Which day suits you?")],
        part: Annotated[
            Literal["morning", "afternoon"],
            Slot("part of the day", ask="In the morning or in the afternoon?"),
        ],
    ) -> dict[str, Any]:
        """Send a technician to a customer."""
        self.db["technicians"].append(
            {"account": account, "problem": problem.lower(), "date": date, "part": part}
        )
        return {"sent": True}

    @tool(
        needs_consent=False,
        wants="connect the caller to a colleague",
        asks=["i want to talk to a person", "give me your supervisor"],
        done="I am connecting you to a colleague now.",
    )
    def transfer(self) -> dict[str, Any]:
        """Hand the call to a person."""
        self.db["transfers"] += 1
        return {"connected": True}


def _account(name: str, owes: int, tariff: str, reading: int) -> dict[str, Any]:
    return {"name": name, "owes": owes, "tariff": tariff, "reading": reading}
