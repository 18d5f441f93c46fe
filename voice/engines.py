"""The engines of a process: each model is loaded once and shared by all calls."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from loguru import logger
from numpy.typing import NDArray

from agents.conversation import Agent
from agents.definition import AgentDefinition, DefinitionError
from agents.llm.engine import Engine
from agents.llm.open import open_engine
from agents.spoken import language as spoken_language
from voice.config import Config, ConfigError, LLMConfig, SynthesizerConfig, models_of
from voice.lane import Lane
from voice.listen.endpoint import EndOfTurn
from voice.listen.listener import Ears
from voice.listen.vad import SpeechDetector
from voice.listen.whisper import Transcriber
from voice.models import ModelMissing, cache_root, card, cards, model_path
from voice.speak.coqui import Coqui
from voice.speak.kokoro import Kokoro
from voice.speak.mouth import Mouth, SpokenClauses
from voice.speak.piper import Piper
from voice.speak.synthesizer import Synthesizer, Voice


@dataclass(frozen=True, slots=True)
class _Read:
    """An agent, and the time of change of the file it was read from, in ns."""

    agent: Agent
    changed: int


@dataclass(frozen=True, slots=True)
class _Voicebox:
    synthesizer: Synthesizer
    lane: Lane
    config: SynthesizerConfig
    spoken: SpokenClauses
    apology: NDArray[np.int16]


def llm_name(llm: LLMConfig) -> str:
    """How a call, the page and the log name this LLM."""
    return llm.model if not llm.url or llm.model != "default" else llm.url


class Engines:
    """Loads what a config names, and what a caller chooses from its lists, once each."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.config = config
        self._folder = folder
        self.waiting_for: list[str] = []
        self._ears: Ears | None = None
        self._llms: dict[str, Engine] = {}
        self._agents: dict[tuple[str, str], _Read] = {}
        self._retired: list[Agent] = []  # calls may still go on with them
        self._voiceboxes: dict[str, _Voicebox] = {}
        self._loading = asyncio.Lock()  # one at a time: two loads on two cores are slower

    # -- loading ---------------------------------------------------------------------------

    async def load(self) -> None:
        """Load and warm everything a default call needs. Raises the engines' own errors."""
        config = self.config
        self.waiting_for = ["transcriber", "synthesizer", "llm"]
        await self.voicebox(config.synthesizer)
        self.waiting_for.remove("synthesizer")
        self._ears = await self._load_ears()
        self.waiting_for.remove("transcriber")
        for name in ("", *sorted(config.phone.agents)):  # nobody's first call waits for a model
            await self.agent(name, "")
        self.waiting_for.remove("llm")

    async def _load_ears(self) -> Ears:
        config = self.config

        def load() -> tuple[Transcriber, SpeechDetector, EndOfTurn]:
            wanted = config.transcriber
            transcriber = Transcriber(
                model_path(wanted.model),
                device=wanted.device,
                compute_type=wanted.compute_type,
                language=wanted.language,
                threads=wanted.threads,
                hotwords=", ".join(wanted.vocabulary),
            )
            transcriber.warm_up()
            detector = SpeechDetector(model_path(config.turns.voice_activity))
            end_of_turn = EndOfTurn(model_path(config.turns.end_of_turn))
            end_of_turn.warm_up()
            return transcriber, detector, end_of_turn

        transcriber, detector, end_of_turn = await asyncio.to_thread(load)
        return Ears(transcriber, Lane("transcriber"), detector, end_of_turn, Lane("end of turn"))

    async def voicebox(self, wanted: SynthesizerConfig) -> _Voicebox:
        async with self._loading:
            if wanted.model not in self._voiceboxes:

                def load() -> tuple[Synthesizer, NDArray[np.int16]]:
                    folder = model_path(wanted.model)
                    synthesizer = synthesizer_kind(wanted)(folder, threads=wanted.threads)
                    apology = _apology(synthesizer)
                    if not len(apology):  # nothing has warmed it yet
                        synthesizer.warm_up()
                    return synthesizer, apology

                synthesizer, apology = await asyncio.to_thread(load)
                self._voiceboxes[wanted.model] = _Voicebox(
                    synthesizer, Lane(wanted.model), wanted, SpokenClauses(), apology
                )
            return self._voiceboxes[wanted.model]

    async def agent(self, name: str, llm: str) -> Agent:
        """The agent called `name` on the LLM called `llm`; empty names mean the config's first.

        A definition that was changed is read again for the next call; calls that go on keep the
        agent they began with. One that became wrong is logged, and the one before stays.
        Raises ConfigError for a name that is not offered, DefinitionError, EngineError.
        """
        path = self.agent_path(name or self.config.agent)
        wanted = self._wanted_llm(llm)
        async with self._loading:
            key = str(path), llm_name(wanted)
            changed = path.stat().st_mtime_ns if path.exists() else 0
            known = self._agents.get(key)
            if known and known.changed == changed:
                return known.agent
            try:
                agent = await self._read(path, wanted)
            except DefinitionError as exc:
                if known is None:
                    raise
                logger.error(f"{exc}; calls go on with what was there before")
                agent = known.agent
            if known and agent is not known.agent:
                self._retired.append(known.agent)
                logger.info(f"{path} was read again")
            self._agents[key] = _Read(agent, changed)
            return agent

    async def _read(self, path: Path, wanted: LLMConfig) -> Agent:
        engine = await self._llm(wanted)
        others = self.config.stand_ins if wanted is self.config.llm else []
        stand_ins = [await self._llm(other) for other in others]
        agent = await asyncio.to_thread(Agent.load, path, engine, stand_ins)
        await agent.warm_up()
        return agent

    async def llm(self, name: str) -> Engine:
        """The LLM called `name` (empty: the config's first), loaded when first asked for.

        Raises ConfigError for a name that is not offered, EngineError, ModelMissing.
        """
        wanted = self._wanted_llm(name)
        async with self._loading:
            return await self._llm(wanted)

    async def _llm(self, wanted: LLMConfig) -> Engine:
        name = llm_name(wanted)
        if name not in self._llms:
            self._llms[name] = await asyncio.to_thread(open_llm, wanted)
        return self._llms[name]

    def _wanted_llm(self, name: str) -> LLMConfig:
        offered = self._offered_llms()
        for llm in offered:
            if not name or llm_name(llm) == name:
                return llm
        names = ", ".join(llm_name(llm) for llm in offered)
        raise ConfigError(f"llm={name}: not offered here; choose one of: {names}")

    def agent_path(self, name: str) -> Path:
        """configs/agents/NAME.yaml, or what `agent:` gives as a path."""
        found = self.agent_paths()
        if name in found:
            return found[name]
        if name == self.config.agent and (self._folder / name).suffix in (".yaml", ".yml"):
            return self._folder / name
        raise ConfigError(f"agent={name}: not offered here; choose one of: {', '.join(found)}")

    def agent_paths(self) -> dict[str, Path]:
        return {path.stem: path for path in sorted((self._folder / "agents").glob("*.yaml"))}

    def check(self) -> None:
        """Whether the config can work, without loading or fetching anything.

        Raises ConfigError, DefinitionError, ModelError.
        """
        for name in models_of(self.config):
            if not Path(name).exists() and "/" not in name:
                card(name)
        for name in (self.config.agent, *sorted(self.config.phone.agents)):
            AgentDefinition.read(self.agent_path(name))
        secret("server", self.config.server.api_key_env)
        for llm in (self.config.llm, *self.config.stand_ins):
            if llm.url and not llm.url.startswith(("http://", "https://")):
                raise ConfigError(f"llm.url: {llm.url!r} is not an http address")

    # -- what a call needs -----------------------------------------------------------------

    @property
    def ready(self) -> bool:
        return self._ears is not None and not self.waiting_for

    @property
    def ears(self) -> Ears:
        if self._ears is None:
            raise RuntimeError("the engines are not loaded")
        return self._ears

    def llms(self) -> list[tuple[LLMConfig, bool]]:
        """The LLMs on offer, and whether each can be chosen now."""
        return [(llm, bool(llm.url) or is_here(llm.model)) for llm in self._offered_llms()]

    def _offered_llms(self) -> list[LLMConfig]:
        return [self.config.llm, *self.config.more_llms]

    def voices(self) -> list[tuple[SynthesizerConfig, str, tuple[Voice, ...]]]:
        """The voices on offer, by synthesizer and the name of its engine; nothing is loaded."""
        offered = [self.config.synthesizer, *self.config.more_synthesizers]
        found: list[tuple[SynthesizerConfig, str, tuple[Voice, ...]]] = []
        for wanted in offered:
            if is_here(wanted.model):
                kind = synthesizer_kind(wanted)
                found.append((wanted, kind.name, kind.voices_in(model_path(wanted.model))))
        return found

    async def mouth_of(self, definition: AgentDefinition, voice: str = "") -> Mouth:
        """What an agent speaks with: `voice` or its own, and one for each further language.

        A language whose voice is not offered here takes the first offered that speaks it; where
        none does, the agent's own voice has to do. Raises as `mouth`.
        """
        mouth = await self.mouth(voice or definition.voice, definition.language)
        others: dict[str, Mouth] = {}
        for code, words in definition.words.items():
            offered = [known for _, _, voices in self.voices() for known in voices]
            native = [v.name for v in offered if v.language.split("-")[0] == code]
            if words.voice and words.voice in [known.name for known in offered]:
                native.insert(0, words.voice)
            if not native:
                logger.warning(f"agent {definition.name!r}: no voice here speaks {code!r}")
            others[code] = await self.mouth(native[0] if native else mouth.voice, code)
        return replace(mouth, others=others)

    async def mouth(self, voice: str, language: str) -> Mouth:
        """The synthesizer that has `voice` (empty: the config's), loaded when first asked for.

        Raises ConfigError for a voice that is not offered, SpeechError.
        """
        first = self.config.synthesizer
        voice = voice or first.voice
        names: list[str] = []
        for wanted, _, voices in self.voices():
            names += [known.name for known in voices]
            chosen = voice or voices[0].name
            if chosen in names:
                box = await self.voicebox(wanted)
                return Mouth(
                    box.synthesizer,
                    box.lane,
                    chosen,
                    wanted.speed,
                    language,
                    spoken=box.spoken,
                    apology=box.apology,
                )
        raise ConfigError(f"voice={voice}: not offered here; choose one of: {', '.join(names)}")

    async def close(self) -> None:
        for agent in [read.agent for read in self._agents.values()] + self._retired:
            await agent.close()
        for engine in self._llms.values():
            await engine.close()
        lanes = [box.lane for box in self._voiceboxes.values()]
        closers: list[Callable[[], None]] = [b.synthesizer.close for b in self._voiceboxes.values()]
        if self._ears is not None:
            lanes += [self._ears.transcribing, self._ears.judging]
            closers += [self._ears.transcriber.close, self._ears.end_of_turn.close]
        for close in [lane.close for lane in lanes] + closers:
            await asyncio.to_thread(close)
        logger.debug("engines closed")


def _apology(synthesizer: Synthesizer) -> NDArray[np.int16]:
    """What is played when the synthesizer fails, made while it works."""
    try:
        text = spoken_language(synthesizer.voices[0].language).phrase("voice lost")
    except LookupError:
        return np.zeros(0, np.int16)
    return np.concatenate([part.audio for part in synthesizer.speak(text)])


def is_here(model: str) -> bool:
    """Whether a model's files are on this machine."""
    try:
        model_path(model)
    except ModelMissing:
        return False
    return True


def synthesizer_kind(wanted: SynthesizerConfig) -> type[Piper] | type[Kokoro] | type[Coqui]:
    """Which engine a synthesizer needs: by its card, or by what its folder holds."""
    known = cards().get(wanted.model)
    folder = model_path(wanted.model)
    engine = known.engine if known else _engine_of(folder)
    match engine:
        case "piper":
            return Piper
        case "kokoro":
            return Kokoro
        case "coqui":
            return Coqui
        case _:
            raise ConfigError(f"synthesizer: {wanted.model} needs an engine not built in: {engine}")


def _engine_of(folder: Path) -> str:
    if (folder / "config.json").is_file():
        return "coqui"
    return "kokoro" if (folder / "voices").is_dir() else "piper"


def secret(section: str, variable: str) -> str:
    """What the variable that a config's `api_key_env` names holds; "" where it names none.

    Raises ConfigError.
    """
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise ConfigError(f"{section}: the variable {variable} is not set; export it first")
    return key


def open_llm(wanted: LLMConfig) -> Engine:
    """The engine that a config's `llm:` names. Loading blocks for seconds.

    Raises ConfigError, EngineError, ModelMissing.
    """
    key = secret("llm", wanted.api_key_env)
    if wanted.url:
        return open_engine(wanted.url, name=wanted.model, api_key=key, extra_body=wanted.extra_body)
    return open_engine(
        model_path(wanted.model),
        threads=wanted.threads,
        context=wanted.context,
        cache=cache_root() / "prefixes",
        engine=wanted.engine,
        adapter=model_path(wanted.adapter) if wanted.adapter else None,
        device=wanted.device,
        bits=wanted.bits,
    )
