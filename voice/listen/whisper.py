"""Recognition: Whisper on CTranslate2, with a short encoder context for live utterances.

Whisper's encoder always reads 30 s. For a live utterance we encode only its own length and refill
the encoder's output to 1500 positions with a cached encoding of silence: a quarter of the cost of
30 s and beam 5 at the same word error rate to within what 778 words can tell, and no loops (a short
context alone makes the decoder miss its end and repeat itself).
"""

import threading
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

SAMPLE_RATE = 16000
_LEAD, _TAIL = 0.3, 1.0  # s of silence around the utterance; measured together with the refill
_LONGEST = 27.0  # s; with lead and tail it must fit Whisper's 30 s window
_SHORTEST = 0.1  # s; less cannot hold a word
_POSITIONS = 1500  # of the encoder's output for 30 s
_FRAMES = 3000  # of mel for 30 s


class TranscriberError(Exception):
    """The model cannot be loaded. The message says what is wrong and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Transcript:
    text: str
    language: str
    seconds: float  # of audio
    log_probability: float  # mean over tokens
    no_speech_probability: float
    fell_back: bool  # the short context was doubted, 30 s and beam 5 were used


class Transcriber:
    """Shared by all calls. Blocking; one utterance at a time."""

    def __init__(
        self,
        model_dir: Path,
        *,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        compute_type: str = "default",
        language: str | None = "en",
        threads: int | None = None,
        hotwords: str = "",
    ) -> None:
        """`language` None: detected per utterance. `hotwords`: names to expect, comma separated.

        Raises TranscriberError: no model there, or device "cuda" without a GPU.
        """
        gpus = ctranslate2.get_cuda_device_count()
        if device == "cuda" and not gpus:
            raise TranscriberError(
                "transcriber.device: cuda was asked for, and no GPU is here; "
                "set device: auto or cpu, or check nvidia-smi"
            )
        where = "cuda" if gpus and device != "cpu" else "cpu"
        if compute_type == "default":
            compute_type = "float16" if where == "cuda" else "int8"
        if not (model_dir / "model.bin").is_file():
            raise TranscriberError(f"{model_dir}: no model.bin; a CTranslate2 folder is needed")
        try:
            self._whisper = WhisperModel(
                str(model_dir), where, compute_type=compute_type, cpu_threads=threads or 0
            )
        except (RuntimeError, ValueError) as exc:
            raise TranscriberError(f"{model_dir}: cannot be loaded ({exc})") from exc
        self.description = f"{model_dir.name} {compute_type} on {where}"
        self._lock = threading.Lock()
        self._language = language if self._whisper.model.is_multilingual else "en"
        # After a list that is not closed, Whisper closes no sentence either
        self._hotwords = f"{hotwords.rstrip(' .')}." if hotwords else ""
        self._tokens: Any = self._whisper.hf_tokenizer
        self._silence = np.array(self._encode(np.zeros(30 * SAMPLE_RATE, np.float32)))

    def warm_up(self) -> None:
        noise = np.random.default_rng(0).normal(0, 0.01, 2 * SAMPLE_RATE)
        self.transcribe(noise.astype(np.float32))

    def close(self) -> None:
        with self._lock:
            self._whisper.model.unload_model()

    def transcribe(
        self,
        audio: NDArray[np.float32],
        *,
        beam_size: int = 1,
        thorough: bool = False,
        draft: bool = False,
    ) -> Transcript:
        """The text of one utterance (float32 mono, 16 kHz); "" where nobody speaks.

        thorough: 30 s context and beam 5 at once, as for a recording.
        draft: doubtful text is dropped instead of decoded again, as for a partial transcript.
        """
        audio = np.nan_to_num(np.asarray(audio, np.float32).ravel(), posinf=1.0, neginf=-1.0)
        seconds = len(audio) / SAMPLE_RATE
        if seconds < _SHORTEST or float(np.abs(audio).max()) < 1e-4:
            return Transcript("", self._language or "", seconds, 0.0, 1.0, False)
        with self._lock:
            if thorough or seconds > _LONGEST:
                return self._full(audio, seconds)
            return self._short(audio, seconds, beam_size, draft)

    def _short(
        self, audio: NDArray[np.float32], seconds: float, beam_size: int, draft: bool
    ) -> Transcript:
        lead, tail = round(_LEAD * SAMPLE_RATE), round(_TAIL * SAMPLE_RATE)
        size = lead + len(audio) + tail
        padded = np.zeros(size + -size % 320, np.float32)  # an even number of mel frames
        padded[lead : lead + len(audio)] = audio
        encoded = np.array(self._encode(padded))
        encoded = np.concatenate([encoded, self._silence[:, encoded.shape[1] :]], axis=1)
        features = ctranslate2.StorageView.from_array(np.ascontiguousarray(encoded[:, :_POSITIONS]))
        language, prompt = self._prompt(features)
        most = int(8 + 7 * seconds)  # tokens; people speak 3 to 5 a second
        result = self._whisper.model.generate(
            features,
            [prompt],
            beam_size=beam_size,
            max_length=min(448, 2 * most),  # CTranslate2 allows half of it for new tokens
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        ids: list[int] = result.sequences_ids[0]
        end = self._tokens.token_to_id("<|endoftext|>")
        text = self._tokens.decode([i for i in ids if i < end]).strip()
        score = result.scores[0] * len(ids) / (len(ids) + 1)  # faster-whisper's avg_logprob
        silent = result.no_speech_prob
        words = _plain(text)
        if silent > 0.72 or (silent > 0.5 and words in ([], ["you"])):
            return Transcript("", language, seconds, score, silent, False)
        doubtful = (
            len(ids) >= most
            or compression(text) > 2.4
            or loops(words)
            or (seconds > 1.2 and score < -0.6)
        )
        if doubtful and draft:
            return Transcript("", language, seconds, score, silent, False)
        if doubtful:
            return self._full(audio, seconds)
        return Transcript(text, language, seconds, score, silent, False)

    def _full(self, audio: NDArray[np.float32], seconds: float) -> Transcript:
        segments, info = self._whisper.transcribe(
            audio,
            language=self._language,
            beam_size=5,
            temperature=0,
            condition_on_previous_text=False,
            hotwords=self._hotwords or None,
        )
        kept = [s for s in segments if s.no_speech_prob <= 0.72]  # lazy: the work happens here
        if not kept:
            return Transcript("", info.language, seconds, 0.0, 1.0, True)
        text = " ".join(s.text.strip() for s in kept)
        score = sum(s.avg_logprob for s in kept) / len(kept)
        silent = max(s.no_speech_prob for s in kept)
        if loops(_plain(text)) and seconds < 3:  # 30 s of context loops on noise as well
            text = ""
        return Transcript(text, info.language, seconds, score, silent, True)

    def _encode(self, audio: NDArray[np.float32]) -> Any:
        mel = self._whisper.feature_extractor(audio, padding=0)[None, :, :_FRAMES]
        mel = np.ascontiguousarray(mel, np.float32)
        return self._whisper.model.encode(ctranslate2.StorageView.from_array(mel))

    def _prompt(self, features: Any) -> tuple[str, list[int]]:
        token = self._tokens.token_to_id
        prompt: list[int] = []
        if self._hotwords:
            # Words before the start of the transcript, as faster-whisper's hotwords=
            ids = self._tokens.encode(" " + self._hotwords, add_special_tokens=False).ids
            prompt += [token("<|startofprev|>"), *ids[:223]]
        prompt.append(token("<|startoftranscript|>"))
        language = self._language or ""
        if self._whisper.model.is_multilingual:
            if not language:
                ((code, _), *_) = self._whisper.model.detect_language(features)[0]
                language = code.strip("<|>")
            prompt += [token(f"<|{language}|>"), token("<|transcribe|>")]
        return language, [*prompt, token("<|notimestamps|>")]


def _plain(text: str) -> list[str]:
    return "".join(c.lower() if c.isalnum() or c == "'" else " " for c in text).split()


def compression(text: str) -> float:
    """How well a text compresses: more than 2.4 is repetition (OpenAI's own limit)."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def loops(words: list[str]) -> bool:
    """Whether three or more words stand twice back to back, or fewer four times."""
    for size in range(1, len(words) // 2 + 1):
        for start in range(len(words) - 2 * size + 1):
            part, times = words[start : start + size], 1
            while words[start + times * size : start + (times + 1) * size] == part:
                times += 1
            if times >= (2 if size >= 3 else 4):
                return True
    return False
