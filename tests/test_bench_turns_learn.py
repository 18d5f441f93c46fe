"""Learning what ends a turn, and rehearsing a call, on dialogues small enough to see."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from voice.bench import turns_learn
from voice.bench.turns_data import RATE, LabelledTurn, Pause, TurnDataError
from voice.bench.turns_learn import Known
from voice.bench.turns_live import Rehearsal, outcome
from voice.bench.turns_score import Reading, score
from voice.bench.turns_words import SIZE, learn_words
from voice.listen.ending import Signs, Weights, log_odds, words_log_odds
from voice.listen.turns import TurnSettings


def all_of(files: Iterator[Path], count: int) -> Iterator[Path]:
    yield from files


def line(speaker: str, text: str, act: str = "", value: str = "") -> dict[str, Any]:
    action = {"act": act, "slot": "city", "values": [value] if value else []}
    return {"speaker": speaker, "utterance": text, "frames": [{"actions": [action] if act else []}]}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.float32]:
    turns = [
        line("USER", "My name is Ann. I would like to book a table."),
        line("SYSTEM", "Which city?", "REQUEST"),
        line("USER", "I would like one in Palo Alto, please.", "INFORM", "Palo Alto"),
        line("SYSTEM", "It is booked. Is there anything else?"),
        line("USER", "No, thank you."),
    ]
    folder = tmp_path_factory.mktemp("dialogues")
    (folder / "dialogues_001.json").write_text(json.dumps([{"turns": turns}] * 400))
    (folder / "dialogues_002.json").write_text("version https://git-lfs.github.com/spec/v1")
    return learn_words(folder, all_of)


def test_words_are_learned_from_whole_turns_and_their_beginnings(table: NDArray[np.float32]):
    assert table.shape == (SIZE,)
    assert words_log_odds("I would like to book a table.", "", table) > 1
    assert words_log_odds("My name is Ann.", "", table) < -1
    assert words_log_odds("It is booked.", "", table) < -1
    assert words_log_odds("Is there anything else?", "", table) > 1


def test_the_value_that_was_asked_for_is_a_whole_answer(table: NDArray[np.float32]):
    assert words_log_odds("Palo Alto", "Which city?", table) > 1
    assert words_log_odds("Palo", "Which city?", table) < words_log_odds(
        "Palo Alto", "Which city?", table
    )


def test_a_folder_without_dialogues_is_named(tmp_path: Path):
    with pytest.raises(TurnDataError, match=r"no dialogues_\*\.json"):
        learn_words(tmp_path, all_of)


def known(call: str, label: str, sound: float, seconds: float = 1.0) -> Known:
    pause = Pause(2.0, 2.0 + seconds, "eot" if label == "eot" else "hold")
    turn = LabelledTurn(call, "en", call, "", (pause,), np.zeros(6 * RATE, np.float32))
    return Known(turn, pause, Signs(sound, "I would like to book a table.", 0.5))


CALLS = [
    known(f"call {i % 5}", "eot" if i % 2 else "hold", 0.9 if i % 2 else 0.2 + 0.02 * i)
    for i in range(20)
]


def test_a_sign_that_tells_holds_from_ends_gets_the_weight(table: NDArray[np.float32]):
    weights = turns_learn.fit(CALLS, table, 0.4)
    by_sound, *_ = weights.logistic["sound"]
    by_closing = weights.logistic["words+closing"][1]
    assert by_sound > 0.3
    assert abs(by_closing) < 0.01  # the same everywhere
    told = score(turns_learn.scored(CALLS, weights))
    assert told.auc == 1.0
    assert told.cutoff_at[300] == 0.0


def test_a_caller_who_goes_on_after_most_pauses_is_waited_for(table: NDArray[np.float32]):
    again = [replace(one, signs=replace(one.signs, resumed=True)) for one in CALLS]
    holds = [one for one in again if one.pause.label == "hold"]
    weights = turns_learn.fit([*CALLS, *holds, *holds], table, 0.4)
    assert log_odds(again[0].signs, weights) < log_odds(CALLS[0].signs, weights) - 0.5


def test_no_call_is_scored_by_weights_that_have_seen_it(
    table: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
):
    seen: list[frozenset[str]] = []
    scored = turns_learn.scored

    def watched(part: list[Known], using: Weights) -> Any:
        seen.append(using.learned_from)
        assert {one.turn.call for one in part}.isdisjoint(using.learned_from)
        return scored(part, using)

    monkeypatch.setattr(turns_learn, "scored", watched)
    pauses = turns_learn.cross_validated(CALLS, table, 0.4)
    assert [one.pause for one in pauses] == [one.pause for one in CALLS]
    assert len(seen) == 5


def test_smart_turn_asked_again_is_heard_from_then_on(table: NDArray[np.float32]):
    weights = turns_learn.fit(CALLS, table, 0.4)
    again = Known(CALLS[0].turn, CALLS[0].pause, CALLS[0].signs, (Reading(0.5, 0.95),))
    (once,), (twice,) = (turns_learn.scored([one], weights) for one in (CALLS[0], again))
    for a, b in zip(once.readings, twice.readings, strict=True):
        assert (b.probability > a.probability) == (a.silence >= 0.5)


def test_weights_are_read_back_as_they_were_written(table: NDArray[np.float32], tmp_path: Path):
    kept = turns_learn.quantised(table)
    weights = turns_learn.fit(CALLS, kept, 0.4)
    path = tmp_path / "ending.json"
    turns_learn.write(weights, path, data="calls", pauses=len(CALLS), transcriber="whisper")
    read = Weights.read(path)
    assert np.array_equal(read.words, kept)
    assert read.learned_from == {f"call {i}" for i in range(5)}
    for one in CALLS:
        assert log_odds(one.signs, read) == pytest.approx(log_odds(one.signs, weights), abs=0.01)


@dataclass
class PaperDetector:
    """Speech is what is louder than 0.1."""

    def stream(self) -> "PaperDetector":
        return self

    def step(self, window: NDArray[np.float32]) -> float:
        return 0.95 if np.abs(window).max() > 0.1 else 0.02


@dataclass
class PaperVerdict:
    verdict: float

    def probability(self, audio: NDArray[np.float32]) -> float:
        return self.verdict


def rehearse(label: str, words: str, verdict: float, seconds: float) -> float | None:
    pause = Pause(2.0, 2.0 + seconds, "eot" if label == "eot" else "hold")
    sound = np.zeros(round(pause.end * RATE), np.float32)
    sound[: 2 * RATE] = 0.3
    turn = LabelledTurn("a", "en", "a", "Can I help you?", (pause,), sound)
    rehearsal = Rehearsal(PaperDetector(), PaperVerdict(verdict), TurnSettings())  # type: ignore[arg-type]
    return rehearsal.play(Known(turn, pause, Signs(verdict, words, 0.9))).waited


def test_a_rehearsed_call_waits_for_its_words_and_no_longer_than_it_must():
    thanks = "No, that's all for today. Thank you very much."
    sure = rehearse("eot", thanks, 0.98, 4.0)
    assert sure == pytest.approx(0.36, abs=0.05)  # when the words are known
    unsure = rehearse("eot", "I have a question about", 0.1, 4.0)
    assert sure is not None
    assert unsure is not None
    assert unsure > sure + 0.2
    assert rehearse("hold", "I have a question about", 0.1, 0.6) is None
    assert rehearse("hold", thanks, 0.98, 0.6) is not None


def test_what_a_call_did_is_counted_over_holds_and_ends():
    holds = [Pause(1, 2, "hold")] * 4
    ends = [Pause(1, 5, "eot")] * 2
    waited = [None, None, None, 0.4, 0.3, 0.5]
    from voice.bench.turns_live import Lived

    told = outcome([Lived(p, w) for p, w in zip(holds + ends, waited, strict=True)])
    assert (told.cutoff_rate, told.lost) == (0.25, 0)
    assert told.mean_wait == pytest.approx(0.4)
