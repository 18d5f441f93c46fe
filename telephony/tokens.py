"""Words that let one media socket in, once.

A carrier's answer document carries the token to the carrier, and the carrier brings it back with
the socket: its URL alone would be known to everybody who ever saw one.
"""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass

SECONDS = 300.0  # from the answer to the socket; carriers open it within seconds


@dataclass(frozen=True, slots=True)
class Ticket:
    """What was known of a call when its socket was announced."""

    carrier: str
    call: str = ""  # as the carrier names it; "" where it has no name yet
    caller: str = ""
    called: str = ""
    agent: str = ""  # "": the config's
    outbound: str = ""  # the attempt that this call is, where we asked for it


class CallTokens:
    """The tokens that are out. Bounded: beyond `most`, the oldest are void, about 500 bytes each.

    Only the digest of a token is kept, and found by it, so that neither a dump nor the time of a
    look-up tells one.
    """

    def __init__(self, seconds: float = SECONDS, most: int = 10_000) -> None:
        self._seconds = seconds
        self._most = most
        self._out: OrderedDict[bytes, tuple[float, Ticket]] = OrderedDict()  # oldest first

    def __len__(self) -> int:
        return len(self._out)

    def issue(self, ticket: Ticket, now: float) -> str:
        """256 random bits, safe in a URL and in XML."""
        while self._out:
            oldest, (until, _) = next(iter(self._out.items()))
            if until > now and len(self._out) < self._most:
                break
            del self._out[oldest]
        token = secrets.token_urlsafe(32)
        self._out[_digest(token)] = (now + self._seconds, ticket)
        return token

    def redeem(self, token: str, carrier: str, now: float) -> Ticket | None:
        """What the token was issued for, once; None for a strange, used or old one, or another
        carrier's."""
        found = self._out.pop(_digest(token), None)
        if found is None or found[0] <= now or found[1].carrier != carrier:
            return None
        return found[1]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "backslashreplace")).digest()
