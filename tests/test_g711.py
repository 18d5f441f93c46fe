"""G.711 against the recommendation's tables, and against audioop where Python still has it."""

import importlib.util
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from telephony.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw

Code = Callable[[bytes], bytes]
EVERY_SAMPLE = np.arange(65536, dtype=np.uint16).tobytes()
EVERY_CODE = bytes(range(256))


def pcm(*values: int) -> bytes:
    return np.array(values, "<i2").tobytes()


def test_decoding_is_the_recommendations_tables():
    # G.711 tables 2a and 1a: the decoder's output at the ends of segments, in 16 bits
    assert decode_mulaw(b"\x80\x8f\x9f\xaf\xbf\xcf\xdf\xef\xff") == pcm(
        32124, 16764, 8316, 4092, 1980, 924, 396, 132, 0
    )
    assert decode_mulaw(b"\x00\x7f\x7e") == pcm(-32124, 0, -8)
    assert decode_alaw(b"\xaa\xa5\xd5\xd4\x55\x2a") == pcm(32256, 16896, 8, 24, -8, -32256)


@pytest.mark.parametrize(
    ("encode", "decode"), [(encode_mulaw, decode_mulaw), (encode_alaw, decode_alaw)]
)
def test_what_was_decoded_is_encoded_as_the_same_sound(encode: Code, decode: Code):
    sound = decode(EVERY_CODE)
    assert decode(encode(sound)) == sound


@pytest.mark.skipif(importlib.util.find_spec("audioop") is None, reason="Python 3.13 has none")
def test_every_sample_and_every_code_as_audioop_has_them():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop  # pyright: ignore[reportMissingImports]
    assert encode_mulaw(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE, 2)
    assert decode_mulaw(EVERY_CODE) == audioop.ulaw2lin(EVERY_CODE, 2)
    assert encode_alaw(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE, 2)
    assert decode_alaw(EVERY_CODE) == audioop.alaw2lin(EVERY_CODE, 2)
