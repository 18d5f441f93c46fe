"""Calls on a telephone line, in a virtual clock: who hears what, and what is left of it."""

import pytest

from telephony.line import Ability
from tests.paper_phone import PaperPhone

ANSWERS = {
    "where is my order": ["It left on Monday.", "It should be with you on Thursday at noon."],
    "stop please": ["All right."],
}
LONG = " ".join(ANSWERS["where is my order"])
PLAIN: frozenset[Ability] = frozenset({"hang up"})


@pytest.mark.parametrize("abilities", [PaperPhone.CARRIER, PLAIN])
def test_a_question_on_the_telephone_is_answered(abilities: frozenset[Ability]):
    phone = PaperPhone(ANSWERS, abilities=abilities)
    question = phone.says("where is my order", at=2.0)
    phone.call(10)
    assert phone.conversation.heard_lines == ["Hello there.", LONG]
    assert phone.silence(0.0) < 0.3
    assert 0.2 < phone.silence(question.end) < 0.8
    assert phone.left == []
    assert len(phone.calls) == 0
    assert phone.lasted == pytest.approx(10, abs=0.1)
