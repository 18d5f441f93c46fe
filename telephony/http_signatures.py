"""Genesys AudioHook's signature of the request that opens a media socket.

HTTP message signatures (draft 11 of what became RFC 9421) with one signature, HMAC-SHA256, and
the components that Genesys documents. https://developer.genesys.cloud/devapps/audiohook/security
"""

import hashlib
import hmac
import re
from urllib.parse import urlsplit

from telephony.signatures import Refused, Request, decoded, fresh, same

REQUIRED = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)
_NAME = r'"[a-z0-9@_*.-]+"'
_INPUT = re.compile(rf"([a-z][a-z0-9_.*-]*)=(\(({_NAME}(?: {_NAME})*)\)((?:;[a-z]+=[^;,]+)+))")
_PARAMETER = re.compile(r';([a-z]+)=("[\x20\x21\x23-\x5b\x5d-\x7e]*"|[0-9]{1,15})')
_KNOWN = frozenset({"alg", "created", "expires", "keyid", "nonce"})


def audiohook(request: Request, api_key: str, secret: str, now: float) -> str:
    """Check `signature` and `signature-input`; `secret` is the client secret (base64). Returns a
    word that is the same when the request comes again. Raises Refused."""
    given = _INPUT.fullmatch(request.header("signature-input").strip())
    if given is None:
        raise Refused("signature-input is not of one signature")
    label, covered, names, tail = given.groups()
    components = [name.strip('"') for name in names.split()]
    if len(set(components)) < len(components) or not set(REQUIRED) <= set(components):
        raise Refused("the signature does not cover what Genesys signs")
    parameters = _parameters(tail)
    lines = [f'"{name}": {_value(request, name)}' for name in components]
    base = "\n".join([*lines, f'"@signature-params": {covered}'])
    expected = hmac.new(decoded(secret), base.encode("utf-8", "backslashreplace"), hashlib.sha256)
    field = request.header("signature").strip()
    if not (field.startswith(f"{label}=:") and field.endswith(":")):
        raise Refused("the signature is not there")
    signature = decoded(field[len(label) + 2 : -1])
    known = same(request.header("x-api-key"), api_key)
    if not hmac.compare_digest(signature, expected.digest()) or not known:
        raise Refused("the signature does not match")
    if parameters.get("alg", '"hmac-sha256"') != '"hmac-sha256"':
        raise Refused("not signed by hmac-sha256")
    if not same(parameters.get("keyid", "").strip('"'), api_key):
        raise Refused("signed by another key")
    nonce = parameters.get("nonce", "").strip('"')
    if len(nonce) < 22:  # Genesys sends 128 bits or more
        raise Refused("the nonce is too short")
    fresh(parameters.get("created", ""), now)
    expires = parameters.get("expires")
    if expires is not None and not (expires.isdigit() and int(expires) > now):
        raise Refused("the signature has expired")
    return hashlib.sha256(base.encode("utf-8", "backslashreplace")).hexdigest()


def _parameters(tail: str) -> dict[str, str]:
    found: dict[str, str] = {}
    end = 0
    for match in _PARAMETER.finditer(tail):
        name, value = match.groups()
        if match.start() != end or name in found or name not in _KNOWN:
            break
        found[name], end = value, match.end()
    if end != len(tail):
        raise Refused("the parameters of the signature are not understood")
    return found


def _value(request: Request, name: str) -> str:
    parts = urlsplit(request.url)
    if name == "@request-target":
        return parts.path + (f"?{parts.query}" if parts.query else "")
    if name == "@authority":
        return parts.netloc.lower()
    if name == "@method":
        return request.method
    if name.startswith("@") or name == "signature":
        raise Refused("the signature covers something unknown")
    return request.header(name).strip()
