"""Who may reach the telephone: carriers' signatures, one-time tokens, passwords and addresses.

Secrets come from the environment only, see VARIABLES. Every one that is set is asked for; a
server that others can reach starts with none of its wires unprotected.
"""

import contextlib
import ipaddress
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from telephony.addresses import AddressError, Network, among, caller_address, networks
from telephony.answers import CARRIERS, Carrier, Incoming
from telephony.http_signatures import audiohook
from telephony.limits import AtOnce, LockOut, Rate
from telephony.once import Once
from telephony.passwords import Login, check_basic
from telephony.signatures import (
    TOLERANCE,
    Refused,
    Request,
    jambonz,
    plivo,
    telnyx,
    twilio,
    vonage,
)
from telephony.tokens import CallTokens, Ticket
from voice.config import Config, ConfigError

# What proves a wire's other side. LOGIN is "user:password", sent as HTTP Basic.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "twilio": ("TWILIO_AUTH_TOKEN",),
    "telnyx": ("TELNYX_PUBLIC_KEY",),
    "plivo": ("PLIVO_AUTH_TOKEN",),
    "vonage": ("VONAGE_SIGNATURE_SECRET",),
    "jambonz": ("JAMBONZ_WEBHOOK_SECRET",),
    "audiohook": ("GENESYS_API_KEY", "GENESYS_CLIENT_SECRET"),
    "exotel": ("EXOTEL_LOGIN",),
    "chan_websocket": ("CHAN_WEBSOCKET_LOGIN",),
    "freeswitch": ("FREESWITCH_LOGIN",),
    "audiosocket": (),  # the protocol has no room for a secret
}
FORGET = 86400.0  # s that a signature without a time in it is remembered


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: the socket's other end, and what proxies said."""

    peer: str
    forwarded: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Door:
    """What one wire asks of those who come."""

    secrets: tuple[str, ...] = field(default=(), repr=False)  # all that VARIABLES names, or none
    allowed: tuple[Network, ...] = ()  # none: from anywhere

    @property
    def login(self) -> Login:
        user, _, password = self.secrets[0].partition(":")
        return Login(user, password)


class Gate:
    """One for the process. Not for several threads."""

    def __init__(
        self,
        config: Config,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises ConfigError for a network that is none."""
        phone = config.phone
        self._clock = clock
        self._doors: dict[str, _Door] = {}
        wires = [*phone.carriers, *(["audiosocket"] if phone.audiosocket else [])]
        for name in phone.allow_from:
            if name not in wires:
                raise ConfigError(f"phone.allow_from: {name} is not among phone.carriers")
        try:
            self._trusted = networks(phone.trusted_proxies)
            for wire in wires:
                values = tuple(environment.get(name, "") for name in VARIABLES.get(wire, ()))
                allowed = networks(phone.allow_from.get(wire, []))
                self._doors[wire] = _Door(values if all(values) else (), allowed)
        except AddressError as exc:
            raise ConfigError(f"phone.allow_from or phone.trusted_proxies: {exc}") from exc
        self._tokens = CallTokens()
        self._seen = Once(2 * TOLERANCE)  # signed up to TOLERANCE ahead of us, valid as long after
        self._seen_long = Once(FORGET)
        self._lock_out = LockOut()
        self._rate = Rate(phone.caller_calls_an_hour, 3600.0)
        self._at_once = AtOnce(phone.caller_calls_at_once, config.server.max_calls)

    def check_public(self, config: Config) -> None:
        """Raises ConfigError where strangers can reach a wire that nothing protects."""
        told = bool(config.phone.public_url)
        for wire, door in self._doors.items():
            host = config.server.host
            if wire == "audiosocket" and config.phone.audiosocket:
                host, reached = config.phone.audiosocket.host, False
            else:
                reached = told
            if (reached or not _loopback(host)) and not (door.secrets or door.allowed):
                variables = " and ".join(VARIABLES.get(wire, ()))
                says = f"set {variables} in the environment, or " if variables else "set "
                where = "phone.public_url" if reached else host
                raise ConfigError(
                    f"{wire} would be open to everybody at {where}: {says}"
                    f"phone.allow_from.{wire} to the addresses that may call"
                )

    def check_webhook(self, carrier: Carrier, request: Request, origin: Origin) -> None:
        """Raises Refused."""
        door = self._open(carrier, origin)
        if not door.secrets:
            return
        now, secret = self._clock(), door.secrets[0]
        seen = self._seen
        match carrier:
            case "twilio":
                word, seen = twilio(request, secret), self._seen_long
            case "plivo":
                word, seen = plivo(request, secret), self._seen_long
            case "telnyx":
                word = telnyx(request, secret, now)
            case "vonage":
                word = vonage(request, secret, now)
            case "jambonz":
                word = jambonz(request, secret, now)
            case "exotel":
                self._check_login(door, request, origin)
                return
            case _:
                assert_never(carrier)
        if not seen.first(f"{carrier} {word}", now):
            raise Refused("the same request came before")

    def announce(self, carrier: Carrier, about: Incoming, agent: str, outbound: str = "") -> str:
        """The token with which the call's socket will come."""
        ticket = Ticket(carrier, about.call, about.caller, about.called, agent, outbound)
        return self._tokens.issue(ticket, self._clock())

    def may_call(self, caller: str) -> bool:
        """Whether this caller may call once more; it counts."""
        return self._rate.allow(caller, self._clock())

    def let_in(self, wire: str, request: Request, origin: Origin, token: str) -> Ticket | None:
        """Check a media socket before it is accepted. Raises Refused.

        None where it needs no ticket, or will bring the token in its first message: `late`.
        """
        door = self._open(wire, origin)
        if token:
            return self._redeem(wire, token)
        if not door.secrets or wire == "twilio":
            return None
        if wire == "audiohook":
            key, secret = door.secrets
            word = audiohook(request, key, secret, self._clock())
            if not self._seen.first(f"{wire} {word}", self._clock()):
                raise Refused("the same request came before")
        elif wire in CARRIERS and wire != "exotel":
            raise Refused("no token")
        else:
            self._check_login(door, request, origin)
        return None

    def late(self, wire: str, headers: Mapping[str, str]) -> Ticket | None:
        """Check the token that came in the first message of a socket that brought none before."""
        if wire != "twilio":
            return None
        token = headers.get("token", "")
        if not token and not self._doors[wire].secrets:
            return None
        return self._redeem(wire, token)

    @contextlib.contextmanager
    def place(self, caller: str) -> Generator[None]:
        """Count a call of this caller while it lasts. Raises Refused beyond the cap."""
        if not self._at_once.enter(caller):
            raise Refused("this caller has too many calls at once")
        try:
            yield
        finally:
            self._at_once.leave(caller)

    def _open(self, wire: str, origin: Origin) -> _Door:
        door = self._doors.get(wire)
        if door is None:
            raise Refused("not among phone.carriers")
        if door.allowed and not among(self._address(origin), door.allowed):
            raise Refused(f"the address is not in phone.allow_from.{wire}")
        return door

    def _address(self, origin: Origin) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        return caller_address(origin.peer, origin.forwarded, self._trusted)

    def _redeem(self, wire: str, token: str) -> Ticket:
        ticket = self._tokens.redeem(token, wire, self._clock())
        if ticket is None:
            raise Refused("the token is unknown, used or old")
        return ticket

    def _check_login(self, door: _Door, request: Request, origin: Origin) -> None:
        given = request.headers.get("authorization", "")
        address = str(self._address(origin))
        check_basic(given, door.login, address, self._lock_out, self._clock())


def carrier_named(name: str) -> Carrier | None:
    return name if name in CARRIERS else None


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
