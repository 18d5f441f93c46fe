"""Whether a request comes from the carrier that it names: each carrier's own signature.

Every check raises Refused, or returns a word that is the same whenever the same request comes
again, for a memory of what was seen (telephony.once). Secrets are compared in constant time, and
no message of Refused holds one. Checks know no clock: `now` is Unix time in seconds.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs, parse_qsl, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TOLERANCE = 300.0  # s that a carrier's clock, or the way here, may take


class Refused(Exception):
    """Not signed by who it says, or too old. One line, without secrets."""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as the carrier signed it, so before any proxy changed it."""

    method: str  # in capitals
    url: str  # whole: "https://host/path?query"
    headers: Mapping[str, str]  # names in small letters
    body: bytes = b""

    def header(self, name: str) -> str:
        value = self.headers.get(name, "")
        if not value:
            raise Refused(f"no {name} header")
        return value

    def form(self) -> list[tuple[str, str]]:
        """The body's fields; none where it is no form. Raises Refused for a broken one."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return []
        try:
            return parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=1000)
        except ValueError as exc:  # UnicodeDecodeError is one
            raise Refused("the body is no form") from exc


def same(given: str, expected: str) -> bool:
    """Equal, in a time that does not tell where they differ; any text is allowed."""
    return hmac.compare_digest(
        given.encode("utf-8", "backslashreplace"), expected.encode("utf-8", "backslashreplace")
    )


def fresh(text: str, now: float) -> int:
    """Seconds as written in a header. Raises Refused where they are none, or too far from now."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise Refused("the time is no number of seconds")
    if abs(now - int(text)) > TOLERANCE:
        raise Refused(f"signed more than {TOLERANCE:.0f} s away from now; check this clock")
    return int(text)


def decoded(text: str, *, url_safe: bool = False) -> bytes:
    """Base64 in its one proper spelling; several would let a replay look new. Raises Refused."""
    try:
        raw = base64.b64decode(text, altchars=b"-_" if url_safe else None, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Refused("not base64") from exc
    written = base64.urlsafe_b64encode(raw) if url_safe else base64.b64encode(raw)
    if written.decode() != text:
        raise Refused("not base64")
    return raw


def _hmac64(secret: str, message: str, algorithm: str) -> str:
    code = hmac.new(secret.encode(), message.encode("utf-8", "backslashreplace"), algorithm)
    return base64.b64encode(code.digest()).decode()


def twilio(request: Request, token: str) -> str:
    """X-Twilio-Signature: HMAC-SHA1 of the URL and the sorted fields of the form, by the account's
    auth token. A JSON body is covered by `bodySHA256` in the URL.

    Twilio signs no time, and a media socket's URL is always the same: see telephony.tokens.
    """
    given = request.header("x-twilio-signature")
    told = parse_qs(urlsplit(request.url).query).get("bodySHA256")
    if told is not None and not same(hashlib.sha256(request.body).hexdigest(), told[0]):
        raise Refused("the body is not what was signed")
    if told is None and request.body and not request.form():
        raise Refused("the body is not covered by the signature")
    fields = "".join(f"{name}{value}" for name, value in sorted(set(request.form())))
    urls = _with_and_without_port(request)
    if not any(same(given, _hmac64(token, url + fields, "sha1")) for url in urls):
        raise Refused("the signature does not match")
    return given


def _with_and_without_port(request: Request) -> tuple[str, str]:
    """Twilio leaves the port out, or not, whatever was configured."""
    try:
        parts = urlsplit(request.url)
        port = parts.port
    except ValueError as exc:
        raise Refused("not an address") from exc
    host = parts.netloc.removesuffix(f":{port}") if port else parts.netloc
    usual = 443 if parts.scheme in ("https", "wss") else 80
    bare = parts._replace(netloc=host).geturl()
    return bare, parts._replace(netloc=f"{host}:{port or usual}").geturl()


def telnyx(request: Request, public_key: str, now: float) -> str:
    """telnyx-signature-ed25519 over `timestamp|body`, by the key of the portal (base64)."""
    stamp = request.header("telnyx-timestamp")
    signature = decoded(request.header("telnyx-signature-ed25519"))
    message = stamp.encode() + b"|" + request.body
    try:
        key = Ed25519PublicKey.from_public_bytes(decoded(public_key))
    except ValueError as exc:
        raise Refused("the public key is none of Ed25519") from exc
    try:
        key.verify(signature, message)
    except InvalidSignature as exc:
        raise Refused("the signature does not match") from exc
    fresh(stamp, now)
    return hashlib.sha256(message).hexdigest()


def plivo(request: Request, token: str) -> str:
    """X-Plivo-Signature-V3: HMAC-SHA256 of the URL with its sorted query, the sorted fields of the
    form and a nonce, by the auth token. Several signatures may be given, with commas between."""
    nonce = request.header("x-plivo-signature-v3-nonce")
    given = request.headers.get("x-plivo-signature-v3") or request.header("x-plivo-signature-ma-v3")
    parts = urlsplit(request.url)
    query, fields = parse_qsl(parts.query, keep_blank_values=True), request.form()
    if request.body and not fields:
        raise Refused("the body is not covered by the signature")
    message = f"{parts.scheme}://{parts.netloc}{parts.path}"
    asked = "&".join(f"{name}={value}" for name, value in sorted(query))
    if asked or fields:
        message += "?" + asked
    if fields:
        message += ("." if asked else "") + "".join(f"{n}{v}" for n, v in sorted(fields))
    return _plivo(given, _hmac64(token, f"{message}.{nonce}", "sha256"))


def plivo_v2(request: Request, token: str) -> str:
    """X-Plivo-Signature-V2 covers neither query nor form: only for accounts that send no V3."""
    nonce, given = (request.header(f"x-plivo-signature-v2{end}") for end in ("-nonce", ""))
    parts = urlsplit(request.url)
    message = f"{parts.scheme}://{parts.netloc}{parts.path}{nonce}"
    return _plivo(given, _hmac64(token, message, "sha256"))


def _plivo(given: str, expected: str) -> str:
    if not any(same(one.strip(), expected) for one in given.split(",")):
        raise Refused("the signature does not match")
    return expected


def vonage(request: Request, secret: str, now: float) -> str:
    """A JWT (HS256) by the account's signature secret, with the hash of the body in it."""
    scheme, _, token = request.header("authorization").partition(" ")
    parts = token.split(".")
    if scheme.lower() != "bearer" or len(parts) != 3:
        raise Refused("no bearer token of three parts")
    signed = f"{parts[0]}.{parts[1]}"
    expected = hmac.new(secret.encode(), signed.encode("utf-8", "backslashreplace"), "sha256")
    signature = decoded(_padded(parts[2]), url_safe=True)
    if not hmac.compare_digest(signature, expected.digest()):
        raise Refused("the signature does not match")
    head, claims = _object(parts[0]), _object(parts[1])
    if head.get("alg") != "HS256":
        raise Refused("not signed by HS256")
    fresh(str(claims.get("iat", "")), now)
    expires = claims.get("exp")
    if expires is not None and (not isinstance(expires, int) or expires < now):
        raise Refused("the token has expired")
    told = claims.get("payload_hash", "")
    if request.body and not same(hashlib.sha256(request.body).hexdigest(), str(told)):
        raise Refused("the body is not what was signed")
    return hashlib.sha256(signed.encode()).hexdigest()


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(decoded(_padded(part), url_safe=True))
    except ValueError as exc:
        raise Refused("the token is not JSON") from exc
    if not isinstance(value, dict):
        raise Refused("the token is no object")
    return cast(dict[str, Any], value)


def jambonz(request: Request, secret: str, now: float) -> str:
    """Jambonz-Signature `t=SECONDS,v1=HEX`: HMAC-SHA256 of `SECONDS.BODY` by the webhook secret."""
    pairs = [part.strip().partition("=") for part in request.header("jambonz-signature").split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    if len(stamps) != 1:
        raise Refused("no time in the signature")
    message = stamps[0].encode("utf-8", "backslashreplace") + b"." + request.body
    expected = hmac.new(secret.encode(), message, "sha256").hexdigest()
    if not any(same(value, expected) for name, _, value in pairs if name == "v1"):
        raise Refused("the signature does not match")
    fresh(stamps[0], now)
    return expected
