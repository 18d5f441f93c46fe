"""Transfers by carriers' web APIs, against a server of ours that writes down its requests."""

import base64
import json
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from telephony.carrier_api import ApiError, Carrier, CarrierApi
from telephony.events import Ended, Event, Started
from telephony.line import NotOnThisWire
from tests.paper_phone import PaperPhone
from voice.phone.carrier_line import CarrierLine

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
SECRETS = {
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "twilio secret",
    "TELNYX_API_KEY": "telnyx secret",
    "PLIVO_AUTH_ID": "MA1",
    "PLIVO_AUTH_TOKEN": "plivo secret",
    "VONAGE_APPLICATION_ID": "app",
    "VONAGE_PRIVATE_KEY": PEM,
}
OURS = "https://voice.example.com"


@dataclass
class Stub:
    address: str = ""
    status: int = 200
    reply: str = "{}"
    asked: list[tuple[str, str, str, str]] = field(  # method, path, authorization, body
        default_factory=list[tuple[str, str, str, str]]
    )


@pytest.fixture
def stub() -> Iterator[Stub]:
    found = Stub()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            found.asked.append(
                (self.command, self.path, self.headers.get("authorization", ""), body)
            )
            self.send_response(found.status)
            self.end_headers()
            self.wfile.write(found.reply.encode())

        do_POST = do_PUT = _answer

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    found.address = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def api(carrier: Carrier, stub: Stub, **other: Any) -> CarrierApi:
    return CarrierApi(carrier, SECRETS, OURS, address=stub.address, **other)


async def test_twilio_is_given_a_document(stub: Stub) -> None:
    await api("twilio", stub).transfer("CA1", "+4930111")
    [(method, path, authorization, body)] = stub.asked
    assert (method, path) == ("POST", "/2010-04-01/Accounts/AC1/Calls/CA1.json")
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"AC1:twilio secret"
    [document] = parse_qs(body)["Twiml"]
    assert "<Dial>+4930111</Dial>" in document


async def test_telnyx_is_told_the_number(stub: Stub) -> None:
    await api("telnyx", stub).transfer("v3:a/b", "+4930111")
    [(method, path, authorization, body)] = stub.asked
    assert (method, path) == ("POST", "/v2/calls/v3%3Aa%2Fb/actions/transfer")
    assert authorization == "Bearer telnyx secret"
    assert json.loads(body) == {"to": "+4930111"}


async def test_plivo_is_told_where_to_ask(stub: Stub) -> None:
    await api("plivo", stub).transfer("uuid", "+4930111")
    [(method, path, _, body)] = stub.asked
    assert (method, path) == ("POST", "/v1/Account/MA1/Call/uuid/")
    told = json.loads(body)
    assert told["aleg_url"] == f"{OURS}/telephony/plivo/transfer?to=%2B4930111"


async def test_vonage_is_asked_with_a_token_that_its_key_has_signed(stub: Stub) -> None:
    now = time.time()
    await api("vonage", stub, clock=lambda: now).transfer("uuid", "+4930111")
    [(method, path, authorization, body)] = stub.asked
    assert (method, path) == ("PUT", "/v1/calls/uuid")
    claims = jwt.decode(authorization.removeprefix("Bearer "), PUBLIC, ["RS256"])
    assert (claims["application_id"], claims["iat"]) == ("app", int(now))
    endpoint = json.loads(body)["destination"]["ncco"][0]["endpoint"][0]
    assert endpoint == {"type": "phone", "number": "4930111"}


async def test_a_refusal_is_one_line_without_secrets(stub: Stub) -> None:
    stub.status, stub.reply = 401, '{"message": "Authenticate\\n please"}'
    for carrier in ("twilio", "telnyx", "plivo", "vonage"):
        with pytest.raises(ApiError) as problem:
            await api(carrier, stub).transfer("CA1", "+4930111")
        said = str(problem.value)
        assert said == f"{carrier}: refused with 401: Authenticate please"


async def test_a_carrier_out_of_reach_is_said() -> None:
    nowhere = CarrierApi("twilio", SECRETS, OURS, address="http://127.0.0.1:9")
    with pytest.raises(ApiError, match="twilio: not reached"):
        await nowhere.transfer("CA1", "+4930111")


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ApiError, match="set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"):
        CarrierApi("twilio", {}, OURS)
    with pytest.raises(ApiError, match="VONAGE_PRIVATE_KEY is no PEM key"):
        CarrierApi("vonage", {**SECRETS, "VONAGE_PRIVATE_KEY": "/nowhere"}, OURS)


class Trunk:
    """A line whose call ends."""

    name = "twilio"
    about = Started("CA1", "", "", 8000, 8000)
    abilities = PaperPhone.CARRIER - {"transfer"}

    async def events(self) -> AsyncGenerator[Event]:
        yield Ended("hung up")


async def test_a_call_that_was_put_through_ends_as_replaced(stub: Stub) -> None:
    line = CarrierLine(Trunk(), api("twilio", stub))  # type: ignore[arg-type]
    assert "transfer" in line.abilities
    await line.transfer("+4930111")
    assert [event async for event in line.events()] == [Ended("replaced")]


async def test_a_transfer_that_fails_is_told_and_the_call_goes_on(stub: Stub) -> None:
    stub.status = 500
    line = CarrierLine(Trunk(), api("twilio", stub))  # type: ignore[arg-type]
    with pytest.raises(NotOnThisWire, match="refused with 500"):
        await line.transfer("+4930111")
    assert [event async for event in line.events()] == [Ended("hung up")]
