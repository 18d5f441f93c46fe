"""The websocket transport with a shorter way for the caller's audio: 50 frames a second a call."""

from fastapi import WebSocket
from pipecat.frames.frames import InputAudioRawFrame
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketInputTransport,
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)


class WireInput(FastAPIWebsocketInputTransport):
    """Hands audio to the next processor from the task that reads the socket.

    pipecat puts each frame in a queue with a task and a timeout of its own (for filters, which we
    have none of) and shows it to every observer, each with a queue and a task: twice the work of
    all the rest but the speech detector. No observer of ours looks at raw audio.
    """

    async def push_audio_frame(self, frame: InputAudioRawFrame) -> None:
        if self.next is not None and not self._paused:
            await self.next.queue_frame(frame, FrameDirection.DOWNSTREAM)

    def _create_audio_task(self) -> None:
        """Nothing waits in that queue."""


class WireTransport(FastAPIWebsocketTransport):
    def __init__(self, websocket: WebSocket, params: FastAPIWebsocketParams) -> None:
        super().__init__(websocket, params)
        self._input = WireInput(self, self._client, self._params)
