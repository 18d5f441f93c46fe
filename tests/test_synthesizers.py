"""Piper and Kokoro with their real weights, checked by listening."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from voice.bench.measure import word_errors
from voice.listen.whisper import Transcriber
from voice.models import model_path
from voice.speak.kokoro import Kokoro
from voice.speak.piper import Piper
from voice.speak.sound import trimmed
from voice.speak.synthesizer import SpeechError, Synthesizer
from voice.speak.words import word_ends

SENTENCE = "Your order is on its way and arrives on Thursday."


def speak(synthesizer: Synthesizer, text: str, voice: str = "") -> NDArray[np.int16]:
    parts = [part.audio for part in synthesizer.speak(text, voice=voice)]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


@pytest.fixture(scope="module", params=[("piper-joe", Piper), ("kokoro-82m", Kokoro)], ids=str)
def synthesizer(request: pytest.FixtureRequest) -> Iterator[Synthesizer]:
    card, kind = request.param
    made = kind(model_path(card))
    yield made
    made.close()


@pytest.fixture(scope="module")
def transcriber() -> Iterator[Transcriber]:
    made = Transcriber(model_path("whisper-tiny.en"), threads=1)
    yield made
    made.close()


@pytest.mark.models
def test_what_is_said_can_be_understood(synthesizer: Synthesizer, transcriber: Transcriber):
    audio = speak(synthesizer, SENTENCE).astype(np.float32) / 32768
    heard = soxr.resample(audio, synthesizer.sample_rate, 16000).astype(np.float32)
    # Piper says nothing the same way twice, and "order is" may sound like "orders"
    assert word_errors(transcriber.transcribe(heard, thorough=True).text, (SENTENCE,))[0] <= 2


@pytest.mark.models
def test_clauses_begin_and_end_with_little_silence_and_no_click(synthesizer: Synthesizer):
    audio = speak(synthesizer, SENTENCE)
    loud = np.flatnonzero(np.abs(audio.astype(np.int32)) > 300) / synthesizer.sample_rate
    assert loud[0] < 0.06
    assert len(audio) / synthesizer.sample_rate - loud[-1] < 0.06
    assert abs(int(audio[0])) < 10
    assert abs(int(audio[-1])) < 10


@pytest.mark.models
def test_words_end_where_they_are_said_to(synthesizer: Synthesizer):
    text = "Wonderful, wait, congratulations."  # a pause after each word
    (spoken,) = synthesizer.speak(text)
    rate = synthesizer.sample_rate
    ends = word_ends([len(word) for word in text.split()], spoken.ends, spoken.sizes)
    size = rate // 50
    frames = spoken.audio[: len(spoken.audio) // size * size].reshape(-1, size).astype(np.float64)
    loud = np.sqrt((frames**2).mean(axis=1)) > 330
    stops, starts = np.flatnonzero(loud[:-1] & ~loud[1:]), np.flatnonzero(~loud[:-1] & loud[1:])
    pauses = [(stop / 50, starts[starts > stop][0] / 50) for stop in stops if stop < starts[-1]]
    for end in ends[:-1]:
        assert any(stop - 0.1 < end < start + 0.1 for stop, start in pauses if start > stop + 0.05)
    assert ends[-1] == pytest.approx(len(spoken.audio) / rate, abs=0.12)


@pytest.mark.models
@pytest.mark.parametrize("text", ["", "  ", "😀", "...", "—", "\x00", "\u200b"])
def test_what_cannot_be_spoken_is_silence(synthesizer: Synthesizer, text: str):
    assert not len(speak(synthesizer, text))


@pytest.mark.models
def test_an_unknown_voice_is_named(synthesizer: Synthesizer):
    with pytest.raises(SpeechError, match="nobody"):
        speak(synthesizer, SENTENCE, voice="nobody")


@pytest.mark.models
def test_speed_shortens(synthesizer: Synthesizer):
    slow, fast = (
        sum(len(part.audio) for part in synthesizer.speak(SENTENCE, speed=speed))
        for speed in (0.7, 1.5)
    )
    assert fast < 0.7 * slow


@pytest.mark.models
def test_kokoro_speaks_more_than_its_context_holds(transcriber: Transcriber):
    kokoro = Kokoro(model_path("kokoro-82m"), threads=2)
    text = " ".join([SENTENCE] * 13)  # about 600 phonemes, the model takes 510
    parts = [part.audio for part in kokoro.speak(text, speed=1.5)]
    assert len(parts) == 2
    heard = soxr.resample(parts[1].astype(np.float32) / 32768, 24000, 16000).astype(np.float32)
    assert transcriber.transcribe(heard, thorough=True).text.strip().endswith("on Thursday.")
    assert len({voice.name for voice in kokoro.voices}) == 54
    kokoro.close()


@pytest.mark.parametrize(("kind", "missing"), [(Piper, "Piper voice"), (Kokoro, "Kokoro")])
def test_an_empty_folder_is_said_in_one_line(
    kind: type[Piper] | type[Kokoro], missing: str, tmp_path: Path
):
    with pytest.raises(SpeechError, match=f"no {missing} here"):
        kind(tmp_path)


def test_silence_and_broken_samples_are_trimmed_away():
    assert not len(trimmed(np.zeros(1000, np.float32), 16000)[1])
    assert not len(trimmed(np.zeros(0, np.float32), 16000)[1])
    broken = np.full(1600, np.nan, np.float32)
    assert not len(trimmed(broken, 16000)[1])
    broken[800] = np.inf
    assert np.abs(trimmed(broken, 16000)[1].astype(np.int32)).max() == 32767
    tone = np.concatenate([np.zeros(8000), np.full(8000, 0.5), np.zeros(8000)]).astype(np.float32)
    kept = trimmed(tone, 16000)[1]
    assert 8000 < len(kept) <= 8000 + 2 * 0.03 * 16000
