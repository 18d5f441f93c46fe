"""The real world beside a virtual clock: what engines do there is waited for."""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

from voice.journal.clock import working

T = TypeVar("T")


class World:
    """An event loop of its own, on a thread and the world's clock.

    An engine's own timers run here: that a server says no more, or does not close its connection,
    is noticed by a timeout, which would never come on a clock that stands while the engine works.
    """

    def __init__(self) -> None:
        self._started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live()), name="world", daemon=True
        )

    async def _live(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        await self._over.wait()

    def __enter__(self) -> "World":
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` there; to be called on a VirtualLoop. Cancelling it awaits its end."""
        here = asyncio.get_running_loop()
        done: asyncio.Future[T] = here.create_future()
        tasks: list[asyncio.Task[T]] = []  # one, kept while it runs

        def start() -> None:
            task = self._loop.create_task(work)
            tasks.append(task)
            task.add_done_callback(lambda task: here.call_soon_threadsafe(_settle, done, task))

        with working():
            self._loop.call_soon_threadsafe(start)
            try:
                return await asyncio.shield(done)
            except asyncio.CancelledError:
                self._loop.call_soon_threadsafe(lambda: tasks[0].cancel())
                await asyncio.wait((done,))
                raise


def _settle(done: "asyncio.Future[Any]", task: "asyncio.Task[Any]") -> None:
    if task.cancelled():
        done.cancel()
    elif (error := task.exception()) is not None:
        done.set_exception(error)
        done.exception()  # who was cancelled does not ask for it
    else:
        done.set_result(task.result())
