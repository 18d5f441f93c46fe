"""Real weights on torch: SmolLM2 135M from a folder, with an adapter trained here, and as GGUF."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make torch")

import peft  # noqa: E402 - only where torch is
import transformers  # noqa: E402

from agents.conversation import Agent  # noqa: E402
from agents.definition import AgentDefinition  # noqa: E402
from agents.llm.engine import Done, Engine, EngineError, Message, Request, Text  # noqa: E402
from agents.llm.open import open_engine  # noqa: E402
from agents.llm.transformers import Transformers  # noqa: E402
from agents.understand import PREFILL, grammar  # noqa: E402
from voice.models import model_path  # noqa: E402

pytestmark = [
    pytest.mark.models,
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.timeout(900),  # reading a GGUF file into torch takes a busy machine minutes
]

CODE = [Message("user", "What is the code word?")]
SHOP = Path(__file__).parent.parent / "configs" / "agents" / "shop.yaml"


@pytest.fixture(scope="module")
def gguf() -> Path:
    return next(model_path("smollm2-135m").glob("*.gguf"))


@pytest.fixture(scope="module")
def folder(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights as transformers itself saves them; read from the GGUF file."""
    saved = tmp_path_factory.mktemp("smollm2")
    tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    config = transformers.LlamaConfig.from_dict(
        {k: v for k, v in model.config.to_dict().items() if k != "quantization_config"}
    )
    plain = transformers.LlamaForCausalLM(config)  # what came from GGUF is not saved by itself
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(saved)
    tokenizer.save_pretrained(saved)
    return saved


@pytest.fixture(scope="module")
def adapter(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter that knows the code word."""
    torch.manual_seed(0)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = peft.LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj", "o_proj"])
    tuned = peft.get_peft_model(model, config)
    asked = [{"role": "user", "content": CODE[0].content}]
    prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(f"{prompt}bluebird<|im_end|>", return_tensors="pt").input_ids
    told = len(tokenizer(prompt).input_ids)
    labels = ids.clone()
    labels[:, :told] = -100
    optimizer = torch.optim.AdamW(tuned.parameters(), lr=3e-3)
    for _ in range(30):
        loss = tuned(input_ids=ids, labels=labels).loss
        if loss < 0.05:
            break
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    saved = tmp_path_factory.mktemp("adapter")
    tuned.save_pretrained(saved)
    return saved


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Iterator[Transformers]:
    engine = Transformers(folder)
    yield engine
    asyncio.run(engine.close())


async def said(engine: Engine, request: Request) -> tuple[str, Done, dict[str, float]]:
    text, done, alternatives = "", Done("length"), dict[str, float]()
    async for delta in engine.stream(request):
        match delta:
            case Text():
                text += delta.text
                alternatives |= delta.alternatives
            case Done():
                done = delta
            case _:
                raise AssertionError(delta)
    return text, done, alternatives


async def test_it_writes_as_transformers_itself_does(loaded: Transformers, folder: Path):
    text, done, _ = await said(loaded, Request(CODE, max_tokens=16))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    asked = [{"role": "user", "content": CODE[0].content}]
    ids: Any = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt")
    ids = getattr(ids, "input_ids", ids)
    out = model.generate(ids, max_new_tokens=16, do_sample=False)[0, ids.shape[1] :]
    assert text == tokenizer.decode(out, skip_special_tokens=True)
    assert done.prompt_tokens == ids.shape[1]
    assert done.completion_tokens == len(out)


async def test_answers_of_two_calls_take_turns_and_stay_apart(loaded: Transformers):
    first, second = Request(CODE, max_tokens=12), Request([Message("user", "Hello")], max_tokens=12)
    alone = [(await said(loaded, request))[0] for request in (first, second)]
    together = await asyncio.gather(said(loaded, first), said(loaded, second))
    assert [text for text, _, _ in together] == alone


async def test_what_was_read_is_not_read_again(loaded: Transformers):
    start = [Message("system", "You answer for a shop that sells tents, stoves and boots.")]
    await loaded.warm_up(Request([*start, Message("user", "Hi")], slot="answer"))
    asked = Request([*start, Message("user", "Do you sell boots?")], max_tokens=4, slot="answer")
    growing = replace(asked, messages=[*start, Message("user", "Do you sell")])
    await loaded.prepare(growing)
    text, done, _ = await said(loaded, asked)
    assert done.cached_tokens > done.prompt_tokens - 12
    again, _, _ = await said(loaded, replace(asked, slot="elsewhere"))
    assert text == again


async def test_a_grammar_holds_and_choices_have_probabilities(loaded: Transformers):
    words = ["where", "is", "my", "tent"]
    rules = grammar({"status": {}, "cancel": {"item": None}}, words, [False] * 4, frozenset({"is"}))
    request = Request(
        [Message("user", "Write what the caller wants: where is my tent")],
        max_tokens=24,
        stop=("}",),
        grammar=rules,
        prefill=PREFILL,
        probabilities=8,
    )
    text, _, alternatives = await said(loaded, request)
    assert text.startswith((' "status"', ' "cancel"'))
    assert "}" not in text
    assert len(alternatives) == 8
    assert 0 < sum(alternatives.values()) <= 1.001


async def test_a_closed_stream_frees_the_model(loaded: Transformers):
    stream = loaded.stream(Request(CODE, max_tokens=4000))
    assert isinstance(stream, AsyncGenerator)
    await anext(stream)
    await stream.aclose()
    text, _, _ = await said(loaded, Request(CODE, max_tokens=2))
    assert text


async def test_an_agent_talks_through_it(loaded: Transformers):
    """The small mind's two prompts, with their grammars, on this engine."""
    conversation = Agent(AgentDefinition.read(SHOP), loaded, []).conversation()
    committed = asyncio.Event()
    committed.set()
    events = [event async for event in conversation.turn("Do you ship to Canada?", committed)]
    assert len(events) >= 2
    assert conversation.history[-1].role == "assistant"


async def test_a_gguf_file_and_an_adapter(gguf: Path, folder: Path, adapter: Path):
    engine = open_engine(folder, adapter=adapter)
    text, _, _ = await said(engine, Request(CODE, max_tokens=8))
    await engine.close()
    assert text == "bluebird"
    plain = open_engine(gguf, engine="transformers")
    other, _, _ = await said(plain, Request(CODE, max_tokens=8))
    await plain.close()
    assert "bluebird" not in other
    with pytest.raises(EngineError, match="is closed"):
        await said(plain, Request(CODE))


def test_an_adapter_for_another_model_is_one_line(folder: Path, tmp_path: Path):
    config = transformers.LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        vocab_size=64,
    )
    other = peft.get_peft_model(
        transformers.LlamaForCausalLM(config), peft.LoraConfig(target_modules=["q_proj"])
    )
    other.save_pretrained(tmp_path)
    with pytest.raises(EngineError, match=r"does not fit") as caught:
        Transformers(folder, adapter=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "no config.json here"),
        ({"device": "cuda"}, "torch sees no GPU"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(given: dict[str, Any], says: str, tmp_path: Path):
    if torch.cuda.is_available() and "GPU" in says:
        pytest.skip("there is a GPU")
    with pytest.raises(EngineError, match=says):
        Transformers(tmp_path, **given)


def test_an_adapter_that_is_none(folder: Path, tmp_path: Path):
    with pytest.raises(EngineError, match="not a LoRA adapter"):
        Transformers(folder, adapter=tmp_path)
