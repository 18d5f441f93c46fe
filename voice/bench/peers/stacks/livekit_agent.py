"""LiveKit's AgentSession with its own defaults (bundled VAD, local turn detector, endpointing) and
local plugins for faster-whisper and Piper; the caller's sound comes and goes by an AudioInput and
an AudioOutput: no server, no room, no key. Run by the peer's own Python.

Its turn detector's licence allows it inside LiveKit Agents only, which is where it runs.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections import deque

import numpy as np
import wire
from aiohttp import WSMsgType, web
from faster_whisper import WhisperModel
from livekit import rtc
from livekit.agents import Agent, AgentSession, inference, stt, tts, utils
from livekit.agents.voice import io
from livekit.plugins import openai
from piper import PiperVoice

SETUP = wire.setup()
_AHEAD = 0.06  # s of sound on the wire before it plays: three frames
_NO_SPEECH = 0.4  # the probability from which a segment is not speech, as in pipecat's service


class Whisper(stt.STT):
    """faster-whisper with its own defaults (30 s, beam 5)."""

    def __init__(self, folder: str) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._model = WhisperModel(folder, device="cpu")

    async def _recognize_impl(self, buffer, *, language, conn_options):
        frame = utils.merge_frames(buffer)
        assert frame.sample_rate == wire.RATE_IN
        audio = np.frombuffer(frame.data, np.int16).astype(np.float32) / 32768

        def work() -> str:
            segments, _ = self._model.transcribe(audio, language="en")
            return " ".join(s.text.strip() for s in segments if s.no_speech_prob < _NO_SPEECH)

        text = await asyncio.to_thread(work)
        return stt.SpeechEvent(
            type=stt.SpeechEventType.FINAL_TRANSCRIPT,
            alternatives=[stt.SpeechData(language="en", text=text)],
        )


class Piper(tts.TTS):
    def __init__(self, path: str) -> None:
        self.voice = PiperVoice.load(path)
        assert self.voice.config.sample_rate == wire.RATE_OUT
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False),
            sample_rate=wire.RATE_OUT,
            num_channels=1,
        )

    def synthesize(self, text, *, conn_options):
        return _PiperStream(tts=self, input_text=text, conn_options=conn_options)


class _PiperStream(tts.ChunkedStream):
    async def _run(self, output_emitter) -> None:
        output_emitter.initialize(
            request_id=uuid.uuid4().hex,
            sample_rate=wire.RATE_OUT,
            num_channels=1,
            mime_type="audio/pcm",
        )
        chunks = iter(self._tts.voice.synthesize(self.input_text))
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            output_emitter.push(chunk.audio_int16_bytes)
        output_emitter.flush()


class Microphone(io.AudioInput):
    def __init__(self) -> None:
        super().__init__(label="wire")
        self._frames = utils.aio.Chan[rtc.AudioFrame]()

    def hears(self, pcm: bytes) -> None:
        self._frames.send_nowait(rtc.AudioFrame(pcm, wire.RATE_IN, 1, len(pcm) // 2))

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._frames.__anext__()


class Loudspeaker(io.AudioOutput):
    """Sends sound as it plays, 20 ms at a time, and tells the session when a segment began and
    ended, exactly once each: it waits for that."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        super().__init__(
            label="wire",
            capabilities=io.AudioOutputCapabilities(pause=True),
            sample_rate=wire.RATE_OUT,
        )
        self._socket = socket
        self._queue: deque[bytes | None] = deque()  # None: the segment's end
        self._more = asyncio.Event()
        self._playing = asyncio.Event()  # not paused
        self._playing.set()
        self._segments = 0  # captured and not reported as finished
        self._capturing = False
        self._sent = 0.0  # s of the segment that plays
        self._cursor = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._capturing:
            self._capturing = True
            self._segments += 1
        pcm, step = bytes(frame.data.cast("B")), wire.RATE_OUT // 50 * 2
        self._queue.extend(pcm[i : i + step] for i in range(0, len(pcm), step))
        self._more.set()

    def flush(self) -> None:
        super().flush()
        if self._capturing:
            self._capturing = False
            self._queue.append(None)
            self._more.set()

    def clear_buffer(self) -> None:
        self._queue.clear()
        self._capturing = False
        self._cursor = time.monotonic()
        while self._segments:
            self._finish(interrupted=True)

    def pause(self) -> None:
        super().pause()
        self._playing.clear()

    def resume(self) -> None:
        super().resume()
        self._playing.set()

    def _finish(self, *, interrupted: bool) -> None:
        played, self._sent = self._sent, 0.0
        self._segments -= 1
        self.on_playback_finished(playback_position=played, interrupted=interrupted)

    async def play(self) -> None:
        while True:
            await self._playing.wait()
            if not self._queue:
                self._more.clear()
                await self._more.wait()
                continue
            ahead = self._cursor - time.monotonic()
            if ahead > (0 if self._queue[0] is None else _AHEAD):
                await asyncio.sleep(0.005)
                continue
            pcm = self._queue.popleft()
            if pcm is None:
                self._finish(interrupted=False)
                continue
            if not self._sent:
                self.on_playback_started(created_at=time.time())
            seconds = len(pcm) / 2 / wire.RATE_OUT
            self._sent += seconds
            self._cursor = max(time.monotonic(), self._cursor) + seconds
            with contextlib.suppress(ConnectionError):
                await self._socket.send_bytes(pcm)


class Reporter:
    """Tells the client what was understood and when an answer begins and ends."""

    def __init__(self, session: AgentSession, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._number, self._open, self._text = 0, False, ""
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()  # a line a turn: it stays short
        session.on("user_input_transcribed", self._understood)
        session.on("agent_state_changed", self._state)
        session.on("conversation_item_added", self._said)

    async def run(self) -> None:
        while True:
            text = await self._outgoing.get()
            with contextlib.suppress(ConnectionError):
                await self._socket.send_str(text)

    def _understood(self, event) -> None:
        if event.is_final:
            self._outgoing.put_nowait(wire.transcript(event.transcript))

    def _state(self, event) -> None:
        busy = event.new_state in ("thinking", "speaking")
        if busy and not self._open:
            self._number, self._text = self._number + 1, ""
            self._outgoing.put_nowait(wire.answer(self._number))
        if self._open and not busy:
            self._outgoing.put_nowait(wire.heard(self._number, self._text))
        self._open = busy

    def _said(self, event) -> None:
        if getattr(event.item, "role", None) == "assistant":  # comes before or after its end
            self._text = event.item.text_content or ""
            if self._number and not self._open:
                self._outgoing.put_nowait(wire.heard(self._number, self._text))


async def call(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    vad = inference.VAD()
    session = AgentSession(
        stt=stt.StreamAdapter(stt=request.app["whisper"], vad=vad),
        vad=vad,
        llm=openai.LLM(
            model="local",
            base_url=SETUP.llm,
            api_key="none",
            temperature=0,
            extra_body={"max_tokens": SETUP.max_tokens},
        ),
        tts=request.app["piper"],
        user_away_timeout=None,
    )
    microphone, loudspeaker, reporter = (
        Microphone(),
        Loudspeaker(socket),
        Reporter(session, socket),
    )
    session.input.audio, session.output.audio = microphone, loudspeaker
    tasks = [asyncio.create_task(loudspeaker.play()), asyncio.create_task(reporter.run())]
    await session.start(Agent(instructions=SETUP.instructions))
    await socket.send_str(wire.call())
    session.say(SETUP.greeting)
    async for message in socket:
        if message.type == WSMsgType.BINARY:
            microphone.hears(message.data)
    for task in tasks:
        task.cancel()
    await session.aclose()
    return socket


async def main() -> None:
    app = web.Application()
    app["whisper"], app["piper"] = Whisper(SETUP.whisper), Piper(SETUP.voice)
    app.router.add_get("/ws", call)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    wire.ready(site._server.sockets[0].getsockname()[1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main())
