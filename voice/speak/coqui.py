"""Coqui's voices on torch: VITS and the other models of coqui-tts, and XTTS, which clones a voice
from a few seconds of it and streams.

A folder holds config.json and the weights (model.pth or the like). XTTS besides: vocab.json, and
voices/NAME.LANGUAGE.wav, six seconds or more of each voice it is to speak with.
"""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from voice.speak.sound import trimmed
from voice.speak.synthesizer import SpeechError, Spoken, Voice

_MISSING = "Coqui is not installed: make torch, or pip install 'openline[torch,coqui]'"


class Coqui:
    """One model of coqui-tts, on the GPU where there is one. Blocking.

    How long the words of a clause take is not known: it is shared out by their letters.
    """

    name = "coqui"

    def __init__(self, model_dir: Path, *, threads: int = 1) -> None:
        """`threads` of torch are the process's. Raises SpeechError when coqui-tts or the model is
        missing."""
        try:
            import torch

            importlib.import_module("TTS")  # says at once what of its own is missing
        except ImportError as exc:
            raise SpeechError(_MISSING) from exc
        torch.set_num_threads(threads)
        config = _config(model_dir)
        self.voices = self.voices_in(model_dir)
        if not self.voices:
            raise SpeechError(f"{model_dir}: XTTS needs a voice; put one at voices/NAME.en.wav")
        kind = _Xtts if config.get("model") == "xtts" else _Model
        try:
            self._model = kind(model_dir, torch.cuda.is_available())
        except (OSError, KeyError, ValueError, RuntimeError, AssertionError) as exc:
            problem = " ".join(str(exc).split())[:200]
            raise SpeechError(f"{model_dir}: coqui-tts cannot load it ({problem})") from exc
        self.sample_rate: int = self._model.sample_rate

    @staticmethod
    def voices_in(model_dir: Path) -> tuple[Voice, ...]:
        """The voices of a folder, without loading the model."""
        config = _config(model_dir)
        if config.get("model") == "xtts":
            files = sorted((model_dir / "voices").glob("*.wav"))
            return tuple(Voice(f.stem.split(".")[0], _language_of(f)) for f in files)
        datasets: list[dict[str, Any]] = config.get("datasets") or [{}]
        language = config.get("phoneme_language") or datasets[0].get("language") or "en"
        names = list(config.get("speakers") or _speakers(config, model_dir))
        return tuple(Voice(str(name), str(language)) for name in names or [model_dir.name])

    def speak(self, text: str, *, voice: str = "", speed: float = 1.0) -> Iterator[Spoken]:
        known = {each.name: each for each in self.voices}
        chosen = known.get(voice or self.voices[0].name)
        if chosen is None:
            raise SpeechError(f"no voice {voice!r} here; there are: {', '.join(known)}")
        if not any(c.isalnum() for c in text):
            return
        try:
            for audio in self._model.speak(text, chosen, len(known) > 1, speed):
                yield Spoken(audio)
        except (RuntimeError, ValueError, AssertionError) as exc:
            problem = " ".join(str(exc).split())[:200]
            raise SpeechError(f"{self.name} cannot say {text!r} ({problem})") from exc

    def warm_up(self) -> None:
        for _ in self.speak("Hello."):
            pass

    def close(self) -> None:
        self._model.close()


class _Model:
    """A model that makes a whole clause at once."""

    def __init__(self, folder: Path, gpu: bool) -> None:
        from TTS.utils.synthesizer import Synthesizer

        self._synthesizer: Any = Synthesizer(
            tts_checkpoint=_checkpoint(folder),
            tts_config_path=folder / "config.json",
            use_cuda=gpu,
        )
        self.sample_rate = int(self._synthesizer.output_sample_rate)

    def speak(
        self, text: str, voice: Voice, several: bool, speed: float
    ) -> Iterator[NDArray[np.int16]]:
        model = self._synthesizer.tts_model
        if hasattr(model, "length_scale"):  # VITS, Glow-TTS; the others have one speed
            model.length_scale = 1.0 / speed
        speaker = voice.name if several else None
        sound = self._synthesizer.tts(text, speaker_name=speaker, split_sentences=False)
        _, audio = trimmed(np.asarray(sound, np.float32), self.sample_rate)
        yield audio

    def close(self) -> None:
        self._synthesizer = None


class _Xtts:
    """XTTS: pieces of about half a second, as they are made."""

    def __init__(self, folder: Path, gpu: bool) -> None:
        from TTS.tts.configs.xtts_config import XttsConfig
        from TTS.tts.models.xtts import Xtts

        config: Any = XttsConfig()
        config.load_json(str(folder / "config.json"))
        self._model: Any = Xtts.init_from_config(config)
        self._model.load_checkpoint(config, checkpoint_dir=folder, eval=True)
        if gpu:
            self._model.cuda()
        self.sample_rate = int(config.model_args.output_sample_rate)
        self._files = {f.stem.split(".")[0]: f for f in (folder / "voices").glob("*.wav")}
        self._latents: dict[str, Any] = {}

    def speak(
        self, text: str, voice: Voice, several: bool, speed: float
    ) -> Iterator[NDArray[np.int16]]:
        if voice.name not in self._latents:
            file = str(self._files[voice.name])
            self._latents[voice.name] = self._model.get_conditioning_latents(audio_path=[file])
        latents, speaker = self._latents[voice.name]
        pieces = self._model.inference_stream(text, voice.language, latents, speaker, speed=speed)
        for piece in pieces:
            sound = piece.detach().cpu().numpy().ravel()
            yield (np.clip(sound, -1, 1) * 32767).astype(np.int16)

    def close(self) -> None:
        self._model = None
        self._latents.clear()


def _config(folder: Path) -> dict[str, Any]:
    try:
        config: Any = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise SpeechError(f"{folder}: no Coqui voice here (a config.json and weights)") from exc
    return cast("dict[str, Any]", config) if isinstance(config, dict) else {}


def _checkpoint(folder: Path) -> Path:
    files = sorted(folder.glob("*.pth"), key=lambda file: file.stat().st_size)
    if not files:
        raise SpeechError(f"{folder}: no weights (a .pth file) beside config.json")
    return files[-1]  # the others hold the speakers' names


def _speakers(config: dict[str, Any], folder: Path) -> list[str]:
    file = config.get("speakers_file") or ""
    found = folder / Path(file).name
    if not file or found.suffix != ".json" or not found.is_file():
        return []
    return sorted(json.loads(found.read_text(encoding="utf-8")))


def _language_of(file: Path) -> str:
    """voices/maria.es.wav speaks Spanish; without a language, English."""
    _, _, language = file.stem.partition(".")
    return language or "en"
