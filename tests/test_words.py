"""Where words end, from the lengths of phonemes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.speak.words import spoken_words, word_ends


def test_a_word_ends_where_its_last_phoneme_does():
    phonemes = [("^", 100), ("h", 200), ("i", 300), (" ", 50), ("ð", 100), ("ɛ", 400), (".", 900)]
    ends, sizes = spoken_words(phonemes, 1000, 0.05, 2000)
    assert ends == pytest.approx((0.55, 1.1))
    assert sizes == (2, 2)


def test_nothing_ends_after_the_sound():
    assert spoken_words([("h", 500), ("i", 900)], 1000, 0.0, 1200) == ((1.2,), (2,))
    assert spoken_words([], 1000, 0.0, 1200) == ((), ())


def test_as_many_spoken_as_written_words_are_the_same_words():
    assert word_ends([2, 3, 4], [0.1, 0.3, 0.9], [2, 3, 4]) == (0.1, 0.3, 0.9)


def test_two_words_that_are_spoken_as_one_share_its_time():
    # "walked down | on the | stone"
    ends = word_ends([6, 4, 2, 3, 5], [0.5, 0.8, 1.2, 1.7], [5, 4, 4, 5])
    assert ends[:2] == (0.5, 0.8)
    assert 0.8 < ends[2] < ends[3] == 1.2
    assert ends[4] == 1.7


def test_a_number_is_many_spoken_words():
    # "order 1042 left"; the number is spoken "one thousand forty two"
    ends = word_ends([5, 22, 4], [0.3, 0.5, 0.9, 1.2, 1.4, 1.8], [4, 3, 8, 5, 2, 4])
    assert ends == pytest.approx((0.3, 1.4, 1.8))


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(1, 9), st.floats(0.05, 1)), min_size=1, max_size=12),
)
def test_words_end_in_order_and_the_last_with_the_sound(
    weights: list[int], spoken: list[tuple[int, float]]
):
    sizes, times = zip(*spoken, strict=True)
    marks = [sum(times[: i + 1]) for i in range(len(times))]
    ends = word_ends(weights, marks, sizes)
    if not ends:  # too different to be the same words
        return
    assert len(ends) == len(weights)
    assert list(ends) == sorted(ends)
    assert abs(ends[-1] - marks[-1]) < 1e-9
