"""What the SIP side is told: accounts, where it listens, and who may reach it."""

import ipaddress
import platform
import re
from dataclasses import dataclass, field
from typing import Literal

Transport = Literal["udp", "tcp", "tls"]
Encryption = Literal["none", "srtp", "srtp-mandatory"]
Codec = Literal["pcmu", "pcma", "g722", "opus"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SipError(Exception):
    """The SIP side cannot do that. The message is one line that says what to change."""


@dataclass(frozen=True, slots=True)
class Account:
    """One identity: a person dials sip:user@…, a PBX or trunk knows it by its password.

    Without `register` it takes direct calls at the listening address, and calls out from there;
    `domain` then names the trunk that calls go to, or this machine.
    """

    user: str
    domain: str  # host or host:port
    password: str = field(default="", repr=False)
    login: str = ""  # where the provider's login is not the user
    register: bool = False
    transport: Transport = "udp"
    encryption: Encryption = "none"  # of the sound, by SDES: its key is secret in tls only
    codecs: tuple[Codec, ...] = ("opus", "g722", "pcmu", "pcma")  # the first that both have

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{self.domain}"

    @property
    def transport_parameter(self) -> str:
        return "" if self.transport == "udp" else f";transport={self.transport}"

    @property
    def host(self) -> str:
        """The domain without its port."""
        bracketed = re.fullmatch(r"\[(.+)\](?::\d+)?", self.domain)
        return bracketed[1] if bracketed else self.domain.partition(":")[0]


@dataclass(frozen=True, slots=True)
class SipSettings:
    """`allowed` are the networks that may send requests, beside the registrars. Whoever is not
    among them gets no answer at all; empty, with no account registered, everybody is heard."""

    accounts: tuple[Account, ...]
    host: str = "127.0.0.1"
    port: int = 5060  # TLS listens on the next one
    allowed: tuple[Network, ...] = ()
    max_calls: int = 8
    # So long sound waits for what overtakes it. 0: it is taken as it comes; who listens needs no
    # even flow, and the stack's buffer throws away what comes later than it waits.
    jitter_ms: int = 0
    silent_seconds: float = 10  # without a packet: the other side has vanished
    certificate: str = ""  # a PEM file with certificate and key, for TLS
    authorities: str = ""  # a PEM file: whose certificates are trusted; "": nobody's is checked
    media_ports: tuple[int, int] = (10000, 20000)

    @property
    def address(self) -> str:
        """What a softphone dials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if ipaddress.ip_address(self.host).is_unspecified:
            host = platform.node()
        account = self.accounts[0]
        tls = account.transport == "tls"
        port = self.port + 1 if tls else self.port
        return f"sip:{account.user}@{host}:{port}{account.transport_parameter}"

    @property
    def public(self) -> bool:
        """Whether other machines reach the listening address."""
        return not ipaddress.ip_address(self.host).is_loopback


def check(settings: SipSettings) -> None:
    """SipError where these settings cannot work or would leave the phone open to everybody."""
    try:
        public = settings.public
    except ValueError:
        raise SipError(
            f"phone.sip.host {settings.host!r} is no address: give one of this machine's"
        ) from None
    if not settings.accounts:
        raise SipError("phone.sip.accounts is empty: nobody could be called; add {user: openline}")
    for account in settings.accounts:
        if account.register and not account.password:
            raise SipError(
                f"{account.uri} registers without a password: set password_env, or registers: false"
            )
        if account.transport == "tls" and not settings.certificate:
            raise SipError(
                f"{account.uri} uses tls without a certificate: set phone.sip.certificate"
            )
    if public and not settings.allowed and not any(a.register for a in settings.accounts):
        raise SipError(
            f"phone.sip listens on {settings.host}, where anybody could call: set "
            "phone.sip.allowed to your carrier's or PBX's networks, register an account, "
            "or listen on 127.0.0.1"
        )
