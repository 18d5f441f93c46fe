"""A connection to one MCP server that is made again when it breaks."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from typing import Any

from loguru import logger
from mcp import Client
from mcp.client._transport import TransportStreams
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, CallToolResult, Tool

from agents.tools.contract import ToolFailed

_START = 15.0  # s to answer the first time
_BACK_OFF = (0.5, 30.0)  # s before the first new try; twice that each time, this at most
_ALIVE = 10.0  # s to answer a question about its tools, after a call that got no answer
_PAGES = 20  # of a list of tools; a server that never ends it is given up

Wire = Callable[[Callable[[], None]], AbstractAsyncContextManager[TransportStreams]]


class LinkError(Exception):
    """A server cannot be used. The message is the reason, one line."""


class Link:
    """Runs in a thread with an event loop of its own.

    The SDK opens and closes a connection in one task, a server's processes and floods stay beside
    the calls' loop, and tools can be listed before there is a call.
    """

    def __init__(self, name: str, wire: Wire) -> None:
        """`wire` opens the connection and calls what it is given when the server is gone."""
        self.name = name
        self._wire = wire
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"mcp {name}", daemon=True)
        self._first: Future[list[Tool]] = Future()
        self._client: Client | None = None
        self._up = asyncio.Event()
        self._broken = asyncio.Event()
        self._closing = asyncio.Event()
        self._checking: asyncio.Task[None] | None = None

    def start(self) -> list[Tool]:
        """Connect; the tools that the server offers. Blocks. Raises LinkError."""
        self._thread.start()
        try:
            return self._first.result(_START)
        except TimeoutError:
            raise LinkError(f"did not answer in {_START:g} s") from None
        finally:
            if not self._client:
                self.close()

    def close(self) -> None:
        """Disconnect and end. Blocks for a server that does not want to."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it is ending
                self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """From any loop; cancelling it gives the call up. Raises ToolFailed."""
        asked = self._call(tool, dict(arguments))
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, self._loop))
        except asyncio.CancelledError:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._suspect)  # before the next call comes in
            raise
        except RuntimeError:  # the loop is closed
            asked.close()
            raise ToolFailed(f"{tool}: the server {self.name} was closed") from None

    # -- in the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        wait = _BACK_OFF[0]
        closing = asyncio.create_task(self._closing.wait())
        while not closing.done():
            connection = asyncio.create_task(self._connected(), name=f"mcp {self.name}")
            await asyncio.wait((connection, closing), return_when=asyncio.FIRST_COMPLETED)
            if self._client is None and not self._broken.is_set():
                connection.cancel()  # it is not made yet; what is being taken down is left to it
            self._lost()
            (reason,) = await asyncio.gather(connection, return_exceptions=True)
            was_up, self._client = self._client is not None, None
            self._up.clear()
            if closing.done():
                return
            if not self._first.done():
                self._first.set_exception(LinkError(_reason(reason)))
                return
            wait = _BACK_OFF[0] if was_up else min(wait * 2, _BACK_OFF[1])
            logger.warning(f"mcp {self.name}: {_reason(reason)}; connecting again in {wait:g} s")
            await asyncio.wait((closing,), timeout=wait)

    async def _connected(self) -> None:
        """One connection, to its end."""
        self._broken.clear()
        async with Client(self._wire(self._lost)) as client:
            tools = await _listed(client)
            self._client = client
            self._up.set()
            if not self._first.done():
                self._first.set_result(tools)
            await self._broken.wait()
        raise LinkError("the server is gone")

    def _lost(self) -> None:
        """Calls wait from now on until the server is there again."""
        self._up.clear()
        self._broken.set()

    async def _call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        if self._checking is not None:
            await asyncio.wait((self._checking,))
        await self._up.wait()
        client = self._client
        if client is None:
            raise ToolFailed(f"{tool}: the server {self.name} is not there")
        try:
            return await client.call_tool(tool, arguments)
        except Exception as exc:  # noqa: BLE001 - the edge of a tool call: what the SDK raises is open
            if client is self._client:
                if isinstance(exc, MCPError) and exc.code == CONNECTION_CLOSED:
                    self._lost()
                else:
                    self._suspect()
            raise ToolFailed(f"{tool}: {_reason(exc)}") from None

    def _suspect(self) -> None:
        """A call got no answer: later ones wait until the server has shown that it lives."""
        checked = self._checking is None or self._checking.done()
        if self._client is not None and checked:
            self._checking = asyncio.create_task(self._check(self._client))

    async def _check(self, client: Client) -> None:
        """Whether the server still answers; else it is connected anew."""
        try:
            async with asyncio.timeout(_ALIVE):
                await client.list_tools(cache_mode="bypass")
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is no answer
            logger.debug(f"mcp {self.name}: no sign of life ({_reason(exc)})")
            if client is self._client:
                self._lost()


async def _listed(client: Client) -> list[Tool]:
    tools: list[Tool] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return tools
    raise LinkError(f"its list of tools has more than {_PAGES} pages")


def _reason(exc: BaseException | None) -> str:
    """One line for the log."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    text = exc.message if isinstance(exc, MCPError) else str(exc)
    first = " ".join(text.split())[:200] if text else ""
    return first or type(exc).__name__
