"""One model, one thread, one bounded queue: how blocking model work stays off the event loop."""

import asyncio
import heapq
import itertools
import threading
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

T = TypeVar("T")


class Priority(IntEnum):
    """Who waits most goes first: an end-of-turn transcript before a partial one."""

    FINAL = 0
    EAGER = 1
    FIRST_CLAUSE = 2
    CLAUSE = 3
    PARTIAL = 4


class Busy(Exception):
    """The lane's queue is full; the caller should drop or retry the work."""


class Lane:
    """Runs blocking functions one at a time on a thread of its own, most urgent first.

    A waiter that is cancelled before its work starts is skipped. Work that has started runs to its
    end (a thread cannot be stopped), then the next one starts.
    """

    def __init__(self, name: str, *, size: int = 64) -> None:
        self._size = size
        self._heap: list[tuple[int, int, Callable[[], None], asyncio.Future[Any]]] = []
        self._order = itertools.count()
        self._ready = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[], T], priority: Priority = Priority.FINAL) -> T:
        """Run `work` on the lane's thread and return its result.

        Raises Busy when `size` jobs wait already, RuntimeError after close().
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(value: T | None, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)  # type: ignore[arg-type]

        def job() -> None:
            value: T | None = None
            error: BaseException | None = None
            try:
                value = work()
            except BaseException as exc:  # noqa: BLE001 - handed to the waiter
                error = exc
            try:
                loop.call_soon_threadsafe(settle, value, error)
            except RuntimeError:  # the loop closed while the model worked; nobody waits
                return

        self._put(job, future, priority)
        return await future

    def _put(
        self, job: Callable[[], None], future: "asyncio.Future[Any]", priority: Priority
    ) -> None:
        with self._ready:
            if self._closed:
                raise RuntimeError(f"{self._thread.name} is closed")
            if len(self._heap) >= self._size:
                self._heap = [item for item in self._heap if not item[3].done()]
                heapq.heapify(self._heap)
                if len(self._heap) >= self._size:
                    raise Busy(f"{self._thread.name} has {self._size} jobs waiting")
            heapq.heappush(self._heap, (int(priority), next(self._order), job, future))
            self._ready.notify()

    def _work(self) -> None:
        while True:
            with self._ready:
                while not self._heap and not self._closed:
                    self._ready.wait()
                if self._closed and not self._heap:
                    return
                _, _, job, future = heapq.heappop(self._heap)
            if not future.done():
                job()

    def close(self) -> None:
        """Let the running job end, cancel what waits, join the thread."""
        with self._ready:
            self._closed = True
            waiting, self._heap = self._heap, []
            self._ready.notify()
        for _, _, _, future in waiting:
            future.get_loop().call_soon_threadsafe(future.cancel)
        self._thread.join()
