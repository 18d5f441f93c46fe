"""What is made of sounds over the agent's talk, in windows of 32 ms; no clock and no model."""

import pytest

from agents.spoken import language
from voice.listen.interruptions import (
    Decision,
    GiveWay,
    GoOn,
    Interruptions,
    InterruptionSettings,
    Read,
    echoes,
)

WINDOW = 0.032
ENGLISH = language("en")
SETTINGS = InterruptionSettings()


class Sound:
    """A caller who makes sound while the agent speaks."""

    def __init__(self) -> None:
        self.interruptions = Interruptions(ENGLISH)
        self.held = False
        self.decisions: list[Decision] = []

    def begins(self) -> "Sound":
        self.held = self.interruptions.begin()
        return self.speaks(2 * WINDOW)

    def speaks(self, seconds: float) -> "Sound":
        return self._hears(True, seconds)

    def silent(self, seconds: float) -> "Sound":
        return self._hears(False, seconds)

    def _hears(self, speech: bool, seconds: float) -> "Sound":
        for _ in range(round(seconds / WINDOW)):
            self.decisions += self.interruptions.step(speech, WINDOW)
        return self

    def is_read(
        self,
        text: str,
        probability: float = -0.3,
        *,
        paused: bool = True,
        asked: bool = False,
        answers: bool = False,
        said: str = "",
    ) -> Decision | None:
        return self.interruptions.read(
            text, probability, paused=paused, asked=asked, answers=answers, said=said
        )


def test_speech_holds_the_agent_and_its_words_take_the_turn():
    sound = Sound().begins()
    assert sound.held
    sound.speaks(0.4)
    assert sound.decisions == [Read()]
    assert isinstance(sound.is_read("where is my", paused=False), GiveWay)


@pytest.mark.parametrize(
    "text", ["Mm-hmm.", "Okay.", "Yeah, yeah.", "Right.", "I see.", "Oh, okay"]
)
def test_who_only_listens_lets_the_agent_go_on(text: str):
    sound = Sound().begins().speaks(0.4).silent(0.064)
    assert isinstance(sound.is_read(text), GoOn)


@pytest.mark.parametrize("text", ["Yes.", "Okay", "Sure."])
def test_the_same_word_is_an_answer_to_a_question(text: str):
    sound = Sound().begins().speaks(0.4).silent(0.064)
    assert isinstance(sound.is_read(text, asked=True), GiveWay)


@pytest.mark.parametrize(
    ("text", "probability"),
    [
        ("Stop.", -1.2),
        ("Wait.", -1.3),
        ("No.", -1.2),
        ("Okay, but when?", -0.85),
        ("Right now?", -0.85),
        ("Hold on", -0.85),
        ("Thanks.", -1.2),
        ("100", -0.7),
    ],
)
def test_short_words_that_mean_something_are_obeyed(text: str, probability: float):
    sound = Sound().begins().speaks(0.35).silent(0.064)
    assert isinstance(sound.is_read(text, probability), GiveWay)


def test_an_okay_that_may_go_on_is_waited_for():
    sound = Sound().begins().speaks(0.4)
    assert sound.is_read("Okay", paused=False) is None
    sound.speaks(0.4)
    assert isinstance(sound.is_read("Okay, and what does it cost", paused=False), GiveWay)


def test_half_a_word_decides_nothing():
    sound = Sound().begins().speaks(0.3)
    assert sound.is_read("Yafin", paused=False) is None


@pytest.mark.parametrize(
    ("text", "probability"),
    [("At high.", -0.91), ("I'll try.", -0.66), ("Oh, no.", -0.94), ("I'm okay.", -0.54)],
)
def test_a_hum_that_is_read_as_words_lets_the_agent_go_on(text: str, probability: float):
    sound = Sound().begins().speaks(0.45)
    assert sound.is_read(text, probability, paused=False) is None
    assert isinstance(sound.silent(0.064).is_read(text, probability), GoOn)


def test_a_doubtful_word_is_an_answer_while_the_agent_asks():
    sound = Sound().begins().speaks(0.45).silent(0.064)
    assert isinstance(sound.is_read("Monday", -0.59, answers=True), GiveWay)


def test_words_that_go_on_are_believed_without_a_pause():
    sound = Sound().begins().speaks(1.0)
    assert sound.is_read("I made some", -0.8, paused=False) is None
    sound.speaks(0.5)
    assert isinstance(sound.is_read("I made some", -0.8, paused=False), GiveWay)


def test_a_door_is_let_go_without_reading_it():
    sound = Sound().begins().silent(0.2)
    (decision,) = sound.decisions
    assert isinstance(decision, GoOn)


def test_the_first_consonant_of_a_word_is_no_door():
    sound = Sound().begins().silent(0.096)
    assert sound.is_read("") is None
    sound.speaks(0.4)
    assert isinstance(sound.is_read("Stop."), GiveWay)


@pytest.mark.parametrize("text", ["", "(coughing)", "[MUSIC]", "*sighs*", "(laughs"])
def test_what_is_no_speech_lets_the_agent_go_on(text: str):
    sound = Sound().begins().speaks(0.4).silent(0.064)
    assert isinstance(sound.is_read(text), GoOn)


def test_the_agents_own_words_coming_back_are_not_the_caller():
    sound = Sound().begins().speaks(0.8)
    said = "Your order left on Monday, and it should be with you on Thursday."
    assert isinstance(sound.is_read("and it should be", said=said, paused=False), GoOn)


def test_music_holds_the_agent_once():
    sound = Sound().begins().speaks(SETTINGS.wordless_seconds)
    while not isinstance(sound.decisions[-1], GoOn):
        sound.is_read("", paused=False)
        sound.speaks(WINDOW)
    sound.begins().speaks(0.5)
    assert not sound.held
    assert isinstance(sound.is_read("please stop now", paused=False), GiveWay)


def test_a_transcript_under_way_is_waited_for():
    sound = Sound().begins().speaks(2.5)
    assert not any(isinstance(d, GoOn) for d in sound.decisions)
    assert isinstance(sound.is_read("can you stop talking", paused=False), GiveWay)


def test_after_three_false_alarms_only_words_stop_the_agent():
    sound = Sound()
    for _ in range(SETTINGS.holds):
        sound.begins().speaks(0.4).silent(0.064)
        assert sound.held
        assert isinstance(sound.is_read("Okay."), GoOn)
        sound.silent(1)
    sound.begins().speaks(0.4)
    assert not sound.held
    sound.interruptions.answer_begins()
    assert sound.begins().held


def test_nothing_is_decided_twice():
    sound = Sound().begins().speaks(0.4).silent(0.064)
    assert isinstance(sound.is_read("Stop."), GiveWay)
    assert sound.is_read("Stop.") is None
    sound.silent(3)
    assert sound.decisions == [Read()]


def test_an_echo_is_two_of_the_agents_words_in_its_order():
    assert echoes("on Monday", "It left on Monday.")
    assert not echoes("Monday", "It left on Monday.")
    assert not echoes("Monday on", "It left on Monday.")
