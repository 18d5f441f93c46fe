"""The page's wire: binary frames are PCM16LE mono, text frames are RTVI JSON messages."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputTransportMessageFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
)
from pipecat.serializers.base_serializer import FrameSerializer

RATES = range(8000, 48001)
LONGEST_FRAME = 2.0  # s of audio in one message
LONGEST_TEXT = 64 * 1024  # characters of one message; typed text is a few hundred
PATIENCE = 10  # bad frames before the call is ended

Received = InputAudioRawFrame | InputTransportMessageFrame
Complain = Callable[[str], Awaitable[None]]
HangUp = Callable[[int, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame that cannot be used: what is wrong, and the close code if it goes on."""

    problem: str
    code: int


def read(
    data: str | bytes, rate: int
) -> InputAudioRawFrame | InputTransportMessageFrame | BadFrame:
    """One message of the client; never raises."""
    if isinstance(data, bytes):
        return _read_audio(data, rate)
    if len(data) > LONGEST_TEXT:
        return BadFrame(f"a text frame of {len(data)} characters; {LONGEST_TEXT} at most", 1009)
    try:
        message: object = json.loads(data)
    except (ValueError, RecursionError):
        return BadFrame("a text frame that is not JSON; text frames are RTVI messages", 1003)
    if not _is_message(message):
        return BadFrame('not an RTVI message: it needs {"label": "rtvi-ai", "type": …}', 1003)
    # pipecat's model insists on an id; messages that expect no answer need none
    return InputTransportMessageFrame(message={"id": "", **message})


def _read_audio(data: bytes, rate: int) -> InputAudioRawFrame | BadFrame:
    if not data:
        return BadFrame("an empty audio frame", 1007)
    if len(data) % 2:
        return BadFrame(f"an audio frame of {len(data)} bytes: PCM16 needs an even number", 1007)
    if len(data) > 2 * rate * LONGEST_FRAME:
        return BadFrame(f"an audio frame of more than {LONGEST_FRAME:.0f} s", 1009)
    return InputAudioRawFrame(audio=data, sample_rate=rate, num_channels=1)


def _is_message(message: object) -> TypeGuard[dict[str, Any]]:
    return (
        isinstance(message, dict)
        and message.get("label") == "rtvi-ai"
        and isinstance(message.get("type"), str)
        and isinstance(message.get("data", {}), dict | None)
        and isinstance(message.get("id", ""), str)
    )


class WireSerializer(FrameSerializer):
    """Between pipecat's frames and the wire; counts bad frames and ends the call at PATIENCE."""

    def __init__(self, rate: int, complain: Complain, hang_up: HangUp) -> None:
        super().__init__(FrameSerializer.InputParams(ignore_rtvi_messages=False))
        self._rate = rate
        self._complain = complain
        self._hang_up = hang_up
        self._bad = 0
        self.received = 0  # messages, so that an idle client can be told

    async def serialize(self, frame: Frame) -> str | bytes | None:
        match frame:
            case OutputAudioRawFrame():
                return frame.audio
            case OutputTransportMessageFrame() | OutputTransportMessageUrgentFrame():
                return json.dumps(frame.message, ensure_ascii=False)
            case _:
                return None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        self.received += 1
        match read(data, self._rate):
            case BadFrame() as bad:
                self._bad += 1
                if self._bad >= PATIENCE:
                    await self._hang_up(bad.code, bad.problem)
                else:
                    await self._complain(f"Not understood: {bad.problem}.")
                return None
            case frame:
                return frame
