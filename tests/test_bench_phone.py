"""How `openline bench phone` reads what was heard."""

import numpy as np

from telephony.g711 import decode_mulaw, encode_mulaw
from voice.bench.phone import holes, way_of
from voice.bench.phone_callers import FRAME, Heard, place
from voice.bench.phone_sound import follow, murmur

RATE = 8000


def test_sound_that_arrives_whole_is_found_whole():
    sent = murmur(2, RATE, 1)
    heard = np.frombuffer(decode_mulaw(encode_mulaw(sent.tobytes())), "<i2")
    heard = np.concatenate([np.zeros(700, np.int16), heard, np.zeros(RATE, np.int16)])
    way = way_of([follow(sent, heard, RATE)])
    assert way.likeness_least > 0.99
    assert (way.moved, way.drift, way.cut_ms) == (0, 0, 0)


def test_a_packet_that_is_missing_and_a_beginning_that_is_cut_are_seen():
    sent = murmur(2, RATE, 1)
    heard = np.concatenate([sent[80:8000], sent[8160:]])
    way = way_of([follow(sent, heard, RATE)])
    assert (way.moved, way.moved_samples) == (1, 160)
    assert way.cut_ms == 10
    assert 50 < way.drift < 120


def test_another_callers_sound_is_not_taken_for_ours():
    way = way_of([follow(murmur(2, RATE, 1), murmur(3, RATE, 2), RATE)])
    assert way.likeness_median < 0.5


def test_packets_lie_where_their_clock_says():
    tone = encode_mulaw(np.full(FRAME, 5000, "<i2").tobytes())
    heard = Heard("c0")
    clock = 0xFFFFFFFF - FRAME + 1  # it begins anew after the first
    packets = [(7, clock, 1.0, tone), (8, 0, 1.02, tone), (10, 2 * FRAME, 1.06, tone)]
    place(heard, packets)
    assert heard.missing == 1
    pcm = np.frombuffer(decode_mulaw(heard.codes), "<i2").reshape(-1, FRAME)
    assert [int(np.median(frame)) > 2500 for frame in pcm] == [True, True, False, True]
    assert holes(pcm.ravel()) == (1, 3 * 0.02, 1)


def test_a_pause_is_between_two_answers_and_no_hole():
    tone, silence = np.full(RATE, 5000, np.int16), np.zeros(RATE, np.int16)
    assert holes(np.concatenate([silence, tone, silence, tone])) == (2, 2.0, 0)
    assert holes(silence) == (0, 0.0, 0)
