"""What the caller heard is a prefix of what was said, word by word."""

from hypothesis import given
from hypothesis import strategies as st

from voice.speak.heard import Heard


def test_words_are_heard_one_after_the_other():
    heard = Heard()
    assert heard.add("Your order", 1.0, 0.1) == 0.0
    assert heard.add("arrives on Thursday.", 2.0) == 1.1
    assert heard.until(0.0) == ""
    assert heard.until(0.6) == "Your"
    assert heard.until(1.0) == "Your order"
    assert heard.until(1.9) == "Your order arrives"
    assert heard.until(3.1) == "Your order arrives on Thursday."


@given(
    st.lists(
        st.tuples(
            st.text("abc ,.", min_size=1).filter(str.strip),
            st.floats(0.01, 5),
            st.floats(0, 0.5),
        )
    ),
    st.lists(st.floats(-1, 60)),
)
def test_heard_is_a_prefix_of_said_and_only_grows(
    clauses: list[tuple[str, float, float]], times: list[float]
):
    heard = Heard()
    for clause in clauses:
        heard.add(*clause)
    before = ""
    for at in sorted(times):
        now = heard.until(at)
        assert heard.said.split()[: len(now.split())] == now.split()
        assert len(now) >= len(before)
        before = now
    assert heard.until(heard.seconds).split() == heard.said.split()
