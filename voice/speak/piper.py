"""Piper: a small, fast neural voice (VITS on onnxruntime), 15 times real time on one core."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice.onnx import open_session
from voice.speak.sound import trim
from voice.speak.synthesizer import SpeechError, Voice


class Piper:
    """One voice of piper-tts (GPL-3.0, so imported only here). Blocking."""

    name = "piper"

    def __init__(self, model_dir: Path, *, threads: int = 1) -> None:
        """Raises SpeechError when piper-tts or the voice is missing."""
        try:
            from piper import PiperVoice
            from piper.config import PiperConfig
        except ImportError as exc:
            raise SpeechError("Piper is not installed: pip install 'openline[piper]'") from exc
        file = _weights(model_dir)
        config: dict[str, Any] = json.loads(file.with_suffix(".onnx.json").read_text())
        session = open_session(file, threads)
        self._voice: Any = PiperVoice(session=session, config=PiperConfig.from_dict(config))
        self.sample_rate: int = self._voice.config.sample_rate
        self.voices = self.voices_in(model_dir)

    @staticmethod
    def voices_in(model_dir: Path) -> tuple[Voice, ...]:
        """The voice of a folder: "en_US-joe-medium.onnx" is joe, en-US."""
        file = _weights(model_dir)
        language, _, rest = file.stem.partition("-")
        return (Voice(rest.split("-")[0] or file.stem, language.replace("_", "-")),)

    def synthesize(
        self, text: str, *, voice: str = "", speed: float = 1.0
    ) -> Iterator[NDArray[np.int16]]:
        if voice and voice != self.voices[0].name:
            raise SpeechError(f"no voice {voice!r} here; this one is {self.voices[0].name}")
        if not any(c.isalnum() for c in text):
            return
        from piper import SynthesisConfig

        scale = (self._voice.config.length_scale or 1.0) / speed
        for chunk in self._voice.synthesize(text, SynthesisConfig(length_scale=scale)):
            audio = trim(chunk.audio_float_array, self.sample_rate)
            if len(audio):
                yield audio

    def warm_up(self) -> None:
        for _ in self.synthesize("Hello, how can I help you today?"):
            pass

    def close(self) -> None:
        self._voice = None


def _weights(model_dir: Path) -> Path:
    files = sorted(model_dir.glob("*.onnx")) if model_dir.is_dir() else [model_dir]
    if not files or not files[0].with_suffix(".onnx.json").is_file():
        raise SpeechError(f"{model_dir}: no Piper voice here (NAME.onnx and NAME.onnx.json)")
    return files[0]
