"""Every call that we make, on disk before it is made, so that a kill forgets none.

An attempt is written, and synced, before the carrier is asked to place it: `begin`. How it ended
is written after: `finish`. One that was begun and not finished when the process died may or may
not have been placed: the carrier is asked, by the attempt's id, before anything else is done.
"""

import sqlite3
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from telephony.numbers import Number
from telephony.outbound.policy import Spent

Outcome = Literal[
    "reached",  # a person spoke with the agent
    "machine",  # an answering machine, or a screening that let nobody through
    "busy",
    "no answer",
    "failed",
    "cut off",  # we died while it went on
    "unsure",  # we died while it was placed, and the carrier cannot tell
]
DAY = 86400.0  # s
_SCHEMA = """
create table if not exists attempts (
    id text primary key, campaign text not null, number text not null, country text not null,
    began real not null, cost real not null, outcome text
) strict;
create index if not exists attempts_of on attempts (campaign, number);
create index if not exists attempts_when on attempts (began);
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    id: str
    number: str
    began: float  # Unix time, s
    outcome: Outcome | None  # None: begun and not finished


class Ledger:
    """One file for all campaigns and single calls. Used by one process at a time per campaign.

    Raises sqlite3.Error where the disk fails: then no call may be placed.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30.0)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")  # a commit is on the disk
        self._db.executescript(_SCHEMA)
        path.chmod(0o600)

    def close(self) -> None:
        self._db.close()

    def begin(self, campaign: str, number: Number, cost: float, now: float) -> Attempt:
        """Write that the number is going to be called, at the longest for `cost`."""
        attempt = Attempt(uuid.uuid4().hex, number.e164, now, None)
        self._db.execute(
            "insert into attempts values (?, ?, ?, ?, ?, ?, null)",
            (attempt.id, campaign, number.e164, number.country, now, cost),
        )
        return attempt

    def finish(self, attempt: str, outcome: Outcome, cost: float | None = None) -> None:
        """Write how it ended; without `cost`, what was reserved stays charged."""
        self._db.execute(
            "update attempts set outcome = ?, cost = coalesce(?, cost) where id = ?",
            (outcome, cost, attempt),
        )

    def forget(self, attempt: str) -> None:
        """It was never placed: the carrier says so."""
        self._db.execute("delete from attempts where id = ?", (attempt,))

    def of(self, campaign: str) -> dict[str, list[Attempt]]:
        """All attempts by number, in their order."""
        found: dict[str, list[Attempt]] = {}
        for attempt in self._read(
            "select id, number, began, outcome from attempts where campaign = ? order by began",
            (campaign,),
        ):
            found.setdefault(attempt.number, []).append(attempt)
        return found

    def open(self, campaign: str) -> list[Attempt]:
        """Begun and not finished: of a process that died, if no other runs this campaign."""
        return list(
            self._read(
                "select id, number, began, outcome from attempts "
                "where campaign = ? and outcome is null order by began",
                (campaign,),
            )
        )

    def spent(self, country: str, now: float) -> Spent:
        """Of the last 24 hours, of all campaigns."""
        cost, calls, here = self._db.execute(
            "select coalesce(sum(cost), 0), count(*), coalesce(sum(country = ?), 0) "
            "from attempts where began > ?",
            (country, now - DAY),
        ).fetchone()
        return Spent(float(cost), int(calls), int(here))

    def _read(self, query: str, given: tuple[str, ...]) -> Iterable[Attempt]:
        for row in self._db.execute(query, given):
            yield Attempt(*row)
