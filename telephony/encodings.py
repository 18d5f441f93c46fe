"""How sound is written on a wire, and how it is cut to the carrier's frames."""

from collections.abc import Callable
from dataclasses import dataclass

from telephony.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw


@dataclass(frozen=True, slots=True)
class Encoding:
    """Between a wire's bytes and PCM16LE mono."""

    width: int  # bytes a sample takes on the wire
    decode: Callable[[bytes], bytes]
    encode: Callable[[bytes], bytes]


MULAW = Encoding(1, decode_mulaw, encode_mulaw)
ALAW = Encoding(1, decode_alaw, encode_alaw)
LINEAR = Encoding(2, bytes, bytes)  # PCM16LE itself


class Frames:
    """Cuts PCM16LE into frames of `size` bytes; what does not fill one waits for more.

    `grain` is the least that a carrier takes, in bytes: whatever is sent has a multiple of it.
    """

    def __init__(self, size: int, grain: int = 2) -> None:
        self._size = size
        self._grain = grain
        self._waiting = b""  # less than one frame

    def push(self, samples: bytes) -> list[bytes]:
        """The frames that are full now."""
        samples = self._waiting + samples
        full = len(samples) - len(samples) % self._size
        self._waiting = samples[full:]
        return [samples[i : i + self._size] for i in range(0, full, self._size)]

    def whole(self) -> list[bytes]:
        """The whole grains of what waits, as one frame, if there is one."""
        whole = len(self._waiting) - len(self._waiting) % self._grain
        sent, self._waiting = self._waiting[:whole], self._waiting[whole:]
        return [sent] if sent else []

    def rest(self) -> list[bytes]:
        """What waits, with silence up to a whole grain, as one frame, if anything waits."""
        rest, self._waiting = self._waiting, b""
        return [rest + bytes(-len(rest) % self._grain)] if rest else []

    def drop(self) -> None:
        self._waiting = b""
