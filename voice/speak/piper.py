"""Piper: a small, fast neural voice (VITS on onnxruntime), 15 times real time on one core."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from voice.onnx import open_session
from voice.speak.sound import trimmed
from voice.speak.synthesizer import SpeechError, Spoken, Voice
from voice.speak.words import spoken_words


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
        session = open_session(file, threads, also=_durations(file))
        self._voice: Any = PiperVoice(session=session, config=PiperConfig.from_dict(config))
        self.sample_rate: int = self._voice.config.sample_rate
        self.voices = self.voices_in(model_dir)

    @staticmethod
    def voices_in(model_dir: Path) -> tuple[Voice, ...]:
        """The voice of a folder: "en_US-joe-medium.onnx" is joe, en-US."""
        file = _weights(model_dir)
        language, _, rest = file.stem.partition("-")
        return (Voice(rest.split("-")[0] or file.stem, language.replace("_", "-")),)

    def speak(self, text: str, *, voice: str = "", speed: float = 1.0) -> Iterator[Spoken]:
        if voice and voice != self.voices[0].name:
            raise SpeechError(f"no voice {voice!r} here; this one is {self.voices[0].name}")
        if not any(c.isalnum() for c in text):
            return
        from piper import SynthesisConfig

        scale = (self._voice.config.length_scale or 1.0) / speed
        settings = SynthesisConfig(length_scale=scale)
        for chunk in self._voice.synthesize(text, settings, include_alignments=True):
            cut, audio = trimmed(chunk.audio_float_array, self.sample_rate)
            if not len(audio):
                continue
            aligned = [(a.phoneme, int(a.num_samples)) for a in chunk.phoneme_alignments or ()]
            ends, sizes = spoken_words(aligned, self.sample_rate, cut, len(audio))
            yield Spoken(audio, ends, sizes)

    def warm_up(self) -> None:
        for _ in self.speak("Hello, how can I help you today?"):
            pass

    def close(self) -> None:
        self._voice = None


def _weights(model_dir: Path) -> Path:
    files = sorted(model_dir.glob("*.onnx")) if model_dir.is_dir() else [model_dir]
    if not files or not files[0].with_suffix(".onnx.json").is_file():
        raise SpeechError(f"{model_dir}: no Piper voice here (NAME.onnx and NAME.onnx.json)")
    return files[0]


def _durations(file: Path) -> str:
    """The name of the value that holds each phoneme's length, "" in a model of another make: the
    output of the only Ceil, as in piper's own patch_voice_with_alignment."""
    found = re.findall(rb"\x12.([\x21-\x7e]+)\x1a.[\x21-\x7e]+\x22\x04Ceil", file.read_bytes())
    return found[0].decode() if len(found) == 1 else ""
