"""call.json: who spoke with whom, on which models, with the hashes of their files."""

import datetime as dt
import hashlib
from functools import cache
from importlib.metadata import version
from typing import Any

from agents.definition import AgentDefinition
from telephony.line import Line
from voice.config import Config
from voice.models import cards

FORMAT = 1


def begun() -> dt.datetime:
    return dt.datetime.now().astimezone()


def header(
    call: str,
    began: dt.datetime,
    config: Config,
    definition: AgentDefinition,
    *,
    llm: str,
    voice: str,
    in_rate: int,
    out_rate: int,
    line: Line | None = None,
) -> dict[str, Any]:
    """What can be known of a call when it begins. No key is in it: configs name variables only.

    `line`: of the telephone that it came by.
    """
    return {
        "journal": FORMAT,
        "call": call,
        "began": began.isoformat(timespec="milliseconds"),
        "agent": definition.name,
        "title": definition.title,
        "language": definition.language,
        "agent_sha256": _digest(definition),
        "llm": llm,
        "voice": voice,
        "transcriber": config.transcriber.model,
        "in_rate": in_rate,
        "out_rate": out_rate,
        "openline": version("openline"),
        "models": _models(config, llm),
        **_of_the_line(line, whole=config.phone.show_numbers),
        "config": config.model_dump(mode="json"),
    }


def _of_the_line(line: Line | None, *, whole: bool) -> dict[str, Any]:
    if line is None:
        return {}
    about = line.about
    caller, called = (
        number if whole else last_digits(number) for number in (about.caller, about.called)
    )
    return {"wire": line.name, "caller": caller, "called": called, "carrier_call": about.call}


def last_digits(number: str) -> str:
    """A telephone number or SIP address, known again by its owner alone: "…123"."""
    user = number.partition("@")[0]
    return f"…{user[-3:]}" if len(user) > 5 else "…" if user else ""


def _models(config: Config, llm: str) -> list[dict[str, Any]]:
    # the voice is one of these synthesizers'; its name says which
    synthesizers = [config.synthesizer, *config.more_synthesizers]
    named = [
        ("transcriber", config.transcriber.model),
        ("vad", config.turns.voice_activity),
        ("endpoint", config.turns.end_of_turn),
        ("llm", llm),
        *(("synthesizer", synthesizer.model) for synthesizer in synthesizers),
    ]
    return [{"role": role, **_described(name)} for role, name in named]


@cache
def _described(model: str) -> dict[str, Any]:
    """Cards pin their files' hashes; of a path or an address only the name is known."""
    known = cards().get(model)
    if known is None:
        return {"name": model}
    hashes = {file.path: file.sha256 for file in known.files}
    return {"name": model, "engine": known.engine, "sha256": hashes}


def _digest(definition: AgentDefinition) -> str:
    return hashlib.sha256(definition.model_dump_json().encode()).hexdigest()
