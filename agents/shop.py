"""The demo: an outdoor shop over a real SQLite file, seeded on first start."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from agents.database import data_file, transaction
from agents.spoken import language
from agents.tools import Slot, ToolError, ToolResult, tool

OrderId = Annotated[
    str,
    Slot(
        "order number",
        kind="id",
        pattern=r"\d{4}",
        ask="What is your order number?",
        hint="It has four digits, and is in the e-mail that confirmed your order.",
    ),
]
Reason = Annotated[
    Literal["damaged", "wrong_size", "wrong_item", "not_needed"],
    Slot(
        "reason",
        ask="And why are you sending it back? Is it damaged, the wrong size, or not needed?",
        synonyms={
            "damaged": [
                "broken",
                "broke",
                "torn",
                "defective",
                "cracked",
                "ripped",
                "leaks",
                "faulty",
            ],
            "wrong_size": ["too small", "too big", "too large", "too tight", "doesn't fit", "size"],
            "wrong_item": ["wrong one", "different", "not what i ordered", "wrong product"],
            "not_needed": ["don't need", "don't want", "changed my mind", "too many", "don't like"],
        },
    ),
]
RETURN_DAYS = 30
HOURS = {  # weekday, Monday is 0: opening and closing hour
    **dict.fromkeys(range(5), (9, 18)),
    5: (10, 16),
}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_REASONS = {
    "damaged": "it is damaged",
    "wrong_size": "it is the wrong size",
    "wrong_item": "it is the wrong item",
    "not_needed": "it is not needed",
}

_SCHEMA = """
CREATE TABLE orders (
  id TEXT PRIMARY KEY, customer TEXT NOT NULL, status TEXT NOT NULL,
  carrier TEXT NOT NULL, ordered TEXT NOT NULL, arrives TEXT NOT NULL
);
CREATE TABLE items (
  order_id TEXT NOT NULL REFERENCES orders (id), name TEXT NOT NULL,
  quantity INTEGER NOT NULL, price REAL NOT NULL
);
CREATE TABLE returns (
  id INTEGER PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders (id), item TEXT NOT NULL,
  reason TEXT NOT NULL, created TEXT NOT NULL, UNIQUE (order_id, item)
);
"""
# id, customer, status, carrier, days since the order, days until (or since) the arrival
_ORDERS = (
    ("1042", "Maya Lindqvist", "shipped", "UPS", -3, 2),
    ("1043", "Tom Okafor", "processing", "DHL", -1, 5),
    ("1187", "Ines Moreau", "delivered", "DHL", -9, -4),
    ("2210", "Jonas Weber", "delivered", "UPS", -14, -10),
    ("2298", "Priya Nair", "delayed", "UPS", -8, 4),
    ("3317", "Sam Reed", "delivered", "DHL", -60, -55),
    ("3350", "Lucy Chen", "cancelled", "DHL", -6, 0),
    ("4605", "Omar Haddad", "ready", "", -2, 0),
)
_ITEMS = (
    ("1042", "two-person tent", 1, 189.0),
    ("1042", "camping stove", 1, 49.5),
    ("1043", "down sleeping bag", 1, 229.0),
    ("1187", "hiking boots", 1, 139.0),
    ("1187", "wool socks", 3, 12.0),
    ("2210", "head lamp", 1, 39.0),
    ("2298", "trail backpack", 1, 119.0),
    ("2298", "rain cover", 1, 19.0),
    ("3317", "rain jacket", 1, 99.0),
    ("3350", "water filter", 1, 59.0),
    ("4605", "climbing rope", 1, 89.0),
)


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    quantity: int

    @property
    def spoken(self) -> str:
        return f"the {self.name}" if self.quantity == 1 else f"{self.quantity} {self.name}"


@dataclass(frozen=True, slots=True)
class _Order:
    id: str
    status: str
    carrier: str
    arrives: dt.date
    items: tuple[_Item, ...]

    @property
    def spoken(self) -> str:
        return f"order {self.id}"


class Shop:
    """Tools over one SQLite file. Each call of a tool opens its own connection, so calls may run
    at the same time; SQLite itself lets one write and the others wait."""

    def __init__(
        self, path: Path | None = None, today: Callable[[], dt.date] = dt.date.today
    ) -> None:
        """`path` defaults to shop.sqlite in $OPENLINE_DATA, or in the user's data directory."""
        self.path = data_file("shop.sqlite", path)
        self._today = today
        self._dated = today()
        self._language = language("en")
        self._seed()

    def _seed(self) -> None:
        """Tables and orders, once."""
        with transaction(self.path) as db:
            db.execute("BEGIN IMMEDIATE")  # two servers may start on one file
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'orders'").fetchone():
                self._fresh(db)
                return
            for statement in filter(str.strip, _SCHEMA.split(";")):
                db.execute(statement)
            db.executemany(
                "INSERT INTO orders VALUES (?, ?, ?, ?, '', '')", [row[:4] for row in _ORDERS]
            )
            db.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", _ITEMS)
            self._fresh(db)

    def _fresh(self, db: sqlite3.Connection) -> None:
        """Move the demo orders' dates to today's: an order on its way is never weeks late."""
        self._dated = today = self._today()
        for order, *_, ordered, arrives in _ORDERS:
            days = [(today + dt.timedelta(n)).isoformat() for n in (ordered, arrives)]
            db.execute("UPDATE orders SET ordered = ?, arrives = ? WHERE id = ?", (*days, order))

    def _order(self, db: sqlite3.Connection, order_id: str) -> _Order:
        if self._dated != self._today():  # a server may run for weeks
            self._fresh(db)
        row = db.execute(
            "SELECT id, status, carrier, arrives FROM orders WHERE id = ?", (order_id,)
        ).fetchone()
        if row is None:
            raise ToolError(f"I can't find an order with the number {order_id}", "order_id")
        items = db.execute(
            "SELECT name, quantity FROM items WHERE order_id = ? ORDER BY rowid", (order_id,)
        ).fetchall()
        return _Order(
            row[0],
            row[1],
            row[2],
            dt.date.fromisoformat(row[3]),
            tuple(_Item(name, quantity) for name, quantity in items),
        )

    @tool(
        read_only=True,
        wants="tell where an order is or when it arrives",
        asks=[
            "where is my order",
            "my order has not come yet",
            "what is the status of my order",
            "when will my order arrive",
            "has my order shipped",
            "track my order",
            "check on my order",
            "how is my order doing",
        ],
        filler="One moment, I am looking that up.",
    )
    def order_status(self, order_id: OrderId) -> ToolResult:
        """Where an order is: its status, carrier and day of arrival."""
        with transaction(self.path) as db:
            order = self._order(db, order_id)
        day = self._language.say("date", order.arrives.isoformat())
        name = order.spoken[0].upper() + order.spoken[1:]
        match order.status:
            case "shipped":
                say = f"{name} has shipped with {order.carrier}, and should arrive on {day}."
            case "processing":
                say = f"{name} is still being packed. It should arrive on {day}."
            case "delivered":
                say = f"{name} was delivered on {day}."
            case "delayed":
                say = f"I'm sorry, {order.spoken} is delayed. It should arrive on {day}."
            case "ready":
                say = f"{name} is ready for you to pick up at our shop."
            case _:
                say = f"{name} was {order.status}."
        data = {"status": order.status, "carrier": order.carrier}
        return ToolResult({**data, "arrival": order.arrives.isoformat()}, say)

    @tool(
        read_only=True,
        wants="tell what items an order holds",
        asks=[
            "what is in my order",
            "what did i order",
            "what items are in my order",
            "what does my order contain",
            "read me my order",
        ],
        filler="One moment, I am looking that up.",
    )
    def order_contents(self, order_id: OrderId) -> ToolResult:
        """What an order holds."""
        with transaction(self.path) as db:
            order = self._order(db, order_id)
            total: float = db.execute(
                "SELECT sum(quantity * price) FROM items WHERE order_id = ?", (order_id,)
            ).fetchone()[0]
        items = _listed([item.spoken for item in order.items])
        price = f"{total:.2f}".removesuffix(".00")
        name = order.spoken[0].upper() + order.spoken[1:]
        say = f"{name} holds {items}, {price} dollars in all."
        names = [f"{item.quantity} {item.name}" for item in order.items]
        return ToolResult({"items": names, "total": f"{price} dollars"}, say)

    def _returnable(self, order_id: str, item: str = "") -> dict[str, str]:
        """Whether the order, and the item when it is known, can be sent back."""
        with transaction(self.path) as db:
            order = self._order(db, order_id)
            taken = {
                row[0]
                for row in db.execute("SELECT item FROM returns WHERE order_id = ?", (order_id,))
            }
        if order.status != "delivered":
            raise ToolError(
                f"{order.spoken} is {order.status}, so there is nothing to send back yet"
            )
        if (self._today() - order.arrives).days > RETURN_DAYS:
            raise ToolError(
                f"{order.spoken} was delivered more than {RETURN_DAYS} days ago, "
                "so it can't be returned any more"
            )
        open_items = [known.name for known in order.items if known.name not in taken]
        if not open_items:
            raise ToolError(f"a return for {order.spoken} is already under way")
        if not item:
            return {"item": open_items[0]} if len(open_items) == 1 else {}
        meant = [name for name in open_items if _stems(name) & _stems(item)]
        if item in open_items or len(meant) == 1:
            return {"item": item if item in open_items else meant[0]}
        raise ToolError(f"I can't find that item in {order.spoken}", "item", open_items)

    @tool(
        irreversible=True,
        wants="send an item back",
        asks=["i want to return something", "i want to send something back", "start a return"],
        confirm="So you want to return the {item} from order {order_id}, reason: {reason}. "
        "Shall I start the return?",
        check=_returnable,
    )
    def start_return(
        self,
        order_id: OrderId,
        item: Annotated[str, Slot("item", ask="Which item do you want to send back?")],
        reason: Reason,
    ) -> ToolResult:
        """Start the return of an item; a label is sent by e-mail."""
        with transaction(self.path) as db:
            number = db.execute(
                "INSERT INTO returns (order_id, item, reason, created) VALUES (?, ?, ?, ?)",
                (order_id, item, reason, self._today().isoformat()),
            ).lastrowid
        say = f"Done, the return of the {item} is started. You get the label by e-mail."
        return ToolResult({"return": number, "item": item, "reason": _REASONS[reason]}, say)

    @tool(
        read_only=True,
        wants="tell the opening hours of the shop",
        asks=[
            "are you open",
            "when are you open",
            "what are your opening hours",
            "what are your hours",
            "when do you open",
            "when do you close",
            "are you open today",
            "is the shop open",
        ],
    )
    def opening_hours(self, day: Annotated[str, Slot("day", kind="date")] = "") -> ToolResult:
        """The opening hours, of one day or of the week."""
        if not day:
            say = "We are open Monday to Friday from 9 AM to 6 PM, and Saturday from 10 AM to 4 PM."
            return ToolResult({"hours": say}, say)
        date = dt.date.fromisoformat(day)
        name = "Today" if date == self._today() else f"On {_DAYS[date.weekday()]}"
        hours = HOURS.get(date.weekday())
        if hours is None:
            ahead = next(n for n in range(1, 8) if (date + dt.timedelta(n)).weekday() in HOURS)
            following = date + dt.timedelta(ahead)
            opens = HOURS[following.weekday()][0]
            next_day = _DAYS[following.weekday()]
            say = f"{name} we are closed. We open again on {next_day} at {opens} AM."
            return ToolResult({"day": day, "open": False}, say)
        opens, closes = hours[0], hours[1] - 12
        say = f"{name} we are open from {opens} AM to {closes} PM."
        return ToolResult({"day": day, "open": True}, say)


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _stems(text: str) -> set[str]:
    return {word.removesuffix("s") for word in text.lower().split()}
