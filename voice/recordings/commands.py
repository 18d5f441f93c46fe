"""`openline transcribe`: recorded calls to transcripts."""

import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from voice.recordings.diarize import Diarizer, KnownVoices
    from voice.recordings.inputs import Recording
    from voice.recordings.run import Job, Outcome, Run


class TranscribeError(Exception):
    """What was asked for cannot be done. The message is one line."""


class QualityChoice(StrEnum):
    FAST = "fast"
    BALANCED = "balanced"
    BEST = "best"


class DeviceChoice(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def transcribe(
    paths: Annotated[
        list[str],
        typer.Argument(help="Files, folders, patterns, or a CSV or JSONL list.", metavar="PATH..."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results; one run at a time.")],
    formats: Annotated[str, typer.Option(help="Names with commas; `all` for every one.")] = "json",
    language: Annotated[
        str, typer.Option(help="A code such as en; `auto` finds it, for every piece of speech.")
    ] = "auto",
    speakers: Annotated[
        str, typer.Option(help="How many speak on one channel, `auto` or `none`.")
    ] = "auto",
    voices: Annotated[
        Path | None,
        typer.Option(help="A folder of samples, NAME.wav: who sounds like one gets the name."),
    ] = None,
    vocabulary: Annotated[
        Path | None, typer.Option(help="A file with a name or a product a line.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Take transcriber.vocabulary from this file, too."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="A card, a hub id or a folder of CTranslate2.")
    ] = "whisper-base",
    device: Annotated[DeviceChoice, typer.Option()] = DeviceChoice.AUTO,
    quality: Annotated[
        QualityChoice, typer.Option(help="How much doubt is worth reading again.")
    ] = QualityChoice.BALANCED,
    redact: Annotated[
        bool,
        typer.Option("--redact", help="Without e-mail addresses and long numbers; sound as well."),
    ] = False,
    jobs: Annotated[
        int, typer.Option(min=0, help="Recordings at once; 0: as many as there are cores.")
    ] = 0,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and take what comes into the folders.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume/--again", help="Go on where a run ended, or do all again.")
    ] = True,
) -> None:
    """Write what was said in recordings, every word with its time; broken off, it goes on."""
    # Threads of numpy's own would wait for one another beside the model's, and burn a core at it
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from voice.recordings.inputs import find
    from voice.recordings.run import Run, cores, watched

    recordings = find(paths, besides=out)
    if not recordings and not watch:
        raise TranscribeError(f"{', '.join(paths)}: no recording is there")
    at_once = min(jobs or cores(), len(recordings) if not watch else cores()) or 1
    job = _job(
        out=out,
        formats=formats,
        language=language,
        speakers=speakers,
        voices=voices,
        words=_words(vocabulary, config),
        model=model,
        device=device,
        quality=quality,
        redact=redact,
        at_once=at_once,
    )
    if not watch:
        failed = _go(Run(job, at_once), recordings, again=not resume)
        raise typer.Exit(1 if failed else 0)
    folders = [Path(path) for path in paths if Path(path).is_dir()]
    if not folders:
        raise TranscribeError("--watch: name a folder to watch")
    tried: set[tuple[Path, int]] = set()
    for there in watched(lambda: find(paths, besides=out), folders):
        new = [one for one in there if (one.path, one.path.stat().st_mtime_ns) not in tried]
        tried |= {(one.path, one.path.stat().st_mtime_ns) for one in new}
        if new:
            _go(Run(job, at_once), new, again=False)


def _job(
    *,
    out: Path,
    formats: str,
    language: str,
    speakers: str,
    voices: Path | None,
    words: list[str],
    model: str,
    device: DeviceChoice,
    quality: QualityChoice,
    redact: bool,
    at_once: int,
) -> "Job":
    from voice.listen.weights import Weights
    from voice.models import model_path
    from voice.recordings.exports import FORMATS
    from voice.recordings.recognizer import Recognizer
    from voice.recordings.run import Job, cores, digest
    from voice.recordings.scribe import Scribe

    wanted = tuple(name.strip() for name in formats.split(",") if name.strip())
    if wanted == ("all",):
        wanted = FORMATS
    if unknown := [name for name in wanted if name not in FORMATS]:
        raise TranscribeError(f"--formats: no {unknown[0]!r}; choose of {', '.join(FORMATS)}")
    if not wanted:
        raise TranscribeError(f"--formats: name at least one of {', '.join(FORMATS)}")
    diarizer, count = _diarizer(speakers)
    known = _known(voices, diarizer)
    weights = Weights(
        model_path(model), device=device.value, threads=max(1, cores() // at_once), workers=at_once
    )
    recognizer = Recognizer(
        weights, language=None if language == "auto" else language, hotwords=", ".join(words)
    )
    scribe = Scribe(recognizer, quality.value, diarizer, count, known)
    settings = digest(
        [
            wanted,
            language,
            speakers,
            known and known.digest,
            words,
            weights.description,
            quality.value,
            redact,
        ]
    )
    return Job(scribe, out, wanted, settings, redact)


def _diarizer(speakers: str) -> "tuple[Diarizer | None, int | None]":
    """What hears who speaks, and how many do, if that is known."""
    if speakers == "none":
        return None, None
    if speakers != "auto" and not (speakers.isdecimal() and int(speakers) > 0):
        raise TranscribeError(f"--speakers: {speakers!r} is no number from 1 on, `auto` or `none`")
    from voice.models import fetch
    from voice.recordings.diarize import MODEL, Diarizer

    fetch(MODEL)
    return Diarizer(), None if speakers == "auto" else int(speakers)


def _known(folder: Path | None, diarizer: "Diarizer | None") -> "KnownVoices | None":
    if folder is None:
        return None
    if diarizer is None:
        raise TranscribeError("--voices needs speakers: leave out --speakers none")
    from voice.recordings.diarize import known_voices

    return known_voices(folder, diarizer)


def _words(vocabulary: Path | None, config: Path | None) -> list[str]:
    words: list[str] = []
    if config is not None:
        from voice.config import load_config

        words += load_config(config).transcriber.vocabulary
    if vocabulary is not None:
        try:
            lines = vocabulary.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as exc:
            raise TranscribeError(f"{vocabulary}: is not UTF-8 text; save it as UTF-8") from exc
        words += [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return list(dict.fromkeys(words))


def _go(run: "Run", recordings: "Sequence[Recording]", *, again: bool) -> int:
    """Do them, show how far it is, say at the end what became of them; how many failed."""
    from voice.recordings.run import Failed

    began = time.monotonic()
    outcomes: list[Outcome] = []
    with _progress(recordings) as (told, ended):
        for outcome in run.outcomes(recordings, again=again, told=told):
            outcomes.append(outcome)
            ended(outcome)
    failed = [one for one in outcomes if isinstance(one, Failed)]
    for one in sorted(failed, key=lambda one: str(one.recording.path)):
        typer.echo(f"{_shown(one.recording.path)}: {one.reason}", err=True)
    done = [one for one in outcomes if not isinstance(one, Failed)]
    new = [one for one in done if one.again]
    took, hours = time.monotonic() - began, sum(one.seconds for one in new) / 3600
    line = f"{len(new)} transcribed"
    if new:
        line += f" ({hours:.2f} h of sound, {3600 * hours / max(took, 1e-3):.0f} times its speed)"
    if len(done) > len(new):
        line += f", {len(done) - len(new)} were done before"
    if failed:
        line += f", {len(failed)} failed: see above"
    typer.echo(line)
    if {"html", "json"} <= set(run.job.formats):
        from voice.recordings.page.index import write_index

        write_index(run.job.out)
    return len(failed)


@contextmanager
def _progress(
    recordings: "Sequence[Recording]",
) -> "Generator[tuple[Callable[[Recording, float], None], Callable[[Outcome], None]]]":
    """A bar on a terminal, in bytes: how long a file is, is known when it is open only."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    from voice.recordings.run import Done, Failed

    sizes = {one.path: _size(one.path) for one in recordings}
    parts = dict.fromkeys(sizes, 0.0)
    counted = {"done": 0, "failed": 0, "seconds": 0.0}
    began = time.monotonic()
    console = Console(stderr=True)
    bar = Progress(
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeLeft(compact=True),
        console=console,
        disable=not console.is_terminal,
    )
    task = bar.add_task("", total=sum(sizes.values()) or 1, counts="")

    def shown() -> None:
        speed = counted["seconds"] / max(time.monotonic() - began, 1e-3)
        counts = f"{counted['done']:.0f} of {len(recordings)}, {speed:.0f} h of sound an hour"
        if counted["failed"]:
            counts += f", {counted['failed']:.0f} failed"
        completed = sum(parts[path] * size for path, size in sizes.items())
        bar.update(task, completed=completed, counts=counts)

    def told(recording: "Recording", part: float) -> None:
        parts[recording.path] = part
        shown()

    def ended(outcome: "Outcome") -> None:
        parts[outcome.recording.path] = 1.0
        match outcome:
            case Done(seconds=seconds, again=again):
                counted["done"] += 1
                counted["seconds"] += seconds if again else 0.0
            case Failed():
                counted["failed"] += 1
        shown()

    with bar:
        yield told, ended


def _size(path: Path) -> int:
    try:
        return path.stat().st_size + 1
    except OSError:
        return 1


def _shown(path: Path) -> str:
    """On one line, whatever its name holds."""
    text = str(path)
    return text if text.isprintable() else ascii(text)
