"""Pieces of sound to words: Whisper in batches, each piece encoded at its own length."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

from voice.listen.doubt import compression, loops, plain, sounding
from voice.listen.vad import SAMPLE_RATE
from voice.listen.weights import POSITIONS, TranscriberError, Weights, closed
from voice.recordings.words import LATE, Timed, timed, to_sound

_LEAD, _TAIL = 0.1, 1.0  # s of silence around a piece; measured together with the refill
# Positions of silence after the sound, half as they follow it and half as 30 s end: where they
# are missing, the decoder misses its end and repeats itself.
_REFILL = 500
_WHOLE = 512  # the width of whisper-base: wider models repeat themselves all the same
_ROUND = 500  # positions; a batch costs less than what its pieces are longer by
_MOST = 16  # pieces a batch; more gain nothing on a CPU
_SECOND = 50  # positions


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model wrote for a piece. Times are s from the piece's start."""

    words: tuple[Timed, ...]
    language: str
    log_probability: float  # mean over tokens
    no_speech: float  # probability
    doubt: str = ""  # why it may be wrong; "": it may be believed

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


class Recognizer:
    """Reads pieces of at most 28 s. May be called from as many threads as its weights have
    workers."""

    def __init__(
        self, weights: Weights, *, language: str | None = None, hotwords: str = ""
    ) -> None:
        """`language` None: detected for every piece. `hotwords`: names to expect, comma separated.

        Raises TranscriberError for a language that the model does not know.
        """
        self.weights = weights
        self._hotwords = closed(hotwords)
        self._language = weights.spoken(language, "--language") if language else None
        if not weights.multilingual:
            self._language = "en"

    def read(
        self, sounds: Sequence[NDArray[np.float32]], *, beam: int = 1, whole: bool = False
    ) -> list[Reading]:
        """What each sound (16 kHz) says. A result does not depend on the sounds beside it.

        whole: in all the context that Whisper was trained with, for what is doubtful.
        """
        encoded = [self._encode(sound) for sound in sounds]
        order = sorted(range(len(sounds)), key=lambda i: encoded[i].shape[1])
        whole = whole or self.weights.silence.shape[2] >= _WHOLE
        sizes = [POSITIONS if whole else _size(one.shape[1]) for one in encoded]
        made: dict[int, Reading] = {}
        for batch in _batches(order, sizes):
            together = [encoded[i] for i in batch]
            features = self._features(together, sizes[batch[0]])
            found = self._generate(features, together, [sounds[i] for i in batch], beam)
            made.update(zip(batch, found, strict=True))
        return [made[i] for i in range(len(sounds))]

    def _encode(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        lead, tail = round(_LEAD * SAMPLE_RATE), round(_TAIL * SAMPLE_RATE)
        size = lead + len(sound) + tail
        audio = np.zeros(size + -size % 320, np.float32)  # an even number of mel frames
        audio[lead : lead + len(sound)] = sound
        return self.weights.encode(audio)

    def _features(self, encoded: Sequence[NDArray[np.float32]], size: int) -> Any:
        """All at one length, with silence after the sound."""
        silence = self.weights.silence
        features = np.empty((len(encoded), size, silence.shape[2]), np.float32)
        for row, one in zip(features, encoded, strict=True):
            sound = one[0, :size]
            ending = min(_REFILL // 2, size - len(sound))
            row[: len(sound)] = sound
            row[len(sound) : size - ending] = silence[0, len(sound) : size - ending]
            row[size - ending :] = silence[0, POSITIONS - ending :]
        return ctranslate2.StorageView.from_array(features)

    def _generate(
        self,
        features: Any,
        encoded: Sequence[NDArray[np.float32]],
        sounds: Sequence[NDArray[np.float32]],
        beam: int,
    ) -> list[Reading]:
        languages = self._languages(features, len(encoded))
        # With time stamps: without them it ends after a sentence that a pause follows
        prompts = [self.weights.start(language, self._hotwords)[:-1] for language in languages]
        seconds = [len(sound) / SAMPLE_RATE for sound in sounds]
        # By the context, so that what is read beside a piece changes nothing
        most = int(8 + 7 * features.shape[1] / _SECOND)  # tokens; people speak 3 to 5 a second
        model = self.weights.whisper.model
        results = model.generate(
            features,
            prompts,
            beam_size=beam,
            max_length=min(448, 2 * most),  # CTranslate2 allows half of it for new tokens
            return_scores=True,
            return_no_speech_prob=True,
        )
        spoken = [[i for i in r.sequences_ids[0] if i < self.weights.end] for r in results]
        words = self._times(features, encoded, sounds, spoken, languages)
        readings: list[Reading] = []
        for i, result in enumerate(results):
            count = len(result.sequences_ids[0])
            score = result.scores[0] * count / (count + 1)  # faster-whisper's avg_logprob
            readings.append(
                Reading(
                    words=words[i],
                    language=languages[i],
                    log_probability=score,
                    no_speech=result.no_speech_prob,
                    doubt=_doubt(words[i], count, seconds[i], score, result.no_speech_prob),
                )
            )
        return readings

    def _languages(self, features: Any, count: int) -> list[str]:
        if self._language:
            return [self._language] * count
        likeliest = self.weights.whisper.model.detect_language(features)
        return [str(found[0][0]).strip("<|>") for found in likeliest]

    def _times(
        self,
        features: Any,
        encoded: Sequence[NDArray[np.float32]],
        sounds: Sequence[NDArray[np.float32]],
        spoken: Sequence[list[int]],
        languages: Sequence[str],
    ) -> list[tuple[Timed, ...]]:
        """The words of every text, and when cross-attention hears them."""
        # One start for a whole batch: which language it names moves no word
        start = self.weights.start(languages[0])[:-1]
        frames = [2 * one.shape[1] for one in encoded]
        aligned = self.weights.whisper.model.align(features, start, spoken, frames)
        late = LATE.get(self.weights.name, 0.0)
        made: list[tuple[Timed, ...]] = []
        for ids, sound, language, found in zip(spoken, sounds, languages, aligned, strict=True):
            words = timed(ids, found.alignments, found.text_token_probs, self._tokenizer(language))
            until = len(sound) / SAMPLE_RATE
            words = [word.moved(-_LEAD, until) for word in words]
            words = to_sound(words, sounding(sound), late)
            made.append(tuple(word.moved(0, until) for word in words))
        return made

    def _tokenizer(self, language: str) -> Tokenizer:
        known = self._tokenizers
        if language not in known:
            known[language] = Tokenizer(
                self.weights.tokens, self.weights.multilingual, "transcribe", language
            )
        return known[language]

    @cached_property
    def _tokenizers(self) -> dict[str, Tokenizer]:
        return {}


def _size(positions: int) -> int:
    """Of the decoder's context for a piece of that many positions."""
    return min(POSITIONS, -(-(positions + _REFILL) // _ROUND) * _ROUND)


def _batches(order: Sequence[int], sizes: Sequence[int]) -> list[list[int]]:
    """Sorted pieces, those with the same context together: so nobody's text depends on others."""
    made: list[list[int]] = []
    for i in order:
        last = made[-1] if made else None
        if last and len(last) < _MOST and sizes[last[0]] == sizes[i]:
            last.append(i)
        else:
            made.append([i])
    return made


def _doubt(words: Sequence[Timed], tokens: int, seconds: float, score: float, silent: float) -> str:
    text = " ".join(word.text for word in words)
    if tokens >= int(8 + 7 * seconds):
        return "faster than anyone speaks"
    if compression(text) > 2.4 or loops(plain(text)):
        return "repeats itself"
    if tokens > 3 and score < -0.8:
        return "unlikely"
    if words and silent > 0.72:
        return "no speech"
    return ""


__all__ = ["Reading", "Recognizer", "TranscriberError"]
