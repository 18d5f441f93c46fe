"""Threads for synchronous tools: a blocked one holds up its own call, not the others."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from agents.tools.contract import ToolFailed

_PER_CALL = 2  # threads: one that is stuck, and one for the next try


class Threads:
    """At most `most` threads at once, and of one call at most two. One per agent.

    A thread cannot be stopped, so one that blocks for ever keeps its place. They are daemons, so
    that it does not keep the process.
    """

    def __init__(self, most: int = 64) -> None:
        self._free = most
        self._of: Counter[str] = Counter()
        self._counting = threading.Lock()

    async def run(
        self, function: Callable[..., Any], given: Mapping[str, Any], call: str, name: str
    ) -> Any:
        """Call the function in a thread. Raises ToolFailed when there is no thread left for it, and
        what the function raises. Cancelling stops the waiting, not the thread."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Any] = loop.create_future()

        def settle(value: Any, error: BaseException | None) -> None:
            if ended.done():
                return
            if error is None:
                ended.set_result(value)
            else:
                ended.set_exception(error)

        def work() -> None:
            value, error = None, None
            try:
                value = function(**given)
            except BaseException as exc:  # noqa: BLE001 - it is raised again where it is awaited
                error = exc
            self._give_back(call)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(settle, value, error)

        self._take(call, name)
        threading.Thread(target=work, name=f"tool {name}", daemon=True).start()
        return await ended

    def _take(self, call: str, name: str) -> None:
        with self._counting:
            if self._free <= 0:
                raise ToolFailed(f"{name}: every thread of this agent's tools is taken")
            if self._of[call] >= _PER_CALL:
                raise ToolFailed(f"{name}: earlier tools of this call still block their threads")
            self._free -= 1
            self._of[call] += 1

    def _give_back(self, call: str) -> None:
        with self._counting:
            self._free += 1
            self._of[call] -= 1
            if not self._of[call]:
                del self._of[call]
