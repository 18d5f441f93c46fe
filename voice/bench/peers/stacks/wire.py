"""The wire that a peer answers, so that the bench calls all systems with one client: PCM both ways,
RTVI's JSON beside it. Run by the peers' own Python: imports nothing of Openline."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

RATE_IN = 16000
RATE_OUT = 22050  # Piper joe's own: nothing is resampled


@dataclass(frozen=True)
class Setup:
    whisper: str  # a folder
    voice: str  # Piper's .onnx
    llm: str  # an OpenAI-compatible address
    instructions: str
    greeting: str
    max_tokens: int


def setup() -> Setup:
    """The bench's own words, a JSON file named on the command line."""
    return Setup(**json.loads(Path(sys.argv[1]).read_text("utf-8")))


def ready(port: int) -> None:
    print(f"ready ws://127.0.0.1:{port}/ws", flush=True)


def call() -> str:
    return _own(t="call", call="1")


def transcript(text: str) -> str:
    return _message("user-transcription", {"text": text, "final": True})


def answer(number: int) -> str:
    """An answer was begun."""
    return _own(t="answer", answer=number)


def heard(number: int, text: str) -> str:
    """That answer is over."""
    return _own(t="heard", answer=number, said=text, heard=text, final=True)


def interrupted(number: int) -> str:
    """What was sent and not played yet must be forgotten."""
    return _own(t="interrupted", answer=number)


def _own(**data: object) -> str:
    return _message("server-message", data)


def _message(kind: str, data: dict[str, object]) -> str:
    return json.dumps({"label": "rtvi-ai", "type": kind, "data": data})
