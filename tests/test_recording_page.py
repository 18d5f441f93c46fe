"""The page of a recorded call in a real Chromium: it plays, follows, finds, and is corrected."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from typer.testing import CliRunner

from tests.page_server import until
from tests.test_page import CHROMIUM, FLAGS
from voice.audiofile import write_wav
from voice.cli import app
from voice.recordings.exports import ExportError, read, write
from voice.recordings.page.index import write_index
from voice.recordings.page.sound import page_sound
from voice.recordings.transcript import Accounted, Segment, Transcript, Word

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium here: apt-get install -y chromium"),
]
CALLER = "hello I would like to move my appointment from Monday to Tuesday please"
AGENT = "of course Tuesday at nine is free shall I book it"


def said(spoken: str, at: float, speaker: str, channel: int) -> Segment:
    """Two words a second."""
    words = tuple(
        Word(word, at + i / 2, at + i / 2 + 0.4, 0.3 if word == "nine" else 0.9, speaker)
        for i, word in enumerate(spoken.split())
    )
    return Segment(words, speaker, channel, "en")


CALL = Transcript(
    "call.wav",
    14.0,
    2,
    8000,
    "00",
    "en",
    (said(CALLER, 1, "A", 0), said(AGENT, 7.5, "B", 1)),
    accounts=(
        Accounted(1, 12.5, "transcribed"),
        Accounted(13, 13.5, "unintelligible", 0, "beam 5, then base"),
    ),
    names=(("B", "Maria", "this is Maria from billing"),),
    model="whisper-base",
)


def recording(path: Path, transcript: Transcript) -> Path:
    """A tone under every word, each speaker in a channel of their own."""
    samples = np.zeros((round(8000 * transcript.seconds), 2), np.int16)
    for part in transcript.segments:
        for word in part.words:
            span = slice(round(8000 * word.start), round(8000 * word.end))
            tone = np.sin(np.arange(span.stop - span.start) / 4)
            samples[span, part.channel or 0] = (8000 * tone).astype(np.int16)
    path.parent.mkdir(exist_ok=True)
    write_wav(path, samples, 8000)
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = [*FLAGS, "--autoplay-policy=no-user-gesture-required"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    page.set_default_timeout(20_000)
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    yield page
    context.close()
    assert troubles == []


@pytest.fixture
def opened(page: Page, tmp_path: Path) -> Page:
    sound = recording(tmp_path / "call.wav", CALL)
    (made,) = write(CALL, tmp_path / "out", ["html"], sound)
    page.goto(made.as_uri())
    return page


def word(page: Page, text: str):
    return page.locator(".w", has_text=re.compile(f"^{re.escape(text)}$")).first


def at(page: Page) -> float:
    return page.evaluate("document.getElementById('audio').currentTime")


def test_words_follow_the_sound(opened: Page):
    opened.click("#play")
    until("sound", lambda: at(opened) > 2, within=20)
    opened.evaluate("document.getElementById('audio').pause()")
    lit = opened.locator(".w.now")
    expect(lit).to_have_count(1)
    paused = at(opened)
    spoken = [w.text for part in CALL.segments for w in part.words if w.start <= paused]
    assert lit.text_content() == spoken[-1]


def test_a_click_on_a_word_is_heard(opened: Page):
    word(opened, "course").click()
    opened.keyboard.press("Space")
    assert at(opened) >= CALL.segments[1].words[1].start
    opened.keyboard.press("ArrowLeft")
    expect(opened.locator("#now")).to_have_text(re.compile("^0:0[2-9]$"))
    opened.locator("#account .at").click()
    expect(opened.locator("#now")).to_have_text(re.compile("^0:1[34]$"))


def test_a_click_on_the_waveform_goes_there(opened: Page):
    box = opened.locator("#wave").bounding_box()
    assert box is not None
    opened.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    assert at(opened) == pytest.approx(7.0, abs=0.2)
    expect(word(opened, "please")).to_have_class(re.compile(r"\bnow\b"))


def test_the_search_finds_phrases(opened: Page):
    opened.keyboard.press("/")
    opened.keyboard.type("tuesd")
    expect(opened.locator("#found")).to_have_text("1 of 2")
    expect(opened.locator(".w.hit")).to_have_text(["Tuesday", "Tuesday"])
    opened.keyboard.press("Enter")
    expect(opened.locator("#found")).to_have_text("2 of 2")
    assert at(opened) == pytest.approx(CALL.segments[1].words[2].start, abs=0.05)
    opened.fill("#find", "FREE, shall i")
    expect(opened.locator(".w.hit")).to_have_text(["free", "shall", "I"])
    opened.fill("#find", "wednesday")
    expect(opened.locator("#found")).to_have_text("none")


def test_corrections_are_saved_as_a_transcript(opened: Page, tmp_path: Path):
    expect(opened.locator("#doubt")).to_have_text("1 doubtful")
    opened.keyboard.press("d")
    opened.keyboard.press("e")
    opened.keyboard.type("half past nine")
    opened.keyboard.press("Enter")
    expect(opened.locator("#doubt")).to_be_hidden()
    word(opened, "hello").dblclick()
    opened.keyboard.type(" ")  # nothing: the word goes
    opened.keyboard.press("Enter")
    word(opened, "please").dblclick()
    opened.keyboard.type("cheese")
    opened.keyboard.press("Enter")
    opened.locator("h1").click()
    opened.keyboard.press("Control+z")
    opened.locator("#speakers .name").first.click()
    opened.keyboard.type("Ann <Lee>")
    opened.keyboard.press("Enter")
    expect(opened.locator("article b").first).to_have_text("Ann <Lee>")
    expect(opened.locator("#save")).to_have_text("Save 3")
    with opened.expect_download() as download:
        opened.keyboard.press("Control+s")
    saved = tmp_path / download.value.suggested_filename
    assert saved.name == "call.wav.json"
    download.value.save_as(saved)
    made = read(saved)
    caller, agent = made.segments
    assert caller.text == CALLER.removeprefix("hello ")
    assert agent.text == "of course Tuesday at half past nine is free shall I book it"
    times = [w.start for w in agent.words]
    assert times == sorted(times)
    mended = agent.words[4:7]
    assert (mended[0].start, mended[-1].end) == (9.5, 9.9)
    assert all(w.start < w.end for w in mended)
    assert mended[0].confidence == 1.0
    assert {who: name for who, name, _ in made.names} == {"A": "Ann <Lee>", "B": "Maria"}
    assert [(one.was, one.text) for one in made.corrections] == [
        ("hello", ""),
        ("nine", "half past nine"),
    ]
    plain = {"segments": (), "names": (), "corrections": ()}
    assert replace(made, **plain) == replace(CALL, **plain)


def test_a_page_that_is_served_sends_its_corrections_back(page: Page, tmp_path: Path):
    (made,) = write(CALL, tmp_path, ["html"])
    posted: list[str] = []

    def serve(route: Route) -> None:
        if route.request.method == "POST":
            posted.append(urlsplit(route.request.url).path)
            (tmp_path / "posted.json").write_bytes(route.request.post_data_buffer or b"")
            route.fulfill(status=204)
        else:
            route.fulfill(path=made, content_type="text/html; charset=utf-8")

    page.route("**/*", serve)
    page.goto("http://transcripts.test/2025/call.wav.html")
    word(page, "Monday").dblclick()
    page.keyboard.type("Friday")
    page.keyboard.press("Enter")
    page.click("#save")
    expect(page.locator("#save")).to_have_text("Saved")
    assert posted == ["/2025/call.wav.json"]
    assert "from Friday to" in read(tmp_path / "posted.json").segments[0].text


def test_what_was_said_cannot_write_the_page(page: Page, tmp_path: Path):
    hostile = "</script><script>alert(1)</script> <img/src=x/onerror=alert(2)> <!-- &amp; \"'"
    call = replace(
        CALL,
        file='<b>"call.wav',
        segments=(said(hostile, 1, 'A" onclick="alert(3)', 0),),
        names=(('A" onclick="alert(3)', "<i>Eve</i>", "<script>alert(4)</script>"),),
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    (made,) = write(call, tmp_path, ["html"], recording(tmp_path / "call.wav", CALL))
    page.goto(made.as_uri())
    expect(page.locator(".w")).to_have_text(hostile.split())
    expect(page.locator("#speakers .name")).to_have_text("<i>Eve</i>")
    assert [url for url in asked if not url.startswith("data:")] == [made.as_uri()]


def test_three_hours_of_words_are_made_as_they_are_seen(page: Page, tmp_path: Path):
    segments = tuple(
        said(" ".join(f"word{10 * i + j}" for j in range(10)), 3.6 * i, "AB"[i % 2], i % 2)
        for i in range(3000)
    )
    (made,) = write(replace(CALL, segments=segments, seconds=10_800), tmp_path, ["html"])
    page.goto(made.as_uri())
    expect(word(page, "word0")).to_be_visible()
    assert page.locator(".w").count() < 2000
    page.fill("#find", "word29994")
    expect(word(page, "word29994")).to_be_in_viewport()
    assert page.locator(".w").count() < 4000


def test_a_small_screen_has_all_of_it_without_scrolling_sideways(chromium: Browser, tmp_path: Path):
    (made,) = write(CALL, tmp_path, ["html"])
    page = chromium.new_page(viewport={"width": 340, "height": 640}, color_scheme="dark")
    page.goto(made.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 340
    expect(word(page, "hello")).to_be_visible()
    expect(page.locator("#find")).to_be_in_viewport()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 18, 17)"
    page.close()


def test_the_index_searches_all_calls(page: Page, tmp_path: Path):
    other = replace(CALL, file="a b.wav", segments=(said("is it free today", 3, "A", 0),))
    write(CALL, tmp_path, ["json", "verbose_json", "html"], recording(tmp_path / "c.wav", CALL))
    write(other, tmp_path / "2025", ["json", "html"])
    (tmp_path / "ledger.json").write_text("{}")
    ran = CliRunner().invoke(app, ["transcripts", "index", str(tmp_path)])
    assert ran.output == f"{tmp_path / 'index.html'}: 2 calls\n"
    first = (tmp_path / "index.html").read_bytes()
    assert write_index(tmp_path) == 2
    assert (tmp_path / "index.html").read_bytes() == first
    page.goto((tmp_path / "index.html").as_uri())
    expect(page.locator("tbody")).to_have_count(2)
    page.fill("#find", "free")
    expect(page.locator("#found")).to_have_text("2 in 2 calls")
    page.fill("#find", "nine is FREE")
    expect(page.locator("#found")).to_have_text("1 in 1 calls")
    expect(page.locator("mark")).to_have_text("nine is free")
    page.locator(".hits a").click()
    expect(page.locator(".w.hit")).to_have_text(["nine", "is", "free"])
    assert at(page) == pytest.approx(7.5, abs=0.05)


def test_a_long_recording_is_played_from_where_it_lies(tmp_path: Path):
    path = recording(tmp_path / "a #1.wav", CALL)
    (tmp_path / "out").mkdir()
    far = page_sound(path, tmp_path / "out", 5)
    assert far.source == "../a%20%231.wav"
    near = page_sound(path, tmp_path / "out")
    assert near.source.startswith("data:audio/ogg;base64,")
    assert page_sound(path, tmp_path / "out") == near
    assert [len(levels) for levels in far.levels] == [700, 700]
    assert far.levels[0][round(1.2 / 0.02)] > 200  # "hello", in the first channel only
    assert far.levels[1][round(1.2 / 0.02)] == 0


def test_what_is_no_sound_is_one_line(tmp_path: Path):
    wrong = tmp_path / "wrong.wav"
    wrong.write_text("no sound")
    with pytest.raises(ExportError, match=r"wrong\.wav: cannot be read as sound"):
        write(CALL, tmp_path, ["html"], wrong)
    with pytest.raises(ExportError, match=r"none\.wav: cannot be read"):
        write(CALL, tmp_path, ["html"], tmp_path / "none.wav")
