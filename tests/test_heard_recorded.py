"""What the agent remembers as heard against the sound that the phone recorded, word by word."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pipecat.frames.frames import TTSAudioRawFrame
from pipecat.processors.frameworks.rtvi.frames import RTVIClientMessageFrame

from tests.paper import RATE, PaperCall
from voice.bench.interruptions_memory import Memory, Told, compared
from voice.models import model_path
from voice.speak.piper import Piper
from voice.speak.synthesizer import Spoken

STORY = (
    "one river ran by seven old extraordinary houses, where people sat. nobody ever knew how the "
    "unbelievably small boat came to us, or who had left it there on that cold morning"
)
WORDS: Sequence[str] = STORY.split()
TALE = (
    "One river ran by seven old houses. Nobody knew how the small boat came to us, or who had left "
    "it there on that cold morning: the children found it first, and they told everybody."
)
LEVEL, STEP = 2000, 100  # of the samples that are a word, so that the recording can be read


class LevelMouth:
    """Every word is a tone whose level names it, 40 ms a letter; says where its words end."""

    name, sample_rate, voices = "levels", RATE, ()

    def speak(self, text: str, *, voice: str = "", speed: float = 1.0) -> Iterator[Spoken]:
        sounds = [_sound(word) for word in text.split()]
        ends = tuple(np.cumsum([len(sound) for sound in sounds]) / RATE)
        sizes = tuple(len(word) for word in text.split())
        yield Spoken(np.concatenate(sounds), tuple(float(end) for end in ends), sizes)

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


def _sound(word: str) -> NDArray[np.int16]:
    level = LEVEL + STEP * WORDS.index(word)
    return np.full(round(0.04 * RATE) * len(word), level, np.int16)


class RecordingCall(PaperCall):
    """A phone that records; with a `delay` it is a client that plays later and acknowledges."""

    def __init__(self, delay: float | None, mouth: Any = None, story: str = STORY) -> None:
        super().__init__({"tell it again": [story]}, think=0.1)
        self.mouth: Any = mouth or LevelMouth()
        self.delay = delay
        self.heard_sound: list[
            tuple[float, NDArray[np.int16]]
        ] = []  # when, samples; of all answers
        self.place: list[tuple[int, float, float]] = []  # answer, its place, when that is played
        self.answer = 0
        self.cursor = 0.0
        self.acknowledging: list[asyncio.Task[None]] = []

    def play(self, now: float, frame: TTSAudioRawFrame) -> None:
        super().play(now, frame)
        samples = np.frombuffer(frame.audio, np.int16)
        start = max(now + (self.delay or 0.0), self.cursor)
        self.cursor = start + len(samples) / RATE
        self.heard_sound.append((start, samples))

    def flush(self, now: float) -> None:
        super().flush(now)
        kept = [(start, samples) for start, samples in self.heard_sound if start < now]
        self.heard_sound = [
            (start, samples[: max(0, round((now - start) * RATE))]) for start, samples in kept
        ]
        self.cursor = min(self.cursor, now)
        if self.delay is not None and self.answer:
            self._acknowledge(now, flushed=True)

    def told(self, now: float, data: dict[str, Any]) -> None:
        super().told(now, data)
        if data["t"] == "answer":
            self.answer = data["answer"]
            self.begun, self.skew = len(self.heard_sound), 0.0
        elif data["t"] == "goes_on":
            self.skew += data["from_ms"] / 1000 - self._played(now)
        elif data["t"] == "latency" and self.delay is not None:
            task = asyncio.get_running_loop().create_task(self._report(), name="acknowledgements")
            self.acknowledging.append(task)

    async def _report(self) -> None:
        answer = self.answer
        for _ in range(60):
            await asyncio.sleep(0.2)
            if self.answer != answer:
                return
            self._acknowledge(asyncio.get_running_loop().time(), flushed=False)

    def _acknowledge(self, now: float, *, flushed: bool) -> None:
        data = {"answer": self.answer, "ms": 1000 * self._played(now), "flushed": flushed}
        message = RTVIClientMessageFrame("1", "played", data)
        sending = asyncio.get_running_loop().create_task(self.worker.queue_frame(message))
        self.acknowledging.append(sending)

    def _played(self, now: float) -> float:
        chunks = self.heard_sound[self.begun :]
        return self.skew + sum(min(len(s) / RATE, max(0.0, now - a)) for a, s in chunks)


def sound_of(call: RecordingCall, begin: float, end: float) -> NDArray[np.int16]:
    """What was played between two times, one chunk after the other."""
    chunks = [samples for start, samples in call.heard_sound if begin <= start < end]
    return np.concatenate(chunks or [np.zeros(0, np.int16)])


def recorded(call: RecordingCall, begin: float, end: float) -> list[str]:
    """The words whose whole sound is in the recording between two times, in the story's order."""
    sound = sound_of(call, begin, end)
    words: list[str] = []
    for word in WORDS:
        level = LEVEL + STEP * WORDS.index(word)
        runs = np.diff(np.flatnonzero(np.concatenate([[True], sound != level, [True]]))) - 1
        if runs.max() / RATE >= 0.04 * len(word) - 0.002:
            words.append(word)
    return words


def interrupted(call: RecordingCall, seed: int) -> list[float]:
    """Asks for the story, interrupts it ten times, hums now and then; when each was asked for."""
    random = np.random.default_rng(seed)
    at, asked = 0.5, [0.5]
    call.says("tell it again", at=at, seconds=0.8)
    for _ in range(9):
        if random.random() < 0.4:  # a false alarm first
            at += float(random.uniform(2.0, 3.0))
            call.says("mm-hmm", at=at, seconds=0.4)
        at += float(random.uniform(2.2, 4.0))
        asked.append(at)
        call.says("tell it again", at=at, seconds=0.8)
    call.run(at + 12)
    assert call.left == []
    assert len(call.conversation.heard_lines) == len(asked)
    return asked


@pytest.mark.parametrize("delay", [None, 0.05, 0.2])
@pytest.mark.parametrize("seed", range(5))
def test_what_is_remembered_is_what_was_recorded(delay: float | None, seed: int):
    call = RecordingCall(delay)
    asked = interrupted(call, seed)
    wrong = 0
    ends = [*asked[1:], asked[-1] + 12]
    for line, begin, end in zip(call.conversation.heard_lines, asked, ends, strict=True):
        assert STORY.startswith(line)
        played = recorded(call, begin + 0.8, end + 0.8)
        remembered = line.split()
        # of a clause's last word, the last 30 ms count as its fade-out
        wrong += remembered != played and remembered != [*played, *remembered[-1:]]
    assert wrong == 0


@pytest.fixture(scope="module")
def piper() -> Iterator[Piper]:
    synthesizer = Piper(model_path("piper-joe"))
    yield synthesizer
    synthesizer.close()


@pytest.mark.models
@pytest.mark.parametrize("delay", [None, 0.05, 0.2])
@pytest.mark.parametrize("seed", range(4))
def test_what_is_remembered_is_what_a_real_voice_has_said(
    piper: Piper, delay: float | None, seed: int
):
    """Nine interrupted answers each, 108 in all, judged by the samples that the phone played."""
    call = RecordingCall(delay, piper, TALE)
    asked = interrupted(call, seed)
    told = whole(call, asked[-1])
    heard = call.conversation.heard_lines
    assert heard[-1] == TALE
    wrong: list[Memory] = []
    for line, begin, end in zip(heard, asked, asked[1:], strict=False):
        memory = compared(sound_of(call, begin + 0.8, end + 0.8), line, told, RATE)
        assert 0 < memory.played_ms < 1000 * len(told.sound) / RATE
        if memory.not_played or memory.not_heard:
            wrong.append(memory)
    assert wrong == []


def whole(call: RecordingCall, asked: float) -> Told:
    """The last answer, which nobody interrupted."""
    clauses = [clause for clause in call.said("clause") if clause["answer"] == call.answer]
    ends = tuple(round(ms * RATE / 1000) for clause in clauses for ms in clause["ends_ms"])
    return Told(tuple(TALE.split()), sound_of(call, asked + 0.8, 1e9), ends)
