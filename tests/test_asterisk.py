"""Calls of a real Asterisk on the dialplan of configs/asterisk, where there is an Asterisk.

`apt install asterisk`, or OPENLINE_ASTERISK=FOLDER where its packages and all that they depend
on were unpacked (dpkg -x).
The other side of each call gives a tone, keys 5 and #, then gives back what it hears.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import websockets
from websockets.asyncio.server import ServerConnection

from telephony.events import Dtmf, Ended, Event, Played, Reply, Started
from telephony.line import Message, WireProtocol
from telephony.wires import SUBPROTOCOLS, WIRES
from tests.wires import sound_of, speech

ROOT = os.environ.get("OPENLINE_ASTERISK", "")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
SNIPPETS = Path("configs/asterisk")
MODULES = """
app_audiosocket app_dial app_echo app_playtones app_senddtmf bridge_builtin_features bridge_simple
chan_audiosocket chan_websocket codec_resample codec_ulaw func_callerid func_uuid pbx_config
res_audiosocket res_clioriginate res_http_websocket res_sorcery_config res_timing_timerfd
res_websocket_client
"""
OTHER_SIDE = """
[caller]
exten => 600,1,Answer()
 same => n,Playtones(440)
 same => n,Wait(0.5)
 same => n,StopPlaytones()
 same => n,SendDTMF(5#)
 same => n,Echo()
"""


class Asterisk:
    """One that runs on its own folder; it listens to nobody."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._command = [*command, "-C", str(folder / "asterisk.conf")]
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    def configure(self, port: int, audiosocket: int) -> None:
        folder = self._folder
        names = ("astetcdir", "astvarlibdir", "astdbdir", "astspooldir", "astrundir", "astlogdir")
        paths = "".join(f"{name} => {folder}\n" for name in names)
        if ROOT:
            paths += f"astmoddir => {ROOT}/{LIBRARIES}/asterisk/modules\n"
            paths += f"astdatadir => {ROOT}/usr/share/asterisk\n"
        wanted = "".join(f"load = {name}.so\n" for name in MODULES.split())
        dialplan = (SNIPPETS / "extensions.conf").read_text().replace("9092", str(audiosocket))
        client = (SNIPPETS / "websocket_client.conf").read_text().replace("8000", str(port))
        for name, text in {
            "asterisk.conf": f"[directories]\n{paths}",
            "modules.conf": f"[modules]\nautoload = no\n{wanted}",
            "logger.conf": "[logfiles]\nconsole => warning,error\n",
            "chan_websocket.conf": "",
            "extensions.conf": dialplan + OTHER_SIDE,
            "websocket_client.conf": client,
        }.items():
            (folder / name).write_text(text)

    async def start(self) -> None:
        with (self._folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, "-f", "-n", stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        async with asyncio.timeout(30):
            while "fully booted" not in await self.does("core waitfullybooted"):
                await asyncio.sleep(0.2)

    async def does(self, what: str) -> str:
        asked = await asyncio.create_subprocess_exec(
            *self._command,
            "-rx",
            what,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return (await asked.communicate())[0].decode()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class Peer:
    """The agent's side of a call: what it is told, and how it speaks."""

    def __init__(self, wire: WireProtocol, send: Callable[[Message], Awaitable[None]]) -> None:
        self.wire = wire
        self.events: list[Event] = []
        self._send = send

    async def told(self, data: Message | None) -> None:
        events = self.wire.closed() if data is None else self.wire.receive(data)
        self.events += events
        await self.sends([event.data for event in events if isinstance(event, Reply)])

    async def sends(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await self._send(message)

    async def says(self, sound: bytes, rate: int) -> None:
        size = rate // 25 * 2
        for at in range(0, len(sound), size):
            await self.sends(self.wire.play(sound[at : at + size]))
            if "clear" not in self.wire.abilities:  # what is sent is played, no sooner and no later
                await asyncio.sleep(0.04)
        await self.sends(self.wire.flush())

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not wanted():
                await asyncio.sleep(0.05)


@pytest.fixture
async def pbx(tmp_path: Path) -> AsyncGenerator[tuple[Asterisk, asyncio.Queue[Peer]]]:
    command = [shutil.which("asterisk") or ""]
    if ROOT:
        linker = f"{ROOT}/lib64/ld-linux-x86-64.so.2"
        command = [linker, "--library-path", f"{ROOT}/{LIBRARIES}", f"{ROOT}/usr/sbin/asterisk"]
    if not command[0]:
        pytest.skip("no Asterisk here: apt install asterisk")
    peers: asyncio.Queue[Peer] = asyncio.Queue()

    async def websocket(connection: ServerConnection) -> None:
        peer = Peer(WIRES["chan_websocket"](), connection.send)
        peers.put_nowait(peer)
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await peer.told(await connection.recv())
        await peer.told(None)

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def send(message: Message) -> None:
            assert isinstance(message, bytes)
            writer.write(message)
            await writer.drain()

        peer = Peer(WIRES["audiosocket"](), send)
        peers.put_nowait(peer)
        while data := await reader.read(4096):
            await peer.told(data)
        await peer.told(None)
        writer.close()

    asterisk = Asterisk(command, tmp_path)
    subprotocols = [websockets.Subprotocol(name) for name in SUBPROTOCOLS]
    async with (
        websockets.serve(websocket, "127.0.0.1", 0, subprotocols=subprotocols) as sockets,
        await asyncio.start_server(stream, "127.0.0.1", 0) as streams,
    ):
        ports = (server.sockets[0].getsockname()[1] for server in (sockets, streams))
        asterisk.configure(*ports)
        try:
            await asterisk.start()
            yield asterisk, peers
        finally:
            await asterisk.stop()


def likeness(heard: bytes, said: bytes) -> float:
    """The correlation of `said` with the part of `heard` that is most like it."""
    heard = bytes(8000) + heard + bytes(8000)  # a packet at its edges may be late
    x, y = (np.frombuffer(sound, "<i2").astype(float) for sound in (heard, said))
    size = 1 << (len(x) + len(y)).bit_length()
    match = np.fft.irfft(np.fft.rfft(x, size) * np.conj(np.fft.rfft(y, size)), size)
    at = int(np.argmax(match[: max(1, len(x) - len(y))]))
    return float(np.corrcoef(x[at : at + len(y)], y)[0, 1]) if len(x) >= at + len(y) else 0.0


@pytest.mark.parametrize(("extension", "rate"), [(500, 8000), (501, 16000), (502, 16000)])
async def test_a_call_of_asterisk(
    pbx: tuple[Asterisk, asyncio.Queue[Peer]], extension: int, rate: int
):
    asterisk, peers = pbx
    await asterisk.does(f"channel originate Local/{extension}@openline extension 600@caller")
    async with asyncio.timeout(10):
        peer = await peers.get()
    await peer.until(lambda: Dtmf("#") in peer.events)
    begin = peer.events[0]
    assert isinstance(begin, Started)
    assert (begin.in_rate, begin.out_rate) == (rate, rate)
    assert [event.digit for event in peer.events if isinstance(event, Dtmf)] == ["5", "#"]

    await asyncio.sleep(1.0)  # the other side says # first and gives back sound then
    sound = speech(rate, 1.5).tobytes()
    await peer.says(sound, rate)
    await peer.until(lambda: likeness(sound_of(peer.events), sound) >= 0.99)

    if "clear" in peer.wire.abilities:
        assert begin.called == "502"
        await peer.sends(peer.wire.mark("of silence"))
        await peer.until(lambda: Played("of silence") in peer.events)
        await peer.says(speech(rate, 6.0).tobytes(), rate)
        await peer.sends(peer.wire.mark("never heard"))
        await peer.sends(peer.wire.clear())
        await peer.until(lambda: Played("never heard", cleared=True) in peer.events)

    await peer.sends(peer.wire.hang_up())
    await peer.until(lambda: isinstance(peer.events[-1], Ended))
    assert peer.events[-1] == Ended("hung up", "by this side")
