"""Starting and stopping the server: from the command line, or inside a test or `talk`."""

import asyncio
import contextlib
import gc
import socket
import ssl
from collections.abc import AsyncGenerator, Coroutine
from pathlib import Path
from typing import Any

import uvicorn
from rich.console import Console

from voice.config import Config, ConfigError, load_config, models_of
from voice.engines import Engines
from voice.models import fetch
from voice.phone.gate import Gate
from voice.phone.outgoing import Outgoing
from voice.phone.sip import sip_settings
from voice.server.app import build_app

LARGEST_MESSAGE = 1024 * 1024  # bytes; the protocol closes with 1009 beyond it


def run(config: Path, *, host: str | None, port: int | None, llm: str | None, check: bool) -> None:
    """Fetch what is missing, load, serve until interrupted. Raises the errors of a bad set-up."""
    loaded = load_config(config, _overrides(host, port, llm))
    console = Console()
    _check_certificate(loaded)  # all this before anything heavy is loaded
    Gate(loaded).check_public(loaded)
    if loaded.phone.sip:
        sip_settings(loaded)
    if check:
        Engines(loaded, config.parent).check()
        console.print(f"{config}: good ({loaded.agent} on {loaded.llm.model})")
        return
    listening = bind(loaded.server.host, loaded.server.port)
    fetch(models_of(loaded), console=console)
    with contextlib.closing(listening), contextlib.suppress(KeyboardInterrupt):
        run_loop(_serve(loaded, config.parent, listening, console))


async def _serve(config: Config, folder: Path, listening: socket.socket, console: Console) -> None:
    async with serving(config, folder, listening=listening, signals=True) as (url, server):
        console.print(f"Openline is ready: {url}", highlight=False, soft_wrap=True)
        if config.phone.sip:
            where = sip_settings(config).address
            console.print(f"Dial {where} with any softphone", highlight=False, soft_wrap=True)
        await server


@contextlib.asynccontextmanager
async def serving(
    config: Config,
    folder: Path,
    *,
    listening: socket.socket | None = None,
    signals: bool = False,
    engines: Engines | None = None,
    outgoing: Outgoing | None = None,
) -> AsyncGenerator[tuple[str, "asyncio.Task[None]"]]:
    """A running server with warm models: yields its address and the task that serves.

    Models must be here already. Without `listening`, a free port of the loopback is taken; with
    `engines`, those are loaded in place of the config's.
    """
    _check_certificate(config)
    if listening is None:
        listening = bind(config.server.host, 0)
    engines = engines or Engines(config, folder)
    app = build_app(config, engines, outgoing)
    server = _Server(
        uvicorn.Config(
            app,
            log_level="warning",
            ws="websockets-sansio",
            ws_max_size=LARGEST_MESSAGE,
            ws_ping_interval=10.0,  # a half-open client is gone after 20 s
            ws_ping_timeout=10.0,
            # it would believe anybody's X-Forwarded-For that comes through a tunnel on this machine
            proxy_headers=False,
            ssl_certfile=config.server.certificate or None,
            ssl_keyfile=config.server.key or None,
            timeout_graceful_shutdown=5,
            lifespan="on",
        ),
        signals=signals,
    )
    serve = asyncio.create_task(server.serve(sockets=[listening]), name="server")
    try:
        while not (server.started or serve.done()):  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.01)
        if app.state.problem:
            raise app.state.problem
        await engines.load()
        # What is here now stays: a full collection with 40 calls would stop all of them for long.
        gc.collect()
        gc.freeze()
        host, port = listening.getsockname()[:2]
        shown = "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0", "::") else host
        scheme = "https" if config.server.certificate else "http"
        yield f"{scheme}://{shown}:{port}", serve
    finally:
        server.should_exit = True
        await asyncio.gather(serve, return_exceptions=True)
        await engines.close()
        gc.unfreeze()


def _check_certificate(config: Config) -> None:
    """Raises ConfigError; uvicorn would print a traceback."""
    server = config.server
    if not server.certificate:
        if server.key:
            raise ConfigError("server.key is set without server.certificate: set both, or none")
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # TLS 1.2 or later, as uvicorn's
        context.load_cert_chain(server.certificate, server.key or None)
    except OSError as exc:  # ssl.SSLError is one
        raise ConfigError(
            f"server.certificate: {server.certificate} cannot be used: {exc.strerror or exc}; "
            "give a PEM file, and its key in server.key"
        ) from exc


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """asyncio.run() on uvloop where there is one (not on Windows): a call costs a third less."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        asyncio.run(main)
    else:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(main)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, *, signals: bool) -> None:
        super().__init__(config)
        self._signals = signals

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        if self._signals:
            with super().capture_signals():
                yield
        else:
            yield


def bind(host: str, port: int) -> socket.socket:
    """Take the port before anything heavy is loaded. Raises ConfigError when that cannot be."""
    advice = "stop the other program or give --port"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except OSError as exc:
        raise ConfigError(f"cannot listen on {host}: {exc.strerror}; give --host") from exc
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as exc:
        listening.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {exc.strerror}; {advice}") from exc
    listening.setblocking(False)
    return listening


def _overrides(host: str | None, port: int | None, llm: str | None) -> dict[str, Any]:
    given = {"server.host": host, "server.port": port, "llm": llm or None}
    return {key: value for key, value in given.items() if value is not None}
