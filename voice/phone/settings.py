"""The section `phone:` of a config."""

from pydantic import BaseModel, ConfigDict, Field


class PhoneSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AudioSocketConfig(PhoneSection):
    """Asterisk's AudioSocket: a TCP server of our own."""

    host: str = "127.0.0.1"
    port: int = Field(default=9092, ge=0, le=65535)  # 0: a free one


class PhoneConfig(PhoneSection):
    """Who answers the telephone, on which wires, and for how long."""

    agent: str = ""  # empty: the server's
    numbers: dict[str, str] = {}  # the number that was called: the agent that answers it
    carriers: list[str] = []  # websockets at /telephony/NAME/media: twilio, telnyx, …
    public_url: str = ""  # https://… by which carriers reach this server, without a path
    allow_from: dict[str, list[str]] = {}  # carrier: the addresses and networks that it calls from
    trusted_proxies: list[str] = []  # ours, whose X-Forwarded-For is believed
    caller_calls_at_once: int = Field(default=3, ge=1)
    caller_calls_an_hour: int = Field(default=60, ge=1)
    audiosocket: AudioSocketConfig | None = None
    max_calls: int | None = Field(default=None, ge=1)  # of the telephone; server.max_calls is all
    call_minutes: float = Field(default=60, gt=0)
    media_seconds: float = Field(default=10, gt=0)  # without sound from the caller: the call ends
    start_seconds: float = Field(default=10, gt=0)  # from the connection to the start of media
    digit_seconds: float = Field(default=3, gt=0)  # after the last key, where no # ends the entry
    comfort_noise: float | None = Field(default=-65, ge=-90, le=-30)  # dBFS, where we fill silence
    show_numbers: bool = False  # whole telephone numbers and keyed digits in journals
