"""A second party on a real wire: Debian's baresip, driven through its control socket."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

BARESIP = shutil.which("baresip")
MISSING = "no baresip: apt-get install -y baresip-core"
_MODULES = Path("/usr/lib/baresip/modules")


@dataclass
class Softphone:
    """`events` holds what it told, in order: ("CALL_ESTABLISHED", its parameter)."""

    folder: Path
    port: int
    writer: asyncio.StreamWriter
    process: asyncio.subprocess.Process
    events: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, command: str, parameters: str = "") -> None:
        message = json.dumps({"command": command, "params": parameters, "token": "t"})
        self.writer.write(f"{len(message)}:{message},".encode())

    async def dial(self, uri: str) -> None:
        self.tell("dial", uri)
        await self.until("CALL_ESTABLISHED")

    def press(self, key: str) -> None:
        self.tell("sndcode", key)

    async def until(
        self, kind: str, which: Callable[[str], bool] = lambda _: True, seconds: float = 20
    ) -> str:
        """The parameter of the first such event, past or to come."""
        async with asyncio.timeout(seconds):
            while True:
                for name, parameter in self.events:
                    if name == kind and which(parameter):
                        return parameter
                self._news.clear()
                await self._news.wait()

    def vanish(self) -> None:
        self.process.kill()

    def heard(self) -> tuple[NDArray[np.float32], int]:
        """What it was played, mono, and its rate; complete once the call has ended."""
        (path,) = self.folder.glob("*dec*.wav")
        with sf.SoundFile(path) as file:
            samples = np.asarray(file.read(dtype="float32", always_2d=True), np.float32)
            return samples[:, 0], file.samplerate

    async def read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int((await reader.readuntil(b":"))[:-1])
                message: dict[str, Any] = json.loads(await reader.readexactly(size))
                await reader.readexactly(1)
                if message.get("event"):
                    self.events.append((message["type"], message.get("param", "")))
                    self._news.set()


def _write_config(
    folder: Path, port: int, says: Path, codec: str, account: str, transport: str, config: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rate = sf.info(says).samplerate
    modules = "".join(
        f"module {name}.so\n"
        for name in ("g711", "g722", "opus", "aufile", "aubridge", "sndfile", "srtp", "uuid")
    )
    (folder / "config").write_text(
        f"sip_listen 127.0.0.1:{port}\n"
        "net_interface 127.0.0.1\n"
        f"audio_player aubridge,nowhere{port}\n"
        f"audio_source aufile,{says}\n"
        f"ausrc_srate {rate}\nauplay_srate {rate}\nausrc_channels 1\nauplay_channels 1\n"
        f"module_path {_MODULES}\n{modules}"
        f"snd_path {folder}\n"
        "module_tmp account.so\nmodule_app menu.so\nmodule ctrl_tcp.so\n"
        f"ctrl_tcp_listen 127.0.0.1:{port + 1000}\n{config}"
    )
    (folder / "accounts").write_text(
        f"<sip:caller@127.0.0.1;transport={transport}>;regint=0;audio_codecs={codec};{account}\n"
    )
    (folder / "contacts").write_text("")


@asynccontextmanager
async def softphone(
    folder: Path,
    port: int,
    says: Path,
    *,
    codec: str = "PCMU/8000/1",
    account: str = "",
    transport: str = "udp",
    config: str = "",
) -> AsyncGenerator[Softphone]:
    """A phone at sip:caller@127.0.0.1:port that says a WAV file in each call and records what it
    hears. Its control socket takes port + 1000."""
    assert BARESIP
    _write_config(folder, port, says, codec, account, transport, config)
    with Path(folder / "log").open("wb") as log:  # noqa: ASYNC230
        process = await asyncio.create_subprocess_exec(
            BARESIP, "-f", folder, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port + 1000)
                    break
                except ConnectionError:
                    await asyncio.sleep(0.05)
        phone = Softphone(folder, port, writer, process)
        reading = asyncio.create_task(phone.read(reader))
        try:
            yield phone
        finally:
            if process.returncode is None:
                phone.tell("quit")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 3)
            reading.cancel()
            writer.close()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
