"""The sound of a journal, read back sample by sample."""

from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from voice.journal.files import JournalError, sound_file
from voice.journal.tracks import Track


def read_track(folder: Path, track: Track) -> tuple[NDArray[np.int16], int]:
    """A track as int16 mono and its rate in Hz; empty where this side never sounded.

    A file whose writer was killed has no length in its header and is read to its last whole
    block: by FFmpeg, because libsndfile gives up before it. Raises JournalError.
    """
    path = sound_file(folder, track)
    if not path.is_file() or not path.stat().st_size:
        return np.zeros(0, np.int16), 0
    parts: list[NDArray[np.int16]] = []
    rate = 0
    try:
        with av.open(str(path)) as container:
            rate = container.streams.audio[0].rate
            # 16 bit FLAC decodes to s16: no conversion, no rounding
            # what was decoded before an error stays
            parts.extend(
                np.asarray(frame.to_ndarray()).reshape(-1).astype(np.int16)
                for frame in container.decode(audio=0)
            )
    except (OSError, FFmpegError) as exc:
        if not rate:
            raise JournalError(f"{path}: cannot be read as sound ({exc})") from exc
    return (np.concatenate(parts) if parts else np.zeros(0, np.int16)), rate
