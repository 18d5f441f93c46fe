"""Real SIP calls on loopback: Debian's baresip on one side, our engine on the other."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from telephony.events import Dtmf, Ended, Held, Played, TransferAsked, Transferred
from telephony.sip.engine import sip_engine
from telephony.sip.line import SipLine
from telephony.sip.settings import Account, SipSettings
from tests.sip_ear import answered, bot, free_ports, likeness, listening
from tests.sip_peer import refusing, sip_peer, willing
from tests.softphone import BARESIP, MISSING, softphone
from voice.bench.phone_sip import header
from voice.bench.phone_sound import murmur

pytestmark = pytest.mark.skipif(BARESIP is None, reason=MISSING)


@pytest.fixture
def settings() -> SipSettings:
    return bot()


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """What the softphone says: half a second of nothing, two of sound, and silence."""
    sound = np.concatenate([np.zeros(4000), murmur(2, 8000, 1), np.zeros(80_000)]).astype("int16")
    sf.write(tmp_path / "words.wav", sound, 8000)
    return tmp_path / "words.wav"


@pytest.mark.parametrize(
    ("codec", "offer", "rate", "at_least"),
    [
        ("pcmu", "PCMU/8000/1", 8000, 0.98),
        ("g722", "G722/16000/1", 16000, 0.98),
        ("opus", "opus/48000/2", 16000, 0.9),  # its phone resamples roughly; stereo would be 0
    ],
)
async def test_both_sides_hear_each_other(
    settings: SipSettings, tmp_path: Path, codec: str, offer: str, rate: int, at_least: float
) -> None:
    said, answer = murmur(1.5, rate, 1), murmur(1.5, rate, 2)
    silence = np.zeros(rate // 2, np.int16)
    phone_rate = 48_000 if codec == "opus" else rate
    wav = tmp_path / "said.wav"
    spoken = np.concatenate([silence, said, *[silence] * 10])
    sf.write(wav, np.repeat(spoken, phone_rate // rate), phone_rate)
    account = Account("bot", "127.0.0.1", codecs=(codec,))  # pyright: ignore[reportArgumentType]
    async with (
        sip_engine(replace(settings, accounts=(account,))) as engine,
        softphone(tmp_path / "phone", free_ports(), wav, codec=offer) as phone,
    ):
        await phone.dial(engine.settings.address)
        async with listening(await answered(engine)) as ear:
            assert (ear.line.about.in_rate, ear.line.about.out_rate) == (rate, rate)
            await ear.line.play(answer.tobytes())
            await ear.line.mark("all")
            await ear.hears(Played("all"))
            await ear.hears_sound(1)
    assert ear.said[-1] == Ended("hung up", "Rejected by user")
    assert likeness(said, ear.samples, rate) >= at_least
    heard, heard_rate = phone.heard()
    pcm = (heard[:: heard_rate // rate] * 32767).astype(np.int16)
    assert likeness(answer, pcm, rate) >= at_least


async def test_keys_go_both_ways(settings: SipSettings, tmp_path: Path, words: Path) -> None:
    async with (
        sip_engine(settings) as engine,
        softphone(tmp_path / "phone", free_ports(), words) as phone,
    ):
        await phone.dial(engine.settings.address)
        async with listening(await answered(engine)) as ear:
            await ear.line.send_dtmf("4#")
            for key in "7*":
                phone.press(key)
                await asyncio.sleep(0.3)
                phone.press("\x04")  # lets go of it
            async with asyncio.timeout(20):
                while [e.digit for e in ear.said if isinstance(e, Dtmf)] != ["7", "*"]:
                    await asyncio.sleep(0.05)
            assert await phone.until("CALL_DTMF_START", lambda key: key == "4")
            assert await phone.until("CALL_DTMF_START", lambda key: key == "#")


async def test_a_call_is_held_and_taken_back_by_either_side(
    settings: SipSettings, tmp_path: Path, words: Path
) -> None:
    async with (
        sip_engine(settings) as engine,
        softphone(tmp_path / "phone", free_ports(), words) as phone,
    ):
        await phone.dial(engine.settings.address)
        async with listening(await answered(engine)) as ear:
            line = ear.line
            await line.hold(True)  # at once: into the stack's own re-INVITE
            await phone.until("CALL_REMOTE_SDP", lambda kind: kind == "offer")
            await line.hold(False)
            await ear.hears_sound(0.5)
            phone.tell("hold")
            await ear.hears(Held(True))
            await line.play(murmur(1, 8000, 2).tobytes())
            await line.mark("said while on hold")
            phone.tell("resume")
            await ear.hears(Held(False), Played("said while on hold"))
            await ear.hears_sound(0.5)


async def test_a_call_on_hold_may_be_silent(settings: SipSettings) -> None:
    async with (
        sip_engine(replace(settings, silent_seconds=0.5)) as engine,
        sip_peer(willing) as peer,
    ):
        caller = peer.caller(settings.port)
        peer.send(caller.invite(peer.sound()), settings.port)
        ok = await peer.gets("SIP/2.0 200")
        peer.send(caller.ack(ok), settings.port)
        async with listening(await answered(engine)) as ear:
            await peer.gets("INVITE")  # the stack's own, after each answer
            held = caller.invite(peer.sound("sendonly"), within=ok)
            peer.send(held, settings.port)
            again = await peer.gets("SIP/2.0 200", f"CSeq: {header(held, 'CSeq')}")
            peer.send(caller.ack(again), settings.port)
            await ear.hears(Held(True))
            await asyncio.sleep(1)
            assert not ear.line.ended
            back = caller.invite(peer.sound(), within=ok)
            peer.send(back, settings.port)
            again = await peer.gets("SIP/2.0 200", f"CSeq: {header(back, 'CSeq')}")
            peer.send(caller.ack(again), settings.port)
            await ear.hears(Held(False), Ended("lost", "no packet came for 0.5 s"))
            await peer.gets("BYE")


async def test_an_interrupted_answer_stops_and_its_mark_says_so(
    settings: SipSettings, tmp_path: Path, words: Path
) -> None:
    async with (
        sip_engine(settings) as engine,
        softphone(tmp_path / "phone", free_ports(), words) as phone,
    ):
        await phone.dial(engine.settings.address)
        async with listening(await answered(engine)) as ear:
            await ear.line.play(murmur(0.2, 8000, 2).tobytes())
            await ear.line.mark("first")
            await ear.line.play(murmur(30, 8000, 3).tobytes())
            await ear.line.mark("second")
            await ear.hears(Played("first"))
            await ear.line.clear()
            assert ear.line.unsent == 0
            await ear.line.play(murmur(0.2, 8000, 4).tobytes())
            await ear.line.mark("third")
            await ear.hears(Played("second", cleared=True), Played("third"))


async def test_the_caller_vanishes(settings: SipSettings, tmp_path: Path, words: Path) -> None:
    async with (
        sip_engine(replace(settings, silent_seconds=1)) as engine,
        softphone(tmp_path / "phone", free_ports(), words) as phone,
    ):
        await phone.dial(engine.settings.address)
        async with listening(await answered(engine)) as ear:
            await ear.hears_sound(0.3)
            phone.vanish()
            await ear.hears(Ended("lost", "no packet came for 1 s"))
            await ear.line.play(bytes(320))  # nothing of it: silently dropped
    assert engine.calls == 0


async def test_a_call_is_sent_to_somebody_else(
    settings: SipSettings, tmp_path: Path, words: Path
) -> None:
    third = free_ports()
    async with (
        sip_engine(settings) as engine,
        softphone(tmp_path / "phone", free_ports(), words) as phone,
        softphone(tmp_path / "third", third, words, account="answermode=auto") as other,
        sip_peer(refusing("404 Not Found")) as nobody,
    ):
        await phone.dial(engine.settings.address)
        async with listening(await answered(engine)) as ear:
            await ear.line.transfer(f"sip:nobody@127.0.0.1:{nobody.port}")
            await ear.hears(Transferred(False, "transfer failed: 404 Not Found"))
            await ear.line.transfer(f"sip:caller@127.0.0.1:{third}")
            await other.until("CALL_ESTABLISHED")
            await ear.hears(Ended("replaced", "Call transfered"))


async def test_no_stranger_sends_us_anywhere(
    settings: SipSettings, tmp_path: Path, words: Path
) -> None:
    async with (
        sip_engine(settings) as engine,
        softphone(tmp_path / "phone", free_ports(), words) as phone,
        sip_peer() as costly,
    ):
        await phone.dial(engine.settings.address)
        async with listening(await answered(engine)) as ear:
            to = f"sip:+900123@127.0.0.1:{costly.port}"
            phone.tell("transfer", to)
            await ear.hears(TransferAsked(to))
            await phone.until("TRANSFER_FAILED", lambda why: why == "603 Decline")
        assert costly.got == []


async def test_a_trusted_one_does(settings: SipSettings, tmp_path: Path, words: Path) -> None:
    third = free_ports()

    async def yes(line: SipLine, to: str) -> bool:
        return to.endswith(str(third))

    async with (
        sip_engine(settings, may_refer=yes) as engine,
        softphone(tmp_path / "phone", free_ports(), words) as phone,
        softphone(tmp_path / "third", third, words, account="answermode=auto") as other,
    ):
        await phone.dial(engine.settings.address)
        async with listening(await answered(engine)) as ear:
            phone.tell("transfer", f"sip:caller@127.0.0.1:{third}")
            await other.until("CALL_ESTABLISHED")
            await phone.until("CALL_CLOSED")
            await ear.line.play(murmur(0.2, 8000, 2).tobytes())
            await ear.line.mark("to the third")
            await ear.hears(Played("to the third"))
            await ear.hears_sound(0.5)
            assert not any(isinstance(event, Ended) for event in ear.said)
