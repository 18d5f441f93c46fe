"""`openline calls`, as a person uses it."""

import datetime as dt
import json
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.paper_server import DEMO
from tests.test_cli import openline as run
from tests.test_journal import put_call
from voice import cli
from voice.journal.files import journal_folder

SHOP = str(DEMO.parent / "agents" / "shop.yaml")


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three calls in $OPENLINE_DATA, and no config in the working folder."""
    monkeypatch.setenv("OPENLINE_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    now = dt.datetime.now(dt.UTC)
    for call, days in (("aa11", 9), ("aa22", 2), ("bb33", 0.1)):
        put_call(journal_folder(), call, now - dt.timedelta(days=days))
    return journal_folder()


class Openline:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *words: str) -> str:
        """What it prints, if it succeeds."""
        self._capsys.readouterr()
        self._monkeypatch.setattr("sys.argv", ["openline", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        return self._capsys.readouterr().out

    def refused(self, *words: str) -> str:
        """The line of a failure."""
        self._capsys.readouterr()
        assert run(self._monkeypatch, *words) == 1
        line = self._capsys.readouterr().err
        assert line.count("\n") == 1
        return line


@pytest.fixture
def openline(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Openline:
    return Openline(monkeypatch, capsys)


def test_the_newest_call_comes_first(calls: Path, openline: Openline):
    rows = openline("calls", "list").splitlines()
    assert [row.split()[0] for row in rows] == ["call", "bb33", "aa22", "aa11"]
    assert " shop " in rows[1]
    listed = json.loads(openline("calls", "list", "--json"))
    assert [call["call"] for call in listed] == ["bb33", "aa22", "aa11"]
    newest = listed[0]
    assert (newest["turns"], newest["interruptions"], newest["complete"]) == (2, 1, True)
    assert 300 < newest["median_silence_ms"] < 1000


def test_a_call_is_shown_as_a_conversation(calls: Path, openline: Openline):
    shown = openline("calls", "show", "bb")
    lines = [line for line in shown.splitlines() if "agent" in line or "caller" in line]
    assert "Hello." in lines[0]
    assert "caller where is my order  over after 0." in lines[1]
    assert "end of turn 0." in lines[1]
    assert "It left on Monday." in lines[2]
    assert "interrupted" in lines[2]
    assert "silence " in lines[2]
    assert "end of turn " in lines[2]
    assert "stop please" in lines[3]
    assert "All right." in lines[4]
    assert openline("calls", "show", "last") == shown


def test_an_exported_call_has_everything(calls: Path, openline: Openline, tmp_path: Path):
    out = tmp_path / "call.zip"
    assert openline("calls", "export", "aa1", "--out", str(out)) == f"{out}\n"
    assert out.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(out) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
        assert archive.testzip() is None
    assert names == {"call.json", "events.jsonl", "caller.flac", "agent.flac", "call.html"}


def test_calls_are_removed_for_good(calls: Path, openline: Openline):
    assert openline("calls", "remove", "--older-than", "7") == "1 call removed\n"
    assert openline("calls", "remove", "aa", "bb33") == "2 calls removed\n"
    assert list(calls.iterdir()) == []
    assert "no calls are recorded in" in openline("calls", "list")


def test_a_wrong_call_is_one_line(calls: Path, openline: Openline):
    assert "no call 'zz' in" in openline.refused("calls", "show", "zz")
    assert "2 calls begin with 'aa' in" in openline.refused("calls", "show", "aa")
    assert "give ids, or --older-than" in openline.refused("calls", "remove")
    assert "0 calls removed" in openline("calls", "remove", "--older-than", "50")


def test_the_config_says_where_they_lie(calls: Path, openline: Openline, tmp_path: Path):
    config = tmp_path / "mine.yaml"
    config.write_text(f"journal: {{folder: {tmp_path / 'elsewhere'}, days: 3}}")
    assert str(tmp_path / "elsewhere") in openline("calls", "list", "--config", str(config))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_person_corrects_a_turn_and_gets_both_files(
    calls: Path,
    openline: Openline,
    tmp_path: Path,
):
    better = "It left on Monday, jo@example.com was told."
    assert "turn 1" in openline("calls", "correct", "bb33", "1", better)
    pairs, chats = tmp_path / "pairs.jsonl", tmp_path / "chats.jsonl"
    openline("calls", "tuning", "--pairs", "--agent", SHOP, "--out", str(pairs))
    (pair,) = lines(pairs)
    assert pair["chosen"][0]["content"] == "It left on Monday, [EMAIL] was told."
    assert pairs.stat().st_mode & 0o077 == 0
    openline("calls", "tuning", "bb33", "--no-mask", "--agent", SHOP, "--out", str(chats))
    (chat,) = lines(chats)
    assert better in [message["content"] for message in chat["messages"]]
    assert "order_status" in [tool["function"]["name"] for tool in chat["tools"]]
    for tool in chat["tools"]:
        jsonschema.Draft202012Validator.check_schema(tool["function"]["parameters"])
    assert "no 9" in openline.refused("calls", "correct", "bb33", "9", "x")


def test_of_an_evaluation_the_right_runs_are_taken(
    calls: Path,
    openline: Openline,
    tmp_path: Path,
):
    used = {"tool": "order_status", "arguments": {"order": 1042}, "result": "sent", "error": None}
    exchange = {"heard": "where is 1042", "calls": [used], "agent": "It was sent."}
    runs = [{"right": right, "exchanges": [exchange]} for right in (True, False)]
    found, out = tmp_path / "eval.json", tmp_path / "chats.jsonl"
    found.write_text(json.dumps({"models": [{"runs": runs}]}))
    words = ("calls", "tuning", "aa11", "--agent", SHOP, "--out", str(out), "--eval")
    openline(*words, str(found))
    _, chat = lines(out)
    assert [m["role"] for m in chat["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    found.write_text("[]")
    assert "not the JSON of openline eval" in openline.refused(*words, str(found))
