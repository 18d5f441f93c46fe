"""A file's sound, decoded as it comes: five hours cost no more memory than five minutes."""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from voice.listen.vad import SAMPLE_RATE

_BLOCK = 1 << 20  # bytes
_SHORTEST = 0.1  # s; less cannot hold a word
_LONGEST = 48 * 3600.0  # s; a header that lies must not fill the disk
# Correlation of two channels from which they carry the same speech: both sides mixed before, a
# stereo microphone. Calls with one side a channel, echo and all, have less than half of it.
_SAME = 0.9


class ReadingError(Exception):
    """A file cannot be read as sound. The message is one line, without the path."""


@dataclass(slots=True)
class Sound:
    """float32 at 16 kHz, a file a channel that has no name, so that nothing is left by a kill."""

    rate: int  # Hz, of the recording
    channels: int  # of the recording
    sha256: str
    files: list[IO[bytes]] = field(repr=False)
    samples: int = 0  # a track

    @property
    def tracks(self) -> int:
        """Streams to read: one a channel of a call, one of everything else."""
        return len(self.files)

    def add(self, samples: NDArray[np.float32]) -> None:
        """(tracks, samples) more."""
        for file, row in zip(self.files, samples, strict=True):
            file.write(row.tobytes())
        self.samples += samples.shape[1]

    @property
    def seconds(self) -> float:
        return self.samples / SAMPLE_RATE

    def read(self, track: int, start: int, stop: int) -> NDArray[np.float32]:
        """Samples [start, stop), those outside the recording as silence."""
        begin, end = max(0, start), min(self.samples, stop)
        self.files[track].seek(4 * begin)
        data = np.frombuffer(self.files[track].read(4 * max(0, end - begin)), np.float32)
        if begin == start and end == stop:
            return data
        return np.pad(data, (begin - start, stop - max(end, begin)))

    def blocks(self, track: int, seconds: float) -> Iterator[NDArray[np.float32]]:
        step = round(seconds * SAMPLE_RATE)
        for start in range(0, self.samples, step):
            yield self.read(track, start, min(start + step, self.samples))

    def whole(self, track: int) -> NDArray[np.float32]:
        """The track as a file in memory: pages that are not looked at cost nothing."""
        return np.memmap(self.files[track], np.float32, "r", shape=(self.samples,))

    def close(self) -> None:
        for track in self.files:
            track.close()


def read_sound(path: Path, *, parties: int = 0, scratch: Path | None = None) -> Sound:
    """Decode a file. Two channels stay two, unless they carry the same; more are mixed.

    `parties` channels are kept apart where that many are there, whatever they carry. `scratch` is
    a folder on a disk with 230 MB an hour and channel. Raises ReadingError, OSError.
    """
    try:
        digest = _sha256(path)
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise ReadingError("there is no sound in it")
            stream = container.streams.audio[0]
            channels, rate = stream.codec_context.channels, stream.codec_context.sample_rate
            if not channels or not rate:
                raise ReadingError("its sound has no known format")
            apart = channels == 2 or (parties > 1 and channels == parties)
            files = [_nameless(scratch) for _ in range(channels if apart else 1)]
            sound = Sound(rate, channels, digest, files)
            same = _decode(container, sound)
    except FFmpegError as exc:
        raise ReadingError(f"cannot be read as sound ({exc.strerror})") from exc
    if sound.seconds < _SHORTEST:
        sound.close()
        raise ReadingError(f"has {sound.seconds:.2f} s of sound, too little for a word")
    return _mixed(sound, scratch) if same and not parties > 1 else sound


def _decode(container: InputContainer, sound: Sound) -> bool:
    """Fill the tracks; whether two of them carry the same."""
    layout = _layout(sound)
    # The format of a stream may change within a file, and the resampler's may not
    resampler: av.AudioResampler | None = None
    shape: tuple[object, ...] = ()
    products = np.zeros(3)
    frames = container.decode(audio=0)
    while True:
        try:
            frame = next(frames, None)
        except FFmpegError:
            if not sound.samples:
                raise
            frame = None  # damaged from here on; what came before is kept
        parts: list[av.AudioFrame] = []
        if frame is None or (frame.format.name, frame.layout.name, frame.sample_rate) != shape:
            parts += resampler.resample(None) if resampler else []
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=SAMPLE_RATE)
        if frame is not None:
            shape = (frame.format.name, frame.layout.name, frame.sample_rate)
            frame.pts = None  # a file with gaps in its clock is read without them
            parts += resampler.resample(frame) if resampler else []
        for part in parts:
            data = np.nan_to_num(np.asarray(part.to_ndarray(), np.float32), posinf=1, neginf=-1)
            np.clip(data, -1, 1, out=data)
            if len(data) == 2:
                products += [data[0] @ data[1], data[0] @ data[0], data[1] @ data[1]]
            sound.add(data)
        if frame is None:
            break
        if sound.seconds > _LONGEST:
            raise ReadingError(f"is longer than {_LONGEST / 3600:.0f} hours")
    return sound.tracks == 2 and bool(products[0] >= _SAME * np.sqrt(products[1] * products[2]))


def _layout(sound: Sound) -> str:
    match sound.tracks:
        case 1:
            return "mono"
        case 2:
            return "stereo"
        case more:
            return f"{more}C"


def _mixed(sound: Sound, scratch: Path | None) -> Sound:
    """Both tracks as one."""
    one = Sound(sound.rate, sound.channels, sound.sha256, [_nameless(scratch)])
    for left, right in zip(sound.blocks(0, 60), sound.blocks(1, 60), strict=True):
        one.add((left + right)[None] * np.float32(0.5))
    sound.close()
    return one


def _nameless(folder: Path | None) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=folder)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
