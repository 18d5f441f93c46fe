"""Calls on paper in which somebody makes sound over the agent's talk, in a virtual clock."""

import pytest

from tests.paper import PaperCall

LINES = ["It left on Monday.", "It should be with you on Thursday at noon."]
SAID = " ".join(LINES)
ANSWERS = {"where is my order": LINES, "stop please": ["All right."], "yes": ["It is booked."]}
WORD = 0.3  # s of sound in the paper mouth


def talking() -> PaperCall:
    """The agent answers from about 2 s to 6 s."""
    call = PaperCall(ANSWERS)
    call.says("where is my order", at=0.5)
    return call


def when(call: PaperCall, kind: str) -> list[float]:
    return [at for at, data in call.messages if data["t"] == kind]


def gaps(call: PaperCall, longer: float) -> list[tuple[float, float]]:
    """Silences in the agent's sound, from, to."""
    ends = zip(call.played, call.played[1:], strict=False)
    return [(a, b) for (_, a), (b, _) in ends if b - a > longer]


def test_the_agent_is_silent_within_a_tenth_of_a_second():
    call = talking()
    cut = call.says("stop please", at=3.2)
    call.run(10)
    (held,) = when(call, "held")
    assert held - cut.start < 0.1
    assert not any(held < a and a < cut.end for a, _ in call.played)
    assert call.conversation.kept == ["where is my order", "stop please"]
    assert call.said("goes_on") == []


@pytest.mark.parametrize("text", ["mm-hmm", "okay", "yeah right"])
def test_a_caller_who_only_listens_does_not_stop_the_agent(text: str):
    call = talking()
    call.says(text, at=3.2, seconds=0.45)
    call.run(10)
    assert call.conversation.begun == ["where is my order"]
    assert call.conversation.heard_lines == [SAID]
    assert call.said("interrupted") == []
    ((paused, went_on),) = gaps(call, 0.25)
    assert 3.2 < paused < 3.3
    assert went_on < 3.2 + 0.45 + 0.3


def test_after_a_false_alarm_the_broken_word_is_said_again():
    call = talking()
    call.says("mm-hmm", at=3.2, seconds=0.45)
    call.run(10)
    (resumed,) = call.said("goes_on")
    (held,) = when(call, "held")
    begun = call.played[0][0]
    broken = resumed["from_ms"] / 1000
    assert broken <= held - begun < broken + WORD
    heard = sum(b - a for a, b in call.played)
    said_twice = held - begun - broken
    assert heard == pytest.approx(WORD * len(SAID.split()) + 0.4 + said_twice, abs=0.05)


def test_a_knock_is_over_before_a_word_could_be():
    call = talking()
    call.says("", at=3.2, seconds=0.07)
    call.run(10)
    assert call.conversation.heard_lines == [SAID]
    assert all(b - a < 0.35 for a, b in gaps(call, 0.25))


def test_yes_to_a_question_that_is_being_asked_is_an_answer():
    call = PaperCall(
        {"a table please": ["Shall I book it for you then?"], "yes": ["It is booked."]}
    )
    call.conversation.expects = "yes_no"
    call.says("a table please", at=0.5)
    call.says("yes", at=3.4, seconds=0.4)
    call.run(10)
    assert call.conversation.kept == ["a table please", "yes"]
    assert call.conversation.heard_lines[-1] == "It is booked."


def test_a_yes_in_the_middle_of_a_statement_is_none():
    call = talking()
    call.says("yes", at=3.4, seconds=0.4)
    call.run(10)
    assert call.conversation.kept == ["where is my order"]


def test_okay_and_then_a_question_is_a_turn():
    call = talking()
    call.says("okay stop now please", at=3.2, seconds=1.2)
    call.run(10)
    assert call.conversation.kept == ["where is my order", "okay stop now please"]
    assert call.said("goes_on") == []


def test_what_follows_an_okay_at_once_is_still_heard():
    call = talking()
    call.says("okay", at=3.2, seconds=0.4)
    call.says("stop please", at=4.0)
    call.run(10)
    assert call.conversation.kept[-1].endswith("stop please")


def test_a_second_false_alarm_during_the_first_resumption_loses_nothing():
    call = talking()
    for at in (3.0, 3.75, 4.5):
        call.says("mm-hmm", at=at, seconds=0.4)
    call.run(14)
    assert call.conversation.heard_lines == [SAID]


def test_a_false_alarm_in_the_last_word_leaves_the_answer_whole():
    call = talking()
    call.says("mm-hmm", at=5.3, seconds=0.4)
    call.run(14)
    assert call.conversation.heard_lines[0] == SAID


def test_the_transcript_comes_late_and_the_caller_has_finished():
    call = PaperCall(ANSWERS, hear=1.0)
    call.says("where is my order", at=0.5)
    call.says("stop please", at=4.5, seconds=0.8)
    call.run(14)
    assert call.conversation.kept == ["where is my order", "stop please"]
    assert call.conversation.heard_lines[-1] == "All right."


def test_a_late_transcript_of_a_hum_lets_the_agent_go_on():
    call = PaperCall(ANSWERS, hear=1.0)
    call.says("where is my order", at=0.5)
    call.says("mm-hmm", at=4.5, seconds=0.4)
    call.run(14)
    assert call.conversation.heard_lines == [SAID]


@pytest.mark.parametrize("seconds", [3.25, 3.32, 3.5, 3.72, 3.8, 3.9, 4.2])
def test_a_hang_up_while_the_agent_is_held_leaves_nothing_running(seconds: float):
    call = talking()
    call.says("mm-hmm", at=3.2, seconds=0.45)
    call.run(seconds)
    assert call.left == []
    assert call.conversation.closed
