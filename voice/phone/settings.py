"""The section `phone:` of a config."""

from datetime import time
from typing import Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, field_validator

from telephony.sip.settings import Codec, Encryption, Transport

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WORKING_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")


class PhoneSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AudioSocketConfig(PhoneSection):
    """Asterisk's AudioSocket: a TCP server of our own."""

    host: str = "127.0.0.1"
    port: int = Field(default=9092, ge=0, le=65535)  # 0: a free one


class SipAccountConfig(PhoneSection):
    """Whom a caller dials, and as whom a PBX or a trunk knows us."""

    user: str = "openline"
    domain: str = ""  # of the PBX or trunk, host or host:port; empty: this machine
    password_env: str = ""  # the variable that holds the password, never the password
    login: str = ""  # where the provider's login is not the user
    registers: bool = False  # at its domain; else calls are direct
    transport: Transport = "udp"
    encryption: Encryption = "none"  # of the sound: srtp, srtp-mandatory
    codecs: list[Codec] = ["opus", "g722", "pcmu", "pcma"]
    agent: str = ""  # who answers; empty: the one of the number, or phone.agent


class SipConfig(PhoneSection):
    """SIP of our own: softphones dial it, a PBX or a trunk reaches it."""

    accounts: list[SipAccountConfig] = [SipAccountConfig()]
    host: str = "127.0.0.1"  # an address of this machine
    port: int = Field(default=5060, ge=1, le=65534)  # TLS listens on the next one
    allowed: list[IPvAnyNetwork] = []  # who may send requests, beside the registrars
    jitter_ms: int = Field(default=0, ge=0, le=500)  # 0: take packets as they come
    certificate: str = ""  # PEM with certificate and key, for tls
    authorities: str = ""  # PEM: whose certificates are trusted
    media_ports: tuple[int, int] = (10000, 20000)


class OutboundConfig(PhoneSection):
    """Calling out: `openline dial` and `openline campaign`."""

    by: Literal["sip", "twilio", "plivo", "vonage"] = "sip"  # who places the calls
    caller: str = ""  # our number, which a carrier shows; with sip the account's own
    prefixes: list[str] = []  # "+4930", or "sip:" for addresses; none: nobody is called
    country: str = ""  # DE: of numbers that are written without +
    prices: dict[str, float] = {}  # of a minute, by prefix
    most_cost: float | None = Field(default=None, gt=0)  # of 24 hours, in the prices' money
    most_calls: int = Field(default=1000, ge=1)  # of 24 hours
    countries: dict[str, int] = {}  # DE: the most calls of 24 hours to there
    minutes: float = Field(default=10, gt=0)  # a call lasts at most
    ring_seconds: float = Field(default=45, gt=0)
    # said first, before the agent's greeting; in the language of those who are called
    disclosure: str = "This is an automated assistant, and this call is recorded."
    opens: time = time(9)  # by the clock of the person who is called
    closes: time = time(20)
    days: list[Day] = list(WORKING_DAYS)
    attempts: int = Field(default=3, ge=1)  # of one number
    hours_between: float = Field(default=4, ge=0)  # two attempts
    at_once: int = Field(default=1, ge=1)
    calls_a_minute: float = Field(default=6, gt=0)
    consent: bool = True  # only rows whose column consent says yes
    do_not_call: str = ""  # a file, a number a line


class AfterHoursConfig(PhoneSection):
    """Who answers when nobody is at work."""

    agent: str
    opens: time = time(9)
    closes: time = time(17)
    days: list[Day] = Field(default=list(WORKING_DAYS), min_length=1)
    zone: str = "UTC"  # Europe/Berlin

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"no time zone {zone!r}; give one like Europe/Berlin")
        return zone


class PhoneConfig(PhoneSection):
    """Who answers the telephone, on which wires, and for how long."""

    agent: str = ""  # empty: the server's
    numbers: dict[str, str] = {}  # the number that was called: the agent that answers it
    after_hours: AfterHoursConfig | None = None
    # "+34": es: an agent that has these words greets callers from there in them
    languages: dict[str, str] = {}
    carriers: list[str] = []  # websockets at /telephony/NAME/media: twilio, telnyx, …
    public_url: str = ""  # https://… by which carriers reach this server, without a path
    allow_from: dict[str, list[str]] = {}  # carrier: the addresses and networks that it calls from
    trusted_proxies: list[str] = []  # ours, whose X-Forwarded-For is believed
    caller_calls_at_once: int = Field(default=3, ge=1)
    caller_calls_an_hour: int = Field(default=60, ge=1)
    audiosocket: AudioSocketConfig | None = None
    sip: SipConfig | None = None
    outbound: OutboundConfig = OutboundConfig()
    max_calls: int | None = Field(default=None, ge=1)  # of the telephone; server.max_calls is all
    call_minutes: float = Field(default=60, gt=0)
    # Without sound from the caller the call ends. Some PBXs send nothing while a caller is silent,
    # whom the agent asks twice before it says goodbye: longer than that takes.
    media_seconds: float = Field(default=40, gt=0)
    start_seconds: float = Field(default=10, gt=0)  # from the connection to the start of media
    digit_seconds: float = Field(default=3, gt=0)  # after the last key, where no # ends the entry
    comfort_noise: float | None = Field(default=-65, ge=-90, le=-30)  # dBFS, where we fill silence
    show_numbers: bool = False  # whole telephone numbers and keyed digits in journals

    @property
    def agents(self) -> set[str]:
        """All that may answer a call, beside the server's."""
        accounts = self.sip.accounts if self.sip else []
        names = {self.agent, *self.numbers.values(), *(account.agent for account in accounts)}
        if self.after_hours is not None:
            names.add(self.after_hours.agent)
        return names - {""}
