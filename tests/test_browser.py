"""The page in a real Chromium with real models: a recording as its microphone, the answer heard."""

import base64
import contextlib
import shutil
import sqlite3
import wave
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from playwright.async_api import Page, async_playwright

from tests.conftest import RealServer, Says
from voice.listen.whisper import Transcriber
from voice.models import model_path

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.models,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install -y chromium"),
]
DOCS = Path(__file__).parent.parent / "docs"


def microphone(path: Path, says: Says, *script: tuple[float, str]) -> None:
    """A file for Chromium's fake microphone: pauses in seconds, then words."""
    parts: list[np.ndarray[Any, np.dtype[np.int16]]] = []
    for pause, words in script:
        parts.append(np.zeros(round(16000 * pause), np.int16))
        if words:
            parts.append(says.pcm(words, "bf_emma"))
    samples = soxr.resample(np.concatenate(parts), 16000, 48000)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(48000)
        out.writeframes(samples.astype("<i2").tobytes())


class Browser:
    def __init__(self, page: Page, requests: list[str], errors: list[str]) -> None:
        self.page, self.requests, self.errors = page, requests, errors

    async def messages(self, kind: str) -> list[dict[str, Any]]:
        log: list[dict[str, Any]] = await self.page.evaluate("openline.log")
        own = [m["data"] for m in log if m["type"] == "server-message"]
        return [m["data"] for m in log if m["type"] == kind] or [d for d in own if d["t"] == kind]

    async def heard(self) -> tuple[int, np.ndarray[Any, np.dtype[np.float32]]]:
        tap: dict[str, Any] = await self.page.evaluate("openline.heard()")
        pcm = np.frombuffer(base64.b64decode(tap["base64"]), "<i2")
        return tap["rate"], pcm.astype(np.float32) / 32768


@contextlib.asynccontextmanager
async def browse(url: str, wav: Path, **context: Any) -> AsyncGenerator[Browser]:
    requests: list[str] = []
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            ignore_default_args=["--mute-audio"],  # muted, its echo canceller is off
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-audio-capture={wav}%noloop",
                "--autoplay-policy=no-user-gesture-required",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        page = await (await browser.new_context(**context)).new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        await page.goto(f"{url}/?tap")
        try:
            yield Browser(page, requests, errors)
        finally:
            await browser.close()


async def test_a_person_speaks_with_the_page(server: RealServer, says: Says, tmp_path: Path):
    wav = tmp_path / "microphone.wav"
    question, more = "Where is my order ten forty-two?", "And what do you sell?"
    microphone(
        wav, says, (6.0, question), (8.0, more), (2.5, "Wait, stop, hold on please."), (8, "")
    )
    size = {"width": 1200, "height": 820}
    async with browse(server.url, wav, viewport=size, color_scheme="light") as browser:
        page = browser.page
        await page.click("#start")
        await page.wait_for_selector(".tool .status:has-text('done')", timeout=40_000)
        await page.wait_for_selector(".silence", timeout=20_000)
        await page.wait_for_timeout(6500)
        rate, audio = await browser.heard()
        await page.wait_for_selector(".agent s", timeout=30_000)
        await page.wait_for_timeout(1500)
        if DOCS.is_dir():
            await page.screenshot(path=tmp_path / "page.png")
        finals = [m["text"] for m in await browser.messages("user-transcription") if m["final"]]
        latencies = await browser.messages("latency")
        cut = await browser.messages("interrupted")
        hosts = {url.split("/")[2] for url in browser.requests}
        errors = browser.errors
    with sqlite3.connect(server.shop) as shop:
        status = shop.execute("SELECT status FROM orders WHERE id = '1042'").fetchone()[0]
    ears = Transcriber(model_path("whisper-tiny.en"), threads=1)
    spoken = soxr.resample(audio, rate, 16000)[-14 * 16000 :].astype(np.float32)
    words = ears.transcribe(spoken, thorough=True).text.lower()
    ears.close()
    assert "1042" in finals[0].replace(",", "")
    assert status in words
    assert latencies[0]["silence_ms"] > 0
    assert cut
    assert hosts == {server.url.split("/")[2]}
    assert errors == []


async def test_the_page_fits_a_phone_and_a_keyboard(server: RealServer, says: Says, tmp_path: Path):
    wav = tmp_path / "silence.wav"
    microphone(wav, says, (60.0, ""))
    size = {"width": 320, "height": 640}
    async with browse(server.url, wav, viewport=size, color_scheme="dark") as browser:
        page = browser.page
        await page.keyboard.press("Space")
        await page.wait_for_function("openline.state === 'live'", timeout=20_000)
        await page.wait_for_selector(".agent", timeout=10_000)
        wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        await page.keyboard.press("m")
        muted = await page.get_attribute("#mute", "aria-pressed")
        await page.keyboard.press("/")
        await page.keyboard.type("Where is my order 1042?")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".tool .status:has-text('done')", timeout=30_000)
        unnamed = await page.evaluate(
            "[...document.querySelectorAll('button, select, input')].filter(e => "
            "!e.innerText?.trim() && !e.ariaLabel && !e.labels?.length).map(e => e.outerHTML)"
        )
        theme = await page.evaluate("document.documentElement.dataset.theme")
        await page.click("#start")
        state = await page.evaluate("openline.state")
        errors = browser.errors
    assert not wide
    assert muted == "true"
    assert unnamed == []
    assert (theme, state, errors) == ("dark", "idle", [])


async def test_without_a_microphone_one_can_still_type(
    server: RealServer, says: Says, tmp_path: Path
):
    wav = tmp_path / "silence.wav"
    microphone(wav, says, (60.0, ""))
    async with browse(server.url, wav) as browser:
        page = browser.page
        await page.evaluate(
            "navigator.mediaDevices.getUserMedia = async () => "
            "{ throw new DOMException('no', 'NotAllowedError') }"
        )
        await page.fill("#text", "Are you open on Sunday?")
        await page.click("#typed button")
        await page.wait_for_selector(".agent:has-text('Sunday')", timeout=30_000)
        notice = await page.inner_text("#notice")
    assert "microphone was refused" in notice
    assert "type" in notice


async def test_the_page_says_that_the_server_is_gone_and_comes_back(
    server: RealServer, says: Says, tmp_path: Path
):
    wav = tmp_path / "silence.wav"
    microphone(wav, says, (60.0, ""))
    async with browse(server.url, wav) as browser:
        page = browser.page
        await page.click("#start")
        await page.wait_for_function("openline.state === 'live'", timeout=20_000)
        await page.context.set_offline(True)
        await page.evaluate("openline.drop()")
        await page.wait_for_selector("#notice:has-text('server is gone')", timeout=10_000)
        await page.context.set_offline(False)
        await page.wait_for_function("openline.state === 'live'", timeout=30_000)
        notes = await page.inner_text("#log")
    assert "Connected again" in notes
