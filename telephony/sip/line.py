"""One SIP call as a Line: the stack's buffers on one side, events on the other."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence

from baresip import (
    AudioNotActive,
    AudioRestarted,
    BaresipError,
    Call,
    CallState,
    DigitEvent,
    Runtime,
    StackEvent,
    StaleHandleError,
    TransferRequest,
)
from baresip import Event as Stack

from telephony.events import (
    Audio,
    Bad,
    Dtmf,
    Ended,
    Event,
    Held,
    Played,
    Started,
    TransferAsked,
    Transferred,
)
from telephony.line import Ability
from telephony.sip.endings import ending
from telephony.sip.inbox import Inbox
from telephony.sip.outgoing import Outgoing
from telephony.sip.placing import place
from telephony.sip.rate import Rate
from telephony.sip.settings import Account

log = logging.getLogger(__name__)

_AHEAD = (
    0.4  # s in the stack's buffer, which holds 1 s at 16 kHz: no shorter stall of ours is heard
)
_FIRST = 0.04  # s: two packets before the first is sent
_UNSENT = 60  # s of sound not sent yet; a caller of play() that is further ahead paces nothing
_LATE = 1.0  # s that the rest may take longer than it lasts: on hold it is not sent at all
_UNREAD = 10  # s of the caller's sound that nobody has read
_REFRESH_RETRIES = 20  # x 0.1 s: the stack re-INVITEs right after answering, and refuses another
_TRANSFER_SECONDS = 60.0


class SipLine:
    """A call that stands. Made by SipEngine, which calls tick() every 10 ms."""

    name = "sip"
    abilities: frozenset[Ability] = frozenset(
        {"clear", "marks", "dtmf", "hang up", "transfer", "hold"}
    )

    def __init__(
        self,
        call: Call,
        account: Account,
        about: Started,
        runtime: Runtime,
        silent_seconds: float,
        own: Callable[[Coroutine[object, object, None]], None],
        may_refer: Callable[["SipLine", str], Awaitable[bool]],
    ) -> None:
        """`silent_seconds` without a packet, but for a hold, end the call; `own` keeps the tasks of
        commands that take long; `may_refer` says whether the other side's REFER is followed."""
        self.account = account
        self.about = about
        self._call = call
        self._runtime = runtime
        self._silent_seconds = silent_seconds
        self._own = own
        self._may_refer = may_refer
        self._outgoing = Outgoing(_bytes(_AHEAD, about.out_rate), _bytes(_FIRST, about.out_rate))
        self._inbox = Inbox(_bytes(_UNREAD, about.in_rate))
        self._keys = asyncio.Lock()  # digits of two commands must not mix
        self._said = asyncio.Event()  # nothing is left to be sent
        self._said.set()
        self._heard_at = asyncio.get_running_loop().time()
        self._held = False  # by the other side, which may then send nothing
        self._flushing = False  # the stack empties its buffer at its next packet
        self._following = False  # a REFER of the other side
        self._from_wire = Rate(about.in_rate, about.in_rate)
        self._to_wire = Rate(about.out_rate, about.out_rate)
        self._listen_to(call)

    def __repr__(self) -> str:
        return f"<SipLine {self.about.caller} -> {self.about.called}>"

    @property
    def ended(self) -> bool:
        return self._inbox.ended

    @property
    def unsent(self) -> float:
        """Seconds of sound that have not left yet."""
        return self._outgoing.waiting / _bytes(1, self.about.out_rate)

    def events(self) -> AsyncIterator[Event]:
        return self._inbox.events()

    async def play(self, samples: bytes) -> None:
        if self.ended:
            return
        if self.unsent > _UNSENT:
            self._tell(Bad(f"{_UNSENT} s of sound wait already: what came then is dropped"))
            return
        self._outgoing.add(samples)
        self._said.clear()

    async def flush(self) -> None:
        """Nothing to do: the last of a sentence waits for 20 ms at most."""

    async def mark(self, name: str) -> None:
        if self.ended:
            return
        self._outgoing.mark(name)
        self._played(self._outgoing.sent(self._outgoing.held))

    async def clear(self) -> None:
        with contextlib.suppress(AudioNotActive, AudioRestarted):  # nothing is in there then
            self._call.audio.flush_tx()
            self._flushing = True
        for mark in self._outgoing.clear():
            self._tell(Played(mark, cleared=True))
        self._said.set()

    async def send_dtmf(self, digits: str) -> None:
        self._own(self._press(digits))

    async def transfer(self, to: str) -> None:
        self._own(self._transfer(lambda: self._call.transfer(to)))

    async def connect(self, other: "SipLine") -> None:
        """Attended: the two other sides go on with each other, and both lines end. Told by this
        line's Transferred or Ended("replaced")."""
        consulted = other._call
        self._own(
            self._transfer(
                lambda: self._call.attended_transfer(consulted, timeout=_TRANSFER_SECONDS)
            )
        )

    async def hold(self, on: bool) -> None:
        for _ in range(_REFRESH_RETRIES):
            try:
                await (self._call.hold() if on else self._call.resume())
                return
            except StaleHandleError:
                return
            except BaresipError as problem:
                if self.ended:
                    return
                log.debug("%s: %s", self, problem)
                await asyncio.sleep(0.1)
        self._tell(Bad("the call could not be put on hold" if on else "the call stays on hold"))

    async def hang_up(self) -> None:
        """After what was played before has left: a last sentence is heard to its end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(self.unsent + _LATE, _UNSENT)):
                await self._said.wait()
        await self.cut()

    async def cut(self) -> None:
        """Hang up now."""
        try:
            await self._call.hangup()
        except StaleHandleError:
            return
        except BaresipError as problem:
            if not self.ended:
                log.warning("%s: %s", self, problem)

    # -- the stack's side

    def tick(self) -> None:
        """Take what has been received, give what is due. Blocks for nothing."""
        self._watch()
        audio = self._call.audio
        try:
            received = audio.read(65536)
            info = audio.info()
        except AudioRestarted:  # the next tick binds to the new streams
            self._outgoing.restarted()
            self._flushing = False
            return
        except AudioNotActive:
            return
        if received:
            self._heard_at = asyncio.get_running_loop().time()
            self._hear(received, info.rx_sample_rate)
        if not info.tx_ready:  # on hold
            return
        if self._flushing and info.tx_buffered:  # what is written now would be flushed too
            return
        self._flushing = False
        self._to_wire = self._to_wire.between(self.about.out_rate, info.tx_sample_rate)
        self._played(self._outgoing.sent(self._to_wire.before(info.tx_buffered)))
        due = self._outgoing.due()
        if due:
            try:
                taken = audio.write(self._to_wire.change(due))
            except (AudioNotActive, AudioRestarted):
                self._outgoing.restarted()
            else:
                self._outgoing.written(self._to_wire.before(taken))

    def _watch(self) -> None:
        """The stack has a watch too, but drops calls on hold whose phones send nothing then."""
        now = asyncio.get_running_loop().time()
        if self._held or self._call.is_on_hold:
            self._heard_at = now
        elif now - self._heard_at > self._silent_seconds and not self.ended:
            self.broke(f"no packet came for {self._silent_seconds:g} s")
            self._own(self.cut())

    def broke(self, problem: str) -> None:
        """End it here, whatever the other side thinks."""
        self._tell(Ended("lost", problem))

    def _hear(self, received: bytes, rate: int) -> None:
        self._from_wire = self._from_wire.between(rate, self.about.in_rate)
        samples = self._from_wire.change(received)
        self._tell(Audio(samples))

    def _played(self, marks: Sequence[str]) -> None:
        if not self._outgoing.waiting:
            self._said.set()
        for mark in marks:
            self._tell(Played(mark))

    def _tell(self, event: Event) -> None:
        self._inbox.tell(event)
        if self.ended:
            self._said.set()

    def _listen_to(self, call: Call) -> None:
        def happened(event: StackEvent) -> None:
            if call is self._call:
                self._on_stack_event(event)

        call.on(happened)
        call.on_dtmf(self._on_digit)
        call.on_transfer_request(self._on_transfer_request)
        if call.state is CallState.CLOSED:
            self._tell(Ended("hung up"))

    def _on_stack_event(self, event: StackEvent) -> None:
        match event.event:
            case Stack.CALL_HOLD:
                self._held = True
                self._tell(Held(True))
            case Stack.CALL_RESUME:
                self._held = False
                self._tell(Held(False))
            case Stack.CALL_CLOSED if not self._following:
                text = event.text or ""
                self._tell(Ended(ending(text), text))
            case _:
                pass

    def _on_digit(self, key: DigitEvent) -> None:
        self._tell(Dtmf(key.digit, key.duration_ms / 1000))

    def _on_transfer_request(self, request: TransferRequest) -> None:
        self._tell(TransferAsked(request.target))
        self._own(self._follow(request.target))

    async def _follow(self, to: str) -> None:
        """Go on with whom the other side sends us to, if that is allowed."""
        asked = self._call
        try:
            if not await self._may_refer(self, to):
                await asked.reject_transfer()
                return
            self._following = True  # the stack closes the old call when the new one stands
            new = await place(self._runtime, asked.accept_transfer)
            await new.wait_established(_TRANSFER_SECONDS)
        except BaresipError as problem:
            log.warning("%s: not transferred to %s: %s", self, to, problem)
            if asked.state is CallState.CLOSED:
                self._following = False
                self._tell(Ended("hung up"))
        else:
            self._call = new
            self._outgoing.restarted()
            self._listen_to(new)
        finally:
            self._following = False

    async def _press(self, digits: str) -> None:
        async with self._keys:
            try:
                await self._call.send_dtmf(digits)
            except (BaresipError, ValueError) as problem:
                self._tell(Bad(f"digits not sent: {problem}"))

    async def _transfer(self, ask: Callable[[], Awaitable[None]]) -> None:
        try:
            await ask()
        except (BaresipError, ValueError) as problem:
            self._tell(Transferred(False, str(problem)))
        # where it worked the stack has closed the call: Ended("replaced")


def _bytes(seconds: float, rate: int) -> int:
    return 2 * round(seconds * rate)
