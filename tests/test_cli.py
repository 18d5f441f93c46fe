"""The command line as a person meets it: help, exit codes, one line for what went wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.registry import Registry
from voice import cli
from voice.config import ConfigError
from voice.models import ModelError


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    made = Registry.at(tmp_path, monkeypatch)
    (tmp_path / "usb").mkdir()
    (tmp_path / "usb" / "model.bin").write_bytes(b"weights")
    made.add("tiny", {"model.bin": b"weights"}, {"from": f"file:{tmp_path}/usb"})
    return made


def openline(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run main() as the shell would; returns the exit code."""
    monkeypatch.setattr(sys, "argv", ["openline", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    code = ended.value.code
    assert isinstance(code, int)
    return code


def test_models_from_get_to_remove(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert openline(monkeypatch, "models", "path", "tiny") == 1
    assert capsys.readouterr().err == (
        "openline: tiny is not on this machine; get it: openline models get tiny\n"
    )
    assert openline(monkeypatch, "models", "get", "tiny") == 0
    assert capsys.readouterr().out == f"tiny  {registry.cache / 'models' / 'tiny'}\n"
    assert openline(monkeypatch, "models", "path", "tiny") == 0
    assert capsys.readouterr().out == f"{registry.cache / 'models' / 'tiny'}\n"

    assert openline(monkeypatch, "models", "verify") == 0
    assert "tiny: good" in capsys.readouterr().out
    registry.file("tiny", "model.bin").write_bytes(b"WEIGHTS")
    assert openline(monkeypatch, "models", "verify", "tiny") == 1
    assert "mend it: openline models get tiny" in capsys.readouterr().err

    assert openline(monkeypatch, "models", "remove", "tiny") == 0
    assert openline(monkeypatch, "models", "path", "tiny") == 1


def test_list_for_people_and_for_scripts(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert openline(monkeypatch, "models", "list", "--json") == 0
    listed = {item["name"]: item for item in json.loads(capsys.readouterr().out)}
    assert listed["tiny"]["here"] is False
    assert listed["silero-vad"]["here"] is True
    assert listed["xtts-v2"]["restrictions"].startswith("NON-COMMERCIAL")
    assert openline(monkeypatch, "models", "get", "tiny") == 0
    capsys.readouterr()
    assert openline(monkeypatch, "models", "list", "--here", "--kind", "llm") == 0
    shown = capsys.readouterr().out
    assert "tiny" in shown
    assert "qwen" not in shown
    assert openline(monkeypatch, "models", "list", "--kind", "toaster") == 1
    assert "there are transcriber, llm" in capsys.readouterr().err


def test_a_wrong_name_is_one_line_and_exit_1(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert openline(monkeypatch, "models", "get", "tinny") == 1
    told = capsys.readouterr().err
    assert told.startswith("openline: no model is called 'tinny'; did you mean tiny")
    assert told.count("\n") == 1


def test_a_served_model_is_not_fetched(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert openline(monkeypatch, "models", "get", "gpt-oss-20b") == 1
    assert "vllm serve openai/gpt-oss-20b" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["serve", "--port", "x"], ["nonsense"], ["models", "get"]])
def test_a_command_typed_wrongly_is_exit_2(words: list[str]) -> None:
    answer = CliRunner().invoke(cli.app, words)
    assert answer.exit_code == 2
    assert "Traceback" not in answer.output


@pytest.mark.parametrize(
    "words",
    [
        ["serve"],
        ["talk"],
        ["doctor"],
        ["models"],
        ["models", "list"],
        ["bench", "latency"],
        ["calls", "show"],
        ["replay"],
    ],
)
def test_help_shows_an_example(words: list[str]) -> None:
    answer = CliRunner().invoke(cli.app, [*words, "--help"])
    assert answer.exit_code == 0
    if words != ["models"]:
        assert "Example" in answer.output


def test_version_and_start_without_heavy_imports() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['openline', 'models', 'list']\n"
        "from voice.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pipecat', 'fastapi', 'httpx', 'numpy', 'huggingface_hub'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
    assert CliRunner().invoke(cli.app, ["--version"]).output.startswith("openline 0.")


def test_errors_for_people_and_bugs() -> None:
    assert cli.explain(ModelError("no\n room")) == "no room"
    assert cli.explain(ConfigError("x.yaml:3: unknown key")) == "x.yaml:3: unknown key"
    assert cli.explain(FileNotFoundError(2, "No such file", "a.wav")) == "a.wav: No such file"
    assert cli.explain(ExceptionGroup("g", [ModelError("one"), OSError(5, "two")])) == "one; two"
    assert cli.explain(ExceptionGroup("g", [ModelError("one"), KeyError("two")])) is None
    assert cli.explain(ZeroDivisionError()) is None


def test_a_missing_config_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert openline(monkeypatch, "serve", "--check", "--config", str(tmp_path / "no.yaml")) == 1
    told = capsys.readouterr().err
    assert "no.yaml: cannot be read" in told
    assert told.count("\n") == 1
