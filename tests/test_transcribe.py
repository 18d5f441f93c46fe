"""`openline transcribe`, with a real model on speech of known words."""

import json
import re
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from typer.testing import CliRunner, Result

from tests.conftest import Says
from voice.audiofile import write_wav
from voice.cli import app
from voice.listen.doubt import plain

RATE = 16000
ORDER = "Where is my order? It should have been here on Thursday."
LAMP = "Please cancel the green lamp, and send me the receipt by mail."


def transcribe(*arguments: object) -> Result:
    fixed = ["--model", "whisper-tiny.en", "--device", "cpu", "--jobs", "1"]
    return CliRunner().invoke(app, ["transcribe", *map(str, arguments), *fixed])


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE), np.int16)


@pytest.fixture(scope="module")
def order(says: Says) -> NDArray[np.int16]:
    return says.pcm(ORDER)


@pytest.fixture(scope="module")
def lamp(says: Says) -> NDArray[np.int16]:
    return says.pcm(LAMP, "am_michael")


@pytest.mark.models
def test_every_word_of_a_call_is_written_with_its_time(
    order: NDArray[np.int16], lamp: NDArray[np.int16], tmp_path: Path
):
    call = np.concatenate([silence(2), order, silence(4), lamp, silence(1)])
    write_wav(tmp_path / "call.wav", call, RATE)
    result = transcribe(tmp_path / "call.wav", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "out" / "call.wav.json").read_text())
    words = [word for segment in written["segments"] for word in segment["words"]]
    said = plain(f"{ORDER} {LAMP}")
    assert Levenshtein.distance(said, plain(" ".join(word["word"] for word in words))) <= 1
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert all(word["start"] < word["end"] for word in words)
    assert words[0]["start"] == pytest.approx(2, abs=0.4)
    lamp_at = 6 + len(order) / RATE
    first = next(word for word in words if word["word"].lower() == "please")
    assert first["start"] == pytest.approx(lamp_at, abs=0.4)
    assert times[-1] <= len(call) / RATE


@pytest.mark.models
def test_nothing_is_written_where_nobody_speaks_and_a_faint_voice_is(
    order: NDArray[np.int16], tmp_path: Path
):
    random, at = np.random.default_rng(3), np.arange(20 * RATE) / RATE
    tone = 6000 * (np.sin(2 * np.pi * 440 * at) + np.sin(2 * np.pi * 480 * at))
    tone[(at % 6) > 2] = 0  # as it rings at the other end
    chords = sum(
        3000 * np.sin(2 * np.pi * note * at) * np.exp(-3 * (at % 0.5))
        for note in (220, 277.2, 329.6)
    )
    hiss = random.normal(0, 2000, 20 * RATE)
    faint = order / 40 + random.normal(0, 3, len(order))
    parts = [silence(20), hiss, tone, chords, silence(2), faint, silence(2)]
    call = np.concatenate([np.asarray(part, np.int16) for part in parts])
    write_wav(tmp_path / "hold.wav", call, RATE)
    assert transcribe(tmp_path / "hold.wav", "--out", tmp_path).exit_code == 0
    written = json.loads((tmp_path / "hold.wav.json").read_text())
    words = [word for segment in written["segments"] for word in segment["words"]]
    assert [word for word in words if word["start"] < 81] == []
    assert Levenshtein.distance(plain(ORDER), plain(" ".join(w["word"] for w in words))) <= 1
    accounts = [(one["start"], one["outcome"]) for one in written["accounts"]]
    assert {outcome for start, outcome in accounts if start < 81} == {"not speech"}
    assert accounts[-1][1] == "transcribed"


@pytest.mark.models
def test_each_side_of_a_call_has_its_own_words_and_no_echo(
    order: NDArray[np.int16], lamp: NDArray[np.int16], tmp_path: Path
):
    gap = silence(1)
    caller = np.concatenate([gap, order, gap, np.zeros_like(lamp), gap]).astype(np.float32)
    agent = np.concatenate([gap, np.zeros_like(order), gap, lamp, gap]).astype(np.float32)
    late = round(0.15 * RATE)
    heard = caller.copy()
    heard[late:] += 0.15 * agent[:-late]
    write_wav(tmp_path / "call.wav", np.stack([heard, agent], 1).astype(np.int16), RATE)
    (tmp_path / "calls.csv").write_text("path,channel_1,channel_2\ncall.wav,Ada,Desk\n")
    assert transcribe(tmp_path / "calls.csv", "--out", tmp_path).exit_code == 0
    written = json.loads((tmp_path / "call.wav.json").read_text())
    for name, said in (("Ada", ORDER), ("Desk", LAMP)):
        mine = [w["word"] for s in written["segments"] for w in s["words"] if w["speaker"] == name]
        assert Levenshtein.distance(plain(said), plain(" ".join(mine))) <= 1
    (echo,) = [one for one in written["accounts"] if one["outcome"] == "echo"]
    assert echo["channel"] == 0
    assert "receipt" in echo["detail"]


@pytest.mark.models
def test_a_run_that_is_killed_goes_on_and_writes_the_same(
    order: NDArray[np.int16], lamp: NDArray[np.int16], tmp_path: Path
):
    calls, once, killed = tmp_path / "calls", tmp_path / "once", tmp_path / "killed"
    calls.mkdir()
    for i, part in enumerate((order, lamp, np.concatenate([lamp, order]))):
        write_wav(calls / f"{i}.wav", part, RATE)
    command = [sys.executable, "-m", "voice.cli", "transcribe", str(calls)]
    command += ["--model", "whisper-tiny.en", "--device", "cpu", "--jobs", "1", "--out"]
    subprocess.run([*command, once], check=True)
    for results in (1, 2):
        with subprocess.Popen([*command, killed], stdout=subprocess.DEVNULL) as run:
            while run.poll() is None and len(list(killed.glob("*.json"))) < results:
                time.sleep(0.01)
            run.kill()
    subprocess.run([*command, killed], check=True)
    for path in once.glob("*.json"):
        assert (killed / path.name).read_bytes() == path.read_bytes()
    left = {path.name for path in killed.iterdir() if path.suffix != ".jsonl"}
    assert left == {path.name for path in once.glob("*.json")}


@pytest.mark.models
def test_a_broken_file_is_a_line_and_the_others_are_done_once(
    order: NDArray[np.int16], tmp_path: Path
):
    calls = tmp_path / "calls"
    (calls / "deeper").mkdir(parents=True)
    (calls / "deeper" / "round").symlink_to(calls)
    write_wav(calls / "deeper" / "a\nb.wav", order, RATE)
    (calls / "empty.wav").touch()
    (calls / "letter.mp3").write_text("Dear Sir or Madam")
    (calls / "cut.wav").write_bytes((calls / "deeper" / "a\nb.wav").read_bytes()[:30])
    write_wav(calls / "short.wav", silence(0.05), RATE)
    with wave.open(str(calls / "wide.wav"), "wb") as out:
        out.setnchannels(8)
        out.setsampwidth(2)
        out.setframerate(96000)
        out.writeframes(bytes(16 * 96000))
    result = transcribe(calls, "--out", calls / "out")
    assert result.exit_code == 1
    lines = result.output.strip().splitlines()
    assert len(lines) == 5, result.output
    assert [Path(line.partition(": ")[0]).name for line in lines[:4]] == [
        "cut.wav",
        "empty.wav",
        "letter.mp3",
        "short.wav",
    ]
    assert lines[4].startswith("2 transcribed")
    assert lines[4].endswith("4 failed: see above")
    (made,) = (calls / "out" / "deeper").iterdir()
    assert "receipt" not in made.read_text()
    assert "Thursday" in made.read_text()
    assert (calls / "out" / "wide.wav.json").exists()
    again = transcribe(calls, "--out", calls / "out")
    assert again.output.endswith("0 transcribed, 2 were done before, 4 failed: see above\n")


@pytest.mark.models
def test_a_redacted_run_leaves_no_number_in_text_or_sound(says: Says, tmp_path: Path):
    number = says.pcm("My number is five five five, zero one four two, nine eight seven.")
    write_wav(tmp_path / "call.wav", np.concatenate([silence(1), number, silence(1)]), RATE)
    result = transcribe(tmp_path / "call.wav", "--out", tmp_path / "out", "--redact")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "call.wav.json").read_text()
    assert "[PHONE]" in text or "[NUMBER]" in text
    assert not re.search(r"555|0142|987", json.dumps(json.loads(text)["segments"]))
    heard = transcribe(tmp_path / "out" / "call.wav.flac", "--out", tmp_path / "again")
    assert heard.exit_code == 0, heard.output
    again = json.loads((tmp_path / "again" / "call.wav.flac.json").read_text())
    assert not re.search(r"\d{3}", " ".join(part["text"] for part in again["segments"]))
