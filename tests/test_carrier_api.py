"""Calls and transfers by web APIs, against a server of ours that writes down what it is asked."""

import asyncio
import base64
import datetime as dt
import json
import re
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import numpy as np
import pytest
import websockets
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from twilio.request_validator import RequestValidator

from telephony.carrier_api import ApiError, Carrier, CarrierApi
from telephony.events import Ended, Event, Started
from telephony.g711 import encode_mulaw
from telephony.line import NotOnThisWire
from telephony.numbers import number
from telephony.outbound.campaign import Called
from telephony.outbound.people import Person
from tests.paper_phone import PaperPhone
from tests.paper_server import DEMO, PaperEngines
from voice.config import load_config
from voice.phone.carrier_line import CarrierLine
from voice.phone.dialling import CarrierDialler, Talk
from voice.phone.outgoing import Outgoing
from voice.server import serve

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

        do_GET = do_POST = do_PUT = _answer

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


# --- calls that are placed ---


@pytest.mark.parametrize("carrier", ["twilio", "plivo", "vonage"])
async def test_a_call_is_placed_with_the_addresses_of_ours(carrier: Carrier, stub: Stub) -> None:
    await api(carrier, stub).call("+4930111", "+4930999", "attempt1", 30.0)
    [(method, path, _, body)] = stub.asked
    assert method == "POST"
    told = body.replace("%2F", "/").replace("%3A", ":").replace("%3F", "?").replace("%3D", "=")
    assert f"{OURS}/telephony/{carrier}/answer?outbound=attempt1" in told
    assert f"{OURS}/telephony/{carrier}/status?outbound=attempt1" in told
    assert "4930111" in told
    assert "4930999" in told
    assert path in (
        "/2010-04-01/Accounts/AC1/Calls.json",
        "/v1/Account/MA1/Call/",
        "/v1/calls",
    )


@pytest.mark.parametrize(
    ("calls", "placed"),
    [
        ([], False),
        ([{"date_created": "Tue, 24 Nov 2026 11:59:59 +0000", "sid": "CA1"}], True),
        ([{"date_created": "Tue, 24 Nov 2026 11:00:00 +0000", "sid": "CA1"}], False),  # another
    ],
)
async def test_twilio_is_asked_what_it_placed(
    stub: Stub, calls: list[dict[str, str]], placed: bool
) -> None:
    stub.reply = json.dumps({"calls": calls, "page": 0})
    noon = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC).timestamp()
    assert await api("twilio", stub).placed("+4930111", "+4930999", noon) is placed
    [(method, path, _, _)] = stub.asked
    assert (method, path.partition("?")[0]) == ("GET", "/2010-04-01/Accounts/AC1/Calls.json")
    query = parse_qs(path.partition("?")[2])
    assert (query["To"], query["StartTime>"]) == (["+4930111"], ["2026-11-24"])


async def test_a_list_of_calls_that_is_none_is_said(stub: Stub) -> None:
    for stub.reply in ("[]", "{", '{"calls": [{"date_created": "yesterday"}]}'):
        with pytest.raises(ApiError, match="not understood"):
            await api("twilio", stub).placed("+4930111", "+4930999", 0.0)
    assert await api("plivo", stub).placed("+4930111", "+4930999", 0.0) is None


async def test_telnyx_calls_by_its_trunk(stub: Stub) -> None:
    with pytest.raises(ApiError, match="SIP trunk"):
        await api("telnyx", stub).call("+4930111", "+4930999", "attempt1", 30.0)


@dataclass
class Placing:
    """Our server and a dialler by Twilio; `asked` waits for Twilio to be asked."""

    url: str
    dialler: CarrierDialler
    stub: Stub
    engines: PaperEngines

    def call(self) -> "asyncio.Task[Called]":
        return asyncio.create_task(self.dialler.call("attempt1", Person(number("+49 30 1234567"))))

    async def asked(self) -> None:
        async with asyncio.timeout(10):
            while not self.stub.asked:
                await asyncio.sleep(0.01)

    async def says(self, path: str, fields: dict[str, str]) -> httpx.Response:
        """Twilio asks or tells us something."""
        url = f"{self.url}/telephony/twilio/{path}?outbound=attempt1"
        signature = RequestValidator("twilio secret").compute_signature(url, fields)
        async with httpx.AsyncClient() as client:
            return await client.post(url, data=fields, headers={"x-twilio-signature": signature})


@pytest.fixture
async def placing(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Placing]:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    config = load_config(DEMO, {"phone.carriers": ["twilio"], "phone.outbound.caller": "+4930999"})
    outgoing, engines = Outgoing(), PaperEngines(config)
    talk = Talk(engines, config.phone.outbound, "shop")  # type: ignore[arg-type]
    async with serve.serving(config, DEMO.parent, engines=engines, outgoing=outgoing) as (url, _):  # type: ignore[arg-type]
        dialler = CarrierDialler(api("twilio", stub), outgoing, talk)
        yield Placing(url, dialler, stub, engines)


async def test_twilio_places_a_call_and_a_person_answers(placing: Placing) -> None:
    call = placing.call()
    await placing.asked()
    about = {"CallSid": "CA1", "From": "+4930999", "To": "+49301234567"}
    document = (await placing.says("answer", about)).text
    token = re.findall(r'name="token" value="([\w-]+)"', document)[0]
    hello = encode_mulaw(np.full(4000, 3000, "<i2").tobytes() + bytes(2 * 16000))
    address = placing.url.replace("http", "ws") + "/telephony/twilio/media"
    async with websockets.connect(address) as ws:
        start = {"streamSid": "MZ1", "callSid": "CA1", "customParameters": {"token": token}}
        await ws.send(json.dumps({"event": "start", "start": start}))
        for at in range(0, len(hello), 160):
            payload = base64.b64encode(hello[at : at + 160]).decode()
            media = {"track": "inbound", "chunk": f"{at // 160 + 1}", "timestamp": f"{at // 8}"}
            message = {"event": "media", "streamSid": "MZ1", "media": media | {"payload": payload}}
            await ws.send(json.dumps(message))
        async with asyncio.timeout(20):  # it greets
            while json.loads(await ws.recv())["event"] != "media":
                pass
        await ws.send(json.dumps({"event": "stop", "streamSid": "MZ1", "stop": {}}))
        async for _ in ws:
            pass
    assert (await call).outcome == "reached"
    assert len(placing.engines.conversations) == 1


@pytest.mark.parametrize(
    ("status", "outcome"), [("busy", "busy"), ("no-answer", "no answer"), ("failed", "failed")]
)
async def test_twilio_tells_that_nobody_answers(
    placing: Placing, status: str, outcome: str
) -> None:
    call = placing.call()
    await placing.asked()
    assert (await placing.says("status", {"CallStatus": "ringing"})).status_code == 204
    assert (await placing.says("status", {"CallStatus": status})).status_code == 204
    assert (await call).outcome == outcome
    # who comes too late finds no agent
    about = {"CallSid": "CA1", "From": "+4930999", "To": "+49301234567"}
    assert "<Reject" in (await placing.says("answer", about)).text


async def test_a_carrier_that_refuses_is_a_failed_call(placing: Placing) -> None:
    placing.stub.status = 400
    assert (await placing.call()).outcome == "failed"


async def test_a_call_that_nobody_asked_for_gets_no_agent(placing: Placing) -> None:
    about = {"CallSid": "CA1", "From": "+4930999", "To": "+49301234567"}
    assert "<Reject" in (await placing.says("answer", about)).text
