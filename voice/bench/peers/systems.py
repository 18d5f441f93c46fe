"""Starts the systems, each in processes of its own, and gives the addresses that they answer at.

Peers run stock: with the threads that their libraries choose, and an LLM server whose options are
llama.cpp's own defaults. Tuned, all cores are theirs and waiting threads sleep, as Openline's do.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from agents.definition import AgentDefinition
from voice.bench.peers import environments
from voice.bench.peers.environments import Peer, PeerUnavailable
from voice.config import Config
from voice.engines import Engines
from voice.models import fetch, model_path

MAX_TOKENS = 60
_STARTS_WITHIN = 180.0  # s; a 1.5B model from a cold disk
_STOPS_WITHIN = 10.0
_OPENMP = ("OMP_", "GOMP_")  # agents/llm/__init__.py sets one for our own threads


@dataclass(frozen=True, slots=True)
class Setup:
    """What a peer runs on; `stacks/wire.py` reads it."""

    whisper: str
    voice: str
    llm: str
    instructions: str
    greeting: str
    max_tokens: int


def setup(config: Config, folder: Path, llm: str) -> Setup:
    """The same weights and facts as Openline's own agent. Raises PeerUnavailable, ModelError."""
    names = (config.transcriber.model, config.synthesizer.model)
    fetch(names)
    whisper, voice = (model_path(name) for name in names)
    if not (whisper / "model.bin").is_file():
        raise PeerUnavailable(f"the peers need a faster-whisper model, {names[0]} is none")
    definition = AgentDefinition.read(Engines(config, folder).agent_path(config.agent))
    return Setup(
        whisper=str(whisper),
        voice=str(_one(voice, "*.onnx", "a Piper voice")),
        llm=llm,
        instructions=instructions(definition),
        greeting=definition.greeting,
        max_tokens=MAX_TOKENS,
    )


def instructions(definition: AgentDefinition) -> str:
    """The persona, the task and the facts in the words that Openline gives a small model."""
    facts = "\n".join(f"- {fact}" for fact in definition.facts)
    return (
        f"{definition.persona} Answer the caller in one short spoken sentence, using only these "
        f"facts; if they do not say it, say that you do not know.\n{facts}\n"
        "Your replies are spoken aloud: no lists, no special characters."
    )


@contextlib.asynccontextmanager
async def served_llm(config: Config, tuned: bool, log: Path) -> AsyncGenerator[str]:
    """The config's GGUF behind an OpenAI-compatible address. Raises PeerUnavailable, ModelError."""
    if config.llm.url:
        raise PeerUnavailable("the peers need a GGUF model of this machine; give --llm a card")
    fetch(config.llm.model)
    path = model_path(config.llm.model)
    model = path if path.is_file() else _one(path, "*.gguf", "a GGUF model")
    command = [sys.executable, "-m", "voice.bench.peers.llm", str(model)]
    command += ["--tuned"] if tuned else []
    async with process("the LLM's server", command, surroundings(tuned), log) as address:
        yield address


@contextlib.asynccontextmanager
async def peer(name: Peer, ready: Setup, tuned: bool, folder: Path) -> AsyncGenerator[str]:
    """A peer's websocket address; logs to FOLDER/NAME.log. Raises PeerUnavailable."""
    about = folder / f"{name}.setup.json"
    about.write_text(json.dumps(asdict(ready), indent=1), encoding="utf-8")
    interpreter = environments.python(environments.environment(name))
    command = [str(interpreter), str(environments.script(name)), str(about)]
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LOGURU_LEVEL")
    clouds = ("LIVEKIT_", "OPENAI_")  # with a key of theirs a peer would ask a cloud
    environment = {
        key: value
        for key, value in surroundings(tuned).items()
        if key not in ours and not key.startswith(clouds)
    }
    environment |= {"PYTHONNOUSERSITE": "1", "HF_HUB_OFFLINE": "1", "LOGURU_LEVEL": "WARNING"}
    async with process(name, command, environment, folder / f"{name}.log") as address:
        yield address


def surroundings(tuned: bool) -> dict[str, str]:
    """The environment of a peer's program: OpenMP's own choices, or how Openline's threads run."""
    if not tuned:
        return {k: v for k, v in os.environ.items() if not k.startswith(_OPENMP)}
    # CTranslate2 takes the number of threads for its own
    return {**os.environ, "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}


@contextlib.asynccontextmanager
async def process(
    what: str, command: Sequence[str], environment: Mapping[str, str], log: Path
) -> AsyncGenerator[str]:
    """Run a program until it says "ready ADDRESS"; end it afterwards. Raises PeerUnavailable."""
    with log.open("wb") as errors:
        running = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=errors, env=dict(environment)
        )
    assert running.stdout is not None
    draining: asyncio.Task[bytes] | None = None
    try:
        try:
            async with asyncio.timeout(_STARTS_WITHIN):
                address = await _address(running.stdout)
        except TimeoutError as exc:
            raise PeerUnavailable(f"{what} was not ready after {_STARTS_WITHIN:.0f} s") from exc
        if not address:
            code = await running.wait()
            raise PeerUnavailable(f"{what} ended with code {code}: {_last_line(log)}")
        draining = asyncio.create_task(running.stdout.read(), name=f"{what} output")
        yield address
    finally:
        await _stop(running)
        if draining is not None:
            await draining


async def _address(output: asyncio.StreamReader) -> str:
    async for line in output:
        found = re.match(rb"ready (\S+)", line)
        if found:
            return found[1].decode()
    return ""


async def _stop(running: asyncio.subprocess.Process) -> None:
    if running.returncode is None:
        running.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(running.wait(), _STOPS_WITHIN)
        except TimeoutError:
            running.kill()
            await running.wait()


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return f"{lines[-1].strip()} (all of it: {log})" if lines else "it said nothing"


def _one(folder: Path, pattern: str, what: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise PeerUnavailable(f"the peers need {what}; {folder} has {len(found)}")
    return found[0]
