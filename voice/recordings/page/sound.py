"""A recording as its page needs it: how loud it is where, and a sound that browsers play."""

import base64
import os
import urllib.parse
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from voice.audiofile import peaks
from voice.listen.vad import SAMPLE_RATE
from voice.recordings.reading import Sound, read_sound

EMBED_SECONDS = 600.0  # as Opus of 24 kbit/s a channel 1.8 MB, 2.4 MB in base64
_FINEST = 0.02  # s; what a level stands for
_MOST_LEVELS = 60_000  # of each channel: three hours in steps of 0.18 s
_BLOCK_SECONDS = 60.0  # at a time; a whole number of any step's samples is taken of it
_FILES = frozenset({".wav", ".mp3", ".m4a", ".mp4", ".ogg", ".opus", ".flac", ".webm"})
_CODECS = frozenset(
    {"pcm_s16le", "pcm_u8", "pcm_mulaw", "pcm_alaw", "pcm_s24le", "pcm_f32le"}
    | {"mp3", "mp3float", "aac", "opus", "libopus", "vorbis", "libvorbis", "flac"}
)


@dataclass(frozen=True, slots=True)
class PageSound:
    """`source` is an address or data, "" where there is nothing to play; a level is the square
    root of a peak over the loudest, 0 to 255, one for every `step` s of each channel."""

    source: str = ""
    step: float = _FINEST
    levels: tuple[bytes, ...] = ()


def page_sound(
    recording: Path, folder: Path, embed_seconds: float = EMBED_SECONDS, *, parties: int = 0
) -> PageSound:
    """The sound for a page in `folder`: inside it as Opus up to `embed_seconds`, and where a
    browser does not play the recording; else by the recording's path from there. `parties` as
    `read_sound` takes them.

    Raises ReadingError, OSError.
    """
    sound = read_sound(recording, parties=parties, scratch=folder)
    try:
        step = max(_FINEST, sound.seconds / _MOST_LEVELS)
        levels = _levels(sound, step)
        if sound.seconds <= embed_seconds or not _plays(recording):
            source = f"data:audio/ogg;base64,{base64.b64encode(opus(sound)).decode()}"
        else:
            path = os.path.relpath(recording, folder)
            source = urllib.parse.quote(os.fsencode(path))
        return PageSound(source, step, levels)
    finally:
        sound.close()


def opus(sound: Sound) -> bytes:
    """Ogg Opus of the first two tracks; the same bytes every time."""
    tracks = min(sound.tracks, 2)
    layout = "mono" if tracks == 1 else "stereo"
    made = BytesIO()
    # without "bitexact" every file has a random serial number
    with av.open(made, "w", format="ogg", options={"fflags": "+bitexact"}) as out:
        stream = out.add_stream("libopus", rate=SAMPLE_RATE, layout=layout)
        stream.bit_rate = 24_000 * tracks
        stream.options = {"application": "voip"}
        at = 0
        for rows in zip(*(sound.blocks(i, _BLOCK_SECONDS) for i in range(tracks)), strict=True):
            interleaved = np.ascontiguousarray(np.stack(rows, axis=1).reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, at, _TICK
            at += frame.samples
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return made.getvalue()


_TICK = Fraction(1, SAMPLE_RATE)


def _plays(recording: Path) -> bool:
    try:
        with av.open(str(recording)) as container:
            codec = container.streams.audio[0].codec_context.name
    except FFmpegError:
        return False
    return recording.suffix.lower() in _FILES and codec in _CODECS


def _levels(sound: Sound, step: float) -> tuple[bytes, ...]:
    size = round(SAMPLE_RATE * step)
    seconds = max(1, round(_BLOCK_SECONDS / step)) * size / SAMPLE_RATE
    loud: list[NDArray[np.float32]] = [
        np.concatenate([peaks(block, size) for block in sound.blocks(track, seconds)])
        for track in range(sound.tracks)
    ]
    # what is below 1% of full scale is quiet
    loudest = max(0.01, *(float(levels.max(initial=0.0)) for levels in loud))
    return tuple((255 * np.sqrt(levels / loudest)).astype(np.uint8).tobytes() for levels in loud)
