"""A user and a password, as Asterisk's chan_websocket and webhooks with a password send them.

HTTP Basic (RFC 7617) is all that a carrier of ours sends; so it has to travel in TLS, or stay on
the machine. Digest is a matter of SIP.
"""

import base64
import binascii
from dataclasses import dataclass, field

from telephony.limits import LockOut
from telephony.signatures import Refused, same


@dataclass(frozen=True, slots=True)
class Login:
    user: str
    password: str = field(repr=False)


def check_basic(
    authorization: str, login: Login, address: str, lock_out: LockOut, now: float
) -> None:
    """Raises Refused, for a right password too while the address is locked out."""
    if lock_out.out(address, now):
        raise Refused("too many wrong passwords from there")
    user, password = _given(authorization)
    # both are compared, so that the time tells nothing of the user either
    right = same(user, login.user) & same(password, login.password)
    if not right:
        lock_out.wrong(address, now)
        raise Refused("wrong user or password")
    lock_out.right(address)


def _given(authorization: str) -> tuple[str, str]:
    scheme, _, coded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(coded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    user, _, password = text.partition(":")
    return user, password
