"""How an MCP server is reached: a process of ours, or an address; either may say only so much."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path

import anyio
import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.stdio import get_default_environment
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

LARGEST = 1_000_000  # bytes of one message; a caller hears a sentence of it
_GRACE = 2.0  # s for a server to end by itself, and again once it was told to


@contextlib.asynccontextmanager
async def process(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    last_words: deque[str],
    gone: Callable[[], None],
) -> AsyncGenerator[TransportStreams]:
    """A server that we start, with `environment` beside the few variables that a process needs.

    The SDK's own transport reads a line of any length; this one ends the connection at 1 MB.
    `last_words` takes what the server writes to stderr, `gone` is called when it is no more.
    Raises OSError.
    """
    server = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=get_default_environment() | dict(environment),
        cwd=folder,
        limit=LARGEST,
        start_new_session=True,  # so that what it starts ends with it
    )
    stdin, stdout, stderr = server.stdin, server.stdout, server.stderr
    assert stdin
    assert stdout
    assert stderr
    # Unbuffered: a message waits until the session takes it
    to_session, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    to_server, from_session = anyio.create_memory_object_stream[SessionMessage](0)

    async def read() -> None:
        try:
            while line := await stdout.readline():
                try:
                    message = SessionMessage(jsonrpc_message_adapter.validate_json(line))
                except ValueError as exc:
                    await to_session.send(exc)
                else:
                    await to_session.send(message)
        except ValueError:
            last_words.append(f"a message of more than {LARGEST} bytes")
            gone()
            while await stdout.read(LARGEST):
                pass  # to the end, for a pipe that is not empty is never closed
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return
        finally:
            await to_session.aclose()
            gone()

    async def write() -> None:
        with contextlib.suppress(OSError):
            async for message in from_session:
                json = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                stdin.write(json.encode() + b"\n")
                await stdin.drain()

    async def listen() -> None:
        while text := await stderr.read(4096):
            last_words.extend(text.decode(errors="replace").split("\n"))

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work()) for work in (read, write, listen)]
            try:
                yield from_server, to_server
            finally:
                await _end(server)
                for task in tasks:
                    task.cancel()
                for stream in (to_session, from_server, to_server, from_session):
                    await stream.aclose()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)


async def _end(server: asyncio.subprocess.Process) -> None:
    assert server.stdin
    server.stdin.close()
    for last in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await server.wait()
                return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, last)
    await server.wait()


@contextlib.asynccontextmanager
async def address(url: str, headers: Mapping[str, str]) -> AsyncGenerator[TransportStreams]:
    """A server at an http address. Raises httpx2's errors."""
    transport = _Bounded(httpx2.AsyncHTTPTransport())
    timeout = httpx2.Timeout(None, connect=5.0)  # a call has its own limit
    async with (
        httpx2.AsyncClient(transport=transport, headers=headers, timeout=timeout) as client,
        streamable_http_client(url, http_client=client, max_sse_event_size=LARGEST) as streams,
    ):
        yield streams


class _Bounded(httpx2.AsyncBaseTransport):
    """Gives an answer up that is too long. Event streams have no end; the SDK bounds each event."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        if "event-stream" not in response.headers.get("content-type", ""):
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _Counted(response.stream)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        held = 0
        async for chunk in self._inner:
            held += len(chunk)
            if held > LARGEST:
                raise httpx2.ReadError(f"an answer of more than {LARGEST} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
