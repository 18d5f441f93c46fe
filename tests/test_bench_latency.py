"""The bench measures what it says it measures: made sound in, known silences out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fakes import FakeServer
from voice import client as client_module
from voice.bench import latency as bench
from voice.bench.measure import (
    Turn,
    first_audible,
    last_audible,
    longest_gap,
    silence,
    spread,
    summary,
    word_errors,
)
from voice.bench.picture import draw
from voice.bench.questions import VOICES, Question, SpokenQuestions, questions

RATE = 24000


def heard(*spans: tuple[float, float], level: int = 5000) -> NDArray[np.int16]:
    """20 s of what the caller heard: sound in these spans of seconds, faint noise elsewhere."""
    sound = np.full(20 * RATE, 100, np.int16)
    for start, end in spans:
        sound[round(start * RATE) : round(end * RATE)] = level
    return sound


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (heard((6.25, 8)), ("clean", 1.25)),
        (heard((1, 2), (5.0, 8)), ("clean", 0.0)),  # the greeting is over when the question begins
        (heard((4.9, 8)), ("early", 0.0)),
        (heard((4.0, 4.2), (6.5, 8)), ("early", 1.5)),
        (heard((4.0, 4.2)), ("early", None)),
        (heard((1, 2), (16, 17)), ("none", None)),  # beyond the time it had
        (heard((6, 8), level=300), ("none", None)),  # at the threshold: not audible yet
        (heard((6, 8), level=-301), ("clean", 1.0)),
    ],
)
def test_silence_is_from_the_last_speech_to_the_first_audible_sample(
    agent: NDArray[np.int16], expected: tuple[str, float | None]
):
    outcome, wait = silence(agent, RATE, asked=3.0, ended=5.0, until=15.0)
    assert outcome == expected[0]
    assert wait == (None if expected[1] is None else pytest.approx(expected[1], abs=1 / RATE))


def test_audible_samples_are_found_inside_their_span_only():
    sound = heard((2, 3), (5, 6))
    assert first_audible(sound, RATE, 0, 20) == 2
    assert first_audible(sound, RATE, 3, 20) == 5
    assert last_audible(sound, RATE, 0, 4) == pytest.approx(3, abs=2 / RATE)
    assert first_audible(sound, RATE, 3.5, 4.5) is None
    assert last_audible(sound, RATE, 30, 40) is None
    assert first_audible(sound, RATE, -1, 2.5) == 2
    assert longest_gap(sound, RATE, 0, 20) == pytest.approx(2, abs=2 / RATE)
    assert longest_gap(sound, RATE, 2.1, 2.9) == pytest.approx(1 / RATE)
    assert longest_gap(sound, RATE, 3.5, 4.5) is None


@pytest.mark.parametrize(
    ("transcript", "errors"),
    [
        ("Where is my order 1042?", 0),
        ("where is my order ten forty two", 0),
        ("Where's my order 1042?", 2),
        ("Where is the order 1043 now?", 3),
        ("", 5),
    ],
)
def test_words_are_counted_against_the_nearest_right_transcript(transcript: str, errors: int):
    written = ("Where is my order ten forty-two?", "Where is my order 1042?")
    found, words = word_errors(transcript, written)
    assert found == errors
    assert words in (5, 7)


def turn(outcome: Any = "clean", wait: float | None = 500.0, **more: Any) -> Turn:
    return Turn(0, "q", "v", 1.0, outcome, wait, wait, **more)


def test_the_summary_counts_what_went_wrong_and_leaves_it_out_of_the_spread():
    turns = [turn(wait=100.0 * i, parts={"think_ms": 10.0 * i}) for i in range(1, 12)]
    turns += [turn("early", 5.0), turn("early", None), turn("none", None)]
    turns += [turn(wait=600.0, words=10, word_errors=1, right=True), turn(wait=600.0, right=False)]
    found = summary(turns, [120.0, None, 200.0])
    assert (found["questions"], found["clean"], found["early"], found["none"]) == (16, 13, 2, 1)
    assert found["silence_ms"] == {"min": 100, "median": 600, "p95": 1040, "max": 1100}
    assert found["word_error_rate"] == 0.1
    assert (found["right_answers"], found["judged_answers"]) == (1, 2)
    assert (found["barge_ins"], found["barge_ins_obeyed"]) == (3, 2)
    assert spread([]) == {"min": None, "median": None, "p95": None, "max": None}
    assert summary([], [])["word_error_rate"] is None


def test_the_questions_are_many_in_voices_that_are_not_the_agents():
    asked = questions(40, "af_heart")
    assert len(asked) == 40
    assert {question.voice for question in asked} == set(VOICES) - {"af_heart"}
    assert len({question.text for question in asked}) == 32
    assert asked[1].written[1] == "Where is my order 1042?"
    paused = next(question for question in asked if "|" in question.text)
    assert "|" not in paused.written[0]
    assert "|" not in paused.shown


@pytest.mark.models
def test_a_question_is_spoken_once_and_kept(tmp_path: Path):
    asked = [Question("Hello | there.", ("Hello there.",), "", "af_heart")]
    speaking = SpokenQuestions(tmp_path)
    assert not speaking.have(asked)
    (sound,) = speaking.speak(asked)
    assert speaking.have(asked)
    assert np.abs(sound.astype(np.int32)).max() == pytest.approx(16384, abs=200)
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > 300)
    assert np.diff(loud).max() >= 0.4 * 16000  # the pause
    assert np.array_equal(SpokenQuestions(tmp_path).speak(asked)[0], sound)


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Questions without Kokoro: 0.2 s of sound in the cache where the bench looks for them."""
    monkeypatch.setenv("OPENLINE_CACHE", str(tmp_path / "cache"))

    def tone(self: SpokenQuestions, question: Question) -> NDArray[np.int16]:
        return np.full(3200, 4000, np.int16)

    monkeypatch.setattr(SpokenQuestions, "_synthesize", tone)
    monkeypatch.setattr(bench, "CALL", 2)
    monkeypatch.setattr(bench, "_SETTLED", 0.15)
    monkeypatch.setattr(bench, "_INTO", 0.1)
    monkeypatch.setattr(client_module, "_SETTLED", 0.15)
    monkeypatch.setattr(client_module, "_GREETS", 0.05)


async def measured(server: FakeServer, questions: int, barge_ins: int) -> Any:
    from rich.console import Console

    demo = Path(__file__).parent.parent / "configs" / "demo.yaml"
    asked = bench.questions_of(bench.load_config(demo), questions)
    sounds = SpokenQuestions().speak(asked)
    pairs = list(zip(asked, sounds, strict=True))
    return await bench._measure(  # pyright: ignore[reportPrivateUsage]
        server.url, demo, "fake", pairs, barge_ins, Console(quiet=True)
    )


@pytest.mark.usefixtures("spoken")
async def test_a_server_is_asked_and_interrupted(tmp_path: Path):
    async with FakeServer(greeting="Hello.", seconds=0.4) as server:
        turns, stops, about = await measured(server, questions=3, barge_ins=2)
    assert about["llm"] == "fake"
    assert all(query["llm"] == ["fake"] for query in server.queries)
    assert len(server.queries) == 2 + 2  # calls of 2 and of 1, then one for each interruption
    assert [turn.outcome for turn in turns] == ["clean"] * 3
    assert [turn.call for turn in turns] == [0, 0, 1]
    assert {turn.transcript for turn in turns} == {"spoken words"}
    assert turns[0].tools == ("look",)
    assert turns[0].parts["endpoint_ms"] == 100
    assert all(stop is not None for stop in stops)
    result = {
        "summary": summary(turns, stops),
        "call": about,
        "machine": {"cpu": "paper", "cores": 2},
    }
    draw(tmp_path / "latency.png", turns, result)
    assert (tmp_path / "latency.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("spoken")
async def test_a_server_that_never_answers_is_counted_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bench, "PATIENCE", 0.3)
    async with FakeServer(mute=True) as server:
        turns, stops, about = await measured(server, questions=1, barge_ins=1)
    assert [turn.outcome for turn in turns] == ["none"]
    assert turns[0].silence_ms is None
    assert stops == [None]
    result = {"summary": summary(turns, stops), "call": about, "machine": {"cpu": "", "cores": 1}}
    draw(tmp_path / "latency.png", turns, result)
    json.dumps(result)
