"""A language model's weights on torch, as transformers loads them: a folder, or a GGUF file."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
import transformers

from agents.llm.engine import EngineError, Message, chat

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Weights:
    """A model that is ready to run, and its tokenizer. `ends` are the tokens that end an answer."""

    name: str
    model: Any
    tokenizer: Any
    device: str
    ends: frozenset[int]

    def prompt(self, messages: Sequence[Message], prefill: str) -> str:
        """The messages in the model's own chat template, ending in the assistant's `prefill`."""
        asked = self.tokenizer.apply_chat_template(
            [chat(message) for message in messages], add_generation_prompt=True, tokenize=False
        )
        return str(asked) + prefill

    def tokens(self, prompt: str) -> list[int]:
        return list(self.tokenizer(prompt, add_special_tokens=False).input_ids)


def load(
    path: Path, *, adapter: Path | None, device: Device, bits: Literal[4, 8] | None
) -> Weights:
    """Blocking, seconds. A LoRA `adapter` is merged where the weights are not quantized.

    `bits` quantizes with bitsandbytes, on a GPU. On a CPU the weights are float32, on a GPU what
    they were saved as.

    Raises EngineError: nothing to load, no chat template, an adapter for another model, no memory.
    """
    where = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    if device == "cuda" and where == "cpu":
        raise EngineError("llm.device: torch sees no GPU here; take cpu, or a torch built for CUDA")
    folder, file = (path.parent, path.name) if path.is_file() else (path, "")
    given: dict[str, Any] = {"gguf_file": file} if file else {}
    if not file and not (folder / "config.json").is_file():
        raise EngineError(
            f"{path}: no config.json here; name a folder with a model, or a GGUF file"
        )
    kept = {"dtype": torch.float32 if where == "cpu" else "auto", **_quantized(bits, where)}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **given)
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, **given, **kept)
        if adapter is not None:
            model = _adapted(model, adapter, path, merge=bits is None)
        model = model.eval() if bits else model.to(where).eval()
    except (OSError, ValueError, ImportError, RuntimeError, KeyError) as exc:
        raise EngineError(f"{path}: transformers cannot load it ({_one_line(exc)})") from exc
    if not tokenizer.chat_template:
        raise EngineError(f"{path}: the model has no chat template; use one made for instructions")
    ends = model.generation_config.eos_token_id
    found = {ends} if isinstance(ends, int) else set(ends or ())
    return Weights(path.stem, model, tokenizer, where, frozenset({*found, tokenizer.eos_token_id}))


def _quantized(bits: Literal[4, 8] | None, where: str) -> dict[str, Any]:
    if bits is None:
        return {}
    if where == "cpu" or find_spec("bitsandbytes") is None:
        raise EngineError(f"llm.bits: {bits} bits need a GPU and: pip install bitsandbytes")
    config = transformers.BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8)
    return {"quantization_config": config, "device_map": "cuda"}


def _adapted(model: Any, adapter: Path, base: Path, *, merge: bool) -> Any:
    """Raises EngineError: no adapter there, or one for another model."""
    try:
        config: dict[str, Any] = json.loads((adapter / "adapter_config.json").read_text())
    except (OSError, ValueError) as exc:
        raise EngineError(f"{adapter}: not a LoRA adapter (no adapter_config.json)") from exc
    import peft

    try:
        adapted = peft.PeftModel.from_pretrained(model, os.fspath(adapter))
    except (ValueError, RuntimeError, KeyError) as exc:
        made_for = config.get("base_model_name_or_path") or "another model"
        raise EngineError(
            f"{adapter}: an adapter for {made_for}, which does not fit {base} ({_one_line(exc)})"
        ) from exc
    return adapted.merge_and_unload() if merge else adapted


def _one_line(exc: BaseException) -> str:
    text = " ".join(str(exc).split()) or type(exc).__name__
    return text if len(text) <= 160 else text[:159] + "…"
