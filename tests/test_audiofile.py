"""Any sound file becomes int16 mono at the rate that is asked for; anything else one line."""

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice.audiofile import AudioFileError, read_audio, write_wav


def tone(hz: float, seconds: float, rate: int, level: float = 0.5) -> NDArray[np.int16]:
    wave = np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    return (wave * level * 32767).astype(np.int16)


def pitch(samples: NDArray[np.int16], rate: int) -> float:
    """The strongest frequency in Hz."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64)))
    return float(np.argmax(spectrum)) * rate / len(samples)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
def test_what_was_written_is_read_back(tmp_path: Path, rate: int):
    samples = np.concatenate([tone(440, 0.5, rate), np.array([32767, -32768, 0], np.int16)])
    write_wav(tmp_path / "a.wav", samples, rate)
    back = read_audio(tmp_path / "a.wav", rate)
    assert back.dtype == np.int16
    assert len(back) == len(samples)
    assert np.abs(back.astype(np.int32) - samples).max() <= 1


def test_a_telephone_recording_in_stereo_becomes_one_channel_at_16_khz(tmp_path: Path):
    left = tone(440, 1, 8000)
    write_wav(tmp_path / "call.wav", np.stack([left, np.zeros_like(left)], axis=1), 8000)
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
    read = read_audio(tmp_path / "call.wav", 16000)
    assert read.shape == (16000,)
    assert pitch(read, 16000) == pytest.approx(440, abs=2)
    assert np.abs(read).max() > 0.2 * 32767  # neither side is lost


def test_two_loud_sides_do_not_wrap_around(tmp_path: Path):
    loud = tone(440, 0.5, 8000, level=1.0)
    write_wav(tmp_path / "loud.wav", np.stack([loud, loud], axis=1), 8000)
    read = read_audio(tmp_path / "loud.wav", 16000).astype(np.int32)
    assert np.abs(np.diff(read)).max() < 12000  # a wrapped sample jumps by 65,535


@pytest.mark.parametrize("content", [b"", b"RIFF", b"hello\n" * 100, bytes(4096)])
def test_what_is_no_sound_is_refused_in_one_line(tmp_path: Path, content: bytes):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioFileError, match=r"a\.wav: ") as refused:
        read_audio(path, 16000)
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_a_folder_are_refused_in_one_line(tmp_path: Path):
    for path in (tmp_path / "none.wav", tmp_path):
        with pytest.raises(AudioFileError, match=str(path)) as refused:
            read_audio(path, 16000)
        assert "\n" not in str(refused.value)


def test_a_recording_without_samples_is_empty(tmp_path: Path):
    write_wav(tmp_path / "empty.wav", np.zeros(0, np.int16), 16000)
    assert read_audio(tmp_path / "empty.wav", 16000).shape == (0,)


def test_a_recording_cut_off_in_the_middle_is_read_up_to_there(tmp_path: Path):
    path = tmp_path / "cut.wav"
    write_wav(path, tone(440, 1, 16000), 16000)
    path.write_bytes(path.read_bytes()[: 44 + 16000])
    assert len(read_audio(path, 16000)) == pytest.approx(8000, abs=1)
