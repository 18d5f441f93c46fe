"""End of turn from the sound of the voice: smart-turn v3.2 (BSD-2, Daily) on onnxruntime."""

from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from voice.listen.vad import SAMPLE_RATE
from voice.models import model_path
from voice.onnx import open_session

_SECONDS = 8  # the model sees the last 8 s, zeros in front where there is less


class EndOfTurn:
    """Says how likely it is that a turn has ended. About 50 ms on one thread; blocking."""

    def __init__(self, path: Path | None = None) -> None:
        folder = path or model_path("smart-turn-v3.2")
        file = folder / "smart-turn-v3.2-cpu.onnx" if folder.is_dir() else folder
        self._session: Any = open_session(file)
        self._filters = FeatureExtractor(chunk_length=_SECONDS).mel_filters.astype(np.float64)

    def probability(self, audio: NDArray[np.float32]) -> float:
        """Probability that the turn in `audio` (float32 mono, 16 kHz) ends where it ends."""
        size = _SECONDS * SAMPLE_RATE
        audio = np.nan_to_num(audio[-size:])
        audio = np.pad(audio, (max(0, size - len(audio)), 0))
        mel = self._log_mel((audio - audio.mean()) / np.sqrt(audio.var() + 1e-7))
        (output,) = self._session.run(None, {"input_features": mel[None].astype(np.float32)})
        return float(output[0].item())

    def _log_mel(self, audio: NDArray[np.float32]) -> NDArray[np.float64]:
        """(80, 800), as transformers' WhisperFeatureExtractor(chunk_length=8).

        In 64 bits like there: with 32 the model's int8 steps fall elsewhere now and then, and the
        probability was off by up to 0.08.
        """
        padded = np.pad(audio.astype(np.float64), 200, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160][:-1]
        window = np.hanning(401)[:-1]
        power = np.abs(np.fft.rfft(frames * window)) ** 2
        log = np.log10(np.maximum(self._filters @ power.T, 1e-10))
        return (np.maximum(log, log.max() - 8.0) + 4.0) / 4.0

    def warm_up(self) -> None:
        self.probability(np.zeros(SAMPLE_RATE, np.float32))

    def close(self) -> None:
        self._session = None
