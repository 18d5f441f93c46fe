"""Where lines come in: the carriers' websockets, and Asterisk's AudioSocket."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator

from fastapi import APIRouter, WebSocket
from loguru import logger

from telephony.carrier_api import CARRIERS, ApiError, CarrierApi
from telephony.line import Line, WireProtocol
from telephony.signatures import Refused, Request
from telephony.tokens import Ticket
from telephony.wires import SUBPROTOCOLS, WIRES
from voice.config import Config, ConfigError
from voice.phone.carrier_line import CarrierLine
from voice.phone.gate import Gate, Origin
from voice.phone.outgoing import Outgoing
from voice.phone.settings import AudioSocketConfig, PhoneConfig
from voice.phone.socket_line import NoCall, Pipe, SocketLine, StreamPipe, WebsocketPipe
from voice.phone.switchboard import Switchboard
from voice.phone.webhooks import origin, signed_request


def media(config: Config, switchboard: Switchboard, gate: Gate, outgoing: Outgoing) -> APIRouter:
    """The websockets of the carriers that `phone.carriers` names. Raises ConfigError."""
    router = APIRouter()
    phone = config.phone
    known = sorted(WIRES.keys() - {"audiosocket"})
    for name in phone.carriers:
        if name not in known:
            raise ConfigError(f"phone.carriers: {name}: unknown; choose of: {', '.join(known)}")

    @router.websocket("/telephony/{carrier}/media")
    @router.websocket("/telephony/{carrier}/media/{token}")
    async def _(websocket: WebSocket, carrier: str, token: str = "") -> None:
        offered: list[str] = websocket.scope.get("subprotocols", [])
        spoken = next((one for one in offered if one in SUBPROTOCOLS), None)
        try:
            signed = signed_request(websocket, phone.public_url)
            ticket = gate.let_in(carrier, signed, origin(websocket), token)
        except Refused as exc:
            logger.warning(f"{carrier[:20]}: a socket was refused: {exc}")
            await websocket.close()  # before it is accepted: 403
            return
        await websocket.accept(subprotocol=spoken)
        pipe = WebsocketPipe(websocket)
        await carry(WIRES[carrier](), pipe, phone, switchboard, gate, outgoing, ticket)

    return router


async def carry(
    protocol: WireProtocol,
    pipe: Pipe,
    phone: PhoneConfig,
    switchboard: Switchboard,
    gate: Gate,
    outgoing: Outgoing,
    ticket: Ticket | None = None,
) -> None:
    """One call over a connection, from its first message to its end."""
    try:
        line = await SocketLine.answered(protocol, pipe, phone.start_seconds)
        ticket = ticket or gate.late(line.name, line.about.headers)
        able = _with_api(line, phone.public_url)
        if ticket and ticket.outbound:
            await outgoing.connected(ticket.outbound, able, switchboard)
            return
        with gate.place(line.about.caller):
            await switchboard.answer(able, agent=ticket.agent if ticket else "")
    except NoCall as exc:
        logger.info(str(exc))
    except Refused as exc:
        logger.warning(f"{protocol.name}: a call was refused: {exc}")
    finally:
        await pipe.close()


def _with_api(line: Line, public_url: str) -> Line:
    """Able to transfer, where the carrier has a web API and its secrets are here."""
    if line.name not in CARRIERS:
        return line
    try:
        return CarrierLine(line, CarrierApi(line.name, os.environ, public_url))
    except ApiError as exc:
        logger.debug(f"no transfers: {exc}")
        return line


@contextlib.asynccontextmanager
async def audiosocket(
    wanted: AudioSocketConfig,
    phone: PhoneConfig,
    switchboard: Switchboard,
    gate: Gate,
    outgoing: Outgoing,
) -> AsyncGenerator[tuple[str, int]]:
    """Listen for Asterisk; yields the address. Calls that go on when it ends are cut off.

    Raises ConfigError where the port is taken.
    """
    calls: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = StreamPipe(reader, writer)
        try:
            peer = Origin(writer.get_extra_info("peername")[0])
            gate.let_in("audiosocket", Request("", "", {}), peer, "")
        except Refused as exc:
            logger.warning(f"audiosocket: a connection was refused: {exc}")
            writer.close()
            return
        protocol = WIRES["audiosocket"]()
        carried = carry(protocol, pipe, phone, switchboard, gate, outgoing)
        call = asyncio.create_task(carried, name="audiosocket")
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
