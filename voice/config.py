"""The schema of configs/*.yaml: an unknown key or a bad value is one line that says where and what.

Environment overrides: `OPENLINE__SERVER__PORT=9000` sets `server.port` (two underscores between
the levels; the value is read as YAML).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from agents.document import Document, DocumentError
from voice.phone.settings import PhoneConfig

ENV_PREFIX = "OPENLINE__"


class ConfigError(Exception):
    """A config cannot be used. The message is one line: file, line, what is wrong, what to do."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerConfig(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)  # 0: a free one
    certificate: str = ""  # a PEM file: TLS 1.2 or later, in place of a proxy's
    key: str = ""  # a PEM file, where the certificate's does not hold it
    max_calls: int = Field(default=4, ge=1, le=1000)
    idle_seconds: float = Field(default=120, gt=0)  # nothing at all received from the client
    call_minutes: float = Field(default=60, gt=0)
    api_key_env: str = ""  # the variable with the key of /v1; without one: this machine only
    max_completions: int = Field(default=4, ge=1, le=1000)  # requests of /v1 at once


def _detected(value: Any) -> Any:
    return None if value == "auto" else value


class TranscriberConfig(Section):
    model: str = "whisper-tiny.en"  # card, hub id or folder
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compute_type: str = "default"
    # of multilingual models: auto or null, detected per turn; [en, es], the likelier of them
    language: Annotated[str | list[str] | None, BeforeValidator(_detected)] = "en"
    threads: int = Field(default=1, ge=1)  # two spinning engines on two cores slow each other 3x
    vocabulary: list[str] = []


class TurnsConfig(Section):
    voice_activity: str = "silero-vad"
    end_of_turn: str = "smart-turn-v3.2"
    partial_seconds: float = Field(default=0.5, gt=0)  # speech between two partial transcripts
    interrupt_seconds: float = Field(default=0.064, gt=0)  # speech that holds the agent's sound


class LLMConfig(Section):
    model: str = "qwen2.5-coder-1.5b"  # card, hub id, GGUF file, or the name behind `url`
    url: str = ""  # an OpenAI-compatible server, e.g. http://localhost:11434/v1
    api_key_env: str = ""  # the variable that holds the key, never the key
    threads: int | None = Field(default=None, ge=1)
    context: int = Field(default=4096, ge=512)
    engine: Literal["auto", "llama.cpp", "transformers"] = "auto"
    adapter: str = ""  # a LoRA folder for the model; transformers
    device: Literal["auto", "cpu", "cuda"] = "auto"  # transformers
    bits: Literal[4, 8] | None = None  # quantized by bitsandbytes on a GPU; transformers
    extra_body: dict[str, Any] = {}


class SynthesizerConfig(Section):
    model: str = "piper-joe"  # card or folder
    voice: str = ""  # empty: the model's first
    speed: float = Field(default=1.0, ge=0.5, le=2.0)
    threads: int = Field(default=1, ge=1)


class JournalConfig(Section):
    """Every call is recorded, for `openline calls` and `openline replay`."""

    enabled: bool = True
    folder: str = ""  # empty: calls/ in $OPENLINE_DATA, or in the user's data folder
    days: float = Field(default=30, gt=0)  # older ones are removed at the start and daily


def _named(value: Any) -> Any:
    """`llm: NAME` is short for `llm: {model: NAME}`; an address is `{url: ADDRESS}`."""
    if not isinstance(value, str):
        return value
    if value.startswith(("http://", "https://")):
        url, _, model = value.partition("#")
        return {"url": url, "model": model or "default"}
    return {"model": value}


def _ladder(data: Any) -> Any:
    """`llm: [SMALL, LARGE]` is short for `llm: SMALL` and `stand_ins: [LARGE]`."""
    if isinstance(data, dict) and isinstance(data.get("llm"), list) and data["llm"]:  # pyright: ignore[reportUnknownMemberType]
        first, *rest = data["llm"]
        return {**data, "llm": first, "stand_ins": rest}
    return data  # pyright: ignore[reportUnknownVariableType]


class Config(Section):
    """One server: which models, which agent, which limits."""

    server: ServerConfig = ServerConfig()
    agent: str = "shop"  # configs/agents/NAME.yaml beside this file, or a path
    transcriber: Annotated[TranscriberConfig, BeforeValidator(_named)] = TranscriberConfig()
    turns: TurnsConfig = TurnsConfig()
    journal: JournalConfig = JournalConfig()
    phone: PhoneConfig = PhoneConfig()
    llm: Annotated[LLMConfig, BeforeValidator(_named)] = LLMConfig()
    # They take over where `llm` fails; what an agent's `goes_up` says is for the last one at once.
    stand_ins: list[Annotated[LLMConfig, BeforeValidator(_named)]] = []
    synthesizer: Annotated[SynthesizerConfig, BeforeValidator(_named)] = SynthesizerConfig()
    # Offered in the page's lists beside the first ones; loaded when first chosen.
    more_llms: list[Annotated[LLMConfig, BeforeValidator(_named)]] = []
    more_synthesizers: list[Annotated[SynthesizerConfig, BeforeValidator(_named)]] = []

    @model_validator(mode="before")
    @classmethod
    def _laddered(cls, data: Any) -> Any:
        return _ladder(data)


def load_config(path: Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read a config; `overrides` maps dotted keys ("llm", "server.port") to values.

    Order of precedence: file < environment < overrides. Raises ConfigError.
    """
    try:
        document = Document.read(path, "a config")
    except DocumentError as exc:
        raise ConfigError(f"{exc}; give --config another file") from exc
    extra = {key.lower().replace("__", "."): value for key, value in _environment()}
    data = _ladder(document.data)
    for key, value in {**extra, **(overrides or {})}.items():
        _put(data, key.split("."), value)
    try:
        return Config.model_validate(data)
    except ValidationError as exc:
        raise ConfigError(document.explain(exc, Config, {**extra, **(overrides or {})})) from exc


def _environment() -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in os.environ.items():
        if name.startswith(ENV_PREFIX):
            try:
                found.append((name.removeprefix(ENV_PREFIX), yaml.safe_load(value)))
            except yaml.YAMLError as exc:
                raise ConfigError(f"{name}: not a valid YAML value: {value!r}") from exc
    return found


def _put(data: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner: object = _named(data.get(key)) or {}
        if not isinstance(inner, dict):
            return  # wrong already: the schema says so, with its line
        data[key] = data = dict(inner)
    data[keys[-1]] = value


def models_of(config: Config) -> list[str]:
    """What `config` needs on this machine before it can serve: cards, hub ids or paths."""
    names = [config.transcriber.model, config.turns.voice_activity, config.turns.end_of_turn]
    names.append(config.synthesizer.model)
    names += [llm.model for llm in (config.llm, *config.stand_ins) if not llm.url]
    return names
