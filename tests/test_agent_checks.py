"""What of a model's words is spoken."""

from collections.abc import AsyncGenerator

import pytest

from agents.checks import Ground, grounded, whole
from agents.spoken import language
from agents.tools import ToolResult

ENGLISH = language("en")
FACTS = [
    "Standard shipping takes 3 to 5 working days and costs 5 dollars.",
    "Dogs are welcome in the shop.",
    "The warranty of tents is 42 months.",
]


async def pieces(text: str) -> AsyncGenerator[str, None]:
    for index in range(0, len(text), 5):  # tokens end inside words
        yield text[index : index + 5]


async def spoken(text: str, asked: str = "Tell me.", findings: str = "") -> list[str]:
    ground = Ground.of(asked, FACTS, findings, ENGLISH)
    return [say.text.strip() async for say in grounded(pieces(text), ground, ENGLISH)]


async def said(text: str, asked: str = "Tell me.", findings: str = "") -> str:
    return " ".join(await spoken(text, asked, findings)).strip()


UNKNOWN = "I'm sorry, I don't have that information."


async def test_words_are_passed_on_as_they_come():
    parts = await spoken("Standard shipping takes 3 to 5 working days.")
    assert " ".join(parts) == "Standard shipping takes 3 to 5 working days."
    assert len(parts) > 3


async def test_words_that_rest_on_nothing_are_not_spoken():
    assert await said("The moon is made of cheese.") == UNKNOWN
    assert await said("") == UNKNOWN


async def test_saying_that_one_does_not_know_needs_no_fact():
    assert await said("I don't know.") == "I don't know."


async def test_an_invented_number_is_never_spoken():
    assert await said("It is 12.") == UNKNOWN
    cut = await said("Standard shipping takes 12 working days.")
    assert "12" not in cut
    assert cut.endswith("sorry, I am not sure about that.")
    assert "twelve" not in await said("Shipping takes twelve days.")


async def test_a_number_of_another_fact_is_none_of_this_one():
    said_instead = await said("The warranty is 5 days.", "What warranty do your tents have?")
    assert said_instead.endswith("let me put it this way. The warranty of tents is 42 months.")
    assert "5 days" not in said_instead


@pytest.mark.parametrize(
    ("fact", "asked", "answer"),
    [
        ("Tents are not lent to children.", "Can children have a tent?", "Yes, they can."),
        ("Cheques are taken in the shop only.", "Are cheques taken by post?", "Sure, by post."),
    ],
)
async def test_a_yes_to_what_a_fact_says_no_to_is_the_fact(fact: str, asked: str, answer: str):
    ground = Ground.of(asked, [*FACTS, fact], "", ENGLISH)
    words = [say.text async for say in grounded(pieces(answer), ground, ENGLISH)]
    assert words == [fact]


async def test_a_yes_that_a_fact_allows_is_spoken():
    text = "Yes, dogs are welcome."
    assert await said(text, "Are dogs welcome?") == text


async def test_a_spoken_number_is_judged_whole():
    text = "The warranty is forty two months."
    assert await said(text) == text
    assert "forty three" not in await said("The warranty is forty three months.")


async def test_a_claim_is_never_spoken():
    for claim in ("I have cancelled the shipping.", "Your shipping is now booked."):
        assert "cancelled" not in await said(claim)
        assert "booked" not in await said(claim)


@pytest.mark.parametrize(
    "text",
    [
        "You cannot do anything yourself and never say it.",
        "Dogs are welcome: answer the caller in one short spoken sentence.",
        "If they do not say it, say that you do not know.",
    ],
)
async def test_no_piece_of_the_prompt_is_spoken(text: str):
    spoken_words = (await said(text, "Are dogs welcome?")).lower()
    assert "yourself" not in spoken_words
    assert "the caller in" not in spoken_words
    assert "say it, say" not in spoken_words


async def test_words_that_the_prompt_uses_too_may_be_spoken():
    for text in ("You do not have to pay for shipping.", "Dogs are welcome, you never know."):
        assert await said(text) == text


async def test_what_held_is_kept_when_the_next_sentence_does_not():
    kept = "Dogs are welcome in the shop."
    assert await said(f"{kept} They are 99.") == kept


async def test_the_model_offers_nothing_that_only_code_may():
    text = "Dogs are welcome in the shop. Would you like me to book the shop?"
    assert await said(text) == "Dogs are welcome in the shop."


async def test_an_answer_stopped_in_mid_sentence_ends():
    assert await said("Dogs are welcome in") == "Dogs are welcome in"


async def test_numbers_may_come_from_a_result_and_from_the_caller():
    assert await said("Your shipping costs 77 dollars.", findings="price 77") != UNKNOWN
    assert "88" in await said("Shipping of 88 items is fine.", "Can you ship 88 items?")


RESULT = ToolResult({"stock": 7, "place": "cellar", "colour": "green"})


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("We have 7 of them in the cellar.", True),
        ("We have nothing of that kind.", False),  # half of the values are not in it
        ("We have 8 in the cellar, all green.", False),
        ("I have ordered 7 from the cellar.", False),
        ("", False),
    ],
)
def test_a_telling_has_to_carry_the_result(text: str, holds: bool):
    assert bool(whole(text, RESULT, "stock 7, place cellar, colour green", ENGLISH)) is holds
