"""pipecat's transport over a telephone line: what is heard goes in, what is said goes out."""

import asyncio
from typing import assert_never

from loguru import logger
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    OutputTransportReadyFrame,
    StartFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_transport import BaseTransport

from agents.events import Hold, SendKeys, Transfer
from telephony.events import (
    Audio,
    Bad,
    Dtmf,
    Ended,
    Event,
    Flow,
    Held,
    Played,
    Reply,
    Started,
    TransferAsked,
    Transferred,
)
from telephony.line import Line, NotOnThisWire
from voice.frames import AgentAudio, KeyedIn, LineDoes, LineFailed, PlayedBack
from voice.phone.keys import Keys
from voice.phone.received import Received

MARK = 0.2  # s of sound between two marks: a word; Twilio answers each with a message


class LineInput(FrameProcessor):
    """Reads the line from the moment on at which everything behind it is ready.

    pipecat's own input puts each frame in a queue with a task of its own, for filters; the
    Listener takes sound at once. What comes earlier waits in the line.
    """

    def __init__(self, transport: "LineTransport") -> None:
        super().__init__(name="LineInput")
        self._transport = transport
        self._received = Received(transport.line.about.in_rate)
        self._keys = Keys()
        self._reading: asyncio.Task[None] | None = None
        self._pause: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case OutputTransportReadyFrame() if self._reading is None:
                self._reading = self.create_task(self._read(), "read the line")
                await self._transport.begun()
            case EndFrame() | CancelFrame():
                await self._stop()
            case _:
                pass
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        await self._stop()
        await super().cleanup()

    async def _stop(self) -> None:
        for task in (self._reading, self._pause):
            if task is not None:
                await self.cancel_task(task)
        self._reading = self._pause = None

    async def _read(self) -> None:
        ended = Ended("lost")
        try:
            async for event in self._transport.line.events():
                if isinstance(event, Ended):
                    ended = event
                else:
                    await self._take(event)
        except Exception as exc:  # noqa: BLE001 - the edge of a call
            logger.exception("the line failed")
            ended = Ended("lost", str(exc))
        await self._transport.ended(ended)

    async def _take(self, event: Event) -> None:
        match event:
            case Audio():
                self._transport.heard += 1
                rate = self._transport.line.about.in_rate
                if (sound := self._received.take(event)) and self.next is not None:
                    frame = InputAudioRawFrame(sound, rate, 1)
                    await self.next.queue_frame(frame, FrameDirection.DOWNSTREAM)
            case Dtmf():
                await self._pressed(event.digit)
            case Played():
                if (played := self._transport.place(event)) is not None:
                    await self.push_frame(played)
            case Held():
                self._transport.held = event.on
            case Transferred():
                if not event.done:
                    to = self._transport.transferring
                    await self.push_frame(LineFailed(Transfer(to), event.problem))
            case TransferAsked():
                logger.warning(f"the other side asks to be transferred to {event.to}: ignored")
            case Flow() | Reply() | Bad() | Started() | Ended():
                pass  # of the line itself
            case _:
                assert_never(event)

    # -- keys ------------------------------------------------------------------------------

    async def _pressed(self, digit: str) -> None:
        """A key is a caller's turn: the agent falls silent, and gets the digits as typed text."""
        if self._pause is None:
            await self.broadcast_interruption()
        else:
            await self.cancel_task(self._pause)
        self._pause = None
        if entry := self._keys.press(digit):
            await self._enter(entry)
        elif digit != "#":
            self._pause = self.create_task(self._wait_for_more(), "wait for keys")

    async def _wait_for_more(self) -> None:
        await asyncio.sleep(self._transport.digit_seconds)
        self._pause = None
        if entry := self._keys.rest():
            await self._enter(entry)

    async def _enter(self, entry: str) -> None:
        logger.info(f"the caller entered {len(entry)} digits")
        await self.push_frame(KeyedIn([{"role": "user", "content": entry}], run_llm=True))


class LineOutput(FrameProcessor):
    """Sends what the Speaker paces, marks it, and lets the line forget it when interrupted."""

    def __init__(self, transport: "LineTransport") -> None:
        super().__init__(name="LineOutput")
        self._transport = transport
        self._line = transport.line
        self._speaking = False
        self._sent = False  # sound, since the line was cleared
        self._holding: asyncio.Task[None] | None = None
        self._marked = (0, 0.0)  # the answer, and up to which place in it

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case StartFrame():
                await self.push_frame(frame, direction)
                await self.push_frame(OutputTransportReadyFrame(), FrameDirection.UPSTREAM)
                return
            case OutputAudioRawFrame():
                await self._play(frame)
                return
            case OutputTransportMessageFrame() | OutputTransportMessageUrgentFrame():
                return  # a telephone shows nothing
            case InterruptionFrame():
                if self._sent:  # else every word of the caller would cost a message
                    self._sent = False
                    self._transport.flushes += 1
                    await self._line.clear()
                await self._falls_silent()
            case TTSStoppedFrame():
                await self._line.flush()
                await self._falls_silent()
            case LineDoes():
                await self._do(frame)
            case EndFrame():
                await self._line.hang_up()
            case _:
                pass
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        await self._leave_hold()
        await super().cleanup()

    async def _do(self, frame: LineDoes) -> None:
        command = frame.command
        try:
            match command:
                case Transfer():
                    self._transport.transferring = command.to
                    await self._line.transfer(command.to)
                case SendKeys():
                    await self._line.send_dtmf(command.keys)
                case Hold():
                    await self._leave_hold()
                    if "hold" in self._line.abilities:
                        await self._line.hold(True)
                        self._holding = self.create_task(self._hold(command.seconds), "hold")
                case _:
                    assert_never(command)
        except NotOnThisWire as exc:
            await self.push_frame(LineFailed(command, str(exc)), FrameDirection.UPSTREAM)

    async def _hold(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._line.hold(False)

    async def _leave_hold(self) -> None:
        task, self._holding = self._holding, None
        if task is not None:
            await self.cancel_task(task)

    async def _play(self, frame: OutputAudioRawFrame) -> None:
        if not self._speaking:
            self._speaking = True
            await self.broadcast_frame(BotStartedSpeakingFrame)
        self._sent = True
        await self._line.play(frame.audio)
        if isinstance(frame, AgentAudio) and "marks" in self._line.abilities:
            answer, place = self._marked
            if frame.answer != answer or not place <= frame.ends < place + MARK:
                self._marked = frame.answer, frame.ends
                await self._line.mark(self._transport.mark(frame.answer, frame.ends))

    async def _falls_silent(self) -> None:
        if self._speaking:
            self._speaking = False
            await self.broadcast_frame(BotStoppedSpeakingFrame)


class LineTransport(BaseTransport):
    """Events: "on_client_connected" when the call can begin, "on_client_disconnected" with the
    line's Ended, both as pipecat's transports have them.

    `line` needs the ability "clear", see voice.phone.paced.
    """

    def __init__(self, line: Line, *, digit_seconds: float) -> None:
        super().__init__()
        self.line = line
        self.digit_seconds = digit_seconds
        self.heard = 0  # packets of sound received
        self.transferring = ""  # to whom, last
        self.held = False  # by the other side
        self.flushes = 0  # marks sent before one come back, and say nothing of what was heard
        self._input = LineInput(self)
        self._output = LineOutput(self)
        self._register_event_handler("on_client_connected")
        self._register_event_handler("on_client_disconnected")

    def input(self) -> FrameProcessor:
        return self._input

    def output(self) -> FrameProcessor:
        return self._output

    async def begun(self) -> None:
        await self._call_event_handler("on_client_connected", self.line)

    async def ended(self, ended: Ended) -> None:
        await self._call_event_handler("on_client_disconnected", ended)

    def mark(self, answer: int, place: float) -> str:
        """The name of a mark: a carrier gives it back, so that nothing has to be kept."""
        return f"{answer}-{round(1000 * place)}-{self.flushes}"

    def place(self, played: Played) -> PlayedBack | None:
        """What a mark says of the answer, if it was played and not forgotten."""
        parts = played.mark.split("-")
        if len(parts) != 3 or not all(part.isdecimal() for part in parts):
            return None
        answer, ms, flushes = map(int, parts)
        if played.cleared or flushes != self.flushes:
            return None
        return PlayedBack(answer, ms / 1000, plays_on=True)
