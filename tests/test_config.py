"""A config that is wrong gets one line: where, what, and the near match."""

from collections.abc import Callable
from pathlib import Path

import pytest

from voice.config import ConfigError, load_config, models_of

CONFIGS = Path(__file__).parent.parent / "configs"


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("name", "agent"), [("demo.yaml", "shop"), ("gpu.yaml", "shop"), ("phone.yaml", "shop")]
)
def test_the_shipped_configs_are_good(name: str, agent: str):
    assert load_config(CONFIGS / name).agent == agent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("agent: shop\nservr: {}", "mine.yaml:2: unknown key 'servr'; did you mean 'server'?"),
        ("server:\n  host: x\n  prot: 1", "mine.yaml:3: unknown key 'server.prot'; did you mean"),
        ("server:\n  port: high", "mine.yaml:2: server.port: "),
        ("server:\n  port: 70000", "mine.yaml:2: server.port: "),
        ("transcriber:\n  device: gpu", "mine.yaml:2: transcriber.device: "),
        ("more_llms:\n- model: a\n- modl: b", "mine.yaml:3: unknown key 'more_llms.1.modl'"),
        ("server: 5", "mine.yaml:1: server: "),
        ("- a list", "mine.yaml:1: a config is a mapping"),
        ("agent: [", "mine.yaml:1: not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(write: Write, text: str, expected: str):
    with pytest.raises(ConfigError) as caught:
        load_config(write(text))
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message


def test_a_missing_file_is_one_line(tmp_path: Path):
    with pytest.raises(ConfigError, match="give --config another file"):
        load_config(tmp_path / "none.yaml")


def test_any_model_by_one_line(write: Write):
    config = load_config(write("llm: http://localhost:11434/v1#qwen3:8b\nsynthesizer: kokoro-82m"))
    assert (config.llm.url, config.llm.model) == ("http://localhost:11434/v1", "qwen3:8b")
    assert config.synthesizer.model == "kokoro-82m"


def test_several_llms_are_one_and_its_stand_ins(write: Callable[[str], Path]):
    config = load_config(
        write("llm: [qwen2.5-coder-0.5b, http://localhost:11434/v1#qwen3:8b]"),
        {"llm.context": 2048},
    )
    assert (config.llm.model, config.llm.context) == ("qwen2.5-coder-0.5b", 2048)
    assert [llm.url for llm in config.stand_ins] == ["http://localhost:11434/v1"]
    assert models_of(config)[-1] == "qwen2.5-coder-0.5b"


def test_environment_then_command_line_override_the_file(
    write: Write, monkeypatch: pytest.MonkeyPatch
):
    path = write("server:\n  port: 1000\n  host: 0.0.0.0")
    monkeypatch.setenv("OPENLINE__SERVER__PORT", "2000")
    assert load_config(path).server.port == 2000
    assert load_config(path).server.host == "0.0.0.0"
    assert load_config(path, {"server.port": 3000}).server.port == 3000


def test_a_bad_override_is_not_blamed_on_a_line_of_the_file(
    write: Write, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENLINE__SERVER__PROT", "2000")
    with pytest.raises(ConfigError, match=r"mine.yaml: unknown key 'server.prot'; did you mean"):
        load_config(write("agent: shop"))
    monkeypatch.undo()
    with pytest.raises(ConfigError, match=r"mine.yaml: server.port: "):
        load_config(write("server: {port: 1}"), {"server.port": 70000})
    with pytest.raises(ConfigError, match="server"):
        load_config(write("server: 5"), {"server.port": 1})


def test_a_language_may_be_detected_per_turn(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text("transcriber: {model: whisper-base, language: auto}")
    assert load_config(path).transcriber.language is None
