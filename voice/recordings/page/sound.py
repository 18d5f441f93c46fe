"""A recording as its page needs it: how loud it is where, and a sound that browsers play."""

import base64
import os
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from voice.audiofile import AudioFileError, peaks

EMBED_SECONDS = 600.0  # as Opus of 24 kbit/s a channel 1.8 MB, 2.4 MB in base64
_FINEST = 0.02  # s; what a level stands for
_MOST_LEVELS = 60_000  # of each channel: three hours in steps of 0.18 s
_FILES = frozenset({".wav", ".mp3", ".m4a", ".mp4", ".ogg", ".opus", ".flac", ".webm"})
_CODECS = frozenset(
    {"pcm_s16le", "pcm_u8", "pcm_mulaw", "pcm_alaw", "pcm_s24le", "pcm_f32le"}
    | {"mp3", "mp3float", "aac", "opus", "libopus", "vorbis", "libvorbis", "flac"}
)
_OPUS_RATES = (8000, 12000, 16000, 24000)
_MOST_CHANNELS = 8


@dataclass(frozen=True, slots=True)
class Sound:
    """`source` is an address or data, "" where there is nothing to play; a level is the square
    root of a peak over the loudest, 0 to 255, one for every `step` s of each channel."""

    source: str = ""
    step: float = _FINEST
    levels: tuple[bytes, ...] = ()


def sound_of(
    recording: Path, folder: Path, seconds: float, embed_seconds: float = EMBED_SECONDS
) -> Sound:
    """The sound for a page in `folder`: inside it as Opus up to `embed_seconds`, and where a
    browser does not play the recording; else by the recording's path from there.

    Raises AudioFileError.
    """
    step = max(_FINEST, seconds / _MOST_LEVELS)
    levels = _levels(recording, step)
    if seconds <= embed_seconds or not _plays(recording):
        encoded = base64.b64encode(opus(recording)).decode()
        return Sound(f"data:audio/ogg;base64,{encoded}", step, levels)
    path = os.path.relpath(recording, folder)
    return Sound(urllib.parse.quote(os.fsencode(path)), step, levels)


def opus(recording: Path) -> bytes:
    """The recording as Ogg Opus, mono or its first two channels. Raises AudioFileError."""
    made = BytesIO()
    try:
        # without "bitexact" every file has a random serial number
        with (
            av.open(str(recording)) as container,
            av.open(made, "w", format="ogg", options={"fflags": "+bitexact"}) as out,
        ):
            source = _audio(recording, container)
            rate = next((r for r in _OPUS_RATES if r >= source.rate), _OPUS_RATES[-1])
            layout = "mono" if source.channels == 1 else "stereo"
            stream = out.add_stream("libopus", rate=rate, layout=layout)
            stream.bit_rate = 24_000 * (1 if layout == "mono" else 2)
            stream.options = {"application": "voip"}
            resampler = av.AudioResampler(format="flt", layout=layout, rate=rate)
            at = 0
            for frame in chain(container.decode(audio=0), [None]):
                for part in resampler.resample(frame):
                    part.pts, part.time_base = at, Fraction(1, rate)
                    at += part.samples
                    out.mux(stream.encode(part))
            out.mux(stream.encode(None))
    except (OSError, FFmpegError) as exc:
        raise AudioFileError(f"{recording}: cannot be read as sound ({exc.strerror})") from exc
    return made.getvalue()


def _plays(recording: Path) -> bool:
    try:
        with av.open(str(recording)) as container:
            codec = _audio(recording, container).codec_context.name
    except (OSError, FFmpegError) as exc:
        raise AudioFileError(f"{recording}: cannot be read as sound ({exc.strerror})") from exc
    return recording.suffix.lower() in _FILES and codec in _CODECS


def _levels(recording: Path, step: float) -> tuple[bytes, ...]:
    """A recording of any length: one step's samples are held at a time."""
    found: list[NDArray[np.float32]] = []
    try:
        with av.open(str(recording)) as container:
            rate = _audio(recording, container).rate
            size = max(1, round(rate * step))
            rest: NDArray[np.int16] | None = None
            for samples in _decoded(container):
                whole = samples if rest is None else np.concatenate([rest, samples], axis=1)
                full = whole.shape[1] - whole.shape[1] % size
                if full:
                    found.append(peaks(whole[:, :full], size))
                rest = whole[:, full:]
            if rest is not None and rest.shape[1]:
                found.append(peaks(rest, size))
    except (OSError, FFmpegError) as exc:
        raise AudioFileError(f"{recording}: cannot be read as sound ({exc.strerror})") from exc
    if not found:
        return ()
    levels = np.concatenate(found, axis=1)
    loudest = max(float(levels.max()), 0.01)  # what is below 1% of full scale is quiet
    scaled = (255 * np.sqrt(levels / loudest)).clip(0, 255).astype(np.uint8)
    return tuple(channel.tobytes() for channel in scaled)


def _decoded(container: InputContainer) -> Iterator[NDArray[np.int16]]:
    """(channels, samples), at most _MOST_CHANNELS."""
    resampler = av.AudioResampler(format="s16p")
    for frame in chain(container.decode(audio=0), [None]):
        for part in resampler.resample(frame):
            yield np.asarray(part.to_ndarray()[:_MOST_CHANNELS], np.int16)


def _audio(recording: Path, container: InputContainer) -> "av.AudioStream":
    if not container.streams.audio:
        raise AudioFileError(f"{recording}: there is no sound in it")
    return container.streams.audio[0]
