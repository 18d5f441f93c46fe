"""One door to every LLM engine: a GGUF file, a folder with weights, or an address."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from agents.llm.embedded import Embedded
from agents.llm.engine import Engine, EngineError
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
    engine: Literal["auto", "llama.cpp", "transformers"] = "auto",
    adapter: Path | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    bits: Literal[4, 8] | None = None,
) -> Engine:
    """A path is loaded into this process (blocking, seconds); an address is a server that has
    the model called `name`. GGUF goes to llama.cpp, other weights to transformers; `adapter`,
    `device` and `bits` are for transformers alone. Raises EngineError."""
    if isinstance(model, str) and model.startswith(("http://", "https://")):
        return OpenAICompatible(model, name, api_key=api_key, extra_body=extra_body)
    path = Path(model)
    if engine == "auto":
        gguf = path.is_file() or (path.is_dir() and any(path.glob("*.gguf")))
        engine = "llama.cpp" if gguf and adapter is None else "transformers"
    if engine == "transformers":
        if find_spec("torch") is None or find_spec("transformers") is None:
            raise EngineError(f"{path}: needs torch: make torch, or pip install 'openline[torch]'")
        from agents.llm.transformers import Transformers

        return Transformers(path, adapter=adapter, device=device, bits=bits, threads=threads)
    return Embedded(path, threads=threads, context=context, cache=cache)
