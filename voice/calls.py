"""The calls of a process, by whatever wire they come."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from voice.call import Call
from voice.config import Config
from voice.engines import Engines
from voice.journal.files import journal_folder
from voice.journal.writer import JournalWriter
from voice.reports import Reports


class NoLine(Exception):
    """No call can be taken now, but later. The message says why, in one line."""


class Calls:
    """The calls of this process: counted, capped, and ended together."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.journals: JournalWriter | None = None  # while the server runs, if calls are recorded
        self.reports: Reports | None = None  # while the server runs
        self._places = 0  # of calls that run, are set up or are torn down
        self._live: dict[str, Call] = {}

    def __len__(self) -> int:
        return self._places

    @contextlib.contextmanager
    def place(self) -> Any:
        """Hold a place while a call is set up and runs. Raises NoLine when none is free."""
        if len(self) >= self.most:
            raise NoLine(f"all {self.most} lines are busy; try again in a moment")
        self._places += 1
        try:
            yield
        finally:
            self._places -= 1

    @contextlib.contextmanager
    def live(self, call: Call) -> Any:
        """Let hang_up() reach a call while it runs."""
        self._live[call.id] = call
        try:
            yield
        finally:
            del self._live[call.id]

    async def hang_up(self, reason: str) -> None:
        await asyncio.gather(*(call.hang_up(reason) for call in list(self._live.values())))

    @contextlib.asynccontextmanager
    async def kept(self, config: Config, engines: Engines) -> AsyncGenerator[None]:
        """Record calls and report on them meanwhile; they are hung up at its end."""
        if config.journal.enabled:
            self.journals = JournalWriter(journal_folder(config), days=config.journal.days)
        shelf = journal_folder(config).parent / "reports"
        self.reports = Reports(shelf, engines, lambda: len(self))
        reporting = asyncio.create_task(self.reports.run(), name="reports")
        try:
            yield
        finally:
            await self.hang_up("the server stops")
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)
            if self.journals is not None:
                await asyncio.to_thread(self.journals.close)
