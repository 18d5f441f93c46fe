"""Puts a carrier's numbered packets in order."""

from telephony.events import Audio

WINDOW = 0.06  # s of sound that may wait for a missing packet: three packets of 20 ms
MOST = 64  # packets that may wait, whatever they hold
RESTART = 500  # packets backwards, 10 s of 20 ms: the carrier counts anew


class Order:
    """Packets go out by their numbers; a late or doubled one is dropped.

    Whoever waits for a missing packet does so for WINDOW of sound; then it is lost, which the
    next number tells. Packets that come in order are not delayed.
    """

    def __init__(self, rate: int, first: int = 1) -> None:
        """`rate` in Hz of the packets' sound; `first` is the number that a call begins with."""
        self._rate = rate
        self._next = first
        self._early: dict[int, Audio] = {}

    def push(self, packet: Audio) -> list[Audio]:
        """What can be heard now. A packet without a number goes straight through."""
        number = packet.sequence
        if number is None:
            return [packet]
        if number < self._next - RESTART:
            due = self.rest()
            self._next = number
        elif number < self._next or number in self._early:
            return []
        else:
            due = []
        self._early[number] = packet
        due += self._in_order()
        while self._seconds() > WINDOW or len(self._early) > MOST:
            self._next = min(self._early)
            due += self._in_order()
        return due

    def rest(self) -> list[Audio]:
        """All that waits, for the call ends."""
        rest = [self._early[number] for number in sorted(self._early)]
        self._early.clear()
        return rest

    def _in_order(self) -> list[Audio]:
        due: list[Audio] = []
        while (packet := self._early.pop(self._next, None)) is not None:
            due.append(packet)
            self._next += 1
        return due

    def _seconds(self) -> float:
        return sum(len(packet.samples) for packet in self._early.values()) / 2 / self._rate
