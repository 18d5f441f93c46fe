"""Reading and writing the sound files of a conversation."""

import wave
from pathlib import Path

import av
import numpy as np
import soxr
from av.error import FFmpegError
from numpy.typing import NDArray


class AudioFileError(Exception):
    """A file cannot be read as sound. The message is one line."""


def read_audio(path: Path, rate: int) -> NDArray[np.int16]:
    """Any file PyAV opens, as int16 mono at `rate` Hz. Raises AudioFileError."""
    parts: list[NDArray[np.float32]] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise AudioFileError(f"{path}: there is no sound in it")
            own = container.streams.audio[0].rate
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=own)
            for frame in container.decode(audio=0):
                parts += [np.asarray(part.to_ndarray()[0]) for part in resampler.resample(frame)]
    except (OSError, FFmpegError) as exc:
        raise AudioFileError(f"{path}: cannot be read as sound ({exc.strerror})") from exc
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    if own != rate and len(samples):
        samples = soxr.resample(samples, own, rate)
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16)


def peaks(samples: NDArray[np.int16 | np.float32], size: int) -> NDArray[np.float32]:
    """(samples,) to the loudest, 0 to 1, of every `size`; the last ones may be fewer."""
    full = 32768 if samples.dtype == np.int16 else 1
    steps = np.pad(samples, (0, -len(samples) % size)).reshape(-1, size)
    return (np.abs(steps.astype(np.float32)).max(axis=1) / full).astype(np.float32)


def write_wav(path: Path, samples: NDArray[np.int16], rate: int) -> None:
    """int16 (samples,) or (samples, channels) as a WAV file."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())
