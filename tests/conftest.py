"""A real server with real models, and speech in voices that are not the agent's."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from voice.config import load_config
from voice.models import model_path
from voice.speak.kokoro import Kokoro

DEMO = Path(__file__).parent.parent / "configs" / "demo.yaml"


@pytest.fixture(scope="session", autouse=True)
def _data(tmp_path_factory: pytest.TempPathFactory) -> None:  # pyright: ignore[reportUnusedFunction]
    """No test writes recordings or a shop among the user's own."""
    os.environ["OPENLINE_DATA"] = str(tmp_path_factory.mktemp("data"))


@dataclass(frozen=True)
class RealServer:
    url: str
    shop: Path  # its database
    audiosocket: int  # the port

    @property
    def ws(self) -> str:
        return self.url.replace("http", "ws") + "/ws"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """The demo as `make demo` serves it, on a free port and a fresh database."""
    from voice.server.serve import serving

    data = tmp_path_factory.mktemp("data")
    os.environ["OPENLINE_DATA"] = str(data)
    with socket.create_server(("127.0.0.1", 0)) as free:
        audiosocket = free.getsockname()[1]
    phone = {"phone.carriers": ["twilio"], "phone.audiosocket": {"port": audiosocket}}
    config = load_config(DEMO, {"server.idle_seconds": 60, **phone})
    ready, stop = threading.Event(), threading.Event()
    url: list[str] = []
    failure: list[BaseException] = []

    async def serve() -> None:
        async with serving(config, DEMO.parent) as (address, _):
            url.append(address)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.1)

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as exc:  # noqa: BLE001 - handed to the test session
            failure.append(exc)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="real server")
    thread.start()
    ready.wait(120)
    if failure:
        raise failure[0]
    yield RealServer(url[0], data / "shop.sqlite", audiosocket)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


class Says:
    """Speech of a caller, 16 kHz float32, in one of Kokoro's voices."""

    def __init__(self) -> None:
        self._kokoro = Kokoro(model_path("kokoro-82m"))

    def __call__(self, text: str, voice: str = "af_heart") -> NDArray[np.float32]:
        parts = [part.audio for part in self._kokoro.speak(text, voice=voice)]
        audio = np.concatenate(parts).astype(np.float32) / 32768
        return soxr.resample(audio, self._kokoro.sample_rate, 16000).astype(np.float32)

    def pcm(self, text: str, voice: str = "af_heart") -> NDArray[np.int16]:
        return (self(text, voice) * 32767).astype(np.int16)


@pytest.fixture(scope="session")
def says() -> Iterator[Says]:
    speaker = Says()
    yield speaker
    with contextlib.suppress(AttributeError):
        speaker._kokoro.close()  # pyright: ignore[reportPrivateUsage]
