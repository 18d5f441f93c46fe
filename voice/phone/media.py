"""Where lines come in: the carriers' websockets, and Asterisk's AudioSocket."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from fastapi import APIRouter, WebSocket
from loguru import logger

from telephony.line import WireProtocol
from telephony.wires import WIRES
from voice.config import Config, ConfigError
from voice.phone.settings import AudioSocketConfig, PhoneConfig
from voice.phone.socket_line import NoCall, Pipe, SocketLine, StreamPipe, WebsocketPipe
from voice.phone.switchboard import Switchboard

SUBPROTOCOLS = ("media", "audio.jambonz.org")  # of Asterisk's chan_websocket and of jambonz
NOT_HERE = 4404


def media(config: Config, switchboard: Switchboard) -> APIRouter:
    """The websockets of the carriers that `phone.carriers` names. Raises ConfigError."""
    router = APIRouter()
    phone = config.phone
    known = sorted(WIRES.keys() - {"audiosocket"})
    for name in phone.carriers:
        if name not in known:
            raise ConfigError(f"phone.carriers: {name}: unknown; choose of: {', '.join(known)}")

    @router.websocket("/telephony/{carrier}/media")
    async def _(websocket: WebSocket, carrier: str) -> None:
        offered: list[str] = websocket.scope.get("subprotocols", [])
        spoken = next((one for one in offered if one in SUBPROTOCOLS), None)
        await websocket.accept(subprotocol=spoken)
        if carrier not in phone.carriers:
            await websocket.close(NOT_HERE, f"{carrier[:20]} is not among phone.carriers")
            return
        await carry(WIRES[carrier](), WebsocketPipe(websocket), phone, switchboard)

    return router


async def carry(
    protocol: WireProtocol, pipe: Pipe, phone: PhoneConfig, switchboard: Switchboard
) -> None:
    """One call over a connection, from its first message to its end."""
    try:
        line = await SocketLine.answered(protocol, pipe, phone.start_seconds)
        await switchboard.answer(line)
    except NoCall as exc:
        logger.info(str(exc))
    finally:
        await pipe.close()


@contextlib.asynccontextmanager
async def audiosocket(
    wanted: AudioSocketConfig, phone: PhoneConfig, switchboard: Switchboard
) -> AsyncGenerator[tuple[str, int]]:
    """Listen for Asterisk; yields the address. Calls that go on when it ends are cut off.

    Raises ConfigError where the port is taken.
    """
    calls: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = StreamPipe(reader, writer)
        protocol = WIRES["audiosocket"]()
        call = asyncio.create_task(carry(protocol, pipe, phone, switchboard), name="audiosocket")
        calls.add(call)
        call.add_done_callback(calls.discard)

    try:
        server = await asyncio.start_server(connected, wanted.host, wanted.port)
    except OSError as exc:
        where = f"{wanted.host}:{wanted.port}"
        raise ConfigError(
            f"phone.audiosocket: cannot listen on {where}: {exc.strerror}; change its port"
        ) from exc
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await server.wait_closed()
