"""Carriers ask what to do with a call: the real application over paper, signed and forged."""

import asyncio
import base64
import contextlib
import datetime as dt
import json
import re
import ssl
import time
import warnings
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import httpx
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from loguru import logger
from twilio.request_validator import RequestValidator
from typer.testing import CliRunner

from telephony.answers import CARRIERS, Incoming, answer, busy, dial
from telephony.twilio import Twilio
from telephony.wires import WIRES
from tests.paper_server import DEMO, PaperEngines
from tests.test_signatures import ED_PUBLIC, SECRET, by_jambonz, by_telnyx, by_vonage
from voice.cli import app
from voice.config import Config, ConfigError, load_config
from voice.phone.gate import VARIABLES
from voice.server import serve
from voice.server.app import build_app

PUBLIC = "https://voice.example.com"
CALL = {"CallSid": "CA1", "From": "+14155550100", "To": "+14155550123"}
SECRETS = {
    "TWILIO_AUTH_TOKEN": SECRET,
    "TELNYX_PUBLIC_KEY": ED_PUBLIC,
    "PLIVO_AUTH_TOKEN": SECRET,
    "VONAGE_SIGNATURE_SECRET": SECRET,
    "JAMBONZ_WEBHOOK_SECRET": SECRET,
    "EXOTEL_LOGIN": f"exotel:{SECRET}",
}


def phone(overrides: Mapping[str, Any] | None = None) -> Config:
    given = {"phone.carriers": list(CARRIERS), "phone.public_url": PUBLIC}
    return load_config(DEMO, given | dict(overrides or {}))


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def said() -> Iterator[list[str]]:
    """Whatever is logged."""
    lines: list[str] = []
    sink = logger.add(lines.append, level=0, format="{message} {extra} {exception}")
    yield lines
    logger.remove(sink)


@contextlib.asynccontextmanager
async def asking(config: Config, peer: str = "203.0.113.9") -> AsyncGenerator[httpx.AsyncClient]:
    application = build_app(config, PaperEngines(config))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(application, client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://inside:8000") as client:
        yield client


def twilio_asks(fields: Mapping[str, str], query: str = "", token: str = SECRET) -> dict[str, Any]:
    url = f"{PUBLIC}/telephony/twilio/answer{query}"
    return {
        "url": f"/telephony/twilio/answer{query}",
        "content": urlencode(fields),
        "headers": {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": RequestValidator(token).compute_signature(url, dict(fields)),
        },
    }


# --- the documents ---

ABOUT = Incoming("CA1", "+14155550100", '+1"<&>')


@pytest.mark.parametrize("carrier", CARRIERS)
def test_each_carrier_is_told_where_the_socket_is(carrier: Any) -> None:
    document = answer(carrier, ABOUT, "wss://voice.example.com/telephony/x/media", "TOKEN")
    if document.media_type == "application/json":
        text = json.dumps(json.loads(document.text))
        assert "wss://voice.example.com/telephony/x/media/TOKEN" in text
        return
    root = ElementTree.fromstring(document.text)
    stream = next(root.iter("Stream"))
    address = stream.get("url") or stream.text
    if carrier == "twilio":
        assert address == "wss://voice.example.com/telephony/x/media"
        told = {one.get("name"): one.get("value") for one in stream.iter("Parameter")}
        assert told == {"token": "TOKEN", "caller": "+14155550100", "called": '+1"<&>'}
    else:
        assert address == "wss://voice.example.com/telephony/x/media/TOKEN"


@pytest.mark.parametrize("carrier", CARRIERS)
def test_busy_is_a_document_without_a_socket(carrier: Any) -> None:
    document = busy(carrier)
    assert "media" not in document.text
    if document.media_type == "application/xml":
        assert ElementTree.fromstring(document.text).tag == "Response"
    else:
        json.loads(document.text)


def test_a_number_that_is_dialled_stays_inside_its_tag() -> None:
    root = ElementTree.fromstring(dial("twilio", "+1</Dial><Hangup/>").text)
    assert [child.tag for child in root] == ["Dial"]


def test_twilios_document_starts_our_twilio_wire() -> None:
    """What we put into the TwiML is what the wire reads: the numbers reach the call."""
    root = ElementTree.fromstring(answer("twilio", ABOUT, "wss://x/media", "TOKEN").text)
    told = {one.get("name"): one.get("value") for one in root.iter("Parameter")}
    start = {"streamSid": "MZ1", "callSid": "CA1", "customParameters": told}
    [started] = Twilio().receive(json.dumps({"event": "start", "start": start}))
    assert (started.caller, started.called) == (ABOUT.caller, ABOUT.called)  # type: ignore[union-attr]


# --- the addresses ---


@pytest.mark.usefixtures("secrets")
async def test_twilio_asks_and_is_answered() -> None:
    async with asking(phone()) as client:
        reply = await client.post(**twilio_asks(CALL, "?agent=shop"))
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("application/xml")
    stream = next(ElementTree.fromstring(reply.text).iter("Stream"))
    assert stream.get("url") == "wss://voice.example.com/telephony/twilio/media"


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("by", [by_telnyx, by_vonage, by_jambonz])
async def test_the_others_ask_and_are_answered(by: Any) -> None:
    carrier = by.__name__.removeprefix("by_")
    body = {"telnyx": b"", "vonage": b'{"from": "1"}', "jambonz": b'{"from": "1"}'}[carrier]
    signed = by(body, time.time(), "" if carrier == "jambonz" else "1")
    headers = dict(signed.headers)
    if carrier != "telnyx":
        headers["content-type"] = "application/json"
    asked: dict[str, Any] = {
        "url": f"/telephony/{carrier}/answer",
        "content": signed.body,
        "headers": headers,
    }
    async with asking(phone()) as client:
        first = await client.post(**asked)
        again = await client.post(**asked)
    assert first.status_code == 200
    assert f"wss://voice.example.com/telephony/{carrier}/media/" in first.text
    assert (again.status_code, again.content) == (403, b"")  # a replay


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("path", ["answer", "status"])
async def test_a_stranger_gets_403_and_nothing_else(carrier: str, path: str) -> None:
    async with asking(phone()) as client:
        for method in ("GET", "POST"):
            reply = await client.request(method, f"/telephony/{carrier}/{path}", params=CALL)
            assert (reply.status_code, reply.content) == (403, b"")


@pytest.mark.usefixtures("secrets")
async def test_no_secret_is_in_any_log(said: list[str]) -> None:
    """Right and wrong requests of every carrier, at every address; then all logs are searched."""
    login = base64.b64encode(f"exotel:{SECRET}".encode()).decode()
    tokens: list[str] = []
    async with asking(phone()) as client:
        for asked in (twilio_asks(CALL), twilio_asks(CALL, token="wrong"), twilio_asks({})):
            tokens += re.findall(r'value="([\w-]{43})"', (await client.post(**asked)).text)
        for carrier in CARRIERS:
            for path in ("answer", "status", "transfer", "media/sometoken"):
                for given in ({}, {"authorization": f"Basic {login}"}, {"authorization": SECRET}):
                    await client.post(f"/telephony/{carrier}/{path}", headers=given)
    assert tokens
    assert any("refused" in line for line in said)
    log = "".join(said)
    for secret in (*SECRETS.values(), *tokens, login, SECRET[:16]):
        assert secret not in log


@pytest.mark.usefixtures("secrets")
async def test_a_large_body_is_not_read_to_its_end() -> None:
    async with asking(phone()) as client:
        reply = await client.post("/telephony/twilio/answer", content=b"x" * 70_000)
    assert (reply.status_code, reply.content) == (413, b"")


@pytest.mark.usefixtures("secrets")
async def test_broken_bodies_are_refused() -> None:
    bodies = (b"\xff\xfe", b"[" * 60_000, b'{"a":', b"[]", b"a=%ff", b"&" * 60_000)
    async with asking(phone()) as client:
        for carrier in CARRIERS:
            for body in bodies:
                for kind in ("application/json", "application/x-www-form-urlencoded", "", "x/y"):
                    reply = await client.post(
                        f"/telephony/{carrier}/answer",
                        content=body,
                        headers={"content-type": kind, "x-twilio-signature": "AAAA"},
                    )
                    assert reply.status_code == 403


async def test_exotel_asks_with_a_password(secrets: None) -> None:
    async with asking(phone()) as client:
        right = await client.get("/telephony/exotel/answer", params=CALL, auth=("exotel", SECRET))
        assert json.loads(right.text)["url"].startswith("wss://voice.example.com/telephony/exotel")
        for _ in range(5):
            wrong = await client.get("/telephony/exotel/answer", auth=("exotel", "guess"))
            assert wrong.status_code == 403
        locked = await client.get("/telephony/exotel/answer", auth=("exotel", SECRET))
        assert locked.status_code == 403


@pytest.mark.usefixtures("secrets")
async def test_a_caller_who_calls_too_often_is_told_busy() -> None:
    config = phone({"phone.caller_calls_an_hour": 2})
    async with asking(config) as client:
        replies = [
            (await client.post(**twilio_asks(CALL | {"CallSid": f"CA{n}"}))).text for n in range(3)
        ]
        other = await client.post(**twilio_asks(CALL | {"From": "+14155550199"}))
    assert [("<Stream" in reply, "<Reject" in reply) for reply in replies] == [
        (True, False),
        (True, False),
        (False, True),
    ]
    assert "<Stream" in other.text


@pytest.mark.usefixtures("secrets")
async def test_only_addresses_of_the_allow_list_may_ask() -> None:
    config = phone({"phone.allow_from": {"twilio": ["198.51.100.0/24"]}})
    async with asking(config, peer="203.0.113.9") as client:
        assert (await client.post(**twilio_asks(CALL))).status_code == 403
        asked = twilio_asks(CALL)
        asked["headers"]["x-forwarded-for"] = "198.51.100.7"
        assert (await client.post(**asked)).status_code == 403  # by no proxy of ours
    async with asking(config, peer="198.51.100.7") as client:
        assert (await client.post(**twilio_asks(CALL))).status_code == 200
    behind = phone(
        {
            "phone.allow_from": {"twilio": ["198.51.100.0/24"]},
            "phone.trusted_proxies": ["203.0.113.9"],
        }
    )
    async with asking(behind, peer="203.0.113.9") as client:
        assert (await client.post(**asked)).status_code == 200


async def test_a_carrier_that_is_not_named_is_not_there(secrets: None) -> None:
    async with asking(phone({"phone.carriers": ["plivo"]})) as client:
        assert (await client.post(**twilio_asks(CALL))).status_code == 403
        assert (await client.post("/telephony/nobody/answer")).status_code == 404


# --- what is open to strangers does not start ---


@pytest.fixture
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for names in VARIABLES.values():
        for name in names:
            monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_secrets")
@pytest.mark.parametrize("carrier", sorted(WIRES.keys() - {"audiosocket"}))
def test_a_public_bind_without_protection_refuses_to_start(carrier: str) -> None:
    for open_ in ({"server.host": "0.0.0.0"}, {"phone.public_url": PUBLIC}):
        config = load_config(DEMO, {"phone.carriers": [carrier], **open_})
        with pytest.raises(ConfigError) as refusal:
            build_app(config, PaperEngines(config))  # type: ignore[arg-type]
        problem = str(refusal.value)
        assert "\n" not in problem
        for name in VARIABLES[carrier]:
            assert f"set {VARIABLES[carrier][0]}" in problem
            assert name in problem
        assert f"phone.allow_from.{carrier}" in problem
        allowed = {**open_, "phone.allow_from": {carrier: ["192.0.2.0/24"]}}
        config = load_config(DEMO, {"phone.carriers": [carrier], **allowed})
        build_app(config, PaperEngines(config))  # type: ignore[arg-type]


@pytest.mark.usefixtures("no_secrets")
def test_checking_a_config_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINE__PHONE__CARRIERS", "[twilio]")
    result = CliRunner().invoke(app, ["serve", "--check", "--host", "0.0.0.0", "-c", str(DEMO)])
    assert "set TWILIO_AUTH_TOKEN in the environment" in str(result.exception)


@pytest.mark.usefixtures("no_secrets")
def test_a_public_audiosocket_needs_an_allow_list() -> None:
    config = load_config(DEMO, {"phone.audiosocket": {"host": "0.0.0.0"}})
    with pytest.raises(ConfigError, match=r"audiosocket would be open to everybody at 0\.0\.0\.0"):
        build_app(config, PaperEngines(config))  # type: ignore[arg-type]


@pytest.mark.usefixtures("no_secrets")
def test_half_of_a_secret_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESYS_API_KEY", "key")
    config = load_config(DEMO, {"phone.carriers": ["audiohook"], "phone.public_url": PUBLIC})
    with pytest.raises(ConfigError, match="GENESYS_CLIENT_SECRET"):
        build_app(config, PaperEngines(config))  # type: ignore[arg-type]


@pytest.mark.usefixtures("no_secrets")
def test_a_laptop_needs_no_secrets() -> None:
    config = load_config(DEMO, {"phone.carriers": sorted(WIRES.keys() - {"audiosocket"})})
    build_app(config, PaperEngines(config))  # type: ignore[arg-type]


# --- sockets ---


@contextlib.asynccontextmanager
async def served(monkeypatch: pytest.MonkeyPatch, carriers: list[str]) -> AsyncGenerator[str]:
    monkeypatch.setattr(serve, "Engines", PaperEngines)
    config = load_config(DEMO, {"phone.carriers": carriers, "phone.start_seconds": 5})
    async with serve.serving(config, DEMO.parent) as (url, _):
        yield url


async def refused(url: str, **headers: str) -> int:
    with pytest.raises(websockets.InvalidStatus) as refusal:
        async with websockets.connect(url, additional_headers=headers):
            pass
    return refusal.value.response.status_code


async def test_a_socket_needs_the_token_of_its_answer_once(
    monkeypatch: pytest.MonkeyPatch,
    secrets: None,
    said: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served(monkeypatch, ["jambonz", "twilio"]) as url:
        signed = by_jambonz(b'{"call_sid":"1","from":"2"}', time.time(), "")
        async with httpx.AsyncClient(base_url=url) as client:
            reply = await client.post(
                "/telephony/jambonz/answer",
                content=signed.body,
                headers={**signed.headers, "content-type": "application/json"},
            )
        address = next(verb["url"] for verb in reply.json() if verb["verb"] == "listen")
        bare, _, token = address.rpartition("/")
        assert await refused(bare) == 403
        assert await refused(f"{bare}/{token[:-1]}") == 403
        assert await refused(address.replace("jambonz", "twilio")) == 403
        # that try has used it up
        assert await refused(address) == 403
    server = [line.getMessage() for line in caplog.records if line.name.startswith("uvicorn")]
    assert token not in "".join(said + server)


async def test_a_twilio_socket_brings_its_token_in_its_first_message(
    monkeypatch: pytest.MonkeyPatch, secrets: None, said: list[str]
) -> None:
    start = {"streamSid": "MZ1", "callSid": "CA1", "customParameters": {"token": "made up"}}
    async with served(monkeypatch, ["twilio"]) as url:
        bare = url.replace("http", "ws") + "/telephony/twilio/media"
        async with websockets.connect(bare) as ws:
            await ws.send(json.dumps({"event": "start", "start": start}))
            async with asyncio.timeout(10):
                assert [message async for message in ws] == []  # closed without a word
        asked = twilio_asks(CALL)
        here = f"{url}/telephony/twilio/answer"
        asked["headers"]["x-twilio-signature"] = RequestValidator(SECRET).compute_signature(
            here, CALL
        )
        async with httpx.AsyncClient(base_url=url) as client:
            reply = await client.post(**asked)
        token = re.findall(r'name="token" value="([\w-]+)"', reply.text)[0]
        start["customParameters"] = {"token": token}
        async with websockets.connect(bare) as ws:
            await ws.send(json.dumps({"event": "start", "start": start}))
            async with asyncio.timeout(10):  # the agent greets
                while json.loads(await ws.recv())["event"] != "media":
                    pass
            await ws.send(json.dumps({"event": "stop", "streamSid": "MZ1", "stop": {}}))
            async for _ in ws:  # what is under way is taken, or the closing would wait for it
                pass
    assert any("the token is unknown" in line for line in said)
    assert token not in "".join(said)


async def test_asterisk_comes_with_a_password(
    monkeypatch: pytest.MonkeyPatch, no_secrets: None
) -> None:
    monkeypatch.setenv("CHAN_WEBSOCKET_LOGIN", "asterisk:correct horse")
    right = "Basic " + base64.b64encode(b"asterisk:correct horse").decode()
    wrong = "Basic " + base64.b64encode(b"asterisk:incorrect").decode()
    async with served(monkeypatch, ["chan_websocket"]) as url:
        address = url.replace("http", "ws") + "/telephony/chan_websocket/media"
        assert await refused(address) == 403
        assert await refused(address, authorization=wrong) == 403
        async with websockets.connect(address, additional_headers={"authorization": right}):
            pass


async def test_whoever_comes_through_a_tunnel_is_believed_nothing(
    monkeypatch: pytest.MonkeyPatch, no_secrets: None
) -> None:
    monkeypatch.setenv("OPENLINE__PHONE__ALLOW_FROM", "{freeswitch: [198.51.100.0/24]}")
    async with served(monkeypatch, ["freeswitch"]) as url:
        address = url.replace("http", "ws") + "/telephony/freeswitch/media"
        forwarded = {"x-forwarded-for": "198.51.100.7"}
        with pytest.raises(websockets.InvalidStatus, match="403"):
            async with websockets.connect(address, additional_headers=forwarded):
                pass


# --- TLS ---


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of localhost, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "both.pem"
    path.write_bytes(private + made.public_bytes(pem))
    return path


async def test_tls_from_1_2_on(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    monkeypatch.setattr(serve, "Engines", PaperEngines)
    config = load_config(DEMO, {"server.certificate": str(certificate)})
    async with serve.serving(config, DEMO.parent) as (url, _):
        assert url.startswith("https://localhost:")
        context = ssl.create_default_context(cafile=str(certificate))
        async with httpx.AsyncClient(verify=context) as client:
            assert (await client.get(f"{url}/healthz")).status_code == 200
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it is old, that is the point
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        async with httpx.AsyncClient(verify=context) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{url}/healthz")


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ({"certificate": "/nowhere.pem"}, "server.certificate: /nowhere.pem cannot be used"),
        ({"key": "key.pem"}, "server.key is set without server.certificate"),
        ({"certificate": str(DEMO)}, "give a PEM file"),
    ],
)
async def test_a_certificate_that_is_none_is_one_line(
    monkeypatch: pytest.MonkeyPatch, server: dict[str, str], problem: str
) -> None:
    monkeypatch.setattr(serve, "Engines", PaperEngines)
    config = load_config(DEMO, {f"server.{name}": value for name, value in server.items()})
    with pytest.raises(ConfigError, match=re.escape(problem)) as said:
        async with serve.serving(config, DEMO.parent):
            pass
    assert "\n" not in str(said.value)
