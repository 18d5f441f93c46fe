"""The page in a real Chromium, against a server that says what each test wants it to say."""

import base64
import contextlib
import shutil
import wave
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.page_server import PageServer, ScriptedCall, until

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium here: apt-get install -y chromium"),
]
FLAGS = [
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
]
MICROPHONE_HERTZ = 500


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium whose microphone hears a tone of 500 Hz."""
    microphone = tmp_path_factory.mktemp("microphone") / "tone.wav"
    samples = 0.5 * np.sin(2 * np.pi * MICROPHONE_HERTZ * np.arange(16000) / 16000)
    with wave.open(str(microphone), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((32767 * samples).astype("<i2").tobytes())
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"],
            ignore_default_args=["--mute-audio"],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def running() -> Iterator[PageServer]:
    server = PageServer()
    yield server
    server.stop()


@pytest.fixture
def server(running: PageServer) -> Iterator[PageServer]:
    running.forget()
    yield running
    assert running.failures == []


@dataclass
class Visitor:
    """Someone at the page, with what their browser complained about and asked for."""

    page: Page
    server: PageServer
    complaints: list[str] = field(default_factory=list[str])
    requests: list[str] = field(default_factory=list[str])

    def starts(self) -> ScriptedCall:
        self.page.get_by_role("button", name="Start").click()
        call = self.server.next_call()
        expect(self.page.locator("#state-name")).to_have_text("On the line")
        return call

    def reads(self) -> list[str]:
        """The transcript, one text an item, without what is only read aloud."""
        return self.page.eval_on_selector_all(
            "#log > li",
            """items => items.map(item => {
                const copy = item.cloneNode(true);
                copy.querySelectorAll(".aloud, .silence").forEach(part => part.remove());
                return copy.textContent.trim().replace(/\\s+/g, " ");
            })""",
        )

    def heard(self) -> tuple[int, NDArray[np.int16]]:
        """What the loudspeaker got: rate in Hz, samples."""
        tap: dict[str, Any] = self.page.evaluate("openline.heard()")
        return tap["rate"], np.frombuffer(base64.b64decode(tap["base64"]), "<i2")

    def heard_seconds(self) -> float:
        """How much of it was not silence."""
        rate, samples = self.heard()
        window = rate // 100
        loud = np.abs(samples[: len(samples) // window * window]).reshape(-1, window).max(axis=1)
        return float((loud > 300).sum()) / 100


@contextlib.contextmanager
def visit(
    browser: Browser, server: PageServer, *, microphone: bool = True, **context: Any
) -> Generator[Visitor]:
    options: dict[str, Any] = {"viewport": {"width": 1100, "height": 760}, **context}
    window = browser.new_context(**options)
    if microphone:
        window.grant_permissions(["microphone"], origin=server.url)
    page = window.new_page()
    page.set_default_timeout(10_000)
    visitor = Visitor(page, server)

    def complained(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visitor.complaints.append(message.text)

    page.on("console", complained)
    page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    window.on("request", lambda request: visitor.requests.append(request.url))
    page.on("websocket", lambda socket: visitor.requests.append(socket.url))
    page.goto(server.url)
    expect(page.locator("#examples li")).to_have_count(2)
    yield visitor
    window.close()
    home = server.url.removeprefix("http")
    assert [
        url for url in visitor.requests if not url.startswith(("http" + home, "ws" + home))
    ] == []


@pytest.fixture
def visitor(browser: Browser, server: PageServer) -> Iterator[Visitor]:
    with visit(browser, server) as visitor:
        yield visitor
        assert visitor.complaints == []


@pytest.fixture
def without_microphone(browser: Browser, server: PageServer) -> Iterator[Visitor]:
    """The browser refuses the microphone, as when its user does."""
    with visit(browser, server, microphone=False) as visitor:
        yield visitor


# -- a conversation ------------------------------------------------------------------------


def test_a_question_is_shown_as_it_is_recognised_and_answered_as_it_is_spoken(visitor: Visitor):
    call = visitor.starts()
    assert call.query["agent"] == "shop"
    assert call.query["in_rate"] == "16000"
    assert 8000 <= call.rate <= 48000
    who = visitor.page.locator("#who")
    call.says("user-started-speaking")
    expect(who).to_have_text("You are speaking")
    call.hears("Where is my", final=False)
    until("partial", lambda: visitor.reads() == ["Where is my"])
    expect(visitor.page.locator(".caller.partial")).to_have_count(1)
    call.hears("Where is my order?", final=True)
    call.says("user-stopped-speaking")
    expect(who).to_have_text("Thinking")
    expect(visitor.page.locator(".caller.partial")).to_have_count(0)
    call.speaks(1, ("It is on its way.", 0.8), ("It comes on Friday.", 0.8))
    expect(who).to_have_text("The agent is speaking")
    spoken = visitor.page.locator(".word.spoken")
    coming = visitor.page.locator(".word:not(.spoken)")
    until("word spoken before others", lambda: spoken.count() and coming.count())
    expect(coming).to_have_count(0)
    assert visitor.reads() == ["Where is my order?", "It is on its way. It comes on Friday."]
    expect(who).to_have_text("Listening")
    until("last report", lambda: call.of("played")[-1]["ms"] == 1600)
    reports = call.of("played")
    assert [report["ms"] for report in reports] == sorted(report["ms"] for report in reports)
    assert len(reports) >= 5
    assert all(report["answer"] == 1 and not report["flushed"] for report in reports)
    until("tap", lambda: visitor.heard_seconds() >= 1.59)
    assert visitor.heard_seconds() == pytest.approx(1.6, abs=0.03)


def test_the_loudspeaker_gets_what_the_server_sends(visitor: Visitor):
    call = visitor.starts()
    call.speaks(1, ("Hm.", 1.0))
    until("end of the answer", lambda: call.of("played") and call.of("played")[-1]["ms"] == 1000)
    until("tap", lambda: visitor.heard_seconds() >= 0.99)
    rate, samples = visitor.heard()
    loud = np.flatnonzero(np.abs(samples) > 300)
    answer = samples[loud[0] : loud[-1]].astype(float)
    spectrum = np.abs(np.fft.rfft(answer * np.hanning(len(answer))))
    assert np.fft.rfftfreq(len(answer), 1 / rate)[spectrum.argmax()] == pytest.approx(440, abs=2)
    assert np.abs(answer).max() == pytest.approx(0.3 * 32767, rel=0.02)
    assert np.abs(np.diff(answer)).max() < 1.1 * 0.3 * 32767 * 2 * np.pi * 440 / rate  # no click


def test_an_answer_shorter_than_the_start_buffer_is_played(visitor: Visitor):
    call = visitor.starts()
    call.speaks(1, ("Oh.", 0.03))
    until("end of the answer", lambda: call.of("played") and call.of("played")[-1]["ms"] == 30)


def test_an_interruption_silences_the_agent_and_strikes_out_what_was_not_heard(visitor: Visitor):
    call = visitor.starts()
    call.speaks(1, ("We are open from nine to five", 1.5), ("on every day of the week.", 3.0))
    until("half a second", lambda: call.of("played") and call.of("played")[-1]["ms"] >= 500)
    call.says("user-started-speaking")
    call.tells("interrupted", answer=1)
    until("report of the flush", lambda: call.of("played")[-1]["flushed"])
    flush = call.of("played")[-1]
    assert flush["answer"] == 1
    assert 500 <= flush["ms"] < 1500
    struck = visitor.page.locator(".agent s, .agent .unheard")
    until("struck words", struck.count)
    call.speaks(1, ("This was on its way.", 0.5))  # of the same answer, so too late
    said = "We are open from nine to five on every day of the week."
    call.tells("heard", answer=1, said=said, heard="We are open", final=True)
    expect(visitor.page.locator(".agent s")).to_have_text(
        "from nine to five on every day of the week."
    )
    expect(visitor.page.locator(".agent .spoken")).to_have_text("We are open")
    expect(visitor.page.locator("#who")).to_have_text("You are speaking")
    call.speaks(2, ("Yes?", 0.4))
    until(
        "second answer", lambda: call.of("played")[-1] == {"answer": 2, "ms": 400, "flushed": False}
    )
    until("tap", lambda: visitor.heard_seconds() >= flush["ms"] / 1000 + 0.39)
    assert visitor.heard_seconds() == pytest.approx(flush["ms"] / 1000 + 0.4, abs=0.06)
    rate, samples = visitor.heard()
    first = samples[: np.flatnonzero(np.abs(samples) > 300)[0] + rate * 3 // 2].astype(float)
    assert np.abs(np.diff(first)).max() < 1.1 * 0.3 * 32767 * 2 * np.pi * 440 / rate  # no click


def test_a_turn_that_was_not_speech_leaves_nothing_behind(visitor: Visitor):
    call = visitor.starts()
    call.says("user-started-speaking")
    call.hears("Thank", final=False)
    until("partial", lambda: visitor.reads() == ["Thank"])
    call.tells("dropped")
    until("empty transcript", lambda: visitor.reads() == [])
    expect(visitor.page.locator("#who")).to_have_text("Listening")


def test_a_tool_shows_its_arguments_its_result_and_its_failure(visitor: Visitor):
    call = visitor.starts()
    started = "llm-function-call-in-progress"
    stopped = "llm-function-call-stopped"
    order: dict[str, Any] = {"tool_call_id": "a", "function_name": "order_status"}
    call.says(started, **order, arguments={"order_number": "1042"})
    card = visitor.page.locator(".tool")
    expect(card).to_contain_text("order status")
    expect(card).to_contain_text("order number 1042")
    expect(card.locator(".status")).to_have_text("running…")
    expect(visitor.page.locator("#who")).to_have_text("Looking it up")
    call.says(stopped, **order, cancelled=False, result={"status": "shipped"})
    expect(card.locator(".status")).to_contain_text("done in")
    expect(visitor.page.locator("#who")).to_have_text("Thinking")
    card.locator("summary").click()
    expect(card.locator("pre")).to_be_visible()
    expect(card.locator("pre")).to_contain_text('"status": "shipped"')
    refund: dict[str, Any] = {"tool_call_id": "b", "function_name": "refund"}
    call.says(started, **refund, arguments={})
    call.says(stopped, **refund, cancelled=False, result={"error": "no such <order>"})
    failed = visitor.page.locator(".tool.failed")
    expect(failed.locator(".status")).to_have_text("failed")
    expect(failed.locator(".error")).to_have_text("no such <order>")
    expect(failed.locator(".error")).to_be_visible()
    cancelled: dict[str, Any] = {"tool_call_id": "c", "function_name": "search"}
    call.says(started, **cancelled, arguments={})
    call.says(stopped, **cancelled, cancelled=True, result=None)
    expect(visitor.page.locator(".tool").last.locator(".status")).to_have_text("given up")


def test_the_silence_before_an_answer_is_shown_with_its_parts(visitor: Visitor):
    call = visitor.starts()
    parts = {"endpoint_ms": 400.4, "transcribe_ms": 120, "think_ms": 280, "speak_ms": 200}
    call.tells("latency", answer=1, silence_ms=1000.4, parts=parts)  # overtakes the answer
    call.speaks(1, ("Yes.", 0.2))
    silence = visitor.page.locator(".agent .silence")
    expect(silence.locator("b")).to_have_text("1000 ms")
    expect(silence.locator(".legend")).to_have_text(
        "end of turn 400recognition 120thinking 280first sound 200"
    )
    expect(silence.locator(".aloud")).to_have_text(
        "Silence before this answer: 1000 milliseconds: "
        "end of turn 400, recognition 120, thinking 280, first sound 200."
    )
    widths: list[float] = visitor.page.eval_on_selector_all(
        ".bar i", "parts => parts.map(part => part.getBoundingClientRect().width)"
    )
    assert widths[2] / widths[3] == pytest.approx(1.4, abs=0.1)
    expect(visitor.page.locator("#median")).to_have_text("1000 ms")
    call.tells("latency", answer=2, silence_ms=600, parts={**parts, "endpoint_ms": 0})
    expect(visitor.page.locator("#median")).to_have_text("800 ms")


# -- the microphone and the keyboard -------------------------------------------------------


def test_the_microphone_arrives_as_16_khz_in_20_ms_frames_until_it_is_muted(visitor: Visitor):
    call = visitor.starts()
    until("second of sound", lambda: len(call.audio) >= 2 * 16000 * 1.5)
    assert set(call.frames) == {640}
    samples = np.frombuffer(bytes(call.audio), "<i2")[8000:].astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    loudest = np.fft.rfftfreq(len(samples), 1 / 16000)[spectrum.argmax()]
    assert loudest == pytest.approx(MICROPHONE_HERTZ, abs=5)
    visitor.page.get_by_role("button", name="Mute").click()
    until("mute", lambda: call.of("mute")[-1] == {"muted": True})
    expect(visitor.page.locator("#who")).to_have_text("You are muted")
    visitor.page.wait_for_timeout(100)
    before = len(call.audio)
    visitor.page.wait_for_timeout(400)
    assert len(call.audio) == before
    visitor.page.get_by_role("button", name="Unmute").click()
    until("sound again", lambda: len(call.audio) > before)
    assert call.of("mute")[-1] == {"muted": False}


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000, 96000])
def test_resampling_keeps_speech_and_folds_nothing_into_it(visitor: Visitor, rate: int):
    level = """async ([rate, hertz]) => {
        const { Resampler } = await import("/resample.js");
        const out = [];
        const resampler = new Resampler(rate, (sample) => out.push(sample));
        for (let at = 0; at < rate; at += 128) {
            const block = new Float32Array(128);
            for (let i = 0; i < 128; i++)
                block[i] = Math.sin(2 * Math.PI * hertz * (at + i) / rate);
            resampler.add(block);
        }
        const steady = out.slice(2000, 14000);
        const power = steady.reduce((sum, sample) => sum + sample * sample, 0) / steady.length;
        return [out.length, 10 * Math.log10(2 * power + 1e-12)];
    }"""
    count, kept = visitor.page.evaluate(level, [rate, 1000])
    assert count == pytest.approx(16000, abs=100)
    assert kept == pytest.approx(0, abs=0.1)
    for hertz in (8500, 11000, 15000):
        if hertz < rate / 2:
            assert visitor.page.evaluate(level, [rate, hertz])[1] < -40


def test_typed_words_are_sent_and_shown(visitor: Visitor):
    call = visitor.starts()
    visitor.page.get_by_label("Type to the agent").fill("Where is <b>1042</b>?")
    visitor.page.get_by_role("button", name="Send").click()
    until("typed text", lambda: call.of("send-text"))
    sent = call.of("send-text")[0]
    assert sent["content"] == "Where is <b>1042</b>?"
    assert sent["options"]["run_immediately"] is True
    assert visitor.reads() == ["Where is <b>1042</b>?"]


def test_an_example_starts_the_call_with_its_question(visitor: Visitor):
    visitor.page.get_by_role("button", name="Are you open on Sunday?").click()
    call = visitor.server.next_call()
    until("question", lambda: call.of("send-text"))
    assert call.of("send-text")[0]["content"] == "Are you open on Sunday?"


def test_everything_works_from_the_keyboard(visitor: Visitor):
    page = visitor.page
    page.keyboard.press("s")
    call = visitor.server.next_call()
    expect(page.locator("#state-name")).to_have_text("On the line")
    page.keyboard.press("m")
    until("mute", lambda: call.of("mute")[-1] == {"muted": True})
    page.keyboard.press("/")
    page.keyboard.type("some mess")  # typing S and M is typing
    page.keyboard.press("Enter")
    until("typed text", lambda: call.of("send-text"))
    assert call.of("send-text")[0]["content"] == "some mess"
    page.keyboard.press("Escape")
    reached: list[str] = []
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        if reached[-1]:
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", reached[-1]
    assert {"theme", "start", "mute", "agent", "voice", "log", "text"} <= set(reached)
    page.locator("#start").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#state-name")).to_have_text("Ready")
    assert call.ended.wait(5)


def test_no_microphone_but_one_can_type_and_hear(without_microphone: Visitor, server: PageServer):
    call = without_microphone.starts()
    notice = without_microphone.page.get_by_role("alert")
    expect(notice).to_contain_text("The microphone was refused. Allow it")
    without_microphone.page.get_by_label("Type to the agent").fill("Hello")
    without_microphone.page.keyboard.press("Enter")
    until("typed text", lambda: call.of("send-text"))
    call.speaks(1, ("Hello.", 0.5))
    until("answer played", lambda: without_microphone.heard_seconds() >= 0.45)
    assert call.frames == []
    without_microphone.page.context.grant_permissions(["microphone"], origin=server.url)
    notice.get_by_role("button", name="Try the microphone again").click()
    until("sound", lambda: call.frames)
    expect(notice).to_be_hidden()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotFoundError", "No microphone was found. Plug one in"),
        ("NotReadableError", "Another program uses the microphone. Close it"),
    ],
)
def test_a_missing_microphone_is_told_from_one_in_use(visitor: Visitor, error: str, words: str):
    visitor.page.evaluate(
        """name => {
            navigator.mediaDevices.getUserMedia =
                () => Promise.reject(new DOMException("scripted", name));
        }""",
        error,
    )
    visitor.starts()
    expect(visitor.page.get_by_role("alert")).to_contain_text(words)


def test_plain_http_from_another_machine_still_types_and_hears(
    browser: Browser, server: PageServer
):
    """There browsers offer neither microphone nor worklets."""
    take_away = """
        delete Navigator.prototype.mediaDevices;
        delete BaseAudioContext.prototype.audioWorklet;
    """
    with visit(browser, server, microphone=False) as visitor:
        visitor.page.add_init_script(take_away)
        visitor.page.reload()
        call = visitor.starts()
        notice = visitor.page.get_by_role("alert")
        expect(notice).to_contain_text("pages on https or localhost only")
        call.speaks(1, ("Hello.", 0.5))
        until("answer played", lambda: visitor.heard_seconds() >= 0.45)
        until("report", lambda: call.of("played")[-1]["ms"] == 500)


# -- choices -------------------------------------------------------------------------------


def test_another_voice_in_mid_call_begins_a_new_call(visitor: Visitor):
    first = visitor.starts()
    first.speaks(1, ("I was saying something long.", 5.0))
    until("sound", lambda: first.of("played"))
    visitor.page.get_by_label("Voice").select_option("emma")
    second = visitor.server.next_call()
    assert first.ended.wait(5)
    assert first.query["voice"] == "joe"
    assert second.query["voice"] == "emma"
    until("note", lambda: any("emma" in text for text in visitor.reads()))
    second.speaks(1, ("New voice.", 0.3))  # answers are counted anew
    until("end", lambda: second.of("played") and second.of("played")[-1]["ms"] == 300)
    assert visitor.reads()[-1] == "New voice."


def test_another_agent_has_other_examples_and_absent_models_are_not_offered(visitor: Visitor):
    visitor.page.get_by_label("Agent", exact=True).select_option("plain")
    expect(visitor.page.locator("#examples")).to_have_text("Tell me about tea.")
    expect(visitor.page.locator("#title")).to_have_text("Plain talk")
    expect(visitor.page.locator("#llm option", has_text="Large")).to_be_disabled()
    assert visitor.starts().query["agent"] == "plain"


# -- when something is wrong ---------------------------------------------------------------


def test_a_restart_of_the_server_is_survived(browser: Browser, server: PageServer):
    with visit(browser, server) as visitor:
        first = visitor.starts()
        first.hears("Are you there?", final=True)
        server.stop()
        expect(visitor.page.locator("#state-name")).to_have_text("Reconnecting")
        expect(visitor.page.get_by_role("alert")).to_contain_text(
            "The server is gone. Trying again"
        )
        server.start()
        second = server.next_call()
        expect(visitor.page.locator("#state-name")).to_have_text("On the line")
        expect(visitor.page.get_by_role("alert")).to_be_hidden()
        assert visitor.reads() == ["Are you there?", "Connected again: a new call begins"]
        until("sound", lambda: second.frames)


def test_a_call_begun_while_the_server_is_gone_comes_up_with_it(
    browser: Browser, server: PageServer
):
    with visit(browser, server) as visitor:
        server.stop()
        visitor.page.get_by_role("button", name="Start").click()
        expect(visitor.page.get_by_role("alert")).to_contain_text("The server is gone")
        server.start()
        call = server.next_call()
        expect(visitor.page.get_by_role("alert")).to_be_hidden()
        until("sound", lambda: call.frames)
        call.speaks(1, ("Hello.", 0.5))
        until("answer played", lambda: visitor.heard_seconds() >= 0.45)


def test_the_page_waits_for_models_that_are_loading(browser: Browser, server: PageServer):
    with visit(browser, server) as visitor:
        server.waiting_for = ["small"]
        visitor.page.get_by_role("button", name="Start").click()
        notice = visitor.page.get_by_role("alert")
        expect(notice).to_contain_text("still loading its models (small)")
        assert server.calls == []
        server.waiting_for = []
        server.next_call()
        expect(notice).to_be_hidden()


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (1013, "all 4 lines are busy; try again", "full: all 4 lines are busy. Try again in a"),
        (4400, "voice=ghost: unknown", "refused the call: voice=ghost: unknown. Choose another"),
        (4408, "nothing received for 120 s", "The call was ended: nothing received for 120 s"),
    ],
)
def test_a_refused_call_says_why(visitor: Visitor, code: int, reason: str, words: str):
    visitor.server.refuses = (code, reason)
    visitor.page.get_by_role("button", name="Start").click()
    expect(visitor.page.get_by_role("alert")).to_contain_text(words)
    expect(visitor.page.locator("#state-name")).to_have_text("Ready")


def test_a_place_that_is_not_free_yet_is_waited_for(visitor: Visitor):
    visitor.starts()
    visitor.server.refuses = (1013, "all 1 lines are busy")
    visitor.page.get_by_label("Voice").select_option("emma")
    notice = visitor.page.get_by_role("alert")
    expect(notice).to_contain_text("all 1 lines are busy. Trying again")
    visitor.server.refuses = None
    assert visitor.server.next_call().query["voice"] == "emma"
    expect(visitor.page.locator("#state-name")).to_have_text("On the line")
    expect(notice).to_be_hidden()


def test_the_agent_may_hang_up_after_its_last_word(visitor: Visitor):
    call = visitor.starts()
    call.speaks(1, ("Goodbye, and thank you for calling.", 1.0))
    call.closes(1000)
    expect(visitor.page.locator("#state-name")).to_have_text("Ready")
    expect(visitor.page.get_by_role("alert")).to_contain_text("The call has ended")
    until("all of it", lambda: visitor.heard_seconds() >= 0.98)
    assert visitor.reads() == ["Goodbye, and thank you for calling."]
    expect(visitor.page.locator(".cut")).to_have_count(0)


def test_a_complaint_of_the_server_is_shown_as_text(visitor: Visitor):
    call = visitor.starts()
    call.says("error", error="A clause could not be spoken: <b>", fatal=False)
    expect(visitor.page.get_by_role("alert")).to_contain_text("could not be spoken: <b>")
    expect(visitor.page.locator("#state-name")).to_have_text("On the line")


def test_ending_while_the_browser_asks_for_the_microphone_lets_go_of_it(visitor: Visitor):
    visitor.page.evaluate(
        """() => {
            const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            window.allowed = new Promise(resolve => (window.allow = resolve));
            window.tracks = [];
            navigator.mediaDevices.getUserMedia = async (wanted) => {
                await window.allowed;
                const stream = await ask(wanted);
                window.tracks.push(...stream.getTracks());
                return stream;
            };
        }"""
    )
    visitor.page.get_by_role("button", name="Start").click()
    visitor.page.get_by_role("button", name="End", exact=True).click()
    visitor.page.evaluate("allow()")
    live = "tracks.map(track => track.readyState)"
    until("end of the track", lambda: visitor.page.evaluate(live) == ["ended"])
    expect(visitor.page.locator("#state-name")).to_have_text("Ready")
    assert visitor.server.calls == []


def test_a_slow_connection_loses_sound_rather_than_time(visitor: Visitor):
    call = visitor.starts()
    until("sound", lambda: call.frames)
    buffered = """value => Object.defineProperty(WebSocket.prototype, "bufferedAmount", {
        get: () => value,
        configurable: true,
    })"""
    visitor.page.evaluate(buffered, 40000)
    notice = visitor.page.get_by_role("alert")
    expect(notice).to_contain_text("Slow connection")
    before = len(call.frames)
    visitor.page.wait_for_timeout(200)
    assert len(call.frames) <= before + 1
    visitor.page.evaluate(buffered, 0)
    expect(notice).to_be_hidden()
    until("sound again", lambda: len(call.frames) > before + 1)


# -- how it looks --------------------------------------------------------------------------


def test_a_phone_of_320_px_never_scrolls_sideways(browser: Browser, server: PageServer):
    with visit(browser, server, viewport={"width": 320, "height": 568}) as visitor:
        call = visitor.starts()
        call.hears("Pneumonoultramicroscopicsilicovolcanoconiosis" * 3, final=True)
        order = {"tool_call_id": "a", "function_name": "order_status_of_a_customer"}
        call.says("llm-function-call-in-progress", **order, arguments={"order_number": "1042" * 20})
        parts = {"endpoint_ms": 4000, "transcribe_ms": 120, "think_ms": 280, "speak_ms": 200}
        call.tells("latency", answer=1, silence_ms=4600, parts=parts)
        call.speaks(1, ("It is on its way.", 0.2))
        expect(visitor.page.locator(".silence")).to_be_visible()
        outside: list[str] = visitor.page.evaluate(
            """[...document.querySelectorAll("body *")].filter(element => {
                const { width, left, right } = element.getBoundingClientRect();
                return width && !element.closest(".aloud, svg") && (left < 0 || right > innerWidth);
            }).map(element => element.outerHTML.slice(0, 80))"""
        )
        assert outside == []
        for element in ("html", "main", "#log"):
            assert visitor.page.eval_on_selector(element, "e => e.scrollWidth <= e.clientWidth")
        small: list[str] = visitor.page.evaluate(
            """[...document.querySelectorAll("button, select, input, summary")].filter(element => {
                const { width, height } = element.getBoundingClientRect();
                return width && (width < 44 || height < 44);
            }).map(element => element.outerHTML.slice(0, 80))"""
        )
        assert small == []


def test_colours_follow_the_system_until_one_chooses(browser: Browser, server: PageServer):
    with visit(browser, server, color_scheme="dark") as visitor:
        page = visitor.page
        ground = "getComputedStyle(document.body).backgroundColor"
        dark: str = page.evaluate(ground)
        page.emulate_media(color_scheme="light")
        until("light", lambda: page.evaluate(ground) != dark)
        page.get_by_role("button", name="Change to dark colours").click()
        assert page.evaluate(ground) == dark
        page.reload()
        assert page.evaluate(ground) == dark


def test_every_module_of_the_page_is_plain_javascript_from_this_server():
    web = Path(__file__).parent.parent / "voice" / "web"
    for file in web.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, file.name
        assert "https://" not in text, file.name
