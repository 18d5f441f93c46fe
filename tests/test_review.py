"""`openline transcripts review`: corrections land where the transcripts lie, from here only."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.test_recording_page import CALL, recording
from voice.recordings.exports import read, write
from voice.recordings.page.index import write_index
from voice.recordings.review import reviewing

HERE = {"Origin": "http://localhost"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sound = recording(tmp_path / "calls" / "call.wav", CALL)
    write(CALL, tmp_path / "out" / "2025", ["json", "srt", "html"], sound)
    write_index(tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
async def browser(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = reviewing(folder, folder.parent / "calls")
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def corrected(folder: Path) -> dict[str, object]:
    made = json.loads((folder / "2025" / "call.wav.json").read_text())
    made["segments"][0]["words"][9]["word"] = "Friday"
    made["corrections"] = [{"start": 5.5, "end": 5.9, "was": "Monday", "text": "Friday"}]
    return made


async def test_a_correction_is_written_and_the_formats_beside_it_made_again(
    browser: httpx.AsyncClient, folder: Path
):
    before = (folder / "2025" / "call.wav.json").read_bytes()
    page = (folder / "2025" / "call.wav.html").read_text()
    sent = await browser.post("/2025/call.wav.json", json=corrected(folder), headers=HERE)
    assert sent.status_code == 204
    made = read(folder / "2025" / "call.wav.json")
    assert "from Friday to" in made.segments[0].text
    assert [one.was for one in made.corrections] == ["Monday"]
    assert "from Friday to" in (folder / "2025" / "call.wav.srt").read_text()
    again = (await browser.get("/2025/call.wav.html")).text
    assert "from Friday to" in again
    sound = page.partition('src="')[2].partition('"')[0]
    assert sound.startswith("data:audio/ogg")
    assert sound in again
    assert (folder / "2025" / "call.wav.json.orig").read_bytes() == before
    assert not (folder / "2025" / "call.wav.vtt").exists()  # it was not there before
    assert "call.wav" in (await browser.get("/")).text
    assert made == replace(CALL, segments=made.segments, corrections=made.corrections)


async def test_sound_outside_is_found_by_its_name(browser: httpx.AsyncClient, folder: Path):
    whole = (folder.parent / "calls" / "call.wav").read_bytes()
    assert (await browser.get("/calls/call.wav")).content == whole
    part = await browser.get("/calls/call.wav", headers={"Range": "bytes=10-19"})
    assert part.content == whole[10:20]  # a browser seeks so
    assert (await browser.get("/2025/none.html")).status_code == 404
    assert (await browser.get("/..%2f..%2fetc%2fpasswd")).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {},
        HERE | {"X-Forwarded-For": "10.0.0.1"},
        HERE | {"Host": "evil.example"},
    ],
)
async def test_others_write_nothing(
    browser: httpx.AsyncClient, folder: Path, headers: dict[str, str]
):
    before = (folder / "2025" / "call.wav.json").read_bytes()
    sent = await browser.post("/2025/call.wav.json", json=corrected(folder), headers=headers)
    assert sent.status_code == 403
    assert (folder / "2025" / "call.wav.json").read_bytes() == before


async def test_only_a_transcript_goes_in_a_transcripts_place(
    browser: httpx.AsyncClient, folder: Path
):
    other = corrected(folder) | {"file": {"name": "other.wav", "seconds": 14}}
    for path, body in (
        ("/2025/call.wav.json", {"segments": 3}),
        ("/2025/call.wav.json", other),
        ("/2025/new.wav.json", corrected(folder)),
        ("/index.html", corrected(folder)),
    ):
        assert (await browser.post(path, json=body, headers=HERE)).status_code == 400
    assert not (folder / "2025" / "new.wav.json").exists()
    assert (await browser.post("/..%2fx.json", json={}, headers=HERE)).status_code == 404
