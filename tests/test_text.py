"""Written text made speakable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.speak.text import for_speech


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Sure!** It is `ready`.", "Sure! It is ready."),
        ("# Orders\n- one\n* two\n1. three", "Orders one two three"),
        ("See [our shop](https://example.com/x?y=1).", "See our shop."),
        ("Go to https://www.example.com/a/b?c=1, please.", "Go to example.com, please."),
        ("Read http://example.com/a.", "Read example.com."),
        ("Great 🎉👍🏽!", "Great!"),
        ("It costs $3.50.", "It costs 3 dollars and 50 cents."),
        ("It costs $5, and $1 more.", "It costs 5 dollars, and 1 dollar more."),
        ("€1,042.01 or £0.02?", "1042 euros and 1 cent or 2 pence?"),
        ("$0", "0 dollars"),
        ("At 10:00, 10:42 or 9:05.", "At 10 o'clock, 10 42 or 9 oh 5."),
        ("From 9:00 a.m. to 6:00 PM", "From 9 a.m. to 6 PM"),
        ("Order #1042 is 50% off & free", "Order number 1042 is 50 percent off and free"),
        ("a_b@c.com", "a b at c.com"),
        ("Done.\n\n```py\nprint(1)\n```\nBye.", "Done. Bye."),
        ("1042. Thanks.", "1042. Thanks."),
        ("Your order, 1 0 4 2, is ready.", "Your order, 1 0 4 2, is ready."),
    ],
)
def test_english(written: str, spoken: str):
    assert for_speech(written) == spoken


def test_other_languages_keep_their_words():
    assert for_speech("**¿Cuánto** cuesta? 3,50 € 😀", "es") == "¿Cuánto cuesta? 3,50 €"
    assert for_speech("50 % & mehr", "de-DE") == "50 % & mehr"


@pytest.mark.parametrize("nothing", ["", "  \n", "😀", "***", "...", "—", "```\ncode\n```"])
def test_nothing_speakable_is_nothing(nothing: str):
    assert for_speech(nothing) == ""


@given(st.text(max_size=120))
def test_any_text_gives_one_clean_line(text: str):
    spoken = for_speech(text)
    assert spoken == " ".join(spoken.split())
    assert not set("*`#_|") & set(spoken)
