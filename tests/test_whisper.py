"""Recognition: what was said and nothing else, through the short context and the long one."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import ctranslate2
import numpy as np
import pytest
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from tests.conftest import Says
from voice.listen.doubt import compression, loops, sounding, unrepeated
from voice.listen.languages import Languages
from voice.listen.weights import TranscriberError
from voice.listen.whisper import Transcriber, pieces
from voice.models import ModelMissing, model_path

RATE = 16000
ORDER = "Where is my order? It should have been here on Thursday."
LAMP = "Please cancel the green lamp, and send me the receipt by mail."


def words(text: str) -> list[str]:
    return "".join(c.lower() if c.isalnum() or c in "' " else " " for c in text).split()


def errors(said: str, read: str) -> float:
    """Word error rate."""
    return Levenshtein.distance(words(said), words(read)) / len(words(said))


def noise(seconds: float, level: float) -> NDArray[np.float32]:
    rng = np.random.default_rng(5)
    return rng.normal(0, level, round(seconds * RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def transcriber() -> Iterator[Transcriber]:
    model = Transcriber(model_path("whisper-tiny.en"), device="cpu", threads=1)
    yield model
    model.close()


@pytest.fixture(scope="module")
def polyglot() -> Iterator[Transcriber]:
    try:
        folder = model_path("whisper-base")
    except ModelMissing:
        pytest.skip("no whisper-base here: openline models get whisper-base")
    model = Transcriber(folder, device="cpu", threads=1, language=["en", "es"])
    yield model
    model.close()


@pytest.fixture(scope="module")
def order(says: Says) -> NDArray[np.float32]:
    return says(ORDER)


@pytest.fixture(scope="module")
def lamp(says: Says) -> NDArray[np.float32]:
    return says(LAMP, "am_michael")


@pytest.mark.models
@pytest.mark.parametrize("how", [{}, {"draft": True}, {"beam_size": 5}, {"thorough": True}])
def test_two_voices_are_read(
    transcriber: Transcriber,
    order: NDArray[np.float32],
    lamp: NDArray[np.float32],
    how: dict[str, bool],
):
    for said, audio in ((ORDER, order), (LAMP, lamp)):
        transcript = transcriber.transcribe(audio, **how)  # pyright: ignore[reportArgumentType]
        assert errors(said, transcript.text) <= 0.1, transcript.text
        assert transcript.language == "en"
        assert transcript.seconds == pytest.approx(len(audio) / RATE)
        assert transcript.log_probability > -0.6
        assert transcript.no_speech_probability < 0.5
        assert transcript.fell_back == bool(how.get("thorough"))


@pytest.mark.models
def test_whisper_says_how_surely_a_sentence_is_over(
    transcriber: Transcriber, order: NDArray[np.float32]
):
    whole = transcriber.transcribe(order)
    cut = transcriber.transcribe(order[: round(0.6 * len(order))])
    assert whole.closing is not None
    assert cut.closing is not None
    assert cut.closing < 0.8 < whole.closing
    assert transcriber.transcribe(order, beam_size=5).closing is None  # not told there


@pytest.mark.models
def test_a_quiet_line_and_an_overdriven_one_are_read(
    transcriber: Transcriber, order: NDArray[np.float32]
):
    for audio in (order * np.float32(0.02), np.clip(order * 8, -1, 1)):
        assert errors(ORDER, transcriber.transcribe(audio).text) <= 0.2


@pytest.mark.models
def test_other_types_and_broken_samples_are_taken(
    transcriber: Transcriber, order: NDArray[np.float32]
):
    text = transcriber.transcribe(order).text
    wide = order.astype(np.float64)[None]
    assert transcriber.transcribe(wide).text == text  # pyright: ignore[reportArgumentType]
    broken = order.copy()
    broken[:3] = np.nan, np.inf, -np.inf
    before = broken.copy()
    assert errors(ORDER, transcriber.transcribe(broken).text) <= 0.1
    assert np.array_equal(broken, before, equal_nan=True)


@pytest.mark.models
@pytest.mark.parametrize("thorough", [False, True])
def test_where_nobody_speaks_there_is_no_text(transcriber: Transcriber, thorough: bool):
    hum = 0.05 * np.sin(2 * np.pi * 50 * np.arange(RATE) / RATE)
    for audio in (
        np.zeros(0),
        np.zeros(1),
        np.full(RATE, np.nan),
        np.zeros(2 * RATE),
        noise(0.05, 0.3),
        noise(1, 0.001),
        noise(2, 0.02),
        hum,
    ):
        heard = transcriber.transcribe(audio.astype(np.float32), thorough=thorough)
        assert heard.text == "", (len(audio), heard)


@pytest.mark.models
def test_a_long_utterance_loses_no_words(
    transcriber: Transcriber, order: NDArray[np.float32], lamp: NDArray[np.float32]
):
    pair = np.concatenate([order, np.zeros(RATE // 4, np.float32), lamp])
    times = 32 * RATE // len(pair) + 1
    audio = np.concatenate([np.concatenate([pair, np.zeros(RATE // 2, np.float32)])] * times)
    assert len(audio) > 32 * RATE
    transcript = transcriber.transcribe(audio)
    assert errors(" ".join([ORDER, LAMP] * times), transcript.text) <= 0.1, transcript.text


@pytest.mark.models
def test_an_utterance_just_within_the_short_context_loses_no_words(
    transcriber: Transcriber, order: NDArray[np.float32], lamp: NDArray[np.float32]
):
    parts = [order, lamp, order, lamp, order, lamp, order]
    audio = np.concatenate(parts)[: 27 * RATE]
    said = (" ".join([ORDER, LAMP] * 3 + [ORDER])).split()
    read = words(transcriber.transcribe(audio).text)
    # how many of them fit into 27 s is the voice's own business
    assert errors(" ".join(said[: len(read)]), " ".join(read)) <= 0.15
    assert len(read) > 45


@pytest.mark.models
def test_calls_do_not_disturb_each_other(
    transcriber: Transcriber, order: NDArray[np.float32], lamp: NDArray[np.float32]
):
    alone = [transcriber.transcribe(audio).text for audio in (order, lamp)]
    read: dict[int, str] = {}

    def work(i: int) -> None:
        read[i] = transcriber.transcribe((order, lamp)[i % 2]).text

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [read[i] for i in range(4)] == alone * 2


@pytest.mark.models
def test_hotwords_help_made_up_names_and_harm_nothing(
    transcriber: Transcriber, says: Says, order: NDArray[np.float32]
):
    hinted = Transcriber(
        model_path("whisper-tiny.en"), device="cpu", threads=1, hotwords="Vossari, Marentha"
    )
    names = says("My name is Marentha. Is the Vossari still in stock?")
    found = set(words(transcriber.transcribe(names).text)) & {"marentha", "vossari"}
    for thorough in (False, True):
        read = hinted.transcribe(names, thorough=thorough).text
        assert found < {"marentha", "vossari"} <= set(words(read)), read
        assert read.endswith(("?", "."))  # a sign of the end of a turn
        known = hinted.transcribe(order, thorough=thorough).text
        assert errors(ORDER, known) <= 0.1
        assert known.endswith(".")
    assert hinted.transcribe(np.zeros(RATE, np.float32)).text == ""
    hinted.close()


def test_a_folder_without_a_model_is_refused_in_one_line(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(TranscriberError, match=r"no model\.bin") as refused:
            Transcriber(folder, device="cpu")
        assert "\n" not in str(refused.value)


def test_a_broken_model_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "model.bin").write_bytes(b"not a model")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(TranscriberError, match="cannot be loaded") as refused:
        Transcriber(tmp_path, device="cpu")
    assert "\n" not in str(refused.value)


def test_a_model_without_its_tokenizer_is_refused_before_a_hub_is_asked(tmp_path: Path):
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(TranscriberError, match=r"no tokenizer\.json"):
        Transcriber(tmp_path, device="cpu")


@pytest.mark.models
@pytest.mark.skipif(ctranslate2.get_cuda_device_count() > 0, reason="the GPU here works")
def test_a_gpu_without_its_libraries_leaves_the_work_to_the_cpu(monkeypatch: pytest.MonkeyPatch):
    """The driver is there, cuBLAS is not: CTranslate2 says so when the model is put to work."""
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    model = Transcriber(model_path("whisper-tiny.en"), threads=1)
    assert "int8 on cpu" in model.description
    assert "the GPU cannot be used" in model.description
    with pytest.raises(TranscriberError, match="cannot be loaded"):
        Transcriber(model_path("whisper-tiny.en"), device="cuda")
    model.close()


@pytest.mark.models
def test_a_language_that_the_model_does_not_know_is_refused_in_one_line():
    with pytest.raises(TranscriberError, match="knows English only, not 'de'") as refused:
        Transcriber(model_path("whisper-tiny.en"), device="cpu", language="de")
    assert "\n" not in str(refused.value)


def test_a_gpu_that_is_not_there_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    with pytest.raises(TranscriberError, match="no GPU is here") as refused:
        Transcriber(tmp_path, device="cuda")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("", False),
        ("yes", False),
        ("no no no", False),
        ("no no no no", True),
        ("bye bye bye bye bye", True),
        ("thank you thank you", False),
        ("thank you thank you thank you thank you", True),
        ("i want the i want the lamp", True),
        ("where is my order where is my lamp", False),
        ("so i said where is my order where is my order please", True),
        ("five five one two five five one two", True),  # decoded again, not dropped
    ],
)
def test_loops_are_told_from_speech(text: str, repeats: bool):
    assert loops(text.split()) is repeats


def test_a_loop_is_said_once():
    assert unrepeated("Stop! Stop! Stop! Stop! Stop!") == "Stop!"
    assert unrepeated("So, where is my order? Where is my order? Please.") == (
        "So, where is my order? Please."
    )
    assert unrepeated("No, no, no.") == "No, no, no."


@pytest.mark.models
def test_what_a_caller_says_again_and_again_is_kept(transcriber: Transcriber, says: Says):
    read = words(transcriber.transcribe(says("No, no, no, no, no.")).text)
    assert len(read) >= 3
    assert set(read) == {"no"}


def test_sound_stands_out_of_its_background():
    quiet, loud = noise(1, 0.01), noise(1, 0.2)
    heard = sounding(np.concatenate([quiet, loud, quiet]))
    assert heard[:48].sum() + heard[-48:].sum() == 0
    assert heard[52:98].all()
    assert not sounding(noise(3, 0.1)).any()
    assert not sounding(np.zeros(100, np.float32)).any()


@pytest.mark.models
def test_text_that_stops_long_before_the_speech_does_is_read_again(
    transcriber: Transcriber,
    order: NDArray[np.float32],
    lamp: NDArray[np.float32],
    monkeypatch: pytest.MonkeyPatch,
):
    """Made to happen: of a real decoding only the first words are let through."""
    model = transcriber._whisper.model  # pyright: ignore[reportPrivateUsage]

    class Hasty:
        def __getattr__(self, name: str) -> object:
            return getattr(model, name)

        def generate(self, *args: object, **options: object) -> object:
            results = model.generate(*args, **options)
            if options.get("beam_size") != 1:
                return results
            whole = results[0]
            return [
                SimpleNamespace(
                    sequences_ids=[whole.sequences_ids[0][:5]],
                    scores=whole.scores,
                    no_speech_prob=whole.no_speech_prob,
                )
            ]

    said = np.concatenate([order, np.zeros(RATE // 4, np.float32), lamp])
    assert not transcriber.transcribe(said).fell_back
    monkeypatch.setattr(transcriber._whisper, "model", Hasty())  # pyright: ignore[reportPrivateUsage]
    transcript = transcriber.transcribe(said)
    assert transcript.fell_back
    assert errors(f"{ORDER} {LAMP}", transcript.text) <= 0.1


def test_pieces_hold_everything_and_stay_where_they_are_when_the_audio_grows():
    voice = noise(70, 0.1)
    voice[20 * RATE : 20 * RATE + 8000] = 0
    whole = list(pieces(voice))
    assert np.array_equal(np.concatenate(whole), voice)
    assert len(whole[0]) == pytest.approx(20.25 * RATE, abs=0.3 * RATE)
    for seconds in (28, 45, 60):
        *early, _ = pieces(voice[: seconds * RATE])
        assert [len(p) for p in early] == [len(p) for p in whole[: len(early)]]
        assert len(early) >= 1
    assert [len(p) for p in pieces(voice[: 27 * RATE])] == [27 * RATE]


@pytest.mark.models
def test_a_turn_that_grows_is_not_read_again_from_its_start(
    transcriber: Transcriber, order: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
):
    rest = np.zeros(RATE // 2, np.float32)
    audio = np.concatenate([order, rest] * 12)
    first = transcriber.transcribe(audio[: 35 * RATE])
    encoded: list[int] = []
    encode = transcriber._encode  # pyright: ignore[reportPrivateUsage]

    def counted(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        encoded.append(len(audio))
        return encode(audio)

    monkeypatch.setattr(transcriber, "_encode", counted)
    assert len(audio) > 36 * RATE
    second = transcriber.transcribe(audio[: 36 * RATE])
    assert len(encoded) == 1
    assert second.text.startswith(first.text[:60])


def in_a_call(voice: NDArray[np.float32]) -> NDArray[np.float32]:
    """As the Listener hears it: 1 s of the line before, a little after."""
    quiet = noise(1.1, 3e-4)
    return np.concatenate([quiet[:RATE], voice, quiet[RATE:]])


@pytest.mark.models
def test_a_short_reply_is_read_in_the_language_that_the_caller_spoke(
    polyglot: Transcriber, says: Says
):
    reply = in_a_call(says("Sí, por favor.", "em_alex"))
    read = polyglot.transcribe(reply, languages=Languages(("en", "es"), "es"))
    assert (read.language, words(read.text)[-2:]) == ("es", ["por", "favor"])


@pytest.mark.models
def test_who_changes_the_language_is_followed(polyglot: Transcriber, says: Says):
    line = in_a_call(says("I would like to book a table for tomorrow.", "bf_emma"))
    read = polyglot.transcribe(line, languages=Languages(("en", "es"), "es"))
    assert (read.language, words(read.text)[-1]) == ("en", "tomorrow")


@pytest.mark.models
def test_speech_that_the_model_takes_for_none_is_kept_where_its_words_are_likely(
    polyglot: Transcriber, says: Says
):
    """After 1 s of silence whisper-base says 0.74 to "no speech" here."""
    line = "Quería cambiar mi reserva al sábado por la noche."
    read = polyglot.transcribe(in_a_call(says(line, "em_alex")))
    assert errors(line, read.text) == 0


def test_repetition_compresses_and_speech_does_not():
    assert compression("") == 0
    assert compression(ORDER) < 2.4
    assert compression("and then " * 30) > 2.4
