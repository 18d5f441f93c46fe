"""Packets out of order are heard in order; a lost one is waited for no longer than 60 ms."""

from telephony.events import Audio
from telephony.order import Order

PACKET = bytes(320)  # 20 ms at 8 kHz


def heard(order: Order, *numbers: int) -> list[int | None]:
    return [
        packet.sequence
        for number in numbers
        for packet in order.push(Audio(PACKET, sequence=number))
    ]


def test_packets_in_order_are_not_delayed():
    order = Order(8000)
    assert [heard(order, n) for n in (1, 2, 3)] == [[1], [2], [3]]


def test_packets_out_of_order_wait_for_each_other():
    order = Order(8000)
    assert heard(order, 2, 3) == []
    assert heard(order, 1) == [1, 2, 3]
    assert heard(order, 5, 4, 6) == [4, 5, 6]


def test_a_lost_packet_is_waited_for_three_packets_long():
    order = Order(8000)
    assert heard(order, 1, 3, 4, 5) == [1]
    assert heard(order, 6) == [3, 4, 5, 6]
    assert heard(order, 2) == []  # too late
    assert heard(order, 7) == [7]


def test_a_packet_that_comes_twice_is_heard_once():
    assert heard(Order(8000), 1, 1, 2, 3, 2) == [1, 2, 3]


def test_a_carrier_that_counts_anew_is_followed():
    order = Order(8000)
    assert heard(order, *range(1, 600)) == list(range(1, 600))
    assert heard(order, 0, 1, 2) == [0, 1, 2]


def test_a_number_from_nowhere_does_not_make_the_caller_silent():
    order = Order(8000)
    assert heard(order, 1, 2**50) == [1]
    assert heard(order, 2, 3) == [2, 3]
    assert [packet.sequence for packet in order.rest()] == [2**50]


def test_empty_packets_cannot_fill_the_memory():
    order = Order(8000)
    for number in range(2, 1000, 2):
        order.push(Audio(b"", sequence=number))
    assert len(order.rest()) <= 64
