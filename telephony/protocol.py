"""What the protocols share: the life of a call, reading without trust, sound in frames."""

import base64
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from telephony.encodings import LINEAR, Encoding, Frames
from telephony.events import Audio, Bad, Ended, Event, Reply, Started
from telephony.line import Ability, Message, NotOnThisWire
from telephony.order import Order

LONGEST_TEXT = 64 * 1024  # characters; 0.5 s of base64 PCM at 24 kHz are 32 thousand
LONGEST_SOUND = 2.0  # s of one message
LONGEST_PROBLEM = 200  # characters
FRAME = 0.02  # s of sound in one message of ours, where the carrier asks for nothing else

Count = Annotated[int, Field(ge=0, le=2**53)]  # what every JSON reader keeps exactly
Digit = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#", "A", "B", "C", "D"]
DIGITS: tuple[Digit, ...] = get_args(Digit)
T = TypeVar("T")


class Part(BaseModel):
    """An object of a carrier's JSON. What it does not name is ignored: carriers add fields."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


class Wire:
    """One call. A protocol fills in the methods that begin with an underscore and its abilities.

    Kept here: Started and Ended come once, nothing of the call before Started, nothing after
    Ended, and no sound of ours is lost between two calls of play.
    """

    name: str
    abilities: frozenset[Ability] = frozenset()

    def __init__(self) -> None:
        self._phase: Literal["new", "live", "over"] = "new"
        self._hung_up = False  # by us
        self._rate = 8000  # of the caller's sound, from Started on
        self._encoding = LINEAR
        self._frames = Frames(2)
        self._order: Order | None = None

    def receive(self, data: Message) -> Sequence[Event]:
        return [] if self._phase == "over" else self._admit(self._read(data))

    def closed(self) -> Sequence[Event]:
        if self._phase == "over":
            return []
        ended = Ended("hung up", "by this side") if self._hung_up else Ended("lost")
        return self._admit([*self._late(), ended])

    def waited(self) -> Sequence[Event]:
        return []

    def play(self, samples: bytes) -> Sequence[Message]:
        return [self._sound(frame) for frame in self._frames.push(samples)] if self._open else []

    def flush(self) -> Sequence[Message]:
        return [self._sound(frame) for frame in self._frames.rest()] if self._open else []

    def mark(self, name: str) -> Sequence[Message]:
        self._need("marks")
        if not self._open:
            return []
        return [*(self._sound(frame) for frame in self._frames.whole()), self._mark(name)]

    def clear(self) -> Sequence[Message]:
        self._need("clear")
        self._frames.drop()
        return self._clear() if self._open else []

    def send_dtmf(self, digits: str) -> Sequence[Message]:
        self._need("dtmf")
        return [self._dtmf(digits)] if self._open else []

    def transfer(self, to: str) -> Sequence[Message]:
        self._need("transfer")
        return [self._transfer(to)] if self._open else []

    def hang_up(self) -> Sequence[Message]:
        self._need("hang up")
        if not self._open:
            return []
        rest = self.flush()
        self._hung_up = True
        return [*rest, *self._hang_up()]

    def _read(self, data: Message) -> Iterable[Event]:
        """One message, or any bytes of a stream; what the call's phase forbids is filtered out."""
        raise NotImplementedError

    def _sound(self, frame: bytes) -> Message:
        """A message of one frame, PCM16LE."""
        raise NotImplementedError

    def _mark(self, name: str) -> Message:
        raise NotImplementedError

    def _clear(self) -> Sequence[Message]:
        raise NotImplementedError

    def _dtmf(self, digits: str) -> Message:
        raise NotImplementedError

    def _transfer(self, to: str) -> Message:
        raise NotImplementedError

    def _hang_up(self) -> Sequence[Message]:
        """None where closing the connection is what ends the call."""
        return []

    @property
    def _open(self) -> bool:
        return self._phase == "live" and not self._hung_up

    def _need(self, ability: Ability) -> None:
        if ability not in self.abilities:
            raise NotOnThisWire(f"{self.name} has no words for: {ability}")

    def _media(
        self,
        rate: int,
        encoding: Encoding,
        frame: int | None = None,
        grain: int = 2,
        numbered: bool = False,
    ) -> None:
        """Sets the format of both directions; `frame` and `grain` in bytes of PCM16LE."""
        self._rate = rate
        self._encoding = encoding
        self._frames = Frames(frame or 2 * round(rate * FRAME), grain)
        self._order = Order(rate) if numbered else None

    def _heard(
        self, payload: bytes, time: float | None = None, sequence: int | None = None
    ) -> Sequence[Audio | Bad]:
        """The caller's sound as it is on the wire."""
        samples, odd = divmod(len(payload), self._encoding.width)
        if odd or not samples:
            return [Bad(f"{len(payload)} bytes of sound: not a whole number of samples")]
        if samples > self._rate * LONGEST_SOUND:
            return [Bad(f"a message with more than {LONGEST_SOUND:.0f} s of sound")]
        audio = Audio(self._encoding.decode(payload), time, sequence)
        return [audio] if self._order is None else self._order.push(audio)

    def _heard_base64(
        self, payload: str, time: float | None = None, sequence: int | None = None
    ) -> Sequence[Audio | Bad]:
        try:
            return self._heard(base64.b64decode(payload, validate=True), time, sequence)
        except ValueError:
            return [Bad("sound that is not base64")]

    def _late(self) -> list[Audio]:
        """Packets that still wait for others."""
        return self._order.rest() if self._order is not None else []

    def _admit(self, events: Iterable[Event]) -> list[Event]:
        admitted: list[Event] = []
        for event in events:
            match event:
                case Started():
                    self._phase = "live"
                case Ended(reason=reason, detail=detail):
                    self._phase = "over"
                    event = Ended(reason, _line(detail))
                case Bad(problem=problem):
                    event = Bad(_line(problem))
                case Reply():
                    pass
                case _ if self._phase == "new":
                    event = Bad(f"{type(event).__name__} before the call has started")
                case _:
                    pass
            admitted.append(event)
            if self._phase == "over":
                break
        return admitted


def _line(words: str) -> str:
    """One line for a log: the other side's own words may be in it."""
    return "".join(c if c.isprintable() else " " for c in words[:LONGEST_PROBLEM])


def parse(messages: TypeAdapter[T], data: Message) -> T | Bad | None:
    """A carrier's JSON text as one of its messages; None for one that it may have added since."""
    if isinstance(data, bytes):
        return Bad(f"a binary message of {len(data)} bytes where text belongs")
    if len(data) > LONGEST_TEXT:
        return Bad(f"a text message of {len(data)} characters; {LONGEST_TEXT} at most")
    try:
        return messages.validate_json(data)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        if first["type"] == "union_tag_invalid":
            return None
        # without the input: a digit that was pressed belongs into no log
        return Bad(f"{'.'.join(map(str, first['loc'])) or 'a message'}: {first['msg']}")


def encoded(payload: bytes) -> str:
    return base64.b64encode(payload).decode()
