"""What doctor concludes from a machine; the machine is made up, the conclusions are not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.registry import Registry
from voice.doctor import Finding, Machine, examine, fit, look, next_step, run
from voice.models import card

LAPTOP = Machine(
    cores=4,
    memory=16_000_000_000,
    gpus=(),
    gpu_memory=0,
    cuda=False,
    disk_free=50_000_000_000,
)
TOWER = replace(LAPTOP, gpus=("RTX 4090",), gpu_memory=24_000_000_000, cuda=True)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    made = Registry.at(tmp_path, monkeypatch)
    (tmp_path / "model.bin").write_bytes(b"weights")
    made.add("tiny", {"model.bin": b"weights"}, {"from": f"file:{tmp_path}"})
    return made


def config(folder: Path, text: str) -> Path:
    path = folder / "demo.yaml"
    path.write_text(text)
    return path


def named(findings: list[Finding], what: str) -> Finding:
    return next(f for f in findings if f.what == what)


ALL_TINY = "transcriber: tiny\nllm: tiny\nsynthesizer: tiny\n"


def test_which_models_fit() -> None:
    assert fit(card("whisper-tiny.en"), LAPTOP) == "yes"
    assert fit(card("whisper-large-v3-turbo"), LAPTOP) == "slow without a GPU"
    assert fit(card("whisper-large-v3-turbo"), TOWER) == "yes"
    assert fit(card("qwen3-8b"), LAPTOP) == "needs 20.0 GB of GPU memory"
    assert fit(card("qwen3-8b"), TOWER) == "yes"
    assert "this machine has 24.0 GB" in fit(card("gpt-oss-120b"), TOWER)
    assert "of memory" in fit(card("qwen2.5-coder-1.5b"), replace(LAPTOP, memory=1_000_000_000))


def test_models_to_fetch_are_named_with_their_size(registry: Registry, tmp_path: Path) -> None:
    path = config(tmp_path, ALL_TINY)
    findings = examine(path, LAPTOP)
    models = named(findings, "models")
    assert models.verdict == "note"
    assert models.found == "7 bytes to fetch: tiny"
    assert next_step(findings, path, LAPTOP) == f"openline serve --config {path}"


def test_no_room_for_the_models_is_what_to_mend_first(registry: Registry, tmp_path: Path) -> None:
    path = config(tmp_path, ALL_TINY)
    full = replace(LAPTOP, disk_free=1)
    findings = examine(path, full)
    assert named(findings, "models").verdict == "bad"
    assert next_step(findings, path, full) == "mend first: models"


def test_a_gpu_that_is_asked_for_and_absent(registry: Registry, tmp_path: Path) -> None:
    path = config(tmp_path, "transcriber: {model: tiny, device: cuda}\nllm: tiny\n")
    found = named(examine(path, LAPTOP), "transcriber")
    assert (found.verdict, found.do) == ("bad", "device: auto")
    assert all(f.what != "transcriber" for f in examine(path, TOWER))


def test_a_gpu_gets_the_gpu_config(registry: Registry, tmp_path: Path) -> None:
    path = config(tmp_path, ALL_TINY)
    assert "demo.yaml" in next_step(examine(path, TOWER), path, TOWER)
    (tmp_path / "gpu.yaml").write_text(ALL_TINY)
    assert "gpu.yaml" in next_step(examine(path, TOWER), path, TOWER)


def test_a_wrong_model_in_the_config(registry: Registry, tmp_path: Path) -> None:
    path = config(tmp_path, "llm: tinny\n")
    assert "did you mean tiny" in named(examine(path, LAPTOP), "models").found


def test_a_broken_config_is_a_finding_and_exit_1(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, "colour: red\n")
    assert run(path, as_json=True) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["next"].startswith("mend first: config")
    bad = [f for f in report["findings"] if f["verdict"] == "bad"]
    assert "unknown key 'colour'" in bad[0]["found"]


def test_this_machine(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = look()
    assert machine.cores >= 1
    assert machine.memory > 100_000_000
    assert run(config(tmp_path, ALL_TINY), as_json=False) == 0
    shown = capsys.readouterr().out
    assert "Python" in shown
    assert "Next: openline serve" in shown
