"""Pipecat's local voice agent as its own documentation builds it: Silero, smart-turn v3 (its
default), WhisperSTTService, OpenAILLMService, PiperTTSService, over its websocket transport.

Only the serializer and what the observer reports are the bench's. Run by the peer's own Python.
"""

import asyncio
import contextlib
import socket
from collections import deque
from pathlib import Path

import uvicorn
import wire
from fastapi import FastAPI, WebSocket
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    AudioRawFrame,
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSSpeakFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.piper.tts import PiperTTSService
from pipecat.services.whisper.stt import WhisperSTTService
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)
from pipecat.workers.runner import WorkerRunner
from starlette.websockets import WebSocketDisconnect

SETUP = wire.setup()
_SOUND_FOLLOWS = 2.0  # s after the LLM's last word in which its sound begins

app = FastAPI()


class Pcm(FrameSerializer):
    async def serialize(self, frame: Frame) -> str | bytes | None:
        if isinstance(frame, InterruptionFrame):
            return wire.interrupted(0)
        return frame.audio if isinstance(frame, AudioRawFrame) else None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        if isinstance(data, str):
            return None
        return InputAudioRawFrame(audio=data, sample_rate=wire.RATE_IN, num_channels=1)


class Reporter(BaseObserver):
    """Tells the client what was understood and when an answer begins and ends."""

    def __init__(self, websocket: WebSocket) -> None:
        super().__init__()
        self._websocket = websocket
        # a frame is seen once for each of the 7 processors that it passes, within ms
        self._seen: deque[int] = deque(maxlen=512)
        self._number, self._open, self._text = 0, False, ""
        self._written, self._speaking = False, False
        self._closing: asyncio.Task[None] | None = None

    async def on_push_frame(self, data: FramePushed) -> None:
        frame = data.frame
        if frame.id in self._seen:
            return
        match frame:
            case TranscriptionFrame():
                await self._send(wire.transcript(frame.text))
            case LLMFullResponseStartFrame():
                await self._close()
                self._number += 1
                self._open, self._text, self._written = True, "", False
                await self._send(wire.answer(self._number))
            case LLMTextFrame():
                self._text += frame.text
            case LLMFullResponseEndFrame():
                self._written = True
                if not self._speaking:
                    self._closing = asyncio.create_task(self._close_silent(self._number))
            case BotStartedSpeakingFrame():
                self._speaking = True
            case BotStoppedSpeakingFrame():
                self._speaking = False
                if self._written:
                    await self._close()
            case InterruptionFrame():
                await self._close()
            case _:
                return
        self._seen.append(frame.id)

    async def _close_silent(self, number: int) -> None:
        await asyncio.sleep(_SOUND_FOLLOWS)
        if number == self._number and not self._speaking:
            await self._close()

    async def _close(self) -> None:
        if self._open:
            self._open = False
            await self._send(wire.heard(self._number, self._text))

    async def _send(self, text: str) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the caller has hung up
            await self._websocket.send_text(text)


@app.websocket("/ws")
async def call(websocket: WebSocket) -> None:
    await websocket.accept()
    transport = FastAPIWebsocketTransport(
        websocket,
        FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=Pcm()),
    )
    stt = WhisperSTTService(device="cpu", settings=WhisperSTTService.Settings(model=SETUP.whisper))
    llm = OpenAILLMService(
        api_key="none",
        base_url=SETUP.llm,
        settings=OpenAILLMService.Settings(
            model="local",
            system_instruction=SETUP.instructions,
            temperature=0,
            max_tokens=SETUP.max_tokens,
        ),
    )
    voice = Path(SETUP.voice)
    tts = PiperTTSService(
        download_dir=voice.parent, settings=PiperTTSService.Settings(voice=voice.stem)
    )
    user, assistant = LLMContextAggregatorPair(
        LLMContext(), user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
    )
    pipeline = Pipeline([transport.input(), stt, user, llm, tts, transport.output(), assistant])
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(
            audio_in_sample_rate=wire.RATE_IN, audio_out_sample_rate=wire.RATE_OUT
        ),
        observers=[Reporter(websocket)],
        enable_rtvi=False,
    )

    @transport.event_handler("on_client_connected")
    async def _connected(_transport: object, _client: object) -> None:
        await websocket.send_text(wire.call())
        await worker.queue_frames([TTSSpeakFrame(SETUP.greeting)])

    @transport.event_handler("on_client_disconnected")
    async def _gone(_transport: object, _client: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


async def main() -> None:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()  # callers who come before the server runs wait
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    wire.ready(listening.getsockname()[1])
    await server.serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(main())
