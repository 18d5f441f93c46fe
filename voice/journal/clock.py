"""An event loop with a virtual clock: an hour of call takes as long as its models work."""

import asyncio
import contextlib
import selectors
import time
from collections.abc import Callable, Generator
from typing import Any, Literal

Cost = Literal["measured", "none"]


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its clock jumps to the next timer instead of waiting for it.

    While somebody is inside `working()`, or a function runs in an executor, real work is waited
    for: the clock then runs as fast as the world's (`cost="measured"`), or stands (`"none"`).
    """

    def __init__(self, *, cost: Cost = "none") -> None:
        super().__init__(_Jumping(self))
        self.now = 0.0
        self.works = 0
        self.cost: Cost = cost

    def time(self) -> float:
        return self.now

    @contextlib.contextmanager
    def working(self) -> Generator[None]:
        """A thread, a process or a socket of the real world is being waited for."""
        self.works += 1
        try:
            yield
        finally:
            self.works -= 1

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        self.works += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _: object) -> None:
        self.works -= 1


def working() -> contextlib.AbstractContextManager[None]:
    """VirtualLoop.working() of the running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop), "replays run on a VirtualLoop"
    return loop.working()


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        loop = self._loop
        if not loop.works or timeout == 0:
            ready = super().select(0)
            if not ready and timeout:
                loop.now += timeout
            return ready
        if loop.cost == "none":
            return super().select(None)
        began = time.monotonic()
        ready = super().select(timeout)
        loop.now += time.monotonic() - began
        return ready
