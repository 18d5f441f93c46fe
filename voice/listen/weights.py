"""Whisper's weights on CTranslate2, once a process: live turns and recordings read with them."""

from pathlib import Path
from typing import Any, Literal

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from voice.listen.vad import SAMPLE_RATE

POSITIONS = 1500  # of the encoder's output for 30 s
FRAMES = 3000  # of mel for 30 s


class TranscriberError(Exception):
    """The model cannot be loaded. The message says what is wrong and what to do, in one line."""


class Weights:
    """A loaded model. The methods may be called from several threads."""

    def __init__(
        self,
        model_dir: Path,
        *,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        compute_type: str = "default",
        threads: int | None = None,
        workers: int = 1,
    ) -> None:
        """`threads` to compute one thing, `workers` things at once.

        Raises TranscriberError: no model there, or device "cuda" without a GPU.
        """
        gpus = ctranslate2.get_cuda_device_count()
        if device == "cuda" and not gpus:
            raise TranscriberError(
                "transcriber.device: cuda was asked for, and no GPU is here; "
                "set device: auto or cpu, or check nvidia-smi"
            )
        # Without its tokenizer faster-whisper would ask a hub for one
        for name in ("model.bin", "tokenizer.json"):
            if not (model_dir / name).is_file():
                raise TranscriberError(f"{model_dir}: no {name}; a CTranslate2 folder is needed")
        self.name = model_dir.name
        self._threads, self._workers = threads or 0, workers
        where = "cuda" if gpus and device != "cpu" else "cpu"
        try:
            self._load(model_dir, where, compute_type)
        except (RuntimeError, ValueError) as exc:
            # A GPU without CUDA's libraries is found out at the first encoding only
            if where == "cpu" or device == "cuda":
                raise TranscriberError(f"{model_dir}: cannot be loaded ({exc})") from exc
            self._load_on_cpu_instead(model_dir, exc)

    def _load(self, model_dir: Path, where: str, compute_type: str) -> None:
        if compute_type == "default":
            compute_type = "float16" if where == "cuda" else "int8"
        self.whisper = WhisperModel(
            str(model_dir),
            where,
            compute_type=compute_type,
            cpu_threads=self._threads,
            num_workers=self._workers,
        )
        bins = self.whisper.model.n_mels  # 128 in large-v3; its converted folders may not say so
        if self.whisper.feature_extractor.mel_filters.shape[0] != bins:
            self.whisper.feature_extractor = FeatureExtractor(feature_size=bins)
        self.tokens: Any = self.whisper.hf_tokenizer
        self.end: int = self.tokens.token_to_id("<|endoftext|>")
        self.multilingual: bool = self.whisper.model.is_multilingual
        self.silence = self.encode(np.zeros(30 * SAMPLE_RATE, np.float32))
        self.description = f"{model_dir.name} {compute_type} on {where}"

    def _load_on_cpu_instead(self, model_dir: Path, cause: Exception) -> None:
        try:
            self._load(model_dir, "cpu", "int8")
        except (RuntimeError, ValueError) as exc:
            raise TranscriberError(f"{model_dir}: cannot be loaded ({exc})") from exc
        self.description += f" (the GPU cannot be used: {cause})"

    def spoken(self, language: str, option: str = "transcriber.language") -> str:
        """The language, if the model knows it. Raises TranscriberError, which names `option`."""
        if not self.multilingual:
            if language != "en":
                raise TranscriberError(
                    f"{option}: {self.name} knows English only, not {language!r}; "
                    "set language: en, or a multilingual model such as whisper-base"
                )
            return "en"
        if self.tokens.token_to_id(f"<|{language}|>") is None:
            raise TranscriberError(
                f"{option}: {self.name} knows no {language!r}; "
                "a code such as en, de or fr is needed, or null to detect it"
            )
        return language

    def encode(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of at most 30 s to (1, 50 positions a second, width)."""
        mel = self.whisper.feature_extractor(audio, padding=0)[None, :, :FRAMES]
        mel = np.ascontiguousarray(mel, np.float32)
        encoded = self.whisper.model.encode(ctranslate2.StorageView.from_array(mel), to_cpu=True)
        # numpy has no bfloat16, which a GPU may compute in
        return np.array(encoded.to(ctranslate2.DataType.float32))

    def start(self, language: str, hotwords: str = "") -> list[int]:
        """The prompt of a text without time stamps. `hotwords`: names to expect."""
        token = self.tokens.token_to_id
        prompt: list[int] = []
        if hotwords:
            # Words before the start of the transcript, as faster-whisper's hotwords=
            ids = self.tokens.encode(" " + hotwords, add_special_tokens=False).ids
            prompt += [token("<|startofprev|>"), *ids[:223]]
        prompt.append(token("<|startoftranscript|>"))
        if self.multilingual:
            prompt += [token(f"<|{language}|>"), token("<|transcribe|>")]
        return [*prompt, token("<|notimestamps|>")]


def closed(hotwords: str) -> str:
    """After a list that is not closed, Whisper closes no sentence either."""
    return f"{hotwords.rstrip(' .')}." if hotwords else ""
