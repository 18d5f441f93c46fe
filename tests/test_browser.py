"""The page in a real Chromium with real models: a recording as its microphone, the answer heard."""

import base64
import contextlib
import datetime as dt
import os
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

    async def wait_for(self, kind: str, seconds: int = 40) -> None:
        for _ in range(10 * seconds):
            if await self.messages(kind):
                return
            await self.page.wait_for_timeout(100)
        raise AssertionError(f"no {kind} within {seconds} s; the page shows: {self.errors}")

    async def heard(self) -> tuple[int, np.ndarray[Any, np.dtype[np.float32]]]:
        tap: dict[str, Any] = await self.page.evaluate("openline.heard()")
        pcm = np.frombuffer(base64.b64decode(tap["base64"]), "<i2")
        return tap["rate"], pcm.astype(np.float32) / np.float32(32768)


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
    question, more = "Where is my order ten forty-two?", "What are your opening hours?"
    microphone(
        wav, says, (6.0, question), (8.0, more), (3.0, "Wait, stop, hold on please."), (8, "")
    )
    size = {"width": 1200, "height": 820}
    async with browse(server.url, wav, viewport=size, color_scheme="light") as browser:
        await browser.page.click("#start")
        await browser.wait_for("llm-function-call-stopped")
        await browser.wait_for("latency")
        await browser.page.wait_for_timeout(6500)
        rate, audio = await browser.heard()
        await browser.wait_for("interrupted")
        await browser.page.wait_for_timeout(1500)
        if "OPENLINE_SCREENSHOT" in os.environ:  # of the README: docs/page.png
            await browser.page.screenshot(path=os.environ["OPENLINE_SCREENSHOT"])
        finals = [m["text"] for m in await browser.messages("user-transcription") if m["final"]]
        latencies = await browser.messages("latency")
        hosts = {url.split("/")[2] for url in browser.requests}
        errors = browser.errors
    with sqlite3.connect(server.shop) as shop:
        arrives = shop.execute("SELECT arrives FROM orders WHERE id = '1042'").fetchone()[0]
    ears = Transcriber(model_path("whisper-tiny.en"), threads=1)
    spoken = soxr.resample(audio, rate, 16000)[-14 * 16000 :].astype(np.float32)
    words = ears.transcribe(spoken, thorough=True).text.lower()
    ears.close()
    assert "1042" in finals[0].replace(",", "")
    # "shipped" is beyond tiny.en's ear in this voice now and then; the date is as good a fact
    assert str(dt.date.fromisoformat(arrives).day) in words
    assert latencies[0]["silence_ms"] > 0
    assert hosts == {server.url.split("/")[2]}
    assert errors == []
