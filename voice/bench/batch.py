"""`openline bench batch`: recordings to text, beside faster-whisper on the same weights."""

import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import jiwer
from faster_whisper import BatchedInferencePipeline, WhisperModel
from rich.console import Console
from rich.table import Table
from whisper_normalizer.english import EnglishTextNormalizer

from voice.bench.batch_picture import draw
from voice.listen.weights import Weights
from voice.models import fetch, model_path
from voice.recordings.inputs import ENDINGS
from voice.recordings.reading import read_sound
from voice.recordings.recognizer import Recognizer
from voice.recordings.run import cores
from voice.recordings.scribe import Quality, Scribe

OURS = "openline"
_QUALITIES: tuple[Quality, ...] = ("fast", "balanced", "best")
_Read = Callable[[Path], str]


class BatchBenchError(Exception):
    """The bench cannot be run. The message is one line."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one system with one model on all recordings; costs are medians over the rounds, in s
    for a second of sound."""

    system: str
    model: str
    word_error_rate: float
    deleted: int
    invented: int
    words: int  # of the references
    processor: float
    wall: float


def run(*, data: Path, models: Sequence[str], rounds: int, out: Path) -> None:
    """Every sound file of `data` (English) that has a .txt of its words beside it; a table,
    OUT/batch.json and OUT/batch.png. Raises BatchBenchError, ModelError, ReadingError."""
    console = Console()
    pairs = _pairs(data)
    fetch([*models], console=console)
    seconds = sum(_seconds(sound) for sound, _ in pairs)
    outcomes = [
        outcome for model in models for outcome in _measure(model, pairs, seconds, rounds, console)
    ]
    _show(console, outcomes, seconds)
    out.mkdir(parents=True, exist_ok=True)
    result = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "openline": version("openline"),
        "faster_whisper": version("faster-whisper"),
        "python": platform.python_version(),
        "cores": cores(),
        "rounds": rounds,
        "seconds": round(seconds, 2),
        "files": [sound.name for sound, _ in pairs],
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }
    (out / "batch.json").write_text(json.dumps(result, indent=2) + "\n")
    draw(out / "batch.png", outcomes, f"{seconds / 60:.0f} minutes of speech on {cores()} cores")


def _measure(
    model: str,
    pairs: Sequence[tuple[Path, str]],
    seconds: float,
    rounds: int,
    console: Console,
) -> list[Outcome]:
    """Round after round, so that a slow minute of the machine is everybody's."""
    systems = {**_ours(model), **_theirs(model)}
    texts: dict[str, list[str]] = {}
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in systems}
    for number in range(rounds):
        for name, read in systems.items():
            console.print(f"{model}: {name}, round {number + 1} of {rounds}", style="dim")
            processor, wall = time.process_time(), time.monotonic()
            texts[name] = [read(sound) for sound, _ in pairs]
            costs[name].append((time.process_time() - processor, time.monotonic() - wall))
    return [
        _scored(
            name, model, [reference for _, reference in pairs], texts[name], costs[name], seconds
        )
        for name in systems
    ]


def _ours(model: str) -> Mapping[str, _Read]:
    weights = Weights(model_path(model), device="cpu", threads=cores())
    recognizer = Recognizer(weights, language="en")

    def reading(quality: Quality) -> _Read:
        def read(path: Path) -> str:
            sound = read_sound(path)
            try:
                transcript = Scribe(recognizer, quality).write(sound, path.name)
            finally:
                sound.close()
            return " ".join(segment.text for segment in transcript.segments)

        return read

    return {f"{OURS} {quality}": reading(quality) for quality in _QUALITIES}


def _theirs(model: str) -> Mapping[str, _Read]:
    whisper = WhisperModel(str(model_path(model)), "cpu", compute_type="int8", cpu_threads=cores())
    batched = BatchedInferencePipeline(whisper)

    def text(segments: object) -> str:
        return " ".join(one.text for one in segments)  # type: ignore[attr-defined]

    return {
        "sequential, beam 5": lambda path: text(
            whisper.transcribe(str(path), language="en", beam_size=5)[0]
        ),
        "sequential, beam 5, words": lambda path: text(
            whisper.transcribe(str(path), language="en", beam_size=5, word_timestamps=True)[0]
        ),
        "sequential, beam 1": lambda path: text(
            whisper.transcribe(str(path), language="en", beam_size=1)[0]
        ),
        "batched 8, beam 5": lambda path: text(
            batched.transcribe(str(path), language="en", beam_size=5, batch_size=8)[0]
        ),
        "batched 8, beam 1": lambda path: text(
            batched.transcribe(str(path), language="en", beam_size=1, batch_size=8)[0]
        ),
    }


def _scored(
    system: str,
    model: str,
    references: Sequence[str],
    texts: Sequence[str],
    costs: Sequence[tuple[float, float]],
    seconds: float,
) -> Outcome:
    normal = EnglishTextNormalizer()
    found = jiwer.process_words([normal(t) for t in references], [normal(t) for t in texts])
    return Outcome(
        system,
        model,
        found.wer,
        found.deletions,
        found.insertions,
        found.hits + found.substitutions + found.deletions,
        statistics.median(processor for processor, _ in costs) / seconds,
        statistics.median(wall for _, wall in costs) / seconds,
    )


def _pairs(data: Path) -> list[tuple[Path, str]]:
    if not data.is_dir():
        raise BatchBenchError(f"{data}: no such folder")
    pairs = [
        (sound, sound.with_suffix(".txt").read_text(encoding="utf-8"))
        for sound in sorted(data.iterdir())
        if sound.suffix.lower() in ENDINGS and sound.with_suffix(".txt").is_file()
    ]
    if not pairs:
        raise BatchBenchError(f"{data}: no sound file has a .txt of its words beside it")
    return pairs


def _seconds(path: Path) -> float:
    sound = read_sound(path)
    sound.close()
    return sound.seconds


def _show(console: Console, outcomes: Sequence[Outcome], seconds: float) -> None:
    table = Table(title=f"{seconds:.0f} s of speech; cost in s for a second of it", box=None)
    for heading in ("model", "system", "WER %", "lost", "invented", "processor", "wall"):
        table.add_column(heading, justify="left" if heading in ("model", "system") else "right")
    for one in outcomes:
        table.add_row(
            one.model,
            one.system,
            f"{100 * one.word_error_rate:.2f}",
            str(one.deleted),
            str(one.invented),
            f"{one.processor:.4f}",
            f"{one.wall:.4f}",
        )
    console.print(table)
