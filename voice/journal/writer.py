"""One thread writes the journals of all calls; the event loop only hands things over."""

import json
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Protocol, assert_never

import numpy as np
import soundfile
from loguru import logger

from voice.journal.files import (
    EVENTS,
    HEADER,
    make_private,
    open_private,
    sound_file,
    write_private,
)
from voice.journal.shelf import remove_older
from voice.journal.tracks import Sound, Track

QUEUE = 4096  # about 4 s of 40 calls, 30 MB; a disk that hangs longer loses sound, no call waits
SWEEP_SECONDS = 24 * 3600.0
FAST = 0.25  # FLAC's level 2: 6000 times real time; its blocks of 1152 samples reach the disk soon


class Sink(Protocol):
    """What a recorder writes to."""

    def line(self, data: dict[str, Any]) -> None: ...
    def sound(self, sound: Sound) -> None: ...


@dataclass(slots=True)
class _Files:
    """The open files of one call; touched by the writer's thread only."""

    folder: Path
    events: TextIOWrapper
    rates: dict[Track, int]
    sounds: dict[Track, soundfile.SoundFile] = field(
        default_factory=dict[Track, soundfile.SoundFile]
    )
    cursors: dict[Track, int] = field(default_factory=dict[Track, int])

    def write(self, sound: Sound) -> None:
        out = self.sounds.get(sound.track)
        if out is None:
            out = self.sounds[sound.track] = soundfile.SoundFile(
                open_private(sound_file(self.folder, sound.track)),
                "w",
                self.rates[sound.track],
                1,
                "PCM_16",
                format="FLAC",
                compression_level=FAST,
            )
        missing = sound.start - self.cursors.get(sound.track, 0)
        while missing > 0:  # silence, or a piece that the full queue refused
            out.write(np.zeros(min(missing, 65536), np.int16))
            missing -= 65536
        out.write(np.frombuffer(sound.pcm, "<i2"))
        self.cursors[sound.track] = sound.end

    def close(self) -> None:
        try:
            self.events.close()
        finally:
            for out in self.sounds.values():
                out.close()


@dataclass(frozen=True, slots=True)
class _Open:
    folder: Path
    header: str
    rates: dict[Track, int]


@dataclass(frozen=True, slots=True)
class _Line:
    text: str


@dataclass(frozen=True, slots=True)
class _Close:
    pass


_Job = _Open | _Line | Sound | _Close


class CallJournal:
    """One call's journal: hand lines and sounds over; nothing here waits or raises."""

    def __init__(self, writer: "JournalWriter", name: str) -> None:
        self._writer = writer
        self.name = name
        self.lost = 0  # lines and pieces of sound that the full queue refused

    def line(self, data: dict[str, Any]) -> None:
        self._put(_Line(json.dumps(data, ensure_ascii=False, default=str)))

    def sound(self, sound: Sound) -> None:
        self._put(sound)

    def close(self) -> None:
        self._put(_Close())

    def _put(self, job: _Job) -> None:
        if self._writer.put(self, job):
            return
        self.lost += 1
        if self.lost == 1:
            logger.warning(
                f"journal {self.name}: the disk is too slow; parts of this recording are missing"
            )


class JournalWriter:
    """Owns the thread. `days`: calls that began earlier are removed at the start and daily.

    A call whose files cannot be written (a full disk) is given up with one line in the log.
    """

    def __init__(
        self,
        folder: Path,
        *,
        days: float,
        size: int = QUEUE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self._days = days
        self._clock = clock
        self._queue: queue.Queue[tuple[CallJournal, _Job] | None] = queue.Queue(size)
        self._files: dict[CallJournal, _Files] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def begin(
        self, name: str, header: dict[str, Any], *, in_rate: int, out_rate: int
    ) -> CallJournal:
        """A new call's journal in the folder `name`; rates in Hz."""
        journal = CallJournal(self, name)
        rates: dict[Track, int] = {"caller": in_rate, "agent": out_rate}
        text = json.dumps(header, ensure_ascii=False, indent=1, default=str)
        if not self.put(journal, _Open(self.folder / name, text, rates)):
            logger.warning(f"journal {name}: the disk is too slow; this call is not recorded")
        return journal

    def put(self, journal: CallJournal, job: _Job) -> bool:
        """Hand a job over without waiting; False when the queue is full or closed."""
        if self._closed:
            return False
        try:
            self._queue.put_nowait((journal, job))
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        """Write what was handed over, close all files, join the thread. Blocks."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    # -- the thread ------------------------------------------------------------------------

    def _work(self) -> None:
        due = 0.0
        while True:
            now = self._clock()
            if now >= due:
                due = now + SWEEP_SECONDS
                self._sweep(now)
            try:
                handed = self._queue.get(timeout=max(0.0, due - now))
            except queue.Empty:
                continue
            if handed is None:
                break
            self._do(*handed)
        for journal in list(self._files):
            self._do(journal, _Close())

    def _do(self, journal: CallJournal, job: _Job) -> None:
        files = self._files.get(journal)
        try:
            match job:
                case _Open():
                    self._files[journal] = _create(job)
                case _Line() if files is not None:
                    files.events.write(job.text + "\n")
                case Sound() if files is not None:
                    files.write(job)
                case _Close() if files is not None:
                    del self._files[journal]
                    files.close()
                case _Line() | Sound() | _Close():
                    pass  # this call was given up
                case _:
                    assert_never(job)
        # soundfile asserts that all of its samples were written: a full disk fails that too
        except (OSError, soundfile.SoundFileError, AssertionError) as exc:
            self._give_up(journal, exc)

    def _give_up(self, journal: CallJournal, exc: Exception) -> None:
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else "cannot be written"
        logger.error(
            f"journal {journal.name}: {why}; the call goes on without a recording; "
            f"make room in {self.folder}"
        )
        files = self._files.pop(journal, None)
        if files is not None:
            try:
                files.close()
            except (OSError, soundfile.SoundFileError, AssertionError):
                return  # the same disk, told already

    def _sweep(self, now: float) -> None:
        try:
            removed = remove_older(self.folder, now - self._days * 86400)
        except OSError as exc:
            logger.error(f"{exc.filename}: an old recording cannot be removed: {exc.strerror}")
            return
        if removed:
            logger.info(f"journal: {len(removed)} calls older than {self._days:g} days removed")


def _create(job: _Open) -> _Files:
    make_private(job.folder)
    write_private(job.folder / HEADER, job.header)
    # a line at a time, so that a kill leaves whole lines
    events = os.fdopen(open_private(job.folder / EVENTS), "w", 1, encoding="utf-8")
    return _Files(job.folder, events, job.rates)
