"""One model, one thread, one bounded schedule: how blocking model work stays off the event loop."""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from voice.schedule import Busy, Priority, Schedule

__all__ = ["Busy", "Lane", "Priority"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[], None]
    future: "asyncio.Future[Any]"


class Lane:
    """Runs blocking functions on a thread of its own, one at a time, in the order of a Schedule.

    A waiter that is cancelled before its work starts is skipped. Work that has started runs to its
    end (a thread cannot be stopped), then the next one starts.
    """

    def __init__(self, name: str, *, size: int = 256, threads: int = 1) -> None:
        """`size`: of 80 callers each may have a transcript and two clauses waiting.

        `threads`: of a model that works on several jobs at once.
        """
        self._schedule: Schedule[_Job] = Schedule(size, stale=lambda job: job.future.done())
        self._ready = threading.Condition()
        self._closed = False
        self._name = name
        self._threads = [
            threading.Thread(target=self._work, name=name, daemon=True) for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def __len__(self) -> int:
        """Jobs that wait, without the running one."""
        return len(self._schedule)

    async def run(
        self,
        work: Callable[[], T],
        priority: Priority = Priority.FINAL,
        *,
        call: Hashable = None,
        since: float | None = None,
        due: float = math.inf,
    ) -> T:
        """Run `work` on the lane's thread and return its result.

        `call`: whose work it is, any value that tells calls apart. `since` and `due`: when that
        caller began to wait or will begin to, in seconds of the loop's clock; now and never by
        default.

        Raises Busy when too many jobs wait or newer work replaced this one, RuntimeError after
        close().
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            value: T | None = None
            error: BaseException | None = None
            try:
                value = work()
            except BaseException as exc:  # noqa: BLE001 - handed to the waiter
                error = exc
            try:
                loop.call_soon_threadsafe(_settle, future, value, error)
            except RuntimeError:  # the loop closed while the model worked; nobody waits
                return

        with self._ready:
            if self._closed:
                raise RuntimeError(f"{self._name} is closed")
            try:
                replaced = self._schedule.put(
                    _Job(job, future), priority, time.monotonic(), call=call, since=since, due=due
                )
            except Busy as exc:
                raise Busy(f"{self._name}: {exc}") from None
            self._ready.notify()
        for other in replaced:
            error = Busy(f"{self._name}: replaced by newer or more urgent work")
            other.future.get_loop().call_soon_threadsafe(_settle, other.future, None, error)
        return await future

    def _work(self) -> None:
        while True:
            with self._ready:
                while (job := self._schedule.next(time.monotonic())) is None and not self._closed:
                    self._ready.wait()
            if job is None:
                return
            job.work()

    def close(self) -> None:
        """Let the running job end, cancel what waits, join the thread."""
        with self._ready:
            self._closed = True
            waiting = self._schedule.clear()
            self._ready.notify_all()
        for job in waiting:
            job.future.get_loop().call_soon_threadsafe(job.future.cancel)
        for thread in self._threads:
            thread.join()


def _settle(future: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)
