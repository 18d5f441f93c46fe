"""The rules of eot-bench, on pauses small enough to reckon by hand; reading labelled turns."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from voice.audiofile import write_wav
from voice.bench.turns_data import (
    Pause,
    TurnDataError,
    calls_of,
    read_turns,
)
from voice.bench.turns_score import Reading, Scored, grid, score, score_silence


def hold(seconds: float, *readings: tuple[float, float]) -> Scored:
    return Scored(Pause(1.0, 1.0 + seconds, "hold"), tuple(Reading(*r) for r in readings))


def end(*readings: tuple[float, float]) -> Scored:
    return Scored(Pause(1.0, 5.0, "eot"), tuple(Reading(*r) for r in readings))


def test_the_grid_ends_with_the_pause_itself() -> None:
    assert grid(Pause(2.0, 2.25, "hold")) == [0.0, 0.1, 0.2, pytest.approx(0.25)]
    assert grid(Pause(2.0, 2.3, "hold")) == [0.0, 0.1, 0.2, 0.3]


def test_a_model_that_knows_cuts_nobody_off() -> None:
    told = score([hold(0.7, (0.2, 0.1)), end((0.2, 0.9))], score_point=0.2)
    assert told.auc == 1.0
    assert told.cutoff_at == {300: 0.0, 600: 0.0}
    assert told.wait_at == {10: pytest.approx(0.2), 5: pytest.approx(0.2)}


def test_a_model_that_is_wrong_waits_for_the_timeout() -> None:
    told = score([hold(0.7, (0.2, 0.9)), end((0.2, 0.1))], score_point=0.2)
    # Either both fire (cut off at 0.2 to 0.6 s) or the action waits until the pause is over
    assert told.cutoff_at == {300: 1.0, 600: 1.0}
    assert told.wait_at[10] == pytest.approx(0.7)


def test_a_reading_must_be_above_the_threshold_not_equal_to_it() -> None:
    told = score([hold(2.0, (0.2, 0.5)), end((0.2, 0.5))], score_point=0.2)
    # No threshold parts them: with every one the hold of 2 s is cut, or the wait is 2 s or more
    assert told.wait_at[10] == pytest.approx(2.0)
    assert told.cutoff_at[600] == 1.0


def test_a_hold_as_long_as_the_delay_is_not_cut() -> None:
    told = score([hold(0.3, (0.2, 1.0)), end((0.2, 1.0))], score_point=0.2)
    assert told.wait_at[5] == pytest.approx(0.3)


def test_a_system_read_again_fires_at_its_first_crossing() -> None:
    rising = [(0.2, 0.2), (0.3, 0.4), (0.4, 0.6)]
    told = score([hold(0.35, *rising[:2]), end(*rising)])
    # A threshold of 0.4 is crossed at 0.4 s, when the hold is over
    assert told.wait_at[5] == pytest.approx(0.4)
    once = score([hold(0.35, *rising[:2]), end(*rising)], score_point=0.2)
    assert once.wait_at[5] == pytest.approx(0.4)


def test_pauses_out_of_bounds_are_not_counted() -> None:
    told = score([hold(0.15, (0.1, 1.0)), hold(5.5, (0.2, 1.0)), hold(1.0), end((0.2, 1.0))])
    assert (told.holds, told.ends) == (1, 1)
    assert told.cutoff_at[300] == 0.0


def test_silence_alone_trades_waiting_for_cut_offs() -> None:
    pauses = [hold(seconds).pause for seconds in (0.25, 0.5, 0.9, 1.6)] + [end().pause]
    told = score_silence(pauses)
    assert told.cutoff_at == {300: 0.75, 600: 0.5}
    assert told.wait_at[5] == pytest.approx(1.6)
    rates = [policy.cutoff_rate for policy in told.frontier]
    assert rates == sorted(rates, reverse=True)


def labelled_folder(folder: Path, **changes: object) -> Path:
    rng = np.random.default_rng(1)
    sound = (rng.normal(0, 0.1, 3 * 8000) * 32767).clip(-32767, 32767).astype(np.int16)
    write_wav(folder / "a.wav", sound, 8000)
    row: dict[str, object] = {
        "id": "a",
        "file": "a.wav",
        "language": "en",
        "speaker": "ann",
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "What is your name?"},
        ],
        "silence_spans": [{"start": 0.5, "end": 1.0}, {"start": 2.5, "end": 6.5}],
    }
    (folder / "turns.json").write_text(json.dumps([row | changes]))
    return folder


def test_a_row_is_read_as_eot_bench_writes_it(tmp_path: Path) -> None:
    (turn,) = read_turns(labelled_folder(tmp_path))
    assert [(p.label, p.seconds) for p in turn.pauses] == [("hold", 0.5), ("eot", 4.0)]
    assert turn.context == "What is your name?"
    assert len(turn.audio) == round(6.5 * 16000)  # padded as far as its last silence
    assert 0 < np.abs(turn.audio[4 * 16000 :]).max() < 0.5


def test_a_turn_that_was_cut_has_no_end(tmp_path: Path) -> None:
    (turn,) = read_turns(labelled_folder(tmp_path, complete=False))
    assert [p.label for p in turn.pauses] == ["hold", "hold"]


def test_labels_in_the_row_go_before_their_places(tmp_path: Path) -> None:
    spans = [{"start": 0.5, "end": 1.0, "label": "hold", "other_speech_s": 0.4}]
    (turn,) = read_turns(labelled_folder(tmp_path, silences=spans))
    assert turn.pauses == ()  # the other side spoke in it


def test_turns_of_one_speaker_or_one_recording_are_one_call() -> None:
    rows: list[dict[str, object]] = [
        {"id": "b", "speaker": "ann", "source": "left/7.wav (8 kHz)"},
        {"id": "a", "speaker": "bob", "source": "right/7.wav"},
        {"id": "c", "speaker": "ann"},
        {"id": "d", "speaker": "eve"},
    ]
    assert calls_of(rows) == ["a", "a", "a", "d"]


def test_what_cannot_be_read_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TurnDataError, match=r"neither turns\.json nor a \.parquet"):
        read_turns(tmp_path)
    with pytest.raises(TurnDataError, match="no turn in language 'fr'"):
        read_turns(labelled_folder(tmp_path), language="fr")
    (tmp_path / "turns.json").unlink()
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(TurnDataError, match="pip install pyarrow"):
        read_turns(tmp_path)
