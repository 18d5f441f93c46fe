"""Calls that we start: nothing that happens to them is missed."""

from collections.abc import Awaitable, Callable

from baresip import Call, Runtime, StackEvent


async def place(runtime: Runtime, start: Callable[[], Awaitable[Call]]) -> Call:
    """Start a call by the library's own function, and give it with all that happened to it.

    On a fast network the answer is there before the library has made the object that it is for:
    it then waits in vain (0.5.2a3).
    """
    missed: list[StackEvent] = []
    runtime.subscribe(missed.append)
    try:
        call = await start()
    finally:
        runtime.unsubscribe(missed.append)
    for event in missed:
        call._on_stack_event(event)  # pyright: ignore[reportPrivateUsage]
    return call
