"""What has to hold of a protocol whatever it is told: one call is watched."""

import math
import pickle
import random
from collections.abc import Callable, Iterable, Sequence

from telephony.events import Audio, Bad, Dtmf, Ended, Event, Reply, Started
from telephony.line import Ability, Message, NotOnThisWire, WireProtocol

LONGEST_SOUND = 2.0  # s of one event
LONGEST_PROBLEM = 300  # characters: it goes into a log, in one line
LARGEST = 1_000_000  # bytes of state: a message that is not complete, packets that wait, marks
_PIECES = (0, 1, 100, 319, 320, 4000)  # bytes of sound that are played at once


class Broken(Exception):
    """A rule does not hold. The message is one line."""


class WatchedCall:
    """A call of `wire`; raises Broken, and whatever the protocol raises."""

    def __init__(self, wire: WireProtocol) -> None:
        self._wire = wire
        self._rate = 0  # 0: not started
        self.ended = False  # what comes now is not heard

    def receive(self, message: Message) -> None:
        self._told(self._wire.receive(message))

    def close(self) -> None:
        self._told(self._wire.closed())
        if not self.ended:
            raise Broken("no Ended though the connection is gone")
        if self._wire.closed() or self._wire.receive(b"") or self._wire.receive("{}"):
            raise Broken("an event after Ended")

    def command(self, rng: random.Random) -> None:
        """One of the commands, whether the call has started or not."""
        match rng.randint(0, 9):
            case 0:
                self._may("marks", lambda: self._wire.mark(rng.choice(("", "m", "x" * 500))))
            case 1:
                self._may("clear", self._wire.clear)
            case 2:
                self._may("dtmf", lambda: self._wire.send_dtmf("12#"))
            case 3 if rng.random() < 0.05:  # not in every call
                self._may("transfer", lambda: self._wire.transfer("+15550100"))
            case 4 if rng.random() < 0.05:
                self._may("hang up", self._wire.hang_up)
            case 5:
                self._sent(self._wire.flush())
            case 6:
                self._told(self._wire.waited())
            case _:
                self._sent(self._wire.play(rng.randbytes(rng.choice(_PIECES))))

    def state(self) -> int:
        """Bytes that the protocol keeps. Raises Broken when they are too many."""
        size = len(pickle.dumps(self._wire))
        if size > LARGEST:
            raise Broken(f"{size} bytes are kept")
        return size

    def _may(self, ability: Ability, command: Callable[[], Sequence[Message]]) -> None:
        try:
            sent = command()
        except NotOnThisWire:
            if ability in self._wire.abilities:
                raise Broken(f"NotOnThisWire for {ability}, which it is able to") from None
            return
        if ability not in self._wire.abilities:
            raise Broken(f"no NotOnThisWire for {ability}")
        self._sent(sent)

    def _sent(self, messages: Sequence[Message]) -> None:
        if messages and (not self._rate or self.ended):
            raise Broken("something to send outside the call")

    def _told(self, events: Iterable[Event]) -> None:
        for event in events:
            if self.ended:
                raise Broken(f"{type(event).__name__} after Ended")
            match event:
                case Started():
                    if self._rate:
                        raise Broken("Started twice")
                    self._rate = event.in_rate
                    if event.in_rate <= 0 or event.out_rate <= 0:
                        raise Broken("a rate of nothing")
                case Ended(detail=words) | Bad(problem=words):
                    if not words.isprintable() or len(words) > LONGEST_PROBLEM:
                        raise Broken("words that are not one short line")
                    self.ended = isinstance(event, Ended)
                case Reply():
                    pass
                case _ if not self._rate:
                    raise Broken(f"{type(event).__name__} before Started")
                case Audio():
                    self._sound(event)
                case Dtmf(digit=digit) if len(digit) != 1:
                    raise Broken("more than one key at once")
                case _:
                    pass

    def _sound(self, audio: Audio) -> None:
        if not audio.samples or len(audio.samples) % 2:
            raise Broken(f"{len(audio.samples)} bytes of PCM16")
        if len(audio.samples) > 2 * self._rate * LONGEST_SOUND:
            raise Broken("more sound than a message may have")
        if audio.time is not None and not math.isfinite(audio.time):
            raise Broken("a time that is no number")
