"""Small companies to prove agents on: typed tools over a database in memory, new for each call.

A domain is a class whose `db` is plain data: what a conversation changed is read from it. Every
domain lives on `TODAY`, a Tuesday.
"""

import datetime as dt
from typing import Any, Protocol, runtime_checkable

TODAY = dt.date(2026, 11, 24)


@runtime_checkable
class Domain(Protocol):
    """A tools' class whose final state can be looked at."""

    db: dict[str, Any]


def spaced(number: str) -> str:
    """Digits one by one, as they are to be spoken."""
    return " ".join(number)
