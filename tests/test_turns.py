"""A caller's turns, told as a conversation in windows of 32 ms; no clock and no model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.listen.turns import (
    Ended,
    Hint,
    Judge,
    Paused,
    Resumed,
    SpeechStarted,
    TurnEvent,
    TurnSettings,
    TurnTaker,
)

WINDOW = 0.032
SETTINGS = TurnSettings(certainty=0.75)  # waits that can be told apart
FINISHED = "No, that's all for today. Thank you very much."
OPEN = "My name is Ann"


class Line:
    """A line on which somebody speaks and falls silent; keeps what the turn taker said."""

    def __init__(
        self,
        settings: TurnSettings = SETTINGS,
        verdict: float | None = None,
        words: str | None = OPEN,
    ) -> None:
        self.turns = TurnTaker(settings)
        self.turns.agent_said("Can I do anything for you?")
        self.verdict = verdict  # what the end-of-turn model answers at once; None: nothing
        self.words = words  # what Whisper reads at every pause, at once; None: nothing
        self.events: list[TurnEvent] = []

    def hears(self, speech: float, seconds: float) -> list[TurnEvent]:
        """`seconds` of windows with this probability of speech."""
        new: list[TurnEvent] = []
        for _ in range(round(seconds / WINDOW)):
            step = self.turns.step(speech, WINDOW)
            new += step
            if self.verdict is not None and any(isinstance(event, Judge) for event in step):
                new += self.turns.judged(self.verdict)
            if self.words is not None and any(isinstance(event, Paused) for event in step):
                new += self.turns.said(self.words, 0.9)
        self.events += new
        return new

    def speaks(self, seconds: float) -> list[TurnEvent]:
        return self.hears(0.95, seconds)

    def silent(self, seconds: float) -> list[TurnEvent]:
        return self.hears(0.02, seconds)

    def waits(self) -> float:
        """Seconds of silence until the turn ends."""
        (ended,) = [e for e in self.silent(4) if isinstance(e, Ended)]
        return ended.silence


def kinds(events: list[TurnEvent]) -> list[str]:
    return [type(event).__name__ for event in events if not isinstance(event, Judge)]


def test_a_turn_is_begun_paused_and_ended():
    line = Line()
    line.silent(1)
    line.speaks(1)
    line.silent(2)
    assert kinds(line.events) == ["SpeechStarted", "Paused", "Ended"]
    started, paused, ended = (e for e in line.events if not isinstance(e, Judge))
    assert isinstance(started, SpeechStarted)
    assert started.began <= 1 < started.at <= 1 + SETTINGS.start_seconds + WINDOW
    assert paused.at == pytest.approx(2 + SETTINGS.pause_seconds, abs=2 * WINDOW)
    assert isinstance(ended, Ended)
    assert ended.at - ended.silence == pytest.approx(2, abs=2 * WINDOW)
    assert not line.turns.active


def test_a_short_yes_is_a_turn():
    line = Line()
    line.silent(1)
    line.speaks(0.2)
    line.silent(2)
    assert kinds(line.events) == ["SpeechStarted", "Paused", "Ended"]


@pytest.mark.parametrize("seconds", [0.032, 0.064])
def test_a_click_is_no_turn(seconds: float):
    line = Line()
    for _ in range(5):
        line.silent(0.5)
        line.speaks(seconds)
    line.silent(2)
    assert line.events == []


def test_a_stop_consonant_does_not_hide_the_beginning():
    line = Line()
    line.silent(1)
    line.speaks(0.064)
    line.silent(0.064)
    assert kinds(line.speaks(0.032)) == ["SpeechStarted"]


def test_a_caller_who_pauses_and_goes_on_has_one_turn():
    line = Line()
    line.speaks(1)
    line.silent(0.5)
    assert line.turns.silence == pytest.approx(0.5, abs=WINDOW)
    line.speaks(1)
    assert line.turns.silence == 0
    line.silent(2)
    assert kinds(line.events) == ["SpeechStarted", "Paused", "Resumed", "Paused", "Ended"]


def test_a_pause_is_short_enough_to_go_unnoticed():
    line = Line()
    line.speaks(1)
    line.silent(0.032)
    line.speaks(1)
    assert kinds(line.events) == ["SpeechStarted"]


def test_a_crackle_in_a_pause_is_not_speech_that_resumes():
    line = Line()
    line.speaks(1)
    line.silent(0.32)
    assert line.hears(0.4, 0.032) == []
    assert kinds(line.silent(2)) == ["Ended"]


def test_the_model_is_asked_again_while_the_silence_lasts():
    line = Line(words="I have two questions and")
    line.speaks(1)
    line.silent(2)
    asked = [event.at for event in line.events if isinstance(event, Judge)]
    assert len(asked) == len(SETTINGS.judge_seconds)
    assert [at - asked[0] for at in asked] == pytest.approx(
        [due - SETTINGS.judge_seconds[0] for due in SETTINGS.judge_seconds], abs=WINDOW
    )


def waits(verdict: float | None, words: str | None) -> float:
    line = Line(verdict=verdict, words=words)
    line.speaks(1)
    return line.waits()


def test_the_surer_the_signs_the_shorter_the_wait():
    sure = waits(0.98, FINISHED)
    assert sure == pytest.approx(SETTINGS.shortest_seconds, abs=WINDOW)
    assert sure < waits(0.98, OPEN) < waits(0.05, OPEN) <= SETTINGS.longest_seconds + WINDOW


def test_no_turn_ends_before_its_words_are_read_while_they_may_still_come():
    assert waits(0.98, None) == pytest.approx(SETTINGS.unread_seconds, abs=WINDOW)


def test_signs_that_come_late_end_a_silence_that_was_long_enough():
    line = Line(words=None)
    line.speaks(1)
    line.silent(0.6)
    assert line.turns.judged(0.98) == []  # the words are still being read
    (ended,) = line.turns.said(FINISHED, 0.9)
    assert isinstance(ended, Ended)
    assert ended.silence == pytest.approx(0.6, abs=WINDOW)


def test_words_read_before_the_caller_went_on_are_not_the_words_of_this_pause():
    line = Line(verdict=0.98, words=None)
    line.speaks(1)
    line.silent(0.1)
    line.turns.said(FINISHED, 0.9)
    line.speaks(0.5)
    assert line.waits() == pytest.approx(SETTINGS.unread_seconds, abs=WINDOW)


def test_words_read_when_the_voice_fell_count_for_the_pause_that_follows():
    line = Line(verdict=0.98, words=None)
    line.speaks(1)
    line.turns.reading()
    line.turns.said(FINISHED, 0.9)  # the detector has not noticed the silence yet
    assert line.waits() == pytest.approx(SETTINGS.shortest_seconds, abs=WINDOW)


def test_words_read_amid_speech_are_not_enough():
    line = Line(verdict=0.98, words=None)
    line.speaks(1)
    line.turns.said(FINISHED, partial=True)
    assert line.waits() == pytest.approx(SETTINGS.unread_seconds, abs=WINDOW)


def test_a_verdict_that_comes_too_late_is_ignored():
    line = Line(words=OPEN)
    assert line.turns.judged(0.99) == []  # before a turn
    line.speaks(1)
    assert line.turns.judged(0.99) == []  # amid speech
    line.silent(0.3)
    line.speaks(0.5)
    assert line.turns.judged(0.99) == []  # the caller went on
    assert line.waits() > SETTINGS.unread_seconds
    assert line.turns.judged(0.99) == []  # over


def test_a_verdict_does_not_outlive_its_pause():
    line = Line(words=OPEN)
    line.speaks(1)
    line.silent(0.1)
    assert line.turns.judged(0.99) == []
    line.speaks(0.5)
    without = Line(words=OPEN)
    without.speaks(1)
    without.silent(0.1)
    without.speaks(0.5)
    assert line.waits() == pytest.approx(without.waits(), abs=WINDOW)


def test_a_caller_who_has_paused_before_may_do_so_again():
    at_once = waits(0.3, FINISHED)
    line = Line(verdict=0.3, words=FINISHED)
    line.speaks(1)
    line.silent(0.1)
    line.speaks(1)
    assert line.waits() > at_once + WINDOW
    line.speaks(1)  # the next turn
    assert line.waits() == pytest.approx(at_once, abs=WINDOW)


@pytest.mark.parametrize(
    "words",
    [
        "I have two questions and",
        "I have two questions, and.",  # Whisper closes what was cut off
        "My number is",
        "my order number is...",
        "It's about, um…",
        "I want to cancel the",
        "Well, first of all,",
        "I'd like",
    ],
)
def test_words_that_hesitate_are_waited_for(words: str):
    assert waits(0.98, words) == pytest.approx(SETTINGS.hesitant_seconds, abs=WINDOW)


@pytest.mark.parametrize(
    "words", ["Where is my order?", "I want to cancel it.", "The answer is the band.", "Goodbye."]
)
def test_whole_sentences_are_not_taken_for_hesitation(words: str):
    assert waits(0.98, words) <= SETTINGS.longest_seconds + WINDOW


def test_a_question_is_answered_sooner_than_a_statement():
    assert waits(0.5, "Can you help me?") < waits(0.5, "You can help me.")


def test_what_the_agent_said_last_makes_a_word_an_answer():
    alone = waits(0.9, "San Francisco.")
    line = Line(verdict=0.9, words="San Francisco.")
    line.turns.agent_said("Which city are you in?")
    line.speaks(1)
    assert line.waits() < alone


@pytest.mark.parametrize(
    ("hint", "words", "wait"),
    [
        ("yes_no", "Yes.", SETTINGS.short_answer_seconds),
        ("yes_no", "Yes, please do.", SETTINGS.short_answer_seconds),
        ("yes_no", "Yes but", SETTINGS.hesitant_seconds),
        ("digits", "10", SETTINGS.hesitant_seconds),
        ("digits", "ten four 2.", SETTINGS.hesitant_seconds),
    ],
)
def test_what_was_asked_says_how_long_to_wait(hint: Hint, words: str, wait: float):
    line = Line(verdict=0.1, words=words)
    line.turns.asked(hint)
    line.speaks(0.5)
    assert line.waits() == pytest.approx(wait, abs=WINDOW)


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        ("yes_no", ""),
        ("yes_no", "I am not sure about that."),
        ("digits", "1042."),
        ("digits", "I don't know it."),
    ],
)
def test_a_reply_of_another_kind_is_judged_like_any_other(hint: Hint, words: str):
    line = Line(verdict=0.5, words=words)
    line.turns.asked(hint)
    line.speaks(1)
    assert line.waits() == pytest.approx(waits(0.5, words), abs=WINDOW)


@pytest.mark.parametrize("words", ["My order number is 1042.", "my code is one zero four two"])
def test_a_number_that_nobody_asked_for_is_only_the_beginning(words: str):
    assert waits(0.98, words) >= SETTINGS.volunteered_seconds - WINDOW
    line = Line(verdict=0.98, words=words)
    line.turns.agent_said("What is the number or the code?")
    line.speaks(1)
    assert line.waits() < SETTINGS.volunteered_seconds


def test_words_of_one_turn_say_nothing_about_the_next():
    line = Line(verdict=0.98, words="I have two questions and")
    line.speaks(1)
    assert line.waits() == pytest.approx(SETTINGS.hesitant_seconds, abs=WINDOW)
    line.words = FINISHED
    line.speaks(1)
    (ended,) = (e for e in line.silent(2) if isinstance(e, Ended))
    assert ended.silence == pytest.approx(SETTINGS.shortest_seconds, abs=WINDOW)


def test_while_the_agent_speaks_the_first_sound_like_speech_counts():
    line = Line()
    line.turns.agent_speaking(True)
    line.silent(1)
    assert line.speaks(WINDOW) == []
    line.silent(1)
    assert kinds(line.speaks(0.5)) == ["SpeechStarted"]
    (started,) = line.events
    assert isinstance(started, SpeechStarted)
    assert started.at - (2 + WINDOW) == pytest.approx(SETTINGS.interrupt_seconds, abs=WINDOW)


def test_a_turn_that_was_none_is_forgotten():
    line = Line()
    line.speaks(0.5)
    line.turns.dismiss()
    assert not line.turns.active
    assert line.silent(3) == []
    assert kinds(line.speaks(0.5)) == ["SpeechStarted"]


def test_when_the_agent_falls_silent_a_short_yes_counts_again():
    line = Line()
    line.turns.agent_speaking(True)
    line.silent(1)
    line.turns.agent_speaking(False)
    assert kinds(line.speaks(0.128)) == ["SpeechStarted"]


@given(
    st.lists(st.floats(0, 1), max_size=300),
    st.lists(st.tuples(st.integers(0, 300), st.floats(0, 1)), max_size=20),
    st.sampled_from(["", "Yes.", "and", "my number is", "10", "Where is it?"]),
    st.sampled_from(["", "yes_no", "digits", "name", "open"]),
)
def test_whatever_is_heard_turns_begin_and_end_in_order(
    speech: list[float], verdicts: list[tuple[int, float]], words: str, hint: Hint
):
    turns = TurnTaker(SETTINGS)
    turns.asked(hint)
    answers = dict(verdicts)
    active = paused = False
    before = 0.0
    for at, probability in enumerate([*speech, *[0.0] * round(3 / WINDOW)]):
        events = turns.step(probability, WINDOW)
        turns.said(words)
        if at in answers:
            events = events + turns.judged(answers[at])
        for event in events:
            assert event.at >= before
            before = event.at
            match event:
                case SpeechStarted():
                    assert not active
                    assert event.began <= event.at
                    active, paused = True, False
                case Paused():
                    assert active
                    assert not paused
                    paused = True
                case Resumed():
                    assert active
                    assert paused
                    paused = False
                case Judge():
                    assert active
                case Ended():
                    assert active
                    assert paused  # the words were asked for before the turn was closed
                    active = paused = False
        assert turns.active == active
    assert not active  # 3 s of silence end every turn


def test_a_line_that_is_never_quite_silent_keeps_no_turn_for_ever():
    """A television behind the caller: probabilities just above `silence`, never speech."""
    line = Line()
    line.speaks(1)
    line.hears(0.3, 2)
    assert kinds(line.events)[-1] == "Ended"


def test_a_verdict_on_an_earlier_pause_says_nothing_about_this_one():
    line = Line()
    line.speaks(1)
    (asked,) = (e.at for e in line.silent(0.2) if isinstance(e, Judge))
    line.speaks(0.5)
    line.silent(0.5)
    line.turns.said("My order is late.")
    assert line.turns.judged(0.99, asked) == []
    (again, *_) = (e.at for e in line.events if isinstance(e, Judge) and e.at > asked)
    assert kinds(line.turns.judged(0.99, again)) == ["Ended"]
