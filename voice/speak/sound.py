"""What every synthesizer's sound needs before clauses can be joined."""

import numpy as np
from numpy.typing import NDArray

_QUIET = 0.008  # of full scale; Piper's and Kokoro's silence lies below
# s kept around the speech, so that no consonant is clipped; whoever waits hears what is before it
_KEPT_BEFORE, _KEPT_AFTER = 0.01, 0.03
_FADE = 0.005  # s


def trimmed(audio: NDArray[np.float32], rate: int) -> tuple[float, NDArray[np.int16]]:
    """One clause (float, -1 to 1) without the silence around it, its ends faded: no gap, no click.

    Also how many seconds were cut from its beginning.
    """
    audio = np.nan_to_num(audio)
    loud = np.flatnonzero(np.abs(audio) > _QUIET)
    if not len(loud):
        return 0.0, np.zeros(0, np.int16)
    before, after, fade = (round(s * rate) for s in (_KEPT_BEFORE, _KEPT_AFTER, _FADE))
    first = max(0, int(loud[0]) - before)
    audio = audio[first : loud[-1] + after].copy()
    fade = min(fade, len(audio) // 2)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    audio[:fade] *= ramp
    audio[len(audio) - fade :] *= ramp[::-1]
    return first / rate, (np.clip(audio, -1, 1) * 32767).astype(np.int16)
