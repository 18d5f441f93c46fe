"""A public library: loans, holds, study rooms."""

from typing import Annotated, Any, Literal

from agents.evals.domains import spaced
from agents.tools import Slot, ToolError, ToolResult, tool

Card = Annotated[
    str,
    Slot(
        "card number",
        kind="id",
        pattern=r"\d{4}",
        ask="What is the number on your library card?",
        hint="It has four digits, on the back of the card.",
    ),
]
Title = Annotated[str, Slot("title", ask="What is the title?")]
Branch = Annotated[
    Literal["central", "riverside", "north"],
    Slot(
        "branch",
        ask="Which branch do you want to pick it up at: Central, Riverside, or North?",
        synonyms={"central": ["main", "downtown", "city"], "riverside": ["river"]},
    ),
]
_MOST_RENEWALS = 2


class Library:
    def __init__(self) -> None:
        self.db: dict[str, Any] = {
            "cards": {
                "4471": {"name": "dana fields", "fines": 0},
                "5820": {"name": "marcus bell", "fines": 7},
                "6093": {"name": "yuki tanaka", "fines": 0},
            },
            "loans": {
                "4471": {
                    "the silent harbor": {"due": "2026-11-27", "renewed": 0},
                    "bread from scratch": {"due": "2026-12-02", "renewed": 2},
                },
                "5820": {"night trains": {"due": "2026-11-20", "renewed": 0}},
                "6093": {"a field guide to moths": {"due": "2026-11-30", "renewed": 1}},
            },
            "books": {
                "the silent harbor": {"author": "lena voss", "copies in": 0},
                "bread from scratch": {"author": "paul ames", "copies in": 1},
                "night trains": {"author": "iris kovac", "copies in": 2},
                "a field guide to moths": {"author": "ted lowe", "copies in": 0},
                "the glass orchard": {"author": "mina roy", "copies in": 3},
                "winter keys": {"author": "jon adler", "copies in": 0},
            },
            "holds": {"6093": {"winter keys": "north"}},
            "rooms": [],
            "transfers": 0,
        }

    def _card(self, card: str) -> str:
        if card not in self.db["cards"]:
            raise ToolError(f"there is no library card {spaced(card)}", "card")
        return card

    def _title(self, said: str, among: list[str], where: str) -> str:
        """The one title that shares most words with what was said."""
        wanted = {word for word in said.lower().split() if word not in ("the", "a", "book")}
        scored = sorted((len(wanted & set(title.split())), title) for title in among)
        if not scored or not scored[-1][0]:
            raise ToolError(f"I can't find that title {where}", "title", among)
        return scored[-1][1]

    @tool(
        read_only=True,
        wants="look up whether a book is in and who wrote it",
        asks=["do you have the book", "is the book in", "who wrote the book"],
    )
    def find_book(self, title: Title) -> dict[str, Any]:
        """Whether the library has a book, its author, and how many copies are in."""
        name = self._title(title, list(self.db["books"]), "in our catalogue")
        return {"title": name, **self.db["books"][name]}

    @tool(
        read_only=True,
        wants="list the books a member has borrowed and when they are due",
        asks=["which books do i have", "when are my books due", "what have i borrowed"],
    )
    def list_loans(self, card: Card) -> dict[str, Any]:
        """What a member has borrowed, with due dates, and the fines."""
        loans = self.db["loans"].get(self._card(card), {})
        books = [{"title": title, "due": loan["due"]} for title, loan in loans.items()]
        return {"books": books or "none", "fines": f"{self.db['cards'][card]['fines']} dollars"}

    def _renewable(self, card: str, title: str = "") -> dict[str, str]:
        loans = self.db["loans"].get(self._card(card), {})
        if not loans:
            raise ToolError("nothing is borrowed on that card")
        if not title:
            return {"title": next(iter(loans))} if len(loans) == 1 else {}
        name = self._title(title, list(loans), "among your loans")
        if loans[name]["renewed"] >= _MOST_RENEWALS:
            raise ToolError(f"{name} was renewed twice already, so it has to come back")
        return {"title": name}

    @tool(
        wants="renew a borrowed book",
        asks=["i want to renew a book", "can i keep my book longer"],
        confirm="You want to renew {title} on card {card}. Shall I do that?",
        check=_renewable,
    )
    def renew_loan(self, card: Card, title: Title) -> ToolResult:
        """Lend a book for two weeks more."""
        loan = self.db["loans"][card][title]
        loan["due"], loan["renewed"] = "2026-12-08", loan["renewed"] + 1
        return ToolResult({"due": loan["due"]}, f"Done, {title} is now due on December 8th.")

    def _holdable(self, card: str, title: str = "") -> dict[str, str]:
        self._card(card)
        if not title:
            return {}
        return {"title": self._title(title, list(self.db["books"]), "in our catalogue")}

    @tool(
        wants="put a book on hold for pick-up",
        asks=["i want to reserve a book", "put a book on hold for me"],
        confirm="You want to have {title} held at {branch} for card {card}. Shall I do that?",
        done="{title} will be held for you at {branch}.",
        check=_holdable,
    )
    def place_hold(self, card: Card, title: Title, branch: Branch) -> dict[str, Any]:
        """Have a book held at a branch."""
        self.db["holds"].setdefault(card, {})[title] = branch
        return {"held": True}

    def _held(self, card: str, title: str = "") -> dict[str, str]:
        holds = self.db["holds"].get(self._card(card), {})
        if not holds:
            raise ToolError("nothing is on hold for that card")
        if not title:
            return {"title": next(iter(holds))} if len(holds) == 1 else {}
        return {"title": self._title(title, list(holds), "among your holds")}

    @tool(
        irreversible=True,
        wants="cancel a hold",
        asks=["i want to cancel my hold", "i don't need the book on hold any more"],
        confirm="You want to give up your hold on {title}, card {card}. Shall I cancel it?",
        done="Your hold on {title} is cancelled.",
        check=_held,
    )
    def cancel_hold(self, card: Card, title: Title) -> dict[str, Any]:
        """Give up a place in the line for a book."""
        del self.db["holds"][card][title]
        return {"cancelled": True}

    @tool(
        wants="book a study room",
        asks=["i want to book a study room", "i need a study room"],
        done="The study room is yours on {date} at {time}.",
    )
    def book_room(
        self,
        date: Annotated[str, Slot("day", kind="date", ask="Which day do you need the room?")],
        time: Annotated[str, Slot("time", kind="time", ask="At what time?", hours=(9, 20))],
        people: Annotated[int, Slot("number of people", ask="For how many people?")],
        name: Annotated[str, Slot("name", kind="name", ask="What name is it under?")],
    ) -> dict[str, Any]:
        """Book a study room for two hours."""
        if people > 6:
            raise ToolError("our largest study room takes six people", "people")
        self.db["rooms"].append(
            {"date": date, "time": time, "people": people, "name": name.lower()}
        )
        return {"booked": True}

    @tool(
        needs_consent=False,
        wants="connect the caller to a librarian",
        asks=["i want to talk to a librarian", "let me talk to a person"],
        done="I am connecting you to a librarian now.",
    )
    def transfer(self) -> dict[str, Any]:
        """Hand the call to a librarian."""
        self.db["transfers"] += 1
        return {"connected": True}
