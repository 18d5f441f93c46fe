"""Which slot of the engine's cache a prompt takes."""

from agents.llm.slots import Slots


def test_one_constant_prompt_is_read_into_every_slot_of_its_kind():
    slots = Slots({"understand": 2, "answer": 2})
    assert slots.warmed("understand", "You note what") == [0, 1]
    assert slots.warmed("answer", "You are Robin") == [2, 3]
    assert slots.warmed("understand", "You note what") == [0, 1]


def test_a_second_language_takes_one_slot_and_its_calls_go_there():
    slots = Slots({"understand": 2, "answer": 2})
    slots.warmed("answer", "You are Oliva")
    (other,) = slots.warmed("answer", "Usted es Oliva")
    (first,) = {2, 3} - {other}
    with slots.taken("answer", "Usted es Oliva. ¿Hay wifi?") as slot:
        assert slot == other
    with slots.taken("answer", "You are Oliva. Is there wifi?") as slot:
        assert slot == first


def test_a_third_takes_the_slot_that_was_warmed_longest_ago():
    slots = Slots({"understand": 2})
    slots.warmed("understand", "one")
    second = slots.warmed("understand", "two")
    third = slots.warmed("understand", "three")
    assert third != second
    assert slots.warmed("understand", "four") == second
