"""The page of one call: its score is well formed, its silences sum, and it asks the net nothing."""

import re
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import httpx
import pytest
import websockets

from tests.paper import PaperCall
from tests.test_call import ANSWERS
from tests.test_journal import HEADER, Pages, put_call
from tests.test_journal_commands import Openline, calls, openline
from tests.test_server import READY, converse, server
from voice.journal.files import journal_folder
from voice.journal.page import call_page
from voice.journal.picture import rounded
from voice.journal.record import read, recorded
from voice.journal.shelf import folders
from voice.journal.waves import BIN_SECONDS, levels

__all__ = ["calls", "openline", "server"]


def rows(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page)]


def words(page: str, side: str) -> str:
    found = [text for row in rows(page) for text in row.iter("text")]
    return " ".join(text.text or "" for text in found if text.get("class") == f"word {side}")


def test_the_score_has_both_sides_in_lines_of_ten_seconds(tmp_path: Path):
    page = call_page(read(put_call(tmp_path)))
    assert len(rows(page)) == 1
    waves = [path.get("class") for path in rows(page)[0].iter("path")]
    assert {"wave caller", "wave agent", "over", "cut"} <= set(waves)
    assert words(page, "caller") == "where is my order stop please"
    assert words(page, "agent").startswith("Hello. It left on")
    assert "Thursday" not in words(page, "agent")  # it was cut before
    assert re.search(r"<s>.*Thursday at noon\.</s>", page)


def test_the_waves_lie_where_the_sides_sounded(tmp_path: Path):
    call = read(put_call(tmp_path))
    caller, agent = levels(call)
    turn = call.turns[0]
    loud = [i * BIN_SECONDS for i, level in enumerate(caller) if level > 0.05]
    assert loud[0] == pytest.approx(turn.began, abs=0.15)
    assert max(at for at in loud if at < 3) == pytest.approx(turn.ended, abs=0.1)
    assert turn.answer is not None
    assert turn.answer.sent is not None
    first = min(i * BIN_SECONDS for i, level in enumerate(agent) if level > 0.05 and i > 100)
    assert first == pytest.approx(turn.answer.sent, abs=0.05)


def test_the_parts_of_each_silence_sum_to_it(tmp_path: Path):
    call = read(put_call(tmp_path))
    page = call_page(call)
    said = re.findall(r"(\d+) ms of silence = ([^<]*)", page)
    assert len(said) == 2
    for (whole, parts), turn in zip(said, call.turns, strict=True):
        assert sum(int(ms) for ms in re.findall(r"\d+", parts)) == int(whole)
        assert turn.answer is not None
        assert int(whole) == pytest.approx(turn.answer.silence_ms, abs=1)


def test_rounding_loses_no_millisecond():
    assert rounded({"a": 0.4, "b": 0.4, "c": 100.4}) == {"a": 0, "b": 0, "c": 101}
    assert rounded({}) == {}


def test_bars_of_a_silence_end_where_the_answer_begins(tmp_path: Path):
    call = read(put_call(tmp_path))
    (row,) = rows(call_page(call))
    bars = [r for r in row.iter("rect") if (r.get("class") or "").startswith("part ")]
    ends = [float(r.get("x", 0)) + float(r.get("width", 0)) for r in bars]
    for turn in call.turns:
        assert turn.answer is not None
        assert turn.answer.sent is not None
        assert min(abs(end - 100 * turn.answer.sent) for end in ends) < 1.5


def test_work_in_vain_is_drawn_as_such():
    pages = Pages()
    paper = PaperCall(ANSWERS, journal=pages)
    paper.says("where is my order", at=0.5, finished=0.1)
    paper.says("forty two", at=1.8)
    paper.run(6)
    (row,) = rows(call_page(pages.read()))
    bars = [r.get("class") for r in row.iter("rect")]
    assert bars.count("wasted") == 1
    assert bars.count("kept") == 1


def test_what_was_said_cannot_write_the_page():
    lines = [
        {"at": 0.5, "event": "typed", "text": "<script>alert(1)</script> & <b>"},
        {"at": 0.6, "event": "error", "text": "<img src=x>"},
    ]
    page = call_page(recorded({**HEADER, "title": "<i>Shop"}, lines))
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;i&gt;Shop" in page
    assert "&lt;script&gt;" in words(page, "caller").replace("<", "&lt;").replace(">", "&gt;")


def test_the_page_stands_alone(tmp_path: Path):
    page = call_page(read(put_call(tmp_path)))
    assert not re.search(r"(?:src|href)=|@import|url\(|https?://", page)
    assert "default-src 'none'" in page
    assert "prefers-color-scheme:dark" in page
    assert len(page) < 60_000


def test_a_call_of_which_nothing_is_left_but_its_header():
    assert "The server stopped in mid-call." in call_page(recorded(HEADER, []))


def test_the_command_writes_the_same_page(calls: Path, openline: Openline, tmp_path: Path):
    out = tmp_path / "call.html"
    openline("calls", "show", "bb33", "--html", str(out))
    assert out.read_text() == call_page(read(folders(calls)[0]))
    assert out.stat().st_mode & 0o777 == 0o600


async def test_the_server_shows_calls_on_its_own_machine_only(server: SimpleNamespace):
    async with websockets.connect(server.ws) as ws:
        await ws.send(READY)
        await converse(ws)
    newest = folders(journal_folder(server.engines.config))[0].name.partition("_")[2]
    async with httpx.AsyncClient(base_url=server.url) as client:
        listed = await client.get("/calls")
        assert f'href="/calls/{newest}"' in listed.text
        shown = await client.get(f"/calls/{newest}")
        assert "where is my order" in shown.text
        assert shown.headers["cache-control"] == "no-store"
        assert (await client.get("/calls/nope")).status_code == 404
        assert (await client.get("/calls/..%2f..%2fetc")).status_code == 404
        for headers in (
            {"X-Forwarded-For": "10.0.0.1"},
            {"Forwarded": "for=10.0.0.1"},
            {"Host": "evil.example"},
        ):
            assert (await client.get("/calls", headers=headers)).status_code == 403


@pytest.mark.parametrize("server", [{"journal.enabled": False}], indirect=True)
async def test_without_journals_there_are_no_pages(server: SimpleNamespace):
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/calls")).status_code == 404
