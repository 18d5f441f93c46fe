"""Who picked up: by words, length and tone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from telephony.outbound.machines import Answerer, Beep, Heard, who


@pytest.mark.parametrize(
    ("text", "speech", "silence", "answerer"),
    [
        ("Hello?", 0.4, 0.8, "person"),
        ("Hello?", 0.4, 0.3, None),  # more may come
        ("", 0.4, 0.8, "person"),  # a murmur
        ("Flower shop Miller, good morning, Ann speaking.", 3.4, 0.8, "person"),
        ("Good morning, this is the Miller flower shop in Berlin.", 3.4, 0.8, None),
        ("Good morning, this is the Miller flower shop in Berlin.", 3.4, 1.5, "person"),
        ("Hi, you've reached Ann. Please leave a message after the tone.", 3.0, 0.0, "machine"),
        ("Hi, this is Ann, I can't come to the phone right now.", 2.0, 0.8, "machine"),
        ("Ha llamado a Ana. Deje su mensaje después del tono.", 3.0, 0.2, "machine"),
        ("Please state your name and the reason for your call.", 3.0, 0.1, "screening"),
        ("The person you are calling uses a screening service.", 3.0, 0.1, "screening"),
        ("To be connected, please press 1.", 2.0, 0.1, "screening"),
        ("Sorry I missed your call. Please text me instead.", 2.4, 0.8, "machine"),
        ("and then and then and then", 6.1, 0.0, "machine"),
        ("", 0.0, 4.9, None),
        ("", 0.0, 5.0, "nobody"),
        ("", 0.0, 0.0, None),
    ],
)
def test_who_picked_up(text: str, speech: float, silence: float, answerer: Answerer | None) -> None:
    assert who(Heard(text, speech, silence)) == answerer


def test_a_beep_is_a_machine_whatever_was_said() -> None:
    assert who(Heard("Hello?", 0.4, 0.0, tone=True)) == "machine"


def tone(
    hertz: float, seconds: float, rate: int = 16000, level: float = 0.2
) -> NDArray[np.float32]:
    time = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def heard(beep: Beep, sound: NDArray[np.float32], piece: int = 320) -> bool:
    return any(beep.step(sound[at : at + piece]) for at in range(0, len(sound), piece))


@pytest.mark.parametrize("hertz", [400, 440, 853, 1000, 1400, 2100])
@pytest.mark.parametrize("piece", [160, 320, 777, 16000])
def test_a_beep_is_heard(hertz: float, piece: int) -> None:
    noise = np.random.default_rng(1).normal(0, 0.005, 4800).astype(np.float32)
    sound = np.concatenate([noise, tone(hertz, 0.4) + np.resize(noise, 6400), noise])
    assert heard(Beep(16000), sound, piece)


def test_what_is_no_beep_is_none() -> None:
    dice = np.random.default_rng(2)
    noise = dice.normal(0, 0.1, 32000).astype(np.float32)
    two_tones = tone(697, 1.0) + tone(1209, 1.0)  # a key
    glide = np.sin(np.cumsum(2 * np.pi * np.linspace(500, 2000, 16000) / 16000)).astype(np.float32)
    for sound in (noise, two_tones, glide, tone(1000, 0.15), tone(1000, 1.0, level=0.005)):
        assert not heard(Beep(16000), sound)
