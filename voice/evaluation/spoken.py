"""Callers who speak: their lines in Kokoro's voices, as the transcriber hears them."""

import asyncio
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from agents.evals.suite import Suite
from voice.bench.latency import progress_bar
from voice.bench.questions import SPEAKER, VOICES, Question, SpokenQuestions
from voice.config import Config
from voice.listen.whisper import Transcriber
from voice.models import fetch, model_path


class Speech:
    """Speaks a line and hears it again. A line has the same voice in every run."""

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber
        self._questions = SpokenQuestions()
        self._heard: dict[str, str] = {}

    @classmethod
    def of(cls, config: Config, suites: Sequence[Suite], console: Console) -> "Speech":
        """Load the transcriber, and speak all that callers of these suites can say.

        Raises ModelError, SpeechError, TranscriberError.
        """
        wanted = config.transcriber
        fetch([wanted.model, SPEAKER], console=console)
        made = cls(
            Transcriber(
                model_path(wanted.model),
                device=wanted.device,
                compute_type=wanted.compute_type,
                language=wanted.language,
                threads=wanted.threads,
                hotwords=", ".join(wanted.vocabulary),
            )
        )
        lines = dict.fromkeys(line for suite in suites for line in _lines(suite))
        made.speak(list(lines), console)
        return made

    def speak(self, lines: Sequence[str], console: Console) -> None:
        """Synthesize the lines that were never spoken before; they are kept in the cache."""
        asked = [_question(line) for line in lines]
        new = [question for question in asked if not self._questions.have([question])]
        with progress_bar(console) as progress:
            task = progress.add_task("speaking", total=len(new), visible=bool(new))
            self._questions.speak(new, lambda: progress.advance(task))

    async def hear(self, line: str) -> str:
        """What the transcriber makes of the spoken line."""
        if line not in self._heard:
            self._heard[line] = await asyncio.to_thread(self._recognize, line)
        return self._heard[line]

    def _recognize(self, line: str) -> str:
        (spoken,) = self._questions.speak([_question(line)])
        return self._transcriber.transcribe(_floats(spoken)).text

    def close(self) -> None:
        self._transcriber.close()


def _question(line: str) -> Question:
    voice = VOICES[zlib.crc32(line.encode()) % len(VOICES)]
    return Question(line, (), "", voice)


def _floats(spoken: NDArray[np.int16]) -> NDArray[np.float32]:
    return np.multiply(spoken, 1 / 32768, dtype=np.float32)


def _lines(suite: Suite) -> list[str]:
    """What the suite's scripted callers can say."""
    return [
        line
        for case in suite.cases
        for line in (
            *case.lines,
            *(answer for answers in case.says.values() for answer in answers),
            *case.instead.values(),
            "no",
            "i don't know",
        )
    ]
