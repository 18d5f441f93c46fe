"""Asterisk's AudioSocket, over TCP: a type, a length of two bytes and a payload of PCM16LE.

Asterisk says its call's UUID and then sends sound, whose type tells the rate: always 8 kHz from
the application AudioSocket(), others from the channel driver. A caller whose network sends nothing
is heard as nothing, not as silence: such a call starts at 8 kHz, and Asterisk 22 ends it when it
gets nothing from us either for 2 s. There are no marks, and no clear: what was sent is played, so
send it no sooner than it has to be heard.
"""

import struct
import uuid
from collections.abc import Iterable, Sequence

from telephony.encodings import LINEAR
from telephony.events import Bad, Dtmf, Ended, Event, Started
from telephony.line import Ability, Message
from telephony.protocol import DIGITS, Wire

HANG_UP, UUID, DTMF, SOUND, ERROR = 0x00, 0x01, 0x03, 0x10, 0xFF
RATES = (8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000)  # types 0x10 to 0x18
_HEADER = struct.Struct(">BH")
_ERRORS = {
    b"\x01": Ended("hung up", "error 1: the caller hung up"),
    b"\x02": Ended("lost", "error 2: a frame could not be passed on"),
    b"\x04": Ended("lost", "error 4: Asterisk is out of memory"),
}


class AudioSocket(Wire):
    """`call` of Started is the UUID that the dialplan gave, which nobody else should know."""

    name: str = "audiosocket"
    abilities: frozenset[Ability] = frozenset({"hang up"})

    def __init__(self) -> None:
        super().__init__()
        self._bytes = b""  # of a message that is not complete: 65,537 at most
        self._call = ""
        self._kind = SOUND

    def _read(self, data: Message) -> Iterable[Event]:
        if isinstance(data, str):
            yield Bad("text on a stream of bytes")
            return
        stream, at = self._bytes + data, 0
        while len(stream) - at >= _HEADER.size:
            kind, length = _HEADER.unpack_from(stream, at)
            end = at + _HEADER.size + length
            if not self._call and (kind, length) not in ((UUID, 16), (HANG_UP, 0)):
                # nobody who speaks this protocol begins otherwise, and nothing can be found again
                yield Ended("protocol", f"it begins with {bytes(stream[:3])!r}, not with a UUID")
                return
            if end > len(stream):
                break
            payload = stream[at + _HEADER.size : end]
            at = end
            yield from self._message(kind, payload)
        self._bytes = stream[at:]

    def waited(self) -> Sequence[Event]:
        return self._admit([self._begin(SOUND)] if self._call and self._phase == "new" else [])

    def _message(self, kind: int, payload: bytes) -> Iterable[Event]:
        if kind == HANG_UP:
            yield Ended("hung up")
        elif kind == UUID and not self._call:
            self._call = str(uuid.UUID(bytes=payload))
        elif kind == DTMF:
            yield from self.waited()
            digit = payload.decode("latin-1")
            yield Dtmf(digit) if digit in DIGITS else Bad("a digit that no telephone has")
        elif SOUND <= kind < SOUND + len(RATES):
            if self._phase == "new":
                yield self._begin(kind)
            if kind == self._kind:
                yield from self._heard(payload)
            else:
                rates = f"{RATES[kind - SOUND]} Hz in a call of {self._rate} Hz"
                yield Ended("protocol", f"sound of {rates}; nothing was heard at its start")
        elif kind == ERROR:
            yield _ERRORS.get(
                payload, Ended("lost", f"error {payload[:8].hex() or 'without code'}")
            )
        else:
            yield Bad(f"a message of type 0x{kind:02x} and {len(payload)} bytes")

    def _begin(self, kind: int) -> Started:
        rate = RATES[kind - SOUND]
        self._kind = kind
        self._media(rate, LINEAR)
        return Started(call=self._call, caller="", called="", in_rate=rate, out_rate=rate)

    def _sound(self, frame: bytes) -> Message:
        return _HEADER.pack(self._kind, len(frame)) + frame

    def _hang_up(self) -> Sequence[Message]:
        return [_HEADER.pack(HANG_UP, 0)]
