"""The first seconds of a call that we made: who picked up, before anything is said.

What was said then is not heard again by the agent: its opening is the answer to "Hello?", and a
turn before it would keep the opening, with its disclosure, from being said first.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from telephony.events import Audio, Event
from telephony.line import Line
from telephony.outbound.machines import PAUSE, Answerer, Beep, Heard, who
from voice.listen.listener import Ears
from voice.listen.vad import WINDOW
from voice.phone.around import LineAround

RATE = 16000  # Hz, of the models
LONGEST = 15.0  # s listened at most; then it is taken for a machine
READ_AGAIN = 1.5  # s of speech between two readings of a long greeting


@dataclass(frozen=True, slots=True)
class PickedUp:
    who: Answerer
    text: str  # what was understood of it
    seconds: float  # of audio, until it was known


class HeardLine(LineAround):
    """A line whose first sound was heard already; keys and the like come again, then the rest."""

    def __init__(self, line: Line, early: list[Event], later: AsyncIterator[Event]) -> None:
        super().__init__(line)
        self._early, self._later = early, later

    async def events(self) -> AsyncGenerator[Event]:
        for event in self._early:
            yield event
        async for event in self._later:
            yield event


class _Listening:
    """The audio since the answer, as the models have it."""

    def __init__(self, ears: Ears, rate: int) -> None:
        self._ears = ears
        self._stream = ears.detector.stream()
        self._resample = soxr.ResampleStream(rate, RATE, 1, dtype="float32")
        self._beep = Beep(RATE)
        self._pending: NDArray[np.float32] = np.zeros(0, np.float32)
        self._audio: list[NDArray[np.float32]] = []
        self._text = ""
        self._read_at = 0.0  # s of speech when it was read last
        self.seconds = self._speech = self._silence = 0.0
        self._tone = False

    async def hear(self, samples: bytes) -> Answerer | None:
        pcm = np.frombuffer(samples, "<i2").astype(np.float32) / 32768
        fresh = self._resample.resample_chunk(pcm)
        self._audio.append(fresh)
        self._tone = self._tone or self._beep.step(fresh)
        audio = np.concatenate([self._pending, fresh])
        whole = len(audio) // WINDOW * WINDOW
        self._pending = audio[whole:]
        windows = audio[:whole].reshape(-1, WINDOW)
        if not len(windows):
            return None
        for probability in await self._ears.judging.run(
            lambda: [self._stream.step(window) for window in windows]
        ):
            self.seconds += WINDOW / RATE
            if probability >= 0.5:
                self._speech, self._silence = self._speech + WINDOW / RATE, 0.0
            else:
                self._silence += WINDOW / RATE
        return await self._judge()

    async def _judge(self) -> Answerer | None:
        paused = self._silence >= PAUSE
        more = self._speech - self._read_at
        if (paused and more > 0) or more >= READ_AGAIN:
            audio = np.concatenate(self._audio)
            transcript = await self._ears.transcribing.run(
                lambda: self._ears.transcriber.transcribe(audio)
            )
            self._text, self._read_at = transcript.text, self._speech
        return who(Heard(self._text, self._speech, self._silence, self._tone))

    @property
    def text(self) -> str:
        return self._text


async def picked_up(line: Line, ears: Ears) -> tuple[PickedUp, Line]:
    """Listen until it is known who answers; the line as it goes on from there."""
    listening = _Listening(ears, line.about.in_rate)
    early: list[Event] = []
    found: Answerer = "nobody"
    events = line.events()
    async for event in events:
        if isinstance(event, Audio):
            known = await listening.hear(event.samples)
            if known or listening.seconds >= LONGEST:
                found = known or "machine"
                break
        else:
            early.append(event)
    return PickedUp(found, listening.text, listening.seconds), HeardLine(line, early, events)
