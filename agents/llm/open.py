"""One door to every LLM engine: a GGUF file or folder, or an address."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.llm.embedded import Embedded
from agents.llm.engine import Engine
from agents.llm.openai_compatible import OpenAICompatible


def open_engine(
    model: Path | str,
    *,
    name: str = "default",
    api_key: str = "",
    extra_body: Mapping[str, Any] | None = None,
    threads: int | None = None,
    context: int = 4096,
    cache: Path | None = None,
) -> Engine:
    """A path is loaded into this process (blocking, seconds); an address is a server that has
    the model called `name`. Raises EngineError."""
    if isinstance(model, str) and model.startswith(("http://", "https://")):
        return OpenAICompatible(model, name, api_key=api_key, extra_body=extra_body)
    return Embedded(Path(model), threads=threads, context=context, cache=cache)
