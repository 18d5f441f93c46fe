"""`openline talk`: the same conversation as in the browser, in a terminal."""

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.markup import escape

from voice.audiofile import read_audio, write_wav
from voice.client import Client, Message
from voice.config import load_config, models_of

_DEFAULT_URL = "ws://localhost:8000/ws"
_RATE = 16000


class TalkError(Exception):
    """The conversation cannot be held here. The message is one line."""


def run(
    *,
    wav: Path | None,
    out: Path | None,
    text: bool,
    url: str | None,
    agent: str | None,
    config: Path,
    stereo: bool = False,
) -> None:
    """Talk by file, by typing, or by microphone; raises one-line errors."""
    if out is not None and not out.parent.is_dir():
        raise TalkError(f"--out {out}: the folder {out.parent} is not there")
    question = read_audio(wav, _RATE) if wav is not None else None
    if question is not None and not len(question):
        raise TalkError(f"--wav {wav}: there is no sound in it")
    device = None if question is not None or text else _sounddevice()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_talk(question, out, device, url, agent or "", config, stereo))


async def _talk(
    question: Any,
    out: Path | None,
    device: Any,
    url: str | None,
    agent: str,
    config: Path,
    stereo: bool,
) -> None:
    console = Console(highlight=False, soft_wrap=True)

    def show(message: Message) -> None:
        data = message.data
        match message.type:
            case "user-transcription" if data.get("final"):
                console.print(f"[bold]you:[/]   {escape(data['text'])}")
            case "llm-function-call-in-progress":
                given: dict[str, Any] = data.get("arguments") or {}
                arguments = ", ".join(f"{name}={value}" for name, value in given.items())
                console.print(f"[dim]       {data.get('function_name')}({escape(arguments)})[/]")
            case "error":
                Console(stderr=True).print(f"[red]{escape(str(data.get('error')))}[/]")
            case "server-message" if data.get("t") == "heard" and data.get("said"):
                cut = "" if data["heard"] == data["said"] else " [dim](interrupted)[/]"
                console.print(f"[bold]agent:[/] {escape(data['heard'])}{cut}")
            case _:
                pass

    async with (
        _server(url, config) as address,
        Client(address, in_rate=_RATE, agent=agent, on_message=show) as client,
    ):
        try:
            await client.ready()
            if question is not None:
                spoken = await client.say(question)
                await client.answer(since=spoken.started)
            elif device is not None:
                await _microphone(client, device, console)
            else:
                await _typing(client)
        finally:  # also of a call that went wrong: the recording says how
            if out is not None:
                recording = client.recording()
                write_wav(out, recording if stereo else recording[:, 1], client.out_rate)
                console.print(f"[dim]recorded: {out}[/]")


async def _typing(client: Client) -> None:
    """A line a turn, until the end of the input."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        line = "-"
        with contextlib.suppress(RuntimeError):  # the call ended while it waited for a line
            while line:
                line = sys.stdin.readline()
                loop.call_soon_threadsafe(lines.put_nowait, line)

    # a thread of its own: at Ctrl-C the loop would wait for its executor's readline
    threading.Thread(target=read, name="keyboard", daemon=True).start()
    while line := await lines.get():
        if line.strip():
            since = time.monotonic()
            await client.text(line.strip())
            await client.answer(since=since)


async def _microphone(client: Client, device: Any, console: Console) -> None:
    """Both directions through sounddevice until Ctrl-C."""
    loop = asyncio.get_running_loop()
    heard = client.speaker

    def record(block: Any, frames: int, when: Any, status: Any) -> None:
        samples = np.frombuffer(bytes(block), np.int16)
        loop.call_soon_threadsafe(client.feed, samples)

    def play(block: Any, frames: int, when: Any, status: Any) -> None:
        block[:] = heard.window(frames).astype("<i2").tobytes()

    step = _RATE // 50
    try:
        source = device.RawInputStream(_RATE, step, channels=1, dtype="int16", callback=record)
        sink = device.RawOutputStream(
            client.out_rate, client.out_rate // 50, channels=1, dtype="int16", callback=play
        )
    except device.PortAudioError as exc:
        raise TalkError(f"no microphone or loudspeaker here ({exc}); use --wav or --text") from exc
    with source, sink:
        console.print("[dim]Speak; a headset keeps the agent from hearing itself. Ctrl-C ends.[/]")
        await client.ended()
    console.print("[dim]The call is over.[/]")


def _sounddevice() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError) as exc:
        raise TalkError(
            "no sound system here: apt-get install libportaudio2 and pip install "
            "'openline[audio]', or use --wav FILE --out FILE or --text"
        ) from exc
    return sounddevice


@contextlib.asynccontextmanager
async def _server(url: str | None, config: Path) -> AsyncGenerator[str, None]:
    """The server to talk to: the one named, the one that runs here, or one of our own."""
    if url is not None:
        if not url.startswith(("ws://", "wss://")):
            raise TalkError(f"--url {url}: give a websocket address, such as {_DEFAULT_URL}")
        yield url
        return
    loaded = load_config(config)
    running = f"ws://localhost:{loaded.server.port}/ws"
    if await _answers(running.replace("ws", "http", 1).replace("/ws", "/readyz")):
        yield running
        return
    from voice.models import fetch
    from voice.server.serve import serving

    console = Console(stderr=True)
    fetch(models_of(loaded), console=console)
    async with contextlib.AsyncExitStack() as stack:
        with console.status("no server runs here: loading the models"):
            address, _ = await stack.enter_async_context(serving(loaded, config.parent))
        yield address.replace("http", "ws", 1) + "/ws"


async def _answers(address: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as http:
            return "status" in (await http.get(address)).json()
    except (httpx.HTTPError, ValueError):
        return False
