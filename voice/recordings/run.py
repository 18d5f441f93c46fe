"""Many recordings: what is done stays done, what cannot be read is a line, the rest goes on."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from voice.recordings.exports import file_name, write
from voice.recordings.inputs import Recording
from voice.recordings.ledger import Ledger
from voice.recordings.reading import ReadingError, read_sound
from voice.recordings.redaction import redacted, write_beeped
from voice.recordings.scribe import Scribe, Stopped
from voice.recordings.transcript import Transcript

_VERSION = 1  # of the results; another one does them again


@dataclass(frozen=True, slots=True)
class Done:
    recording: Recording
    seconds: float  # of sound
    again: bool  # False: it was done before this run


@dataclass(frozen=True, slots=True)
class Failed:
    recording: Recording
    reason: str


Outcome = Done | Failed
Told = Callable[[Recording, float], None]  # what part of a recording is done, 0 to 1


@dataclass(frozen=True, slots=True)
class Job:
    """What is wanted of every recording."""

    scribe: Scribe
    out: Path
    formats: tuple[str, ...]
    settings: str  # a digest of all that the results depend on, but the recording
    redact: bool = False

    def done(self, recording: Recording, ledger: Ledger) -> Done | None:
        try:
            entry = ledger.done(recording.path, self._settings(recording))
        except OSError:
            return None  # it is not there: reading it says so
        return Done(recording, entry.seconds, again=False) if entry else None

    def do(
        self, recording: Recording, ledger: Ledger, told: Told, stop: threading.Event
    ) -> Outcome:
        """Raises Stopped, and OSError where the results cannot be written."""
        try:
            stat = recording.path.stat()
            sound = read_sound(recording.path, parties=len(recording.parties), scratch=self.out)
        except ReadingError as exc:
            return Failed(recording, str(exc))
        except OSError as exc:
            return Failed(recording, f"cannot be read ({exc.strerror})")
        try:
            transcript = self.scribe.write(
                sound,
                recording.path.name,
                recording.parties,
                told=lambda part: told(recording, part),
                stop=stop,
            )
        finally:
            sound.close()
        paths = self._write(transcript, recording)
        names = [str(path.relative_to(self.out)) for path in paths]
        ledger.add(recording.path, stat, self._settings(recording), names, transcript.seconds)
        return Done(recording, transcript.seconds, again=True)

    def _write(self, transcript: Transcript, recording: Recording) -> list[Path]:
        """Redacted, the recording is not linked to: the sound with tones lies beside it."""
        folder = self.out / recording.folder
        if not self.redact:
            return write(transcript, folder, self.formats, recording.path)
        made = redacted(transcript)
        sound = folder / (file_name(transcript.file) + ".flac")
        folder.mkdir(parents=True, exist_ok=True)
        write_beeped(recording.path, made.silenced, sound)
        return [sound, *write(made.transcript, folder, self.formats, sound)]

    def _settings(self, recording: Recording) -> str:
        return digest([self.settings, str(recording.folder), *recording.parties])


def digest(settings: Sequence[object]) -> str:
    text = json.dumps([_VERSION, *settings], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True)
class Run:
    """Closing it ends the reading that is under way, which takes a batch's time."""

    job: Job
    jobs: int  # recordings at once
    stop: threading.Event = field(default_factory=threading.Event)

    def outcomes(
        self, recordings: Sequence[Recording], *, again: bool = False, told: Told
    ) -> Iterator[Outcome]:
        """Every recording's, as they come. Raises OSError where results cannot be written."""
        ledger = Ledger(self.job.out)
        pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="transcribe")
        try:
            waiting: set[Future[Outcome]] = set()
            for recording in recordings:
                found = None if again else self.job.done(recording, ledger)
                if found:
                    yield found
                    continue
                waiting.add(pool.submit(self.job.do, recording, ledger, told, self.stop))
                if len(waiting) > self.jobs:  # one is ready when a worker is free
                    ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (one.result() for one in ended)
            while waiting:
                ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in ended)
        finally:
            self.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            ledger.close()


def watched(
    recordings: Callable[[], Sequence[Recording]], folders: Sequence[Path], quiet: float = 2.0
) -> Iterator[list[Recording]]:
    """What is there, then again whenever something changed; no file that is still being written,
    which is one that changed within `quiet` s."""
    from watchfiles import watch

    changes = watch(*folders, rust_timeout=round(1000 * quiet), yield_on_timeout=True)
    young = True
    while True:
        found = recordings()
        settled = [one for one in found if _settled(one.path, quiet)]
        young = len(settled) < len(found)
        yield settled
        for changed in changes:
            if changed or young:
                break
        else:
            return


def _settled(path: Path, quiet: float) -> bool:
    try:
        return time.time() - path.stat().st_mtime >= quiet
    except OSError:
        return False


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


__all__ = ["Done", "Failed", "Job", "Outcome", "Run", "Stopped", "cores", "digest", "watched"]
