"""The two models of the diarizer on onnxruntime.

The graphs lie beside this module and hold no weights: they point at byte ranges of the published
PyTorch files, which are never unpickled.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice.onnx import open_session
from voice.recordings.diarize.filterbank import FRAME, STEP, filterbank

RATE = 16000
WINDOW = 10 * RATE  # samples the segmentation was trained on
FRAMES = 589  # of a window
HOP = 270  # samples from one frame to the next
FIRST = 495  # sample in the middle of the first frame
LOCALS = 3  # speakers it can tell apart in a window
_LEAST = 40 * STEP + FRAME  # samples; shorter speech is repeated up to here

_GRAPHS = Path(__file__).parent / "graphs"
# class of the segmentation -> which of its three speakers talk; never all three
_POWERSET = np.array(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=bool
)


class Segmentation:
    """pyannote segmentation 3.0: who of up to three unnamed speakers talks when."""

    def __init__(self, weights: Path, threads: int = 1) -> None:
        self._session = open_session(_GRAPHS / "segmentation.onnx", threads, weights=weights)

    def __call__(self, window: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(FRAMES, LOCALS) of WINDOW samples, mono float32."""
        (classes,) = self._session.run(None, {"samples": window[None, None]})
        return _POWERSET[classes[0].argmax(axis=1)]


class VoicePrint:
    """CAM++: what a voice sounds like, as a direction."""

    def __init__(self, weights: Path, threads: int = 1) -> None:
        self._session = open_session(_GRAPHS / "voice.onnx", threads, weights=weights)

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """(192,) of length 1, of mono float32 at 16 kHz in which one speaker talks."""
        if len(samples) < _LEAST:
            samples = np.tile(samples, -(-_LEAST // max(1, len(samples))))[:_LEAST]
        (found,) = self._session.run(None, {"features": filterbank(samples)[None]})
        return found[0] / np.linalg.norm(found[0])
