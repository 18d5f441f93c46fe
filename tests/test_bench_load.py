"""What `openline bench load` makes of the waits that its callers measured."""

from pathlib import Path

import numpy as np
import pytest

from voice.bench.latency import BenchError
from voice.bench.load import LIMIT, Step, least, step_of
from voice.bench.load_callers import ALIGNED, FRAME, RATE, script
from voice.bench.load_picture import draw


def test_every_question_lies_the_same_way_in_the_detectors_windows():
    loud = np.full(RATE // 2, 5000, np.int16)
    said = script([np.pad(loud, (0, 3000)), loud])
    sound = np.frombuffer(b"".join(said.frames), "<i2")
    starts = np.flatnonzero(np.diff((sound != 0).astype(int)) == 1) + 1
    assert [start % (ALIGNED * FRAME) for start in starts] == [0, 0]
    ends = [(start + len(loud) - 1) // FRAME for start in starts]
    assert [end - marked for end, marked in zip(ends, said.ends, strict=True)] == [0, 0]


def test_delay_is_what_each_answer_comes_later_than_to_one_caller_alone():
    alone = least([[0.41, 0.50], [0.40, 0.52]])
    assert alone == [0.40, 0.50]
    step = step_of(2, [[0.41, 0.50], [0.45, None]], alone, 0.3)
    assert step.delay_ms["max"] == pytest.approx(50)
    assert step.delay_ms["median"] == pytest.approx(10)
    assert step.unanswered == 1
    assert not step.within
    assert Step(2, {"p95": LIMIT}, 0, 0.3).within
    with pytest.raises(BenchError, match="got no answer"):
        least([[None, 0.5]])


def test_the_picture_shows_also_a_step_that_nobody_answered(tmp_path: Path):
    answered = Step(10, {"median": 1.0, "p95": 9.0}, 0, 0.2)
    draw(
        tmp_path / "load.png", [answered, Step(80, {"median": None, "p95": None}, 240, 1.0)], 20, ""
    )
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
