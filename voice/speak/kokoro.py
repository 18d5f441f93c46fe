"""Kokoro-82M: 54 voices in 8 languages on onnxruntime; better than Piper, and ten times slower."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice.onnx import open_session
from voice.speak.sound import trimmed
from voice.speak.synthesizer import SpeechError, Spoken, Voice
from voice.speak.words import spoken_words

_DURATIONS = "/encoder/Clip_output_0"  # of each token, in frames
_FRAME = 600  # samples
_EARLY = 3  # frames by which the sound comes before its durations, as in hexgrad's own timestamps
_MOST_TOKENS = 509  # the model's context less the two that pad it
_LANGUAGES = {
    "a": "en-US",
    "b": "en-GB",
    "e": "es",
    "f": "fr-FR",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-BR",
    "z": "zh",
}
_ESPEAK = {"en-US": "en-us", "en-GB": "en-gb", "fr-FR": "fr-fr", "pt-BR": "pt-br", "zh": "cmn"}


class Kokoro:
    """Phonemes by kokoro-onnx's tokenizer (espeak-ng), sound by the int8 model. Blocking."""

    name = "kokoro"
    sample_rate = 24000

    def __init__(self, model_dir: Path, *, threads: int = 1) -> None:
        """Raises SpeechError when kokoro-onnx, the model or its voices are missing."""
        try:
            from kokoro_onnx.tokenizer import Tokenizer
        except ImportError as exc:
            raise SpeechError("Kokoro is not installed: pip install 'openline[kokoro]'") from exc
        files = {path.stem: path for path in (model_dir / "voices").glob("*.bin")}
        models = sorted(model_dir.glob("*.onnx"))
        if not files or not models:
            raise SpeechError(f"{model_dir}: no Kokoro here (a model.onnx and voices/NAME.bin)")
        self._files = files
        self._styles: dict[str, NDArray[np.float32]] = {}
        self._tokenizer: Any = Tokenizer()
        known = _DURATIONS.encode() in models[0].read_bytes()
        self._session: Any = open_session(models[0], threads, also=_DURATIONS if known else "")
        self._inputs = {i.name: i.type for i in self._session.get_inputs()}
        self.voices = self.voices_in(model_dir)

    @staticmethod
    def voices_in(model_dir: Path) -> tuple[Voice, ...]:
        """The voices of a folder, without loading the model; af_heart first."""
        names = [path.stem for path in (model_dir / "voices").glob("*.bin")]
        names.sort(key=lambda name: (name != "af_heart", name))
        return tuple(Voice(name, _LANGUAGES.get(name[0], "en-US")) for name in names)

    def speak(self, text: str, *, voice: str = "", speed: float = 1.0) -> Iterator[Spoken]:
        name = voice or self.voices[0].name
        style, language = self._style(name), _LANGUAGES.get(name[0], "en-US")
        if not any(c.isalnum() for c in text):
            return
        phonemes: str = self._tokenizer.phonemize(text, _ESPEAK.get(language, language))
        for part in textwrap.wrap(phonemes, _MOST_TOKENS):  # one token a phoneme
            tokens: list[int] = self._tokenizer.tokenize(part)
            if not tokens:
                continue
            sound, lengths = self._run(tokens, style, speed)
            cut, audio = trimmed(sound, self.sample_rate)
            if not len(audio):
                continue
            known = [c for c in part if self._tokenizer.tokenize(c)]
            aligned = list(zip(["^", *known, "$"], lengths, strict=False))
            if len(known) != len(tokens):
                aligned = []
            ends, sizes = spoken_words(aligned, self.sample_rate, cut, len(audio))
            yield Spoken(audio, ends, sizes)

    def _run(
        self, tokens: list[int], style: NDArray[np.float32], speed: float
    ) -> tuple[NDArray[np.float32], list[int]]:
        """The sound, and each token's length in samples, the two around them included."""
        ids = "tokens" if "tokens" in self._inputs else "input_ids"
        kind = np.float32 if "float" in self._inputs["speed"] else np.int32
        inputs = {
            ids: np.array([[0, *tokens, 0]], np.int64),
            "style": style[min(len(tokens), len(style) - 1)],
            "speed": np.array([speed], kind),
        }
        sound, *lengths = self._session.run(None, inputs)
        frames = [int(count) for count in lengths[0].ravel()] if lengths else []
        if frames:
            frames[0] = max(0, frames[0] - _EARLY)
        return sound.squeeze(), [count * _FRAME for count in frames]

    def _style(self, name: str) -> NDArray[np.float32]:
        if name not in self._files:
            raise SpeechError(f"no voice {name!r} here; {len(self._files)} are, such as af_heart")
        if name not in self._styles:
            # (510, 1, 256): one style for every length in tokens
            self._styles[name] = np.fromfile(self._files[name], np.float32).reshape(-1, 1, 256)
        return self._styles[name]

    def warm_up(self) -> None:
        for _ in self.speak("Hello."):
            pass

    def close(self) -> None:
        self._session = None
