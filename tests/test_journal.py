"""The flight recorder: what a call leaves on disk, also when it is killed or the disk is full."""

import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import logger
from pipecat.frames.frames import LLMMessagesAppendFrame

from agents.notes import Checked, Written
from tests.paper import RATE, PaperCall
from tests.test_call import ANSWERS, breaks, looks_up
from voice.journal import shelf
from voice.journal import writer as writing
from voice.journal.memory import TOTALS, HeardMemory
from voice.journal.record import Recorded, read, recorded, summary
from voice.journal.recorder import Recorder
from voice.journal.replay import Pages as Memory
from voice.journal.sound import read_track
from voice.journal.tracks import Arrivals, Played, Received, Sound
from voice.journal.writer import JournalWriter

HEADER = {
    "call": "abc",
    "began": "2026-11-24T10:00:00.000+00:00",
    "agent": "shop",
    "llm": "paper",
    "transcriber": "paper",
    "voice": "paper",
    "in_rate": RATE,
    "out_rate": RATE,
}


class Pages(Memory):
    def read(self) -> Recorded:
        return recorded(HEADER, self.lines)


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
def log() -> Iterator[list[str]]:
    """What the log says."""
    lines: list[str] = []
    sink = logger.add(lines.append, level="WARNING", format="{message}")
    yield lines
    logger.remove(sink)


def put_call(folder: Path, call: str = "abc", began: dt.datetime | None = None) -> Path:
    """A recorded paper call with one interruption, on disk."""
    began = began or dt.datetime(2026, 11, 24, 10, tzinfo=dt.UTC)
    writer = JournalWriter(folder, days=36500)
    header = {**HEADER, "call": call, "began": began.isoformat()}
    journal = writer.begin(shelf.name_of(call, began), header, in_rate=RATE, out_rate=RATE)
    paper = PaperCall(ANSWERS, journal=journal, greeting="Hello.")
    paper.says("where is my order", at=1.5)
    paper.says("stop please", at=4.2)
    paper.run(9)
    journal.close()
    writer.close()
    return folder / journal.name


def test_a_call_is_read_back_as_its_turns(pages: Pages):
    call = PaperCall(ANSWERS, journal=pages)
    question = call.says("where is my order", at=0.5)
    call.run(8)
    found = pages.read()
    (turn,) = found.turns
    assert turn.text == "where is my order"
    assert turn.began == pytest.approx(question.start, abs=0.1)
    assert turn.ended == pytest.approx(question.end, abs=0.05)
    assert turn.reason.startswith("end of turn")
    assert turn.answer is not None
    assert turn.answer.heard == turn.answer.said == " ".join(ANSWERS["where is my order"])
    assert turn.answer.silence_ms == pytest.approx(1000 * call.silence(question.end), abs=50)
    assert " ".join(clause.text for clause in turn.answer.clauses) == turn.answer.said
    assert found.complete


def test_why_a_turn_ended_is_written_down(pages: Pages):
    call = PaperCall(ANSWERS, journal=pages)
    call.says("where is my order", at=0.5, finished=0.1)
    call.says("forty two", at=1.8)
    call.run(6)
    decisions = [
        line["event"]
        for line in pages.lines
        if line["event"] in ("speech", "paused", "judge", "verdict", "resumed", "ended")
    ]
    assert decisions[:4] == ["speech", "paused", "judge", "verdict"]
    assert "resumed" in decisions
    assert decisions[-1] == "ended"
    verdicts = [line["probability"] for line in pages.lines if line["event"] == "verdict"]
    assert verdicts[0] == 0.1
    assert verdicts[-1] == 0.95


def test_speculation_in_vain_is_told_from_what_was_kept(pages: Pages):
    call = PaperCall(ANSWERS, journal=pages)
    call.says("where is my order", at=0.5, finished=0.1)
    call.says("forty two", at=1.8)
    call.run(6)
    found = pages.read()
    assert [answer.text for answer in found.wasted] == ["where is my order"]
    (turn,) = found.turns
    assert turn.answer is not None
    assert turn.answer.text == "where is my order forty two"


def test_an_interruption_shows_what_was_cut(pages: Pages):
    call = PaperCall(ANSWERS, journal=pages)
    call.says("where is my order", at=0.5)
    call.says("stop please", at=3.2)
    call.run(8)
    answer = pages.read().turns[0].answer
    assert answer is not None
    assert answer.interrupted == pytest.approx(min(call.flushes[-2:]), abs=0.05)  # held
    assert answer.heard == call.conversation.heard_lines[0]
    assert f"{answer.heard} {answer.cut}" == answer.said


def test_tools_errors_and_typed_text_are_in_it(pages: Pages):
    call = PaperCall(custom=looks_up, journal=pages)
    message = {"role": "user", "content": "where is it"}
    typed = LLMMessagesAppendFrame([message], run_llm=True)  # type: ignore[list-item]
    call.run(4, {0.5: lambda: call.worker.queue_frame(typed)})
    (turn,) = pages.read().turns
    assert (turn.text, turn.typed) == ("where is it", True)
    assert turn.answer is not None
    (tool,) = turn.answer.tools
    assert (tool.name, tool.arguments) == ("order_status", {"number": "1042"})
    assert (tool.result, tool.seconds) == ({"status": "shipped"}, 0.1)
    assert turn.answer.sources == ["shipping.md, Days"]

    broken = Pages()
    call = PaperCall(custom=breaks, journal=broken)
    call.says("where is my order", at=0.5)
    call.run(6)
    (error,) = broken.read().of("error")
    assert "a bug in a tool" in error.data["text"]


def test_what_a_model_wrote_and_what_was_checked_are_in_it(pages: Pages):
    now = [10.0]
    recorder = Recorder(pages, lambda: now[0], in_rate=RATE, out_rate=RATE)
    now[0] = 12.5
    recorder.turn_noted(Written("small", "answer", ("It ", "came."), (120, 150), "stop", 600, 590))
    recorder.turn_noted(Checked("book", {"day": "Monday"}, {}, "we are closed", "day", ("Friday",)))
    (wrote,), (checked,) = (pages.read().of(name) for name in ("tokens", "tool.checked"))
    assert wrote.at == checked.at == 2.5
    assert wrote.data["pieces"] == ("It ", "came.")
    assert wrote.data["ms"] == (120, 150)
    assert checked.data["error"] == "we are closed"


def test_both_sides_sound_as_they_were_heard(tmp_path: Path):
    folder = put_call(tmp_path)
    call = read(folder)
    caller, rate = read_track(folder, "caller")
    agent, _ = read_track(folder, "agent")
    assert rate == RATE
    first, second = call.turns
    level = np.abs(caller[round((first.began + 0.3) * RATE) : round((first.ended - 0.3) * RATE)])
    assert level.min() == level.max() == 3276  # the tone of the first utterance, sample by sample
    assert first.answer is not None
    assert first.answer.sent is not None
    assert first.answer.interrupted is not None
    assert second.answer is not None
    assert second.answer.sent is not None
    loud = np.flatnonzero(agent) / RATE
    played = loud[(loud > first.answer.sent - 0.1) & (loud < second.answer.sent - 0.1)]
    assert played[0] == pytest.approx(first.answer.sent, abs=0.05)
    assert played[-1] < first.answer.interrupted + 0.05
    assert played[-1] > first.answer.interrupted - 0.25  # it was held in the pause after a sentence
    assert len(caller) / RATE == pytest.approx(9, abs=0.1)


def test_a_recording_is_for_its_owner_only(tmp_path: Path):
    before = os.umask(0)
    try:
        folder = put_call(tmp_path / "calls")
    finally:
        os.umask(before)
    assert {p.stat().st_mode & 0o777 for p in (folder, folder.parent)} == {0o700}
    files = {p.name: p.stat().st_mode & 0o777 for p in folder.iterdir()}
    assert files == dict.fromkeys(("call.json", "events.jsonl", "caller.flac", "agent.flac"), 0o600)


# -- what can go wrong ---------------------------------------------------------------------

KILLED = """
import sys, time
from pathlib import Path
from voice.journal.tracks import Sound
from voice.journal.writer import JournalWriter
writer = JournalWriter(Path(sys.argv[1]), days=1)
journal = writer.begin("2026-11-24T10-00-00_abc", {header}, in_rate=8000, out_rate=8000)
start = 0
while True:
    journal.sound(Sound("caller", start, bytes([1, 1]) * 2000))
    journal.line({{"at": start / 8000, "event": "partial", "text": "x" * 300}})
    start += 2000
    print(start, flush=True)
    time.sleep(0.02)
"""


def test_a_kill_loses_less_than_a_second(tmp_path: Path):
    code = KILLED.format(header=HEADER)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        handed = 0
        while handed < 80000:
            handed = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    folder = shelf.find(tmp_path, "abc")
    samples, rate = read_track(folder, "caller")
    assert rate == 8000
    # the last piece handed over may still have been in the queue
    assert len(samples) > handed - 8000
    assert set(samples) == {257}
    call = read(folder)
    assert not call.complete
    assert call.seconds > handed / 8000 - 1
    assert summary(folder).complete is False


def test_a_line_cut_by_a_kill_is_ignored(tmp_path: Path):
    folder = put_call(tmp_path)
    events = folder / "events.jsonl"
    whole = events.read_text()
    events.write_text(whole[: whole.rindex('"heard_errors"')])
    call = read(folder)
    assert not call.complete
    assert [turn.text for turn in call.turns] == ["where is my order", "stop please"]


def test_a_full_disk_costs_the_recording_and_not_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: list[str]
):
    def full(path: Path) -> int:
        wanted = "/dev/full" if path.suffix == ".flac" else path
        return os.open(wanted, os.O_WRONLY | os.O_CREAT, 0o600)

    monkeypatch.setattr(writing, "open_private", full)
    put_call(tmp_path)  # runs its call to the end
    (line,) = [text for text in log if "abc" in text]
    assert "the call goes on without a recording; make room in" in line


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, log: list[str]):
    (tmp_path / "file").write_text("")
    put_call(tmp_path / "file")
    (line,) = [text for text in log if "abc" in text]
    assert "the call goes on without a recording" in line


def test_a_slow_disk_makes_nobody_wait(tmp_path: Path, log: list[str]):
    writer = JournalWriter(tmp_path, days=1, size=8)
    stuck = threading.Event()
    began = dt.datetime.now(dt.UTC)
    journal = writer.begin(shelf.name_of("abc", began), HEADER, in_rate=RATE, out_rate=RATE)

    files_of = writer._do  # pyright: ignore[reportPrivateUsage]

    def slow(*handed: Any) -> None:
        stuck.wait(10)
        files_of(*handed)

    writer._do = slow  # type: ignore[method-assign]  # the disk hangs
    started = time.monotonic()
    for i in range(100):
        journal.sound(Sound("caller", i * 4000, bytes(8000)))
    took = time.monotonic() - started
    assert took < 5  # of the 10 s that the disk hangs
    assert 90 <= journal.lost <= 93
    stuck.set()
    writer.close()
    assert len([text for text in log if "the disk is too slow" in text]) == 1
    assert len(read_track(tmp_path / journal.name, "caller")[0]) > 0


def test_what_the_queue_refused_is_silence_in_its_place(tmp_path: Path):
    writer = JournalWriter(tmp_path, days=36500)
    journal = writer.begin("2026-11-24T10-00-00_abc", HEADER, in_rate=8000, out_rate=8000)
    ones = np.ones(1000, np.int16).tobytes()
    journal.sound(Sound("caller", 0, ones))
    journal.sound(Sound("caller", 3000, ones))
    journal.close()
    writer.close()
    samples, _ = read_track(tmp_path / journal.name, "caller")
    assert np.array_equal(samples, np.repeat([1, 0, 1], [1000, 2000, 1000]))


# -- tracks --------------------------------------------------------------------------------


def test_when_sound_arrived_is_known_though_the_track_has_no_holes():
    """Muted for 2 s; then a network that stops for a second and sends everything at once."""
    received = Received(1000)
    regular = [0.02 * i for i in range(1, 11)]
    resumed = [2.2 + 0.02 * i for i in range(1, 11)]
    burst = [3.4] * 50
    anchors: list[tuple[int, float]] = []
    for arrived in regular + resumed + burst:
        _, anchor = received.take(arrived, bytes(40))
        if anchor is not None:
            anchors.append((anchor, arrived))
    arrivals = Arrivals(anchors, 1000)
    times = [arrivals.at(20 * (i + 1)) for i in range(70)]
    assert times == pytest.approx(regular + resumed + burst, abs=0.05)
    assert len(anchors) < 30
    (sound,) = received.rest()
    assert sound.end == 1400


def test_jitter_is_no_anchor():
    received = Received(8000)
    jitter = [0.01, -0.02, 0.0, 0.02, -0.01]
    anchors = [received.take(0.02 * i + jitter[i % 5], bytes(320))[1] for i in range(1, 100)]
    assert anchors == [160] + 98 * [None]


def test_a_flush_cuts_what_was_not_played():
    played = Played(1000)
    for _ in range(4):
        played.play(1.0, bytes(200))
    assert played.until(1.1) == []
    (sound,) = played.until(1.3)
    assert (sound.start, sound.end) == (1000, 1300)
    played.flush(1.35)
    played.play(2.0, bytes(200))
    assert [(s.start, s.end) for s in played.until(3.0, all_of_it=True)] == [
        (1300, 1350),
        (2000, 2100),
    ]


# -- heard memory --------------------------------------------------------------------------


def test_a_true_memory_has_no_error():
    memory = HeardMemory()
    memory.committed(1)
    assert memory.reported(1, "One two three.", "One two", ["One two"]) == []
    memory.committed(2)
    memory.committed(3)
    # the third is being played while the second is reported
    assert memory.reported(2, "Four.", "", ["One two", "Five six."]) == []
    assert memory.errors == 0


def test_an_untrue_memory_is_counted():
    before = TOTALS.errors
    memory = HeardMemory()
    memory.committed(1)
    (wrong,) = memory.reported(1, "One two three.", "One two", ["One two three."])
    assert "what nobody heard: 'one two three'" in wrong
    (wrong,) = memory.reported(2, "One", "One two", None)
    assert "not a prefix" in wrong
    assert memory.errors == TOTALS.errors - before == 2


def test_an_agent_that_remembers_too_much_is_found_in_the_call(pages: Pages):
    call = PaperCall(ANSWERS, journal=pages)
    call.says("where is my order", at=0.5)
    call.says("stop please", at=3.2)
    said = " ".join(ANSWERS["where is my order"])
    call.conversation.heard = lambda text: call.conversation.heard_lines.append(said)  # type: ignore[method-assign]
    call.run(8)
    assert pages.lines[-1]["heard_errors"] == 2
    assert len(pages.read().of("memory")) >= 2


# -- the shelf -----------------------------------------------------------------------------


def test_old_calls_are_removed_at_the_start_and_daily(tmp_path: Path):
    now = dt.datetime.now(dt.UTC)
    for days in (1, 20, 40):
        put_call(tmp_path, f"c{days}", now - dt.timedelta(days=days))
    (tmp_path / "notes").mkdir()  # not ours: left alone
    clock = [now.timestamp()]
    writer = JournalWriter(tmp_path, days=30, clock=lambda: clock[0])
    writer.begin("x", HEADER, in_rate=RATE, out_rate=RATE)
    writer.close()
    assert [p.name.partition("_")[2] for p in shelf.folders(tmp_path)] == ["c1", "c20"]
    shelf.remove_older(tmp_path, now.timestamp() - 10 * 86400)
    assert [p.name.partition("_")[2] for p in shelf.folders(tmp_path)] == ["c1"]
    assert (tmp_path / "notes").is_dir()


def test_the_journal_is_plain_json_lines(tmp_path: Path):
    folder = put_call(tmp_path)
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert all(isinstance(line["at"], float) and line["event"] for line in lines)
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    end = lines[-1]
    assert (end["event"], end["turns"], end["interruptions"]) == ("end", 2, 1)
    assert (end["heard_answers"], end["heard_errors"]) == (3, 0)
    assert re.fullmatch(r"2026-11-24T10-00-00_abc", folder.name)
