"""The questions of the bench, spoken by voices that are not the agent's."""

import hashlib
import itertools
import re
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter

from voice.audiofile import write_wav
from voice.models import cache_root, model_path
from voice.speak.kokoro import Kokoro

RATE = 16000
PAUSE = 0.4  # s, a "|" in a question: longer than any pause between two words
VOICES = ("af_heart", "am_michael", "bf_emma", "am_adam", "af_bella", "bm_george", "af_nicole")
SPEAKER = "kokoro-82m"
_FILE = Path(__file__).with_name("questions.yaml")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    written: str = ""
    expect: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    text: str  # "|" is a pause
    written: tuple[str, ...]  # what a right transcript may be
    expect: str  # a regular expression; empty: any answer will do
    voice: str

    @property
    def shown(self) -> str:
        return self.text.replace("|", "…")


def questions(count: int, not_voice: str = "") -> list[Question]:
    """The first `count`, from the start again when there are fewer; voices take turns.

    `not_voice` is the agent's own, which no caller has.
    """
    entries = TypeAdapter(list[_Entry]).validate_python(yaml.safe_load(_FILE.read_text("utf-8")))
    voices = [voice for voice in VOICES if voice != not_voice]
    found: list[Question] = []
    for i, entry in enumerate(itertools.islice(itertools.cycle(entries), count)):
        plain = " ".join(entry.text.replace("|", " ").split())
        written = tuple(text for text in (plain, entry.written) if text)
        found.append(Question(entry.text, written, entry.expect, voices[i % len(voices)]))
    return found


class SpokenQuestions:
    """Speech of the questions, 16 kHz int16, kept in the cache: synthesis takes 0.3x real time."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or cache_root() / "bench"
        self._kokoro: Kokoro | None = None

    def have(self, asked: Sequence[Question]) -> bool:
        """Whether all of them have been spoken before."""
        return all(self._path(question).is_file() for question in asked)

    def speak(
        self, asked: Sequence[Question], each: Callable[[], None] = lambda: None
    ) -> list[NDArray[np.int16]]:
        """Raises ModelMissing or SpeechError when a question is new and Kokoro is not here."""
        spoken: list[NDArray[np.int16]] = []
        self._folder.mkdir(parents=True, exist_ok=True)
        for question in asked:
            path = self._path(question)
            if not path.is_file():
                part = path.with_suffix(".part")  # a run that is interrupted leaves no half file
                write_wav(part, self._synthesize(question), RATE)
                part.replace(path)
            with wave.open(str(path), "rb") as file:
                spoken.append(np.frombuffer(file.readframes(file.getnframes()), "<i2"))
            each()
        if self._kokoro is not None:
            self._kokoro.close()
            self._kokoro = None
        return spoken

    def _path(self, question: Question) -> Path:
        key = f"{SPEAKER} {question.voice} {PAUSE} {question.text}"
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.wav"

    def _synthesize(self, question: Question) -> NDArray[np.int16]:
        if self._kokoro is None:
            self._kokoro = Kokoro(model_path(SPEAKER), threads=2)
        pause = np.zeros(round(PAUSE * self._kokoro.sample_rate), np.int16)
        parts: list[NDArray[np.int16]] = []
        for text in re.split(r"\s*\|\s*", question.text):
            parts += [pause] if parts else []
            parts += [part.audio for part in self._kokoro.speak(text, voice=question.voice)]
        # as loud as people speak on a good line: peaks at half of full scale
        audio = soxr.resample(np.concatenate(parts), self._kokoro.sample_rate, RATE)
        peak = np.abs(audio.astype(np.float64)).max()
        return (audio * (16384 / peak)).astype(np.int16)
