"""The addresses that a user pastes at a carrier: what to do with a call, and how it went.

Whoever cannot prove to be the carrier gets 403 and nothing else, and the log one line.
"""

import json
from collections.abc import Mapping
from typing import cast
from urllib.parse import parse_qsl

from fastapi import APIRouter, Response
from loguru import logger
from starlette.requests import HTTPConnection
from starlette.requests import Request as HTTPRequest

from telephony.answers import Document, answer, busy, dial, incoming, status
from telephony.signatures import Refused, Request
from voice.phone.gate import Gate, Origin, carrier_named
from voice.phone.outgoing import Outgoing
from voice.phone.settings import PhoneConfig
from voice.phone.switchboard import Switchboard

LARGEST = 64 * 1024  # bytes of a body; carriers send about 2 KiB


def webhooks(
    phone: PhoneConfig, gate: Gate, switchboard: Switchboard, outgoing: Outgoing
) -> APIRouter:
    """/telephony/CARRIER/answer and /status, by GET or POST. `?agent=NAME` picks an agent."""
    router = APIRouter(prefix="/telephony/{carrier}")

    @router.api_route("/answer", methods=["GET", "POST"])
    async def _(request: HTTPRequest, carrier: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        name = carrier_named(carrier)
        body = await _body(request)
        if body is None:
            return Response(status_code=413)
        if name is None:
            return Response(status_code=404)
        signed = signed_request(request, phone.public_url, body)
        try:
            gate.check_webhook(name, signed, origin(request))
            fields = _fields(signed)
        except Refused as exc:
            return _refused(carrier, exc)
        about = incoming(name, fields)
        attempt = request.query_params.get("outbound", "")  # of a call that we asked for
        if attempt and not outgoing.waits(attempt):
            return _said(busy(name))
        if not attempt and not gate.may_call(about.caller):
            logger.warning(f"{carrier}: a caller calls too often; busy")
            return _said(busy(name))
        if not switchboard.free:
            return _said(busy(name))
        token = gate.announce(name, about, request.query_params.get("agent", ""), attempt)
        return _said(answer(name, about, _socket(request, phone.public_url, carrier), token))

    @router.api_route("/status", methods=["GET", "POST"])
    async def _(request: HTTPRequest, carrier: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        name = carrier_named(carrier)
        body = await _body(request)
        if body is None:
            return Response(status_code=413)
        if name is None:
            return Response(status_code=404)
        signed = signed_request(request, phone.public_url, body)
        try:
            gate.check_webhook(name, signed, origin(request))
            told = status(name, _fields(signed))
        except Refused as exc:
            return _refused(carrier, exc)
        logger.info(f"{carrier}: the call is {told[:40]}")
        outgoing.told(request.query_params.get("outbound", ""), told)
        return Response(status_code=204)

    @router.api_route("/transfer", methods=["GET", "POST"])
    async def _(request: HTTPRequest, carrier: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Plivo takes what follows a transfer from an address of ours; the number is signed in."""
        body = await _body(request)
        if carrier != "plivo":
            return Response(status_code=404)
        if body is None:
            return Response(status_code=413)
        try:
            gate.check_webhook(
                "plivo", signed_request(request, phone.public_url, body), origin(request)
            )
        except Refused as exc:
            return _refused(carrier, exc)
        return _said(dial("plivo", request.query_params.get("to", "")))

    return router


def signed_request(connection: HTTPConnection, public_url: str, body: bytes = b"") -> Request:
    """As the carrier sent it: proxies change scheme and host, so those come from the config."""
    scope = connection.scope
    path = cast(bytes, scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
    query = cast(bytes, scope["query_string"])
    base = public_url.rstrip("/") or f"{connection.url.scheme}://{connection.url.netloc}"
    url = base + path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
    headers = {name.lower(): value for name, value in connection.headers.items()}
    return Request(str(scope.get("method", "GET")), url, headers, body)


def origin(connection: HTTPConnection) -> Origin:
    peer = connection.client.host if connection.client else ""
    return Origin(peer, connection.headers.getlist("x-forwarded-for"))


async def _body(request: HTTPRequest) -> bytes | None:
    """None where it is larger than any carrier's."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return None
    return body


def _fields(request: Request) -> Mapping[str, str]:
    """The query's, and over them the body's. Raises Refused for a body that is not understood."""
    query = request.url.partition("?")[2]
    fields = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=1000))
    if request.headers.get("content-type", "").startswith("application/json") and request.body:
        try:
            value = json.loads(request.body)
        except (ValueError, RecursionError) as exc:
            raise Refused("the body is no JSON") from exc
        if not isinstance(value, dict):
            raise Refused("the body is no object")
        told = cast(dict[str, object], value)
        return fields | {name: one for name, one in told.items() if isinstance(one, str)}
    return fields | dict(request.form())


def _socket(request: HTTPRequest, public_url: str, carrier: str) -> str:
    base = public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"
    return f"{base.replace('http', 'ws', 1)}/telephony/{carrier}/media"


def _said(document: Document) -> Response:
    return Response(document.text, media_type=document.media_type)


def _refused(carrier: str, exc: Refused) -> Response:
    logger.warning(f"{carrier}: a request was refused: {exc}")
    return Response(status_code=403)
