"""G.711: PCM16LE in one byte a sample, by tables.

Decoding is ITU-T G.711's tables; encoding is bit-exact with `audioop`, which Python 3.13 dropped.
16-bit samples lose their lowest bits: mu-law has 14, A-law 13.
"""

import numpy as np
from numpy.typing import NDArray

_BIAS = 33  # of mu-law, so that every segment begins at a power of two
_LARGEST = 8191  # a biased magnitude of mu-law, in 14 bits


def encode_mulaw(samples: bytes) -> bytes:
    """PCM16LE, an even number of bytes."""
    return _MULAW_CODES[np.frombuffer(samples, "<u2")].tobytes()


def decode_mulaw(codes: bytes) -> bytes:
    """As PCM16LE."""
    return _MULAW_SAMPLES[np.frombuffer(codes, np.uint8)].tobytes()


def encode_alaw(samples: bytes) -> bytes:
    """PCM16LE, an even number of bytes."""
    return _ALAW_CODES[np.frombuffer(samples, "<u2")].tobytes()


def decode_alaw(codes: bytes) -> bytes:
    """As PCM16LE."""
    return _ALAW_SAMPLES[np.frombuffer(codes, np.uint8)].tobytes()


def _every_sample() -> NDArray[np.int32]:
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _segment(magnitude: NDArray[np.int32], lowest: int) -> NDArray[np.int32]:
    """0 to 7: how many powers of two a magnitude lies above `lowest` bits."""
    segment = np.zeros_like(magnitude)
    for bit in range(lowest, lowest + 7):
        segment += magnitude >> bit > 0
    return segment


def _mulaw_codes() -> NDArray[np.uint8]:
    value = _every_sample() >> 2
    biased = np.minimum(np.abs(value) + _BIAS, _LARGEST)
    segment = _segment(biased, 6)
    code = (segment << 4) | ((biased >> (segment + 1)) & 15)
    return (code ^ np.where(value < 0, 0x7F, 0xFF)).astype(np.uint8)


def _mulaw_samples() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    value = ((((code & 15) << 1) + _BIAS) << (code >> 4 & 7)) - _BIAS
    return (np.where(code & 0x80, -value, value) << 2).astype("<i2")


def _alaw_codes() -> NDArray[np.uint8]:
    value = _every_sample() >> 3
    magnitude = np.where(value < 0, -value - 1, value)
    segment = _segment(magnitude, 5)
    code = (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 15)
    return (code ^ np.where(value < 0, 0x55, 0xD5)).astype(np.uint8)


def _alaw_samples() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = code >> 4 & 7
    value = ((code & 15) << 1) + 1 + np.where(segment > 0, 32, 0)
    value <<= np.maximum(segment - 1, 0)
    return (np.where(code & 0x80, value, -value) << 3).astype("<i2")


_MULAW_CODES = _mulaw_codes()
_MULAW_SAMPLES = _mulaw_samples()
_ALAW_CODES = _alaw_codes()
_ALAW_SAMPLES = _alaw_samples()
