"""Labelled turns of real speech: a folder with turns.json, or eot-bench's parquet files.

The folder's rows follow livekit/eot-bench's (schemas.py): id, language, silence_spans and, where
known, messages; `file` names the sound beside turns.json. Beyond eot-bench: `silences` labels each
span hold or end, `complete: false` marks a row without an end, `speaker` and `source` say which
rows belong to one call.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, cast

import av
import numpy as np
import soxr
from av.error import FFmpegError
from numpy.typing import NDArray

RATE = 16000  # Hz, of every turn's audio
SHORTEST_HOLD, LONGEST_HOLD = 0.2, 5.0  # s; eot-bench scores no other holds

Label = Literal["hold", "eot"]


class TurnDataError(Exception):
    """The labelled turns cannot be read. The message is one line."""


@dataclass(frozen=True, slots=True)
class Pause:
    start: float  # s into the turn's audio
    end: float
    label: Label

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def scored(self) -> bool:
        """Whether eot-bench counts it."""
        kept = SHORTEST_HOLD - 1e-9 <= self.seconds <= LONGEST_HOLD + 1e-9
        return self.label == "eot" or kept


@dataclass(frozen=True, slots=True)
class LabelledTurn:
    """One caller's turn. `call` groups the turns that share a call or a speaker."""

    id: str
    language: str
    call: str
    context: str  # what the other side said last, "" where nobody knows
    pauses: tuple[Pause, ...]
    audio: NDArray[np.float32]  # mono, RATE, as far as the last pause


def read_turns(path: Path, language: str = "en") -> list[LabelledTurn]:
    """All turns in `language` ("" for every language). Raises TurnDataError."""
    if path.is_dir() and (path / "turns.json").is_file():
        rows = _rows_of_json(path / "turns.json")
    else:
        files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
        if not files:
            raise TurnDataError(f"{path}: neither turns.json nor a .parquet file is there")
        rows = [row for file in files for row in _rows_of_parquet(file)]
    wanted = [row for row in rows if not language or row.get("language") == language]
    if not wanted:
        raise TurnDataError(f"{path}: no turn in language {language!r}")
    calls = calls_of(wanted)
    try:
        return [_turn(row, call, path) for row, call in zip(wanted, calls, strict=True)]
    except (KeyError, TypeError, ValueError) as exc:
        raise TurnDataError(f"{path}: a row is not as eot-bench has it ({exc!r})") from exc


def kept_apart(turn: LabelledTurn) -> bool:
    """Whether a turn's call is in the unseen part: two calls in five, by the hash of its name."""
    return hashlib.blake2b(turn.call.encode(), digest_size=1).digest()[0] % 5 < 2


def calls_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Each row's call, by its first id: rows with one speaker, or of one source file, share it."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for row in rows:
        first = root(f"row {row['id']}")
        source = str(row.get("source") or "").partition(" (")[0]
        if source:
            parent[root(f"source {Path(source).stem}")] = first
        if row.get("speaker"):
            parent[root(f"speaker {row['speaker']}")] = root(first)
    groups: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: str(row["id"])):
        groups.setdefault(root(f"row {row['id']}"), str(row["id"]))
    return [groups[root(f"row {row['id']}")] for row in rows]


def _rows_of_json(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise TurnDataError(f"{path}: is not JSON ({exc})") from exc
    if not isinstance(rows, list):
        raise TurnDataError(f"{path}: a list of turns is needed")
    return cast("list[dict[str, Any]]", rows)


def _rows_of_parquet(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise TurnDataError(f"{path}: there is no such file or folder")
    if find_spec("pyarrow") is None:
        raise TurnDataError(f"{path}: parquet files need pyarrow; install it: pip install pyarrow")
    from pyarrow import ArrowException, parquet  # pyright: ignore

    try:
        table: Any = parquet.ParquetFile(path)  # pyright: ignore
        for batch in cast("Iterator[Any]", table.iter_batches(batch_size=16)):  # rows hold sound
            yield from batch.to_pylist()
    except ArrowException as exc:  # pyright: ignore
        raise TurnDataError(f"{path}: cannot be read as parquet ({exc})") from exc


def _turn(row: dict[str, Any], call: str, path: Path) -> LabelledTurn:
    pauses = tuple(_pauses(row))
    audio = _audio(row, path)
    last = max((pause.end for pause in pauses), default=0.0)
    return LabelledTurn(
        id=str(row["id"]),
        language=str(row["language"]),
        call=call,
        context=_context(row),
        pauses=pauses,
        audio=_padded(audio, round(last * RATE), str(row["id"])),
    )


def _pauses(row: dict[str, Any]) -> Iterator[Pause]:
    spans: list[dict[str, Any]] = row.get("silences") or row["silence_spans"]
    for i, span in enumerate(spans):
        start, end = float(span["start"]), float(span["end"])
        last = i == len(spans) - 1 and row.get("complete", True)
        ends = span["label"] == "end" if "label" in span else last
        if float(span.get("other_speech_s") or 0.0) > 0.3:
            continue  # the other side answers in it: no pause of a caller who holds the turn
        if end - start >= 0.1 - 1e-9:
            yield Pause(start, end, "eot" if ends else "hold")


def _context(row: dict[str, Any]) -> str:
    messages: list[dict[str, Any]] = row.get("messages") or []
    for message in reversed(messages):
        if message.get("role") == "assistant":
            return str(message.get("content") or "")
    return ""


def _audio(row: dict[str, Any], path: Path) -> NDArray[np.float32]:
    if "file" in row:
        return decoded(path / str(row["file"]))
    sound: dict[str, Any] = row["audio"]
    if sound.get("bytes"):
        from io import BytesIO

        return decoded(BytesIO(sound["bytes"]), name=str(row["id"]))
    samples = np.asarray(sound["array"], np.float32)
    if samples.ndim == 2:
        samples = samples.mean(axis=int(samples.shape[0] > samples.shape[1]))
    return np.asarray(soxr.resample(samples, sound["sampling_rate"], RATE), np.float32)


def decoded(source: Any, name: str = "") -> NDArray[np.float32]:
    """A file's sound as float32 at RATE, its channels averaged. Raises TurnDataError."""
    parts: list[NDArray[np.float32]] = []
    try:
        with av.open(source if name else str(source)) as container:
            own = container.streams.audio[0].rate
            resampler = av.AudioResampler(format="fltp", rate=own)
            for frame in container.decode(audio=0):
                parts += [part.to_ndarray().mean(axis=0) for part in resampler.resample(frame)]
    except (OSError, IndexError, FFmpegError) as exc:
        raise TurnDataError(f"{name or source}: cannot be read as sound ({exc})") from exc
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return np.asarray(soxr.resample(samples, own, RATE), np.float32)


def _padded(audio: NDArray[np.float32], size: int, name: str) -> NDArray[np.float32]:
    """To `size` samples with noise as loud as the quietest tenth of this recording.

    Digital silence in its place would tell a model where the recording was cut.
    """
    missing = size - len(audio)
    if missing <= 0:
        return audio
    frames = audio[: len(audio) // 160 * 160].reshape(-1, 160)
    level = float(np.quantile(np.sqrt((frames**2).mean(axis=1)), 0.1)) if len(frames) else 1e-4
    seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big")
    noise = np.random.default_rng(seed).normal(0, max(level, 1e-4), missing)
    return np.concatenate([audio, noise.astype(np.float32)])
