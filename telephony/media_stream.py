"""What Twilio's Media Streams and those made after it share: JSON, sound in numbered packets."""

from collections.abc import Iterable
from typing import Literal

from telephony.events import Audio, Bad, Ended, Ending, Event
from telephony.protocol import Count, Digit, Part, Wire


class Connected(Part):
    event: Literal["connected"]


class Packet(Part):
    payload: str  # base64
    track: str = "inbound"
    chunk: Count | None = None  # counts the packets of a track from 1
    timestamp: Count | None = None  # ms; of some carriers since the stream began, of others a date


class Media(Part):
    event: Literal["media"]
    media: Packet


class Key(Part):
    digit: Digit


class Pressed(Part):
    event: Literal["dtmf"]
    dtmf: Key


class Name(Part):
    name: str


class Mark(Part):
    event: Literal["mark"]
    mark: Name


class Stop(Part):
    event: Literal["stop"]


class MediaStream(Wire):
    """Keeps packets in order and gives their time from the first one."""

    def __init__(self) -> None:
        super().__init__()
        self._stream = ""  # what the carrier calls it
        self._began: int | None = None

    def _packet(self, packet: Packet) -> Iterable[Audio | Bad]:
        if packet.track != "inbound":
            return []
        time = None
        if packet.timestamp is not None:
            if self._began is None:
                self._began = packet.timestamp
            time = (packet.timestamp - self._began) / 1000
        return self._heard_base64(packet.payload, time, packet.chunk)

    def _over(self, reason: Ending, detail: str = "") -> Iterable[Event]:
        yield from self._late()
        yield Ended(reason, detail)
