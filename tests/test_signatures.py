"""Carriers' signatures: against their own libraries and published examples, and against forgers."""

import base64
import hashlib
import hmac
import random
import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twilio.request_validator import RequestValidator

from telephony.http_signatures import audiohook
from telephony.once import Once
from telephony.signatures import (
    Refused,
    Request,
    jambonz,
    plivo,
    plivo_v2,
    telnyx,
    twilio,
    vonage,
)

NOW = 1_790_000_000.0
FORM = {"content-type": "application/x-www-form-urlencoded"}
ANSWER = "https://voice.example.com/telephony/any/answer"


def form(url: str, fields: list[tuple[str, str]], **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", url, FORM | named, urlencode(fields).encode())


# --- Twilio, beside its own validator ---

CALL = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
MY = "https://mycompany.com/myapp.php?foo=1&bar=2"
BODY = '{"property": "value", "boolean": true}'
HASHED = f"{MY}&bodySHA256={hashlib.sha256(BODY.encode()).hexdigest()}"


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        (MY, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (MY.replace(".com", ".com:1234"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (MY.replace(".com", ".com:1234").replace("https", "http"), "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        (MY, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (MY.replace("https", "http"), "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ],
)
def test_twilios_published_examples(url: str, signature: str) -> None:
    assert twilio(form(url, CALL, x_twilio_signature=signature), "12345") == signature
    with pytest.raises(Refused, match="does not match"):
        twilio(form(url, CALL, x_twilio_signature=signature), "12346")


def test_twilio_signs_fields_that_come_twice_once() -> None:
    fields = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234")]
    request = form(MY, [*fields, fields[-1]], x_twilio_signature="IK+Dwps556ElfBT0I3Rgjkr1wJU=")
    assert twilio(request, "12345")


def test_twilio_signs_json_by_its_hash() -> None:
    given = {
        "content-type": "application/json",
        "x-twilio-signature": "a9nBmqA0ju/hNViExpshrM61xv4=",
    }
    assert twilio(Request("POST", HASHED, given, BODY.encode()), "12345")
    with pytest.raises(Refused, match="not what was signed"):
        twilio(Request("POST", HASHED, given, BODY.encode() + b" "), "12345")
    unsigned = {**given, "x-twilio-signature": RequestValidator("12345").compute_signature(MY, {})}
    with pytest.raises(Refused, match="not covered"):
        twilio(Request("POST", MY, unsigned, BODY.encode()), "12345")


def test_twilio_and_we_say_the_same_a_thousand_times() -> None:
    """Both ways: what Twilio's library signs we take, and what we refuse it refuses."""
    dice = random.Random(7)
    letters = string.ascii_letters + string.digits + " +&=?%äñ€😀~-_."
    taken = 0

    def word(most: int) -> str:
        return "".join(dice.choices(letters, k=dice.randint(0, most)))

    for _ in range(1200):
        token = "".join(dice.choices(string.hexdigits, k=32))
        port = dice.choice(["", ":443", ":8443", ":80"])
        query = dice.choice(["", "?agent=shop", f"?a={quote(word(9))}&b={quote(word(9))}"])
        url = f"{dice.choice(['https', 'http', 'wss'])}://voice.example.com{port}/a/{quote(word(6))}{query}"
        fields = {f"{word(5)}k{n}": word(12) for n in range(dice.randint(0, 6))}
        theirs = RequestValidator(token)
        signature = theirs.compute_signature(url, fields)
        if dice.random() < 0.5:
            place = dice.randrange(len(signature))
            signature = signature[:place] + dice.choice("ABCxyz+/=") + signature[place + 1 :]
        request = form(url, list(fields.items()), x_twilio_signature=signature)
        try:
            twilio(request, token)
            ours = True
        except Refused:
            ours = False
        assert ours == theirs.validate(url, fields, signature), (url, fields, signature)
        taken += ours
    assert 500 < taken < 1100  # both kinds were among them


# --- the others' examples ---


@pytest.mark.parametrize(
    ("method", "query", "fields", "signature"),
    [
        # made by plivo-python 4's signature_v3 with nonce 12345 and my_auth_token
        (
            "POST",
            "",
            "CallUUID=97ceeb52-58b6-11e1-86da-77300b68f8bb&From=14155550100&To=14155550123"
            "&Direction=inbound",
            "7VsWBqZ+78BKsNeA9WN2qYB+EdoQRU75l1ac8yHf32A=",
        ),
        (
            "POST",
            "?agent=shop&a=1",
            "From=1&Event=StartApp",
            "gZbwo/2g1yj5mqVm/KstUvls8Z/sVaRC7UJ6uY631wM=",
        ),
        (
            "GET",
            "?To=14155550123&From=14155550100&CallUUID=97ceeb52",
            "",
            "JtCTt3G46oqDXEmEYVzu4DXq3h3GG2XS+L71dcCYozE=",
        ),
        ("GET", "", "", "0u1dm8YgYsUoHByQ1khLIM00EtxTmSce3mkgN7Ll4J0="),
        ("POST", "?x=1", "", "7J0B7vXyxg8fPhViEIsFU/T3SDFhvDs6xkIbx9MznKg="),
    ],
)
def test_plivo_as_its_library_signs(method: str, query: str, fields: str, signature: str) -> None:
    url = "https://voice.example.com/telephony/plivo/answer" + query
    headers = {"x-plivo-signature-v3-nonce": "12345", "x-plivo-signature-v3": f"other=,{signature}"}
    request = Request(method, url, FORM | headers, fields.encode())
    assert plivo(request, "my_auth_token")
    with pytest.raises(Refused):
        plivo(replace(request, url=url + ("&" if query else "?") + "agent=other"), "my_auth_token")


def test_plivo_v2_as_published() -> None:
    headers = {
        "x-plivo-signature-v2-nonce": "12345",
        "x-plivo-signature-v2": "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc=",
    }
    request = Request("POST", "https://answer.url", headers)
    assert plivo_v2(request, "my_auth_token")
    with pytest.raises(Refused):
        plivo_v2(request, "my_auth_tokens")


HOOK = Request(
    "GET",
    "https://audiohook.example.com/api/v1/voicebiometrics/ws",
    {
        "host": "audiohook.example.com",
        "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
        "audiohook-session-id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
        "audiohook-correlation-id": "e160e428-53e2-487c-977d-96989bf5c99d",
        "x-api-key": "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh",
        "signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
        "signature-input": (
            'sig1=("@request-target" "@authority" "audiohook-organization-id" '
            '"audiohook-session-id" "audiohook-correlation-id" "x-api-key");'
            'keyid="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";'
            'alg="hmac-sha256";created=1641013200;expires=3282026430'
        ),
    },
)
KEY, CLIENT_SECRET = (
    "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh",
    "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=",
)


def test_audiohook_as_genesys_documents_it() -> None:
    assert audiohook(HOOK, KEY, CLIENT_SECRET, 1641013203.0)
    with pytest.raises(Refused, match="300 s away"):
        audiohook(HOOK, KEY, CLIENT_SECRET, 1641013501.0)
    with pytest.raises(Refused, match="does not match"):
        audiohook(replace(HOOK, url=HOOK.url + "?x=1"), KEY, CLIENT_SECRET, 1641013203.0)
    with pytest.raises(Refused, match="does not match"):
        audiohook(HOOK, "another key", CLIENT_SECRET, 1641013203.0)


@pytest.mark.parametrize(
    "signature_input",
    [
        'sig1=();created=1;keyid="x"',
        'sig1=("@request-target" "@authority");created=1641013200',
        'sig1=("@request-target" "@request-target" "@authority");created=1641013200',
        'sig1=("@signature-params");created=1',
        "sig1=" + "(" * 5000,
        "sig1=(" + '"x-api-key" ' * 5000,
        HOOK.headers["signature-input"] + ";created=1641013200",
        HOOK.headers["signature-input"] + ";tag=1",
        HOOK.headers["signature-input"] + ", " + HOOK.headers["signature-input"],
        HOOK.headers["signature-input"].replace('";nonce', '" ;nonce'),
    ],
)
def test_audiohook_takes_no_other_spelling(signature_input: str) -> None:
    headers = {**HOOK.headers, "signature-input": signature_input}
    with pytest.raises(Refused):
        audiohook(replace(HOOK, headers=headers), KEY, CLIENT_SECRET, 1641013203.0)


def test_vonage_as_pyjwt_signs() -> None:
    body = b'{"from": "14155550100", "to": "14155550123"}'
    claims = {
        "iat": int(NOW),
        "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": "a1b2c3d",
    }
    token = jwt.encode(claims, SECRET, "HS256")
    request = Request("POST", ANSWER, {"authorization": f"Bearer {token}"}, body)
    assert vonage(request, SECRET, NOW)
    with pytest.raises(Refused, match="not what was signed"):
        vonage(replace(request, body=body + b" "), SECRET, NOW)
    without = jwt.encode({"iat": int(NOW)}, SECRET, "HS256")
    with pytest.raises(Refused, match="not what was signed"):
        vonage(replace(request, headers={"authorization": f"Bearer {without}"}), SECRET, NOW)
    for algorithm in ("HS384", "HS512"):
        other = jwt.encode(claims, SECRET * 2, algorithm)
        with pytest.raises(Refused):
            vonage(replace(request, headers={"authorization": f"Bearer {other}"}), SECRET * 2, NOW)
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    unsigned = f"{head}.{token.split('.')[1]}."
    with pytest.raises(Refused):
        vonage(replace(request, headers={"authorization": f"Bearer {unsigned}"}), SECRET, NOW)


# --- forgers ---

SECRET = "a secret of the account, thirty-two bytes or more"
ED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ED_PUBLIC = base64.b64encode(ED.public_key().public_bytes_raw()).decode()


@dataclass(frozen=True)
class Carrier:
    """How a carrier signs, and how we check it."""

    name: str
    sign: Callable[[bytes, float, str], Request]  # body, when, a nonce
    check: Callable[[Request, float], str]
    clock: bool = True  # it signs a time


def by_twilio(body: bytes, when: float, nonce: str) -> Request:
    fields = {"CallSid": nonce, "From": body.hex()}
    signature = RequestValidator(SECRET).compute_signature(ANSWER, fields)
    return form(ANSWER, list(fields.items()), x_twilio_signature=signature)


def by_telnyx(body: bytes, when: float, nonce: str) -> Request:
    body = body + nonce.encode()
    stamp = str(int(when))
    signature = base64.b64encode(ED.sign(stamp.encode() + b"|" + body)).decode()
    headers = {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": signature}
    return Request("POST", ANSWER, headers, body)


def by_plivo(body: bytes, when: float, nonce: str) -> Request:
    message = f"{ANSWER}?From{body.hex()}.{nonce}"
    code = hmac.new(SECRET.encode(), message.encode(), "sha256").digest()
    return form(
        ANSWER,
        [("From", body.hex())],
        x_plivo_signature_v3_nonce=nonce,
        x_plivo_signature_v3=base64.b64encode(code).decode(),
    )


def by_vonage(body: bytes, when: float, nonce: str) -> Request:
    claims = {"iat": int(when), "jti": nonce, "payload_hash": hashlib.sha256(body).hexdigest()}
    token = jwt.encode(claims, SECRET, "HS256")
    return Request("POST", ANSWER, {"authorization": f"Bearer {token}"}, body)


def by_jambonz(body: bytes, when: float, nonce: str) -> Request:
    body = body + nonce.encode()
    message = f"{int(when)}.".encode() + body
    code = hmac.new(SECRET.encode(), message, "sha256").hexdigest()
    return Request("POST", ANSWER, {"jambonz-signature": f"t={int(when)},v1={code}"}, body)


def by_genesys(body: bytes, when: float, nonce: str) -> Request:
    names = [
        "@request-target",
        "@authority",
        "audiohook-organization-id",
        "audiohook-session-id",
        "audiohook-correlation-id",
        "x-api-key",
    ]
    values = ["/hook", "voice.example.com", "org", body.hex(), "corr", KEY]
    covered = '({});keyid="{}";nonce="{}";alg="hmac-sha256";created={}'.format(
        " ".join(f'"{name}"' for name in names), KEY, nonce, int(when)
    )
    lines = [f'"{name}": {value}' for name, value in zip(names, values, strict=True)]
    base = "\n".join([*lines, f'"@signature-params": {covered}'])
    code = hmac.new(base64.b64decode(CLIENT_SECRET), base.encode(), "sha256").digest()
    headers = dict(zip(names[2:], values[2:], strict=True))
    headers["signature-input"] = f"sig1={covered}"
    headers["signature"] = f"sig1=:{base64.b64encode(code).decode()}:"
    return Request("GET", "https://voice.example.com/hook", headers)


CARRIERS = [
    Carrier("twilio", by_twilio, lambda r, now: twilio(r, SECRET), clock=False),
    Carrier("telnyx", by_telnyx, lambda r, now: telnyx(r, ED_PUBLIC, now)),
    Carrier("plivo", by_plivo, lambda r, now: plivo(r, SECRET), clock=False),
    Carrier("vonage", by_vonage, lambda r, now: vonage(r, SECRET, now)),
    Carrier("jambonz", by_jambonz, lambda r, now: jambonz(r, SECRET, now)),
    Carrier("genesys", by_genesys, lambda r, now: audiohook(r, KEY, CLIENT_SECRET, now)),
]
SIGNED_HEADERS = (
    "x-twilio-signature",
    "telnyx-signature-ed25519",
    "x-plivo-signature-v3",
    "authorization",
    "jambonz-signature",
    "signature",
)


def forged(request: Request, dice: random.Random) -> Request:
    """One change to what is signed, or to the signature: a letter, the end, or all of it."""
    header = next(name for name in SIGNED_HEADERS if name in request.headers)
    value = request.headers[header]
    place = dice.randrange(len(value))
    other = dice.choice([c for c in string.ascii_letters + string.digits if c != value[place]])
    changed = value
    match dice.randrange(6):
        case 0:
            changed = value[:place] + other + value[place + 1 :]
        case 1:
            changed = value[:place]  # truncated
        case 2:
            changed = dice.choice(
                ["", "=", "\udcff", "é" * 40, "0" * 64, "t=,v1=", "Bearer ..", "None"]
            )
        case 3:
            changed = value + other
        case 4 if request.body:
            spot = dice.randrange(len(request.body))
            swapped = bytes([request.body[spot] ^ (1 << dice.randrange(5))])
            return replace(request, body=request.body[:spot] + swapped + request.body[spot + 1 :])
        case _ if "authorization" in request.headers or "jambonz-signature" in request.headers:
            return replace(request, body=request.body[:-1])  # their URL is not signed
        case _ if "telnyx-timestamp" in request.headers:
            later = str(int(request.headers["telnyx-timestamp"]) + dice.randint(1, 200))
            return replace(request, headers={**request.headers, "telnyx-timestamp": later})
        case _:
            return replace(request, url=request.url + dice.choice(["/", "?a=1", "x", "%00"]))
    return replace(request, headers={**request.headers, header: changed})


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: carrier.name)
def test_of_a_thousand_forged_or_truncated_none_is_taken(carrier: Carrier) -> None:
    dice = random.Random(carrier.name)
    for n in range(1000):
        good = carrier.sign(dice.randbytes(20), NOW, f"nonce-of-thirty-letters-{n:06}")
        carrier.check(good, NOW)
        bad = forged(good, dice)
        with pytest.raises(Refused):
            raise AssertionError(carrier.check(bad, NOW), bad)


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: carrier.name)
def test_replayed_or_expired_none_is_taken(carrier: Carrier) -> None:
    dice = random.Random(1)
    seen = Once(300.0)
    for n in range(200):
        when = NOW + n
        good = carrier.sign(dice.randbytes(20), when, f"nonce-of-thirty-letters-{n:06}")
        assert seen.first(carrier.check(good, when), when)
        later = when + dice.uniform(0, 299)
        assert not seen.first(carrier.check(good, later), later), "a replay"
        if carrier.clock:
            for off in (-301.0, 302.0, 86400.0, -1e9):
                with pytest.raises(Refused):
                    carrier.check(good, when + off)


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: carrier.name)
def test_a_request_of_another_account_is_refused_without_telling_a_secret(carrier: Carrier) -> None:
    good = carrier.sign(b"hello", NOW, "nonce-of-thirty-letters-000001")
    for name in good.headers:
        headers = {key: value for key, value in good.headers.items() if key != name}
        if name in ("content-type", "host"):
            continue
        with pytest.raises(Refused) as refusal:
            carrier.check(replace(good, headers=headers), NOW)
        assert SECRET not in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_a_telnyx_signature_has_one_spelling() -> None:
    good = by_telnyx(b"{}", NOW, "1")
    value = good.headers["telnyx-signature-ed25519"]
    spare = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    twin = value[:-3] + spare[spare.index(value[-3]) ^ 1] + "=="  # decodes to the same bytes
    assert base64.b64decode(twin) == base64.b64decode(value)
    with pytest.raises(Refused):
        telnyx(
            replace(good, headers={**good.headers, "telnyx-signature-ed25519": twin}),
            ED_PUBLIC,
            NOW,
        )


def test_json_of_a_token_may_be_anything() -> None:
    for payload in ("[]", "1", '{"iat": null}', '{"iat": "x"}', '{"iat": -5}', "\x00"):
        head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
        claims = base64.urlsafe_b64encode(payload.encode()).decode().rstrip("=")
        code = hmac.new(SECRET.encode(), f"{head}.{claims}".encode(), "sha256").digest()
        token = f"{head}.{claims}.{base64.urlsafe_b64encode(code).decode().rstrip('=')}"
        with pytest.raises(Refused):
            vonage(Request("GET", ANSWER, {"authorization": f"Bearer {token}"}), SECRET, NOW)
