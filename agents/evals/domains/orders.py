"""A mail-order shop: orders, refunds, addresses."""

from typing import Annotated, Any, Literal

from agents.evals.domains import spaced
from agents.tools import Slot, ToolError, tool

Order = Annotated[
    str,
    Slot("order number", kind="id", pattern=r"[A-Z]\d{3}", ask="What is your order number?"),
]
Email = Annotated[str, Slot("e-mail address", kind="email", ask="What is your e-mail address?")]


class Orders:
    def __init__(self) -> None:
        self.db: dict[str, Any] = {
            "orders": {
                "A100": _order("sam@mail.com", "processing", ["tent"], "4 oak lane", "2026-11-28"),
                "A101": _order(
                    "sam@mail.com", "delivered", ["boots", "socks"], "4 oak lane", "2026-11-10"
                ),
                "A205": _order("kim@mail.com", "shipped", ["stove"], "9 pine road", "2026-11-26"),
                "A310": _order(
                    "lee@mail.com", "delivered", ["headlamp"], "7 elm street", "2026-11-12"
                ),
                "A311": _order(
                    "lee@mail.com", "processing", ["backpack"], "7 elm street", "2026-11-30"
                ),
            },
            "refunds": [],
            "transfers": 0,
        }

    def _order(self, order: str) -> dict[str, Any]:
        if order not in self.db["orders"]:
            raise ToolError(f"I can't find an order {spaced(order)}", "order")
        return self.db["orders"][order]

    @tool(
        read_only=True,
        wants="tell the status or delivery date of an order",
        asks=["where is my order", "when will my order arrive"],
    )
    def get_order(self, order: Order) -> dict[str, Any]:
        """Status, items and delivery date of an order."""
        found = self._order(order)
        shown = {"status": found["status"], "items": found["items"]}
        return {"order": spaced(order), **shown, "delivery date": found["arrives"]}

    @tool(
        read_only=True,
        wants="list the customer's orders by e-mail",
        asks=["what did i order lately", "which orders do i have"],
    )
    def list_orders(self, email: Email) -> dict[str, Any]:
        """The orders under an e-mail address."""
        mine = {k: o for k, o in self.db["orders"].items() if o["email"] == email}
        if not mine:
            raise ToolError("there are no orders under that e-mail", "email")
        return {
            "orders": [
                {"order": spaced(k), "items": o["items"], "status": o["status"]}
                for k, o in mine.items()
            ]
        }

    def _cancellable(self, order: str) -> None:
        status = self._order(order)["status"]
        if status != "processing":
            raise ToolError(f"that order is {status} already, so it can't be cancelled")

    @tool(
        irreversible=True,
        wants="cancel an order",
        asks=["i want to cancel my order", "cancel an order"],
        done="Order {order} is cancelled.",
        check=_cancellable,
    )
    def cancel_order(self, order: Order) -> dict[str, Any]:
        """Cancel an order that is still being packed."""
        self._order(order)["status"] = "cancelled"
        return {"cancelled": True}

    def _refundable(self, order: str, item: str = "") -> dict[str, str]:
        found = self._order(order)
        if found["status"] != "delivered":
            raise ToolError(f"that order is {found['status']}, so it can't be refunded yet")
        items: list[str] = found["items"]
        if not item:
            return {"item": items[0]} if len(items) == 1 else {}
        plain = item.lower().replace(" ", "")
        meant = [known for known in items if known in plain or plain in known]
        if not meant:
            raise ToolError("that item is not in this order", "item", items)
        return {"item": meant[0]}

    @tool(
        irreversible=True,
        wants="refund or return an item",
        asks=["i want my money back", "i want to return something"],
        confirm="A refund for the {item} from order {order}, reason: {reason}. Shall I start it?",
        done="The refund for the {item} is on its way.",
        check=_refundable,
    )
    def refund_item(
        self,
        order: Order,
        item: Annotated[str, Slot("item", ask="Which item is it?")],
        reason: Annotated[
            Literal["damaged", "wrong_item", "not_needed", "other"],
            Slot(
                "reason",
                ask="What is the reason for the return?",
                synonyms={
                    "damaged": ["broken", "broke", "torn", "defective", "cracked", "ripped"],
                    "wrong_item": ["wrong", "different", "not what i ordered"],
                    "not_needed": ["don't need", "changed my mind", "too many"],
                },
            ),
        ],
    ) -> dict[str, Any]:
        """Refund an item of a delivered order."""
        self.db["refunds"].append({"order": order, "item": item, "reason": reason})
        return {"started": True}

    def _addressable(self, order: str) -> None:
        status = self._order(order)["status"]
        if status != "processing":
            raise ToolError(f"that order is {status} already, so the address can't be changed")

    @tool(
        wants="change the delivery address of an order",
        asks=["i want to change the address", "send my order somewhere else"],
        done="Order {order} will go to {address}.",
        check=_addressable,
    )
    def change_address(
        self,
        order: Order,
        address: Annotated[
            str, Slot("new address", kind="address", ask="What is the new address?")
        ],
    ) -> dict[str, Any]:
        """Change where an order is sent."""
        self._order(order)["address"] = address.lower()
        return {"changed": True}

    @tool(
        needs_consent=False,
        wants="connect the caller to a human",
        asks=["i want to talk to a person", "give me a human"],
        done="I am connecting you to a colleague now.",
    )
    def transfer_to_human(self) -> dict[str, Any]:
        """Hand the call to a person."""
        self.db["transfers"] += 1
        return {"connected": True}


def _order(email: str, status: str, items: list[str], address: str, arrives: str) -> dict[str, Any]:
    return {
        "email": email,
        "status": status,
        "items": items,
        "address": address,
        "arrives": arrives,
    }
