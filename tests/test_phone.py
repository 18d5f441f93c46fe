"""Calls on a telephone line, in a virtual clock: who hears what, and what is left of it."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import numpy as np
import pytest

from agents.definition import Words
from agents.events import Event, Finished, Say, Transfer
from telephony.events import Audio
from telephony.line import Ability
from tests.paper import VirtualLoop
from tests.paper_phone import PaperPhone, PaperTrunk
from voice.phone.paced import paced
from voice.phone.received import Received

ANSWERS = {
    "where is my order": ["It left on Monday.", "It should be with you on Thursday at noon."],
    "stop please": ["All right."],
    "4711": ["That one is lost."],
}
LONG = " ".join(ANSWERS["where is my order"])
PLAIN: frozenset[Ability] = frozenset({"hang up"})
WORD = 0.3  # s, of the paper voice


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


@pytest.mark.parametrize(
    ("abilities", "late"), [(PaperPhone.CARRIER, 0.0), (PaperPhone.CARRIER, 0.15), (PLAIN, 0.0)]
)
@pytest.mark.parametrize("cut", [4.0, 4.37, 5.11])
def test_an_interruption_clears_the_line_and_what_was_heard_is_known(
    abilities: frozenset[Ability], late: float, cut: float
):
    phone = PaperPhone(ANSWERS, abilities=abilities, late=late)
    phone.says("where is my order", at=2.0)
    phone.says("stop please", at=cut)
    phone.call(12)
    first, second = phone.remembered
    assert second == "All right."
    assert LONG.startswith(first)
    words = phone.spoken(2.5, cut + 1.0) / WORD
    assert len(first.split()) == pytest.approx(words, abs=1.0)
    if "clear" in abilities:
        assert min(at for at in phone.line.cleared if at > cut) - cut < 0.15
    else:  # the sound was kept here
        assert phone.spoken(cut + 0.2, cut + 1.0) == 0.0


def test_sound_that_comes_back_with_a_clear_was_not_heard():
    """Twilio gives all marks back at once when it clears; they would say that all was played."""
    phone = PaperPhone(ANSWERS)
    phone.says("where is my order", at=2.0)
    phone.says("stop please", at=3.7)
    phone.call(12)
    assert len(phone.remembered[0].split()) < 4


def test_a_wire_without_a_buffer_is_fed_without_a_break_and_without_drift():
    phone = PaperPhone(abilities=PLAIN)
    line = PaperTrunk(phone, PLAIN, 0.0)

    async def ten_minutes() -> None:
        async with paced(line, noise=-65) as fed:
            await asyncio.sleep(299.99)
            await fed.play(np.full(8000, 9000, "<i2").tobytes())
            await asyncio.sleep(300.02)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(ten_minutes())
    assert len(line.frames) == 30_000
    assert {size for _, size in line.frames} == {160}
    times = np.array([at for at, _ in line.frames])
    assert np.abs(times - times[0] - 0.02 * np.arange(30_000)).max() < 1 / 8000
    sound = np.concatenate([sent.samples for sent in line.played])
    begin = int(np.argmax(sound == 9000))
    assert begin == pytest.approx(300 * 8000, abs=160)
    assert (sound[begin : begin + 8000] == 9000).all()
    rest = np.delete(sound, np.s_[begin : begin + 8000]).astype(float)
    assert 20 * np.log10(rest.std() / 32768) == pytest.approx(-65, abs=0.5)


def test_keys_are_typed_text_and_stop_the_agent():
    phone = PaperPhone(ANSWERS)
    phone.says("where is my order", at=2.0)
    phone.presses("4711#", at=4.0)
    phone.call(10)
    assert phone.conversation.begun == ["where is my order", "4711"]
    assert phone.remembered[0] != LONG
    assert phone.spoken(4.1, 5.2) == 0.0
    assert phone.remembered[1] == "That one is lost."


def test_keys_without_an_end_are_ended_by_a_pause_and_a_star_takes_them_back():
    phone = PaperPhone(ANSWERS, digit_seconds=2)
    phone.presses("99*4711", at=2.0)
    phone.call(12)
    assert phone.conversation.kept == ["4711"]


def test_lost_packets_are_concealed_and_cost_no_time():
    phone = PaperPhone(ANSWERS)
    question = phone.says("where is my order", at=2.0)
    phone.loses(2.3, 2.36)
    phone.call(10)
    assert phone.remembered == [LONG]
    assert 0.2 < phone.silence(question.end) < 0.8


def test_a_call_whose_sound_stops_is_ended():
    phone = PaperPhone(ANSWERS, media_seconds=4)
    phone.loses(5.0, 1000.0)
    phone.call(60)
    assert 9.0 <= phone.lasted < 11.5
    assert phone.line.done[-1][1] == "hang up"


def test_a_call_lasts_so_many_minutes_at_most():
    phone = PaperPhone(ANSWERS, call_minutes=0.2)
    phone.call(60)
    assert phone.lasted == pytest.approx(12, abs=1.1)


async def goodbye(text: str, committed: asyncio.Event) -> AsyncIterator[Event]:
    yield Say("Thank you for calling, and goodbye.", complete=True)
    yield Finished(hang_up=True)


@pytest.mark.parametrize(
    ("abilities", "late"), [(PaperPhone.CARRIER, 0.0), (PaperPhone.CARRIER, 0.2), (PLAIN, 0.0)]
)
def test_the_agent_hangs_up_when_its_last_word_was_heard(
    abilities: frozenset[Ability], late: float
):
    phone = PaperPhone(custom=goodbye, abilities=abilities, late=late)
    phone.says("that is all", at=2.0)
    phone.call(30)
    hung_up = phone.line.done[-1][0]
    assert phone.lasted < 8
    assert phone.spoken(3.0, hung_up) == pytest.approx(6 * WORD, abs=0.05)
    assert phone.remembered == ["Thank you for calling, and goodbye."]


async def puts_through(text: str, committed: asyncio.Event) -> AsyncIterator[Event]:
    yield Say("I am putting you through now.", complete=True)
    yield Finished(then=(Transfer("+4930999"),))


def test_a_transfer_follows_the_words_that_announce_it():
    phone = PaperPhone(custom=puts_through, late=0.1)
    phone.says("a person please", at=2.0)
    phone.call(30)
    (at, what), *_ = phone.line.done
    assert what == "transfer +4930999"
    assert phone.spoken(3.0, at) == pytest.approx(6 * WORD, abs=0.05)
    assert phone.lasted < 8
    assert phone.left == []


def test_a_caller_who_interrupts_is_not_put_through():
    phone = PaperPhone(custom=puts_through)
    phone.says("a person please", at=2.0)
    phone.says("no wait", at=4.0)
    phone.hangs_up(5.5)
    phone.call(30)
    assert [what for _, what in phone.line.done] == ["hang up"]


def test_a_transfer_that_fails_is_told():
    phone = PaperPhone(custom=puts_through)
    phone.transfers = False
    phone.says("a person please", at=2.0)
    phone.call(9)
    assert phone.remembered == ["I am putting you through now.", "<not put through>"]


def test_a_caller_who_hangs_up_at_any_moment_leaves_nothing():
    for moment in np.arange(0.05, 9.0, 0.35):
        phone = PaperPhone(ANSWERS)
        phone.says("where is my order", at=2.0)
        phone.says("stop please", at=5.0)
        phone.call(float(moment))
        assert phone.left == []
        assert len(phone.calls) == 0
        assert [conversation.closed for conversation in phone.engines.conversations] == [True]


def test_a_call_too_many_is_not_taken():
    phone = PaperPhone(ANSWERS, max_calls=1)
    phone.busy = 1
    phone.call(5)
    assert phone.engines.conversations == []
    assert [what for _, what in phone.line.done] == ["hang up"]


@pytest.mark.parametrize(
    ("at", "called", "agent"),
    [
        ("2026-11-24 08:30", "100", "clinic"),  # a Tuesday, 9:30 in Berlin
        ("2026-11-24 08:30", "200", "frontdesk"),
        ("2026-11-24 07:30", "100", "night"),
        ("2026-11-28 12:00", "100", "night"),
    ],
)
def test_who_answers_when(at: str, called: str, agent: str):
    hours = {"agent": "night", "zone": "Europe/Berlin"}
    phone = PaperPhone(numbers={"100": "clinic"}, agent="frontdesk", after_hours=hours)
    phone.called, phone.now = called, dt.datetime.fromisoformat(f"{at}+00:00")
    phone.call(1)
    assert phone.engines.asked == [agent]


def test_a_caller_is_greeted_in_the_language_of_their_number():
    phone = PaperPhone(languages={"+4": "en", "+49": "es"})
    words = {"es": Words(persona="Eres una lámpara.", greeting="Hola.")}
    phone.words = words
    phone.call(4)
    assert phone.conversation.heard_lines == ["Hola."]
    assert phone.conversation.telephone.language == "es"


def packet(number: int, value: int = 1000) -> Audio:
    return Audio(np.full(160, value, "<i2").tobytes(), None, number)


def test_a_lost_packet_fades_into_silence_of_the_right_length():
    received = Received(8000)
    received.take(packet(1))
    sound = np.frombuffer(received.take(packet(11)), "<i2")
    assert len(sound) == 10 * 160
    assert sound[0] == 1000
    assert (np.diff(sound[:480]) <= 0).all()
    assert not sound[480:-160].any()
    assert received.lost == pytest.approx(0.18)


def test_doubled_and_late_packets_are_dropped():
    received = Received(8000)
    sizes = [len(received.take(packet(number))) // 320 for number in (1, 2, 2, 4, 3, 5)]
    assert sizes == [1, 1, 0, 2, 0, 1]
    assert received.dropped == 2


def test_times_may_be_rounded_but_a_gap_is_a_gap():
    received = Received(8000)
    sound = np.full(160, 1000, "<i2").tobytes()
    sizes = [
        len(received.take(Audio(sound, at))) // 2
        for at in (0.0, 0.021, 0.039, 0.06, 0.12, 0.14, 1000.0, 1000.02)
    ]
    assert sizes == [160, 160, 160, 160, 480, 160, 160, 160]
