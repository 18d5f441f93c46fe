"""Written text read aloud, and which written word each spoken one belongs to."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paper import PaperLane, PaperMouth
from voice.schedule import Priority
from voice.speak.heard import by_letters
from voice.speak.mouth import Mouth
from voice.speak.synthesizer import Spoken
from voice.speak.written import spoken_text


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Sure!** It is `ready`.", "Sure! It is ready."),
        ("# Orders\n- one\n* two\n1. three", "Orders one two three"),
        ("See [our shop](https://example.com/x?y=1).", "See our shop."),
        ("Go to https://www.example.com/a/b?c=1, please.", "Go to example dot com, please."),
        ("Mail sam.lee42@mail.com.", "Mail sam dot lee four two at mail dot com."),
        ("a_b@c.com", "a underscore b at c dot com"),
        ("Great 🎉👍🏽!", "Great!"),
        ("It costs $3.50.", "It costs three dollars and fifty cents."),
        ("It costs $5, and $1 more.", "It costs five dollars, and one dollar more."),
        ("49.50 dollars in all", "forty nine dollars and fifty cents in all"),
        ("€1,042 or £0.02?", "one thousand and forty two euros or two pence?"),
        ("At 10:00, 10:42 or 9:05.", "At ten o'clock, ten forty two or nine oh five."),
        ("From 9:00 a.m. to 3:30 PM", "From nine a.m. to three thirty P M"),
        (
            "Order #1042 is 50% off & free",
            "Order number one zero four two is fifty percent off and free",
        ),
        ("Order 1042 is here.", "Order one zero four two is here."),
        ("1042. Thanks.", "one zero four two. Thanks."),
        ("Your order, 1 0 4 2, is ready.", "Your order, one zero four two, is ready."),
        ("Room 214, 3rd floor", "Room two one four, third floor"),
        ("Plate BRT771.", "Plate B R T seven seven one."),
        ("Call 555-0142, please", "Call five five five, zero one four two, please"),
        ("It is 612345678.", "It is six one two, three four five, six seven eight."),
        ("on Thursday, November 26.", "on Thursday, November twenty sixth."),
        ("on 2026-11-26", "on November twenty sixth twenty twenty six"),
        (
            "since 1998, 1500 guests",
            "since nineteen ninety eight, one thousand five hundred guests",
        ),
        (
            "3-5 days, -4 °C, 5 km",
            "three to five days, minus four degrees Celsius, five kilometers",
        ),
        (
            "1 km, 0.75 and 1,200",
            "one kilometer, zero point seven five and one thousand two hundred",
        ),
        ("Dr. Reed, e.g. at noon", "doctor Reed, for example at noon"),
        ("Done.\n\n```py\nprint(1)\n```\nBye.", "Done. Bye."),
        ("Nothing to write out.", "Nothing to write out."),
    ],
)
def test_english(written: str, spoken: str):
    assert spoken_text(written).text == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**¿Cuánto** cuesta? 3,50 € 😀", "¿Cuánto cuesta? tres euros con cincuenta céntimos"),
        ("Son 1.200 euros, el 50 %.", "Son mil doscientos euros, el cincuenta por ciento."),
        ("El jueves 26 de noviembre", "El jueves veintiséis de noviembre"),
        ("a las 8:30 de la noche", "a las ocho y media de la noche"),
        ("a la 1 de la tarde", "a la una de la tarde"),
        ("a las 21:45", "a las veintiuna y cuarenta y cinco"),
        ("1 persona, 21 euros", "una persona, veintiún euros"),
        ("su reserva 1042", "su reserva uno cero cuatro dos"),
        ("ana.gil@correo.es", "ana punto gil arroba correo punto es"),
        ("El Sr. Gil, 2º piso", "El señor Gil, segundo piso"),
        ("3,5 km, -2 °C", "tres coma cinco kilómetros, menos dos grados"),
    ],
)
def test_spanish(written: str, spoken: str):
    assert spoken_text(written, "es-MX").text == spoken


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_number_too_long_to_be_said_is_read_digit_by_digit(language: str):
    for written in ("7" * 5000, "1" + "0" * 400, "$" + "9" * 500, "1.000" * 90, "0." + "5" * 99):
        said = spoken_text(written, language)
        assert said.words
        assert not any(map(str.isdigit, said.text))


def test_a_language_without_a_pack_keeps_its_numbers():
    assert spoken_text("**50** % & mehr 😀", "de-DE").text == "50 % & mehr"


@pytest.mark.parametrize("nothing", ["", "  \n", "😀", "***", "...", "—", "```\ncode\n```"])
def test_nothing_speakable_is_nothing(nothing: str):
    assert spoken_text(nothing).text == ""


@pytest.mark.parametrize(
    ("written", "of_each"),
    [
        ("order 1042 left", ["order", "one zero four two", "left"]),
        ("It costs $12.50 today.", ["It", "costs", "twelve dollars and fifty cents", "today."]),
        ("3,50 € más", ["tres euros con cincuenta céntimos", "", "más"]),
        ("at 3:30 PM 🎉 sharp", ["at", "three thirty", "P M", "", "sharp"]),
        ("see [our shop](https://a.com) now", ["see", "our", "shop", "now"]),
        ("12.50 dollars in", ["twelve dollars and fifty cents", "", "in"]),
        ("call 555 0142 now", ["call", "five five five,", "zero one four two", "now"]),
        ("May 3, 2026 is", ["May", "third,", "twenty twenty six", "is"]),
    ],
)
def test_every_spoken_word_belongs_to_a_written_one(written: str, of_each: list[str]):
    said = spoken_text(written, "es" if "€" in written else "en")
    parts = [
        " ".join(w for w, owner in zip(said.words, said.owners, strict=True) if owner == at)
        for at in range(len(written.split()))
    ]
    assert parts == of_each


def test_a_written_word_ends_with_the_last_of_its_spoken_ones():
    said = spoken_text("order 1042 🎉 left")
    ends = said.written_ends([0.4, 0.7, 1.0, 1.3, 1.6, 2.0])
    assert ends == (0.4, 1.6, 1.6, 2.0)
    assert said.written_ends(()) == ()


class Timed(PaperMouth):
    """Says where its words end: 0.3 s each."""

    def speak(self, text: str, *, voice: str = "", speed: float = 1.0) -> Iterator[Spoken]:
        words = text.split()
        (plain,) = super().speak(text)
        ends = tuple(0.3 * (at + 1) for at in range(len(words)))
        yield Spoken(plain.audio, ends, tuple(map(len, words)))


@pytest.mark.parametrize("synthesizer", [Timed(), PaperMouth()])
async def test_the_mouth_speaks_words_and_knows_where_the_written_ones_end(
    synthesizer: PaperMouth,
):
    mouth = Mouth(synthesizer, PaperLane())  # type: ignore[arg-type]
    clip = await mouth.say("Order 1042 left.", 16000, Priority.CLAUSE)
    assert synthesizer.spoken == ["Order one zero four two left."]
    assert len(clip.audio) == 6 * 4800
    words = ["Order", "one", "zero", "four", "two", "left."]
    ends = [0.3 * (at + 1) for at in range(6)]
    if not isinstance(synthesizer, Timed):
        ends = by_letters(words, 1.8)
    assert clip.ends == pytest.approx((ends[0], ends[4], ends[5]))


@given(st.text(max_size=120), st.sampled_from(["en", "es", "fr"]))
def test_any_text_gives_one_clean_line_whose_words_are_owned_in_order(text: str, language: str):
    said = spoken_text(text, language)
    assert said.text == " ".join(said.text.split())
    assert not set("*`#_|") & set(said.text)
    assert len(said.owners) == len(said.words)
    assert list(said.owners) == sorted(said.owners)
    assert all(0 <= owner < len(text.split()) for owner in said.owners)
    ends = said.written_ends([float(at) for at in range(len(said.words))])
    assert list(ends) == sorted(ends)


@given(st.text("0123456789.,:-/ $€%#@+APMap", max_size=40), st.sampled_from(["en", "es"]))
def test_no_digit_is_left_for_the_synthesizer(text: str, language: str):
    assert not any(c.isdigit() and c.isascii() for c in spoken_text(text, language).text)
