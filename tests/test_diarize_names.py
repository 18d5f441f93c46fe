"""Who somebody says they are."""

import pytest

from tests.test_diarize_words import words
from voice.recordings.diarize import said_names
from voice.recordings.transcript import Segment


def named(text: str) -> list[str]:
    return [name for _, name, _ in said_names([Segment(words(text), speaker="SPEAKER_00")])]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hello, this is Maria from billing.", "Maria"),
        ("Good morning, my name is Elizabeth Rodriguez.", "Elizabeth Rodriguez"),
        ("My name is Mr. Louis, how can I help you?", "Louis"),
        ("This is Diane in New Jersey.", "Diane"),
        ("And I'm Sheila in Texas, originally from Chicago.", "Sheila"),
        ("Harper Valley National Bank, my name is Linda, how can I help?", "Linda"),
        ("You're speaking with Jean-Luc O'Neill today.", "Jean-Luc O'Neill"),
        ("Peter Smith speaking.", "Peter Smith"),
        ("Hola, me llamo Juan y llamo por mi pedido.", "Juan"),
        ("Guten Tag, mein Name ist Jürgen Müller.", "Jürgen Müller"),
        ("Bonjour, je m'appelle Élodie.", "Élodie"),
    ],
)
def test_a_name_is_taken_from_an_introduction(text: str, name: str) -> None:
    assert named(text) == [name]


@pytest.mark.parametrize(
    "text",
    [
        "This is Harper Valley National Bank.",
        "This is customer service from downtown.",
        "This is Friday at noon.",
        "This is great, thank you.",
        "I'm calling from Boston.",
        "My name is not important.",
        "I spoke with Maria from billing.",
        "It's March in two weeks.",
        "I am in Texas.",
        "My name is",
    ],
)
def test_no_name_is_made_up(text: str) -> None:
    assert named(text) == []


def test_a_name_rests_on_its_sentence_and_a_certain_one_wins() -> None:
    call = [
        Segment(words("Hello? This is Bob at home.", at=61), speaker="SPEAKER_01"),
        Segment(words("Hi Bob. My name is", at=70), speaker="SPEAKER_00"),
        Segment(words("Ann. This is Carol here.", at=75), speaker="SPEAKER_00"),
        Segment(words("Sorry, my name is Robert.", at=80), speaker="SPEAKER_01"),
    ]
    assert said_names(call) == [
        ("SPEAKER_01", "Robert", "“Sorry, my name is Robert.” at 1:20"),
        ("SPEAKER_00", "Ann", "“My name is Ann.” at 1:10"),
    ]


def test_nobody_is_named_where_nobody_is_told_apart() -> None:
    assert said_names([Segment(words("My name is Ann."))]) == []
    assert said_names([]) == []
