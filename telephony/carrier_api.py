"""What carriers do by their web API only: put a running call through, and place a new one.

The media sockets of Twilio, Telnyx, Plivo and Vonage have no words for either. Secrets come from
the environment (VARIABLES), and neither a log nor an error shows one.
"""

import base64
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal, assert_never, cast, get_args
from urllib.parse import quote, urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import BaseModel

from telephony.answers import dial

Carrier = Literal["twilio", "telnyx", "plivo", "vonage"]
CARRIERS: tuple[Carrier, ...] = get_args(Carrier)
VARIABLES: Mapping[Carrier, tuple[str, ...]] = {
    "twilio": ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"),
    "telnyx": ("TELNYX_API_KEY",),
    "plivo": ("PLIVO_AUTH_ID", "PLIVO_AUTH_TOKEN"),
    "vonage": ("VONAGE_APPLICATION_ID", "VONAGE_PRIVATE_KEY"),  # the key, or a file with it
}
ADDRESSES: Mapping[Carrier, str] = {
    "twilio": "https://api.twilio.com",
    "telnyx": "https://api.telnyx.com",
    "plivo": "https://api.plivo.com",
    "vonage": "https://api.nexmo.com",
}
SECONDS = 10.0  # for an answer
CLOCKS = 10.0  # s that Twilio's clock and ours may differ


class ApiError(Exception):
    """The carrier did not do it. One line: which carrier, what it said, without secrets."""


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    path: str
    form: Mapping[str, str] = field(default_factory=dict[str, str])
    body: object = None  # JSON, in place of the form


class _Call(BaseModel):
    date_created: str  # RFC 2822

    @property
    def created(self) -> float:
        return parsedate_to_datetime(self.date_created).timestamp()


class _Calls(BaseModel):
    calls: list[_Call]


class CarrierApi:
    """One carrier. Raises ApiError where the environment lacks what it needs."""

    def __init__(
        self,
        carrier: Carrier,
        environment: Mapping[str, str],
        public_url: str,
        *,
        address: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`public_url` is ours, for what Plivo asks back. `address` is another than the
        carrier's own, for tests and for carriers' regions."""
        missing = [name for name in VARIABLES[carrier] if not environment.get(name)]
        if missing:
            raise ApiError(f"{carrier}: set {' and '.join(missing)} in the environment")
        self._carrier: Carrier = carrier
        self._secrets = [environment[name] for name in VARIABLES[carrier]]
        self._public_url = public_url.rstrip("/")
        self._address = (address or ADDRESSES[carrier]).rstrip("/")
        self._clock = clock
        if carrier == "vonage":
            self._key = _private_key(self._secrets[1])

    async def transfer(self, call: str, to: str) -> None:
        """Put a running call through to a number; ours ends. Raises ApiError."""
        await self._ask(self._transfer(quote(call, safe=""), to))

    async def call(self, to: str, caller: str, attempt: str, ring_seconds: float) -> None:
        """Have a call placed. The carrier then asks /telephony/CARRIER/answer?outbound=ATTEMPT
        what to do with it, and tells /status how it goes. Raises ApiError."""
        if not self._public_url:
            raise ApiError(f"{self._carrier}: set phone.public_url, where it asks what to do")
        await self._ask(self._call(to, caller, attempt, round(ring_seconds)))

    def _call(self, to: str, caller: str, attempt: str, ring: int) -> _Asked:
        base = f"{self._public_url}/telephony/{self._carrier}"
        answer, status = (f"{base}/{end}?outbound={attempt}" for end in ("answer", "status"))
        match self._carrier:
            case "twilio":
                path = f"/2010-04-01/Accounts/{self._secrets[0]}/Calls.json"
                urls = {"Url": answer, "StatusCallback": status}
                return _Asked("POST", path, {"To": to, "From": caller, "Timeout": f"{ring}"} | urls)
            case "plivo":
                path = f"/v1/Account/{self._secrets[0]}/Call/"
                urls = {"answer_url": answer, "hangup_url": status}
                body = {"to": to, "from": caller, "ring_timeout": ring} | urls
                return _Asked("POST", path, body=body)
            case "vonage":
                ours, theirs = (
                    {"type": "phone", "number": number.removeprefix("+")} for number in (caller, to)
                )
                urls = {"answer_url": [answer], "answer_method": "POST", "event_url": [status]}
                body = {"to": [theirs], "from": ours, "ringing_timer": ring} | urls
                return _Asked("POST", "/v1/calls", body=body)
            case "telnyx":
                raise ApiError("telnyx: calls are placed over its SIP trunk; see phone.sip")
            case _:
                assert_never(self._carrier)

    def _transfer(self, call: str, to: str) -> _Asked:
        match self._carrier:
            case "twilio":
                path = f"/2010-04-01/Accounts/{self._secrets[0]}/Calls/{call}.json"
                return _Asked("POST", path, {"Twiml": dial("twilio", to).text})
            case "telnyx":
                return _Asked("POST", f"/v2/calls/{call}/actions/transfer", body={"to": to})
            case "plivo":
                if not self._public_url:
                    raise ApiError("plivo: set phone.public_url, where it asks what to dial")
                where = f"{self._public_url}/telephony/plivo/transfer?{urlencode({'to': to})}"
                path = f"/v1/Account/{self._secrets[0]}/Call/{call}/"
                return _Asked("POST", path, body={"legs": "aleg", "aleg_url": where})
            case "vonage":
                endpoint = {"type": "phone", "number": to.removeprefix("+")}
                ncco = [{"action": "connect", "endpoint": [endpoint]}]
                destination = {"type": "ncco", "ncco": ncco}
                body = {"action": "transfer", "destination": destination}
                return _Asked("PUT", f"/v1/calls/{call}", body=body)
            case _:
                assert_never(self._carrier)

    async def placed(self, to: str, caller: str, began: float) -> bool | None:
        """Whether a call to this number was placed since `began` (Unix time, s); None where the
        carrier is not asked. Raises ApiError."""
        if self._carrier != "twilio":
            return None
        day = datetime.fromtimestamp(began, UTC).date().isoformat()
        query = urlencode({"To": to, "From": caller, "StartTime>": day, "PageSize": 1000})
        path = f"/2010-04-01/Accounts/{self._secrets[0]}/Calls.json?{query}"
        answer = await self._ask(_Asked("GET", path))
        try:
            told = _Calls.model_validate_json(answer.content)
            return any(call.created >= began - CLOCKS for call in told.calls)
        except ValueError as exc:  # ValidationError is one
            raise ApiError("twilio: its list of calls is not understood") from exc

    async def _ask(self, asked: _Asked) -> httpx.Response:
        headers = {"Authorization": self._authorization()}
        sent = {"data": asked.form} if asked.body is None else {"json": asked.body}
        try:
            async with httpx.AsyncClient(timeout=SECONDS) as client:
                answer = await client.request(
                    asked.method,
                    self._address + asked.path,
                    headers=headers,
                    data=sent.get("data"),  # type: ignore[arg-type]
                    json=sent.get("json"),
                )
        except httpx.HTTPError as exc:
            raise ApiError(f"{self._carrier}: not reached ({type(exc).__name__})") from exc
        if not answer.is_success:
            raise ApiError(f"{self._carrier}: refused with {answer.status_code}{_why(answer)}")
        return answer

    def _authorization(self) -> str:
        match self._carrier:
            case "twilio" | "plivo":
                login = base64.b64encode(":".join(self._secrets).encode()).decode()
                return f"Basic {login}"
            case "telnyx":
                return f"Bearer {self._secrets[0]}"
            case "vonage":
                return f"Bearer {self._token()}"
            case _:
                assert_never(self._carrier)

    def _token(self) -> str:
        now = int(self._clock())
        claims = {
            "application_id": self._secrets[0],
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid.uuid4()),
        }
        signed = f"{_coded({'alg': 'RS256', 'typ': 'JWT'})}.{_coded(claims)}"
        return f"{signed}.{_url64(self._key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _private_key(given: str) -> RSAPrivateKey:
    try:
        text = given if given.startswith("-----") else Path(given).expanduser().read_text()
        key = load_pem_private_key(text.encode(), None)
    except (OSError, ValueError, TypeError) as exc:
        raise ApiError("vonage: VONAGE_PRIVATE_KEY is no PEM key, nor a file with one") from exc
    if not isinstance(key, RSAPrivateKey):
        raise ApiError("vonage: VONAGE_PRIVATE_KEY is not an RSA key")
    return key


def _coded(value: object) -> str:
    return _url64(json.dumps(value).encode())


def _url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _why(answer: httpx.Response) -> str:
    """The carrier's own message, if it has one: a line."""
    try:
        told = answer.json()
    except ValueError:
        return ""
    if not isinstance(told, dict):
        return ""
    said = cast(dict[str, object], told)
    why = said.get("message") or said.get("title") or said.get("error") or said.get("detail")
    return f": {' '.join(str(why).split())[:200]}" if why else ""
