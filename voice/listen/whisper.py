"""Recognition: Whisper on CTranslate2, with a short encoder context for live utterances.

Whisper's encoder always reads 30 s. For a live utterance we encode only its own length and refill
the encoder's output to 1500 positions with a cached encoding of silence: a quarter of the cost of
30 s and beam 5 at the same word error rate to within what 778 words can tell, and no loops (a short
context alone makes the decoder miss its end and repeat itself).
"""

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from voice.listen.doubt import compression, loops, plain, sounding, unrepeated
from voice.listen.languages import Languages
from voice.listen.vad import SAMPLE_RATE
from voice.listen.weights import FRAMES, POSITIONS, Weights, closed

# s of silence around the utterance; measured together with the refill. A live one brings its own
# silence before it: 0.3 s more takes time and reads no better (docs/latency.md).
_LEAD, _TAIL = 0.02, 1.0
_LONGEST = 27.0  # s; with lead and tail it must fit Whisper's 30 s window
_EARLIEST = 12.0  # s; where a longer utterance may be cut, at its quietest place
_SHORTEST = 0.1  # s; less cannot hold a word
_REMEMBERED = 16  # pieces of long utterances: seven minutes of speech in mid-turn at once
_GUESSED = -1.6  # mean log probability of words that are none
_FULL_STOPS = frozenset(".?!。？！؟।")
_LETTER = re.compile(r"\w|[^\x00-\x7f]")  # of any script; half a character decodes to none of ASCII


@dataclass(frozen=True, slots=True)
class Transcript:
    text: str
    language: str
    seconds: float  # of audio
    log_probability: float  # mean over tokens
    no_speech_probability: float
    fell_back: bool  # the short context was doubted somewhere, 30 s and beam 5 were used
    closing: float | None = None  # probability of . ? or ! after the last word; None: not known


class Transcriber:
    """Shared by all calls. Blocking; one utterance at a time."""

    def __init__(
        self,
        model_dir: Path,
        *,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        compute_type: str = "default",
        language: str | Sequence[str] | None = "en",
        threads: int | None = None,
        hotwords: str = "",
    ) -> None:
        """`language` None: detected per utterance; several: the likeliest of them. `hotwords`:
        names to expect, comma separated.

        Raises TranscriberError: no model there, or device "cuda" without a GPU.
        """
        self._weights = Weights(
            model_dir, device=device, compute_type=compute_type, threads=threads
        )
        self._whisper, self._tokens = self._weights.whisper, self._weights.tokens
        self._silence, self._encode = self._weights.silence, self._weights.encode
        self._end, self.description = self._weights.end, self._weights.description
        self._lock = threading.Lock()
        self._pieces: OrderedDict[bytes, Transcript] = OrderedDict()
        written = {i: self._tokens.decode([i]).strip(" \"'") for i in range(self._end)}
        self._punctuation = {i for i, text in written.items() if not _LETTER.search(text)}
        self._full_stops = [i for i, text in written.items() if text in _FULL_STOPS]
        self._hotwords = closed(hotwords)
        codes = [language] if isinstance(language, str) else language or []
        self._among = [self._weights.spoken(code) for code in codes]
        alone = not self._weights.multilingual or len(self._among) == 1
        self._language = (self._among or ["en"])[0] if alone else None

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
        languages: Languages | None = None,
    ) -> Transcript:
        """The text of one utterance (float32 mono, 16 kHz); "" where nobody speaks.

        Longer than _LONGEST, it is cut where it is quietest and read piece by piece; the text of
        finished pieces is remembered, so that a turn that grows is not read again from its start.
        thorough: 30 s context and beam 5 at once, as for a recording.
        draft: doubtful text is dropped instead of decoded again, as for a partial transcript.
        languages: narrows what language it may be in, where the model knows several.
        """
        audio = np.nan_to_num(np.asarray(audio, np.float32).ravel(), posinf=1.0, neginf=-1.0)
        audio = np.clip(audio, -1.0, 1.0)
        seconds = len(audio) / SAMPLE_RATE
        if seconds < _SHORTEST or float(np.abs(audio).max()) < 1e-4:
            return Transcript("", self._language or "", seconds, 0.0, 1.0, False)
        languages = languages or Languages()
        with self._lock:
            if thorough:
                return self._full(audio, seconds)
            if seconds > _LONGEST:
                return self._long(audio, seconds, beam_size, draft, languages)
            return self._short(audio, beam_size, draft, languages)

    def _long(
        self,
        audio: NDArray[np.float32],
        seconds: float,
        beam_size: int,
        draft: bool,
        languages: Languages,
    ) -> Transcript:
        *finished, last = pieces(audio)
        read = [self._remembered(piece, beam_size, languages) for piece in finished]
        read.append(self._short(last, beam_size, draft, languages))
        spoken = [part for part in read if part.text] or read
        return Transcript(
            " ".join(part.text for part in read if part.text),
            spoken[0].language,
            seconds,
            sum(part.log_probability for part in spoken) / len(spoken),
            min(part.no_speech_probability for part in spoken),
            any(part.fell_back for part in read),
            read[-1].closing,
        )

    def _remembered(
        self, piece: NDArray[np.float32], beam_size: int, languages: Languages
    ) -> Transcript:
        how = f"{beam_size} {languages}".encode()
        key = hashlib.blake2b(piece.tobytes() + how, digest_size=16).digest()
        transcript = self._pieces.pop(key, None) or self._short(piece, beam_size, False, languages)
        self._pieces[key] = transcript
        while len(self._pieces) > _REMEMBERED:
            self._pieces.popitem(last=False)
        return transcript

    def _short(
        self, audio: NDArray[np.float32], beam_size: int, draft: bool, languages: Languages
    ) -> Transcript:
        seconds = len(audio) / SAMPLE_RATE
        lead, tail = round(_LEAD * SAMPLE_RATE), round(_TAIL * SAMPLE_RATE)
        size = lead + len(audio) + tail
        padded = np.zeros(size + -size % 320, np.float32)  # an even number of mel frames
        padded[lead : lead + len(audio)] = audio
        encoded = self._encode(padded)
        encoded = np.concatenate([encoded, self._silence[:, encoded.shape[1] :]], axis=1)
        features = ctranslate2.StorageView.from_array(np.ascontiguousarray(encoded[:, :POSITIONS]))
        language, prompt = self._prompt(features, audio, languages)
        most = int(8 + 7 * seconds)  # tokens; people speak 3 to 5 a second
        result = self._whisper.model.generate(
            features,
            [prompt],
            beam_size=beam_size,
            max_length=min(448, 2 * most),  # CTranslate2 allows half of it for new tokens
            return_scores=True,
            return_logits_vocab=beam_size == 1,
            return_no_speech_prob=True,
        )[0]
        ids: list[int] = result.sequences_ids[0]
        spoken = [i for i in ids if i < self._end]
        text = self._tokens.decode(spoken).strip()
        score = result.scores[0] * len(ids) / (len(ids) + 1)  # faster-whisper's avg_logprob
        silent = result.no_speech_prob
        words = plain(text)
        if _unspoken(words, score, silent):
            return Transcript("", language, seconds, score, silent, False)
        doubtful = (
            len(ids) >= most
            or compression(text) > 2.4
            or loops(words)
            # One word is never likely; of 13 such, 30 s and beam 5 read none better. A live one has
            # 1 s before it
            or (seconds > 1.7 and len(ids) > 3 and score < -0.6)
            or self._stopped_early(features, prompt, spoken, audio, len(words))
        )
        if doubtful and draft:
            return Transcript("", language, seconds, score, silent, False)
        if doubtful:
            return self._full(audio, seconds, language)
        closing = self._closing(ids, result.logits[0]) if beam_size == 1 else None
        return Transcript(text, language, seconds, score, silent, False, closing)

    def _closing(self, ids: list[int], logits: list[Any]) -> float | None:
        """How sure the decoder was, after the last word, that the sentence ends there.

        It has heard the voice fall or not, and has read the words: a better sign that the caller
        has finished than the full stop it then writes, which it also puts behind half sentences.
        """
        last = len(ids)
        while last and (ids[last - 1] >= self._end or ids[last - 1] in self._punctuation):
            last -= 1
        if not last or last >= len(logits):
            return None
        row = np.array(logits[last].to_device(ctranslate2.Device.cpu), np.float32).ravel()
        odds = np.exp(row - row.max())
        return float(odds[self._full_stops].sum() / odds.sum())

    def _stopped_early(
        self,
        features: Any,
        prompt: list[int],
        ids: list[int],
        audio: NDArray[np.float32],
        words: int,
    ) -> bool:
        """Whether the text ends long before the sound does, at a high probability as it may.

        Seen 4 times in 405 utterances, twice with most of the words missing. Attention says where
        the last token is heard, for 20 ms on one core, so only slow speech is looked at.
        """
        sound = sounding(audio)
        if not ids or sound.sum() < 100 or words >= 2.0 * sound.sum() / 50:
            return False
        start = prompt[prompt.index(self._tokens.token_to_id("<|startoftranscript|>")) : -1]
        frames = round(100 * (_LEAD + len(audio) / SAMPLE_RATE + _TAIL))
        (aligned,) = self._whisper.model.align(features, start, [ids], min(frames, FRAMES))
        last = [at for token, at in aligned.alignments if token == len(ids) - 1]
        if not last:
            return False
        after = round(last[0] - 50 * _LEAD) + 20  # a long last word has 0.4 s
        return bool(sound[max(0, after) :].sum() > 55)  # 1.1 s; whole texts have up to 1.0

    def _full(self, audio: NDArray[np.float32], seconds: float, language: str = "") -> Transcript:
        segments, info = self._whisper.transcribe(
            audio,
            language=self._language or language or None,
            beam_size=5,
            temperature=0,
            condition_on_previous_text=False,
            hotwords=self._hotwords or None,
        )
        kept = [  # lazy: the work happens here
            s for s in segments if not _unspoken(plain(s.text), s.avg_logprob, s.no_speech_prob)
        ]
        if not kept:
            return Transcript("", info.language, seconds, 0.0, 1.0, True)
        text = " ".join(s.text.strip() for s in kept)
        score = sum(s.avg_logprob for s in kept) / len(kept)
        silent = max(s.no_speech_prob for s in kept)
        if (
            len(plain(text)) > 5 * seconds
        ):  # 30 s of context loops as well, faster than anyone talks
            text = unrepeated(text)
        return Transcript(text, info.language, seconds, score, silent, True)

    def _prompt(
        self, features: Any, audio: NDArray[np.float32], languages: Languages
    ) -> tuple[str, list[int]]:
        language = self._language or ""
        if self._weights.multilingual and not language:
            language = self._detected(features, audio, languages)
        return language, self._weights.start(language, self._hotwords)

    def _detected(self, features: Any, audio: NDArray[np.float32], languages: Languages) -> str:
        admitted = languages.admitted(self._among)
        if len(admitted) == 1:
            return admitted[0]
        likely = self._whisper.model.detect_language(features)[0]
        known = {code.strip("<|>"): probability for code, probability in likely}
        return languages.likeliest(known, self._among, sounding(audio).sum() / 50)


def _unspoken(words: list[str], score: float, silent: float) -> bool:
    """Whether nobody speaks. Coughs, knocks, keys, music and noise are read as "you", or at -5.

    The model's own word for it (`silent`) is not enough: after 1 s of silence whisper-base said
    more than .72 of 42 of 140 short replies, and of a sentence that it read right at -0.1.
    """
    return (silent > 0.5 and words in ([], ["you"])) or (silent > 0.72 and score < _GUESSED)


def pieces(audio: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Cut audio (16 kHz) into pieces of at most _LONGEST s, each where 0.3 s are quietest.

    A cut depends on nothing behind it by more than _LONGEST, so it stays where it is when the
    audio grows.
    """
    step = SAMPLE_RATE // 50
    while len(audio) > _LONGEST * SAMPLE_RATE:
        first = round(_EARLIEST * SAMPLE_RATE)
        area = audio[first : round(_LONGEST * SAMPLE_RATE)]
        power = (area[: len(area) // step * step].reshape(-1, step) ** 2).mean(axis=1)
        quiet = np.convolve(power, np.ones(15), "valid")
        cut = first + (int(quiet.argmin()) + 7) * step
        yield audio[:cut]
        audio = audio[cut:]
    yield audio
