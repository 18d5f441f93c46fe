"""Coqui's engines by their public path, on weights made here: no package on PyPI ships a model.

They speak noise, in the shape of speech; what is tested is everything around it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make torch")
pytest.importorskip("TTS", reason="coqui-tts is not installed: make torch")

import soundfile  # noqa: E402 - only where torch is

from voice.config import SynthesizerConfig  # noqa: E402
from voice.engines import synthesizer_kind  # noqa: E402
from voice.speak.coqui import Coqui  # noqa: E402
from voice.speak.synthesizer import SpeechError  # noqa: E402

pytestmark = [
    pytest.mark.models,
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def vits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from TTS.tts.configs.vits_config import VitsArgs, VitsConfig
    from TTS.tts.models.vits import Vits

    torch.manual_seed(0)
    args = VitsArgs(
        init_discriminator=False, hidden_channels=64, hidden_channels_ffn_text_encoder=64
    )
    config = VitsConfig(model_args=args, use_phonemes=False, text_cleaner="basic_cleaners")
    model: Any = Vits(config)
    folder = tmp_path_factory.mktemp("tiny")
    config.save_json(str(folder / "config.json"))
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    return folder


def test_a_folder_with_a_config_is_coquis(vits: Path):
    assert synthesizer_kind(SynthesizerConfig(model=str(vits))) is Coqui


def test_vits_speaks_and_speeds_up(vits: Path):
    coqui = Coqui(vits)
    slow, fast = (
        np.concatenate([s.audio for s in coqui.speak("The tent has been shipped.", speed=speed)])
        for speed in (0.7, 1.8)
    )
    assert slow.dtype == np.int16
    assert coqui.sample_rate == 22050
    assert len(slow) > len(fast) * 1.5 > 0
    assert list(coqui.speak("…")) == []
    coqui.close()


def test_a_voice_it_does_not_have(vits: Path):
    with pytest.raises(SpeechError, match="no voice 'ann' here"):
        list(Coqui(vits).speak("Hello.", voice="ann"))


def test_broken_weights_are_one_line(vits: Path, tmp_path: Path):
    (tmp_path / "config.json").write_text((vits / "config.json").read_text())
    with pytest.raises(SpeechError, match="no weights"):
        Coqui(tmp_path)
    torch.save({"model": {}}, tmp_path / "model.pth")
    with pytest.raises(SpeechError, match="cannot load it") as caught:
        Coqui(tmp_path)
    assert "\n" not in str(caught.value)


def test_xtts_has_the_voices_of_its_folder(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"model": "xtts"}))
    with pytest.raises(SpeechError, match=r"voices/NAME\.en\.wav"):
        Coqui(tmp_path)
    (tmp_path / "voices").mkdir()
    soundfile.write(tmp_path / "voices" / "maria.es.wav", np.zeros(22050), 22050)
    voices = Coqui.voices_in(tmp_path)
    assert [(voice.name, voice.language) for voice in voices] == [("maria", "es")]
