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
        self._features: Any = FeatureExtractor(chunk_length=_SECONDS)

    def probability(self, audio: NDArray[np.float32]) -> float:
        """Probability that the turn in `audio` (float32 mono, 16 kHz) ends where it ends."""
        size = _SECONDS * SAMPLE_RATE
        audio = np.nan_to_num(audio[-size:])
        audio = np.pad(audio, (max(0, size - len(audio)), 0))
        # As transformers' WhisperFeatureExtractor(chunk_length=8, do_normalize=True)
        audio = (audio - audio.mean()) / np.sqrt(audio.var() + 1e-7)
        mel = self._features(audio.astype(np.float32), padding=0)[None, :, : size // 160]
        (output,) = self._session.run(None, {"input_features": mel.astype(np.float32)})
        return float(output[0].item())

    def warm_up(self) -> None:
        self.probability(np.zeros(SAMPLE_RATE, np.float32))

    def close(self) -> None:
        self._session = None
