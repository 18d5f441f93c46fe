"""Pieces of an async generator that is advanced beside other work."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")


def begun(stream: AsyncGenerator[T, None], name: str) -> asyncio.Task[T | None]:
    """A task for the stream's next piece; its result is None at the end."""

    async def step() -> T | None:
        return await anext(stream, None)

    return asyncio.create_task(step(), name=name)


async def chained(first: T | None, rest: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """A piece that was taken from a stream, then the others. Closing this closes `rest`."""
    async with aclosing(rest):
        if first is not None:
            yield first
        async for piece in rest:
            yield piece
