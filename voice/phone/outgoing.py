"""Calls that a carrier is asked to place, until their media socket comes, or none will."""

import asyncio
import contextlib
from collections.abc import Generator

from telephony.line import Line
from telephony.outbound.ledger import Outcome
from voice.phone.switchboard import Switchboard

# carriers' words for calls that came to nothing
_ENDS: dict[str, Outcome] = {
    "busy": "busy",
    "no-answer": "no answer",
    "timeout": "no answer",
    "unanswered": "no answer",
    "failed": "failed",
    "rejected": "failed",
    "canceled": "failed",
    "cancelled": "failed",
    "cancel": "failed",
}


class NotAnswered(Exception):
    """The call came to nothing."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome: Outcome = outcome


class Attempt:
    """One call under way."""

    def __init__(self) -> None:
        self.line: asyncio.Future[tuple[Line, Switchboard]] = (
            asyncio.get_running_loop().create_future()
        )
        self.done = asyncio.Event()  # nobody uses the line any more


class Outgoing:
    """The attempts of this process, by the id that the carrier brings back to us."""

    def __init__(self) -> None:
        self._attempts: dict[str, Attempt] = {}

    @contextlib.contextmanager
    def expecting(self, attempt: str) -> Generator[Attempt]:
        """While the carrier places it, and while it lasts."""
        found = self._attempts[attempt] = Attempt()
        try:
            yield found
        finally:
            del self._attempts[attempt]
            found.done.set()
            found.line.cancel()

    def waits(self, attempt: str) -> bool:
        found = self._attempts.get(attempt)
        return found is not None and not found.line.done()

    async def connected(self, attempt: str, line: Line, switchboard: Switchboard) -> None:
        """Its media flows: give the line to whoever waits for it, to the call's end."""
        found = self._attempts.get(attempt)
        if found is None or found.line.done():
            await line.hang_up()
            return
        found.line.set_result((line, switchboard))
        await found.done.wait()

    def told(self, attempt: str, status: str) -> None:
        """The carrier says how it goes."""
        found, outcome = self._attempts.get(attempt), _ENDS.get(status.lower())
        if found is not None and outcome is not None and not found.line.done():
            found.line.set_exception(NotAnswered(outcome))
