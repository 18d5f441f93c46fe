"""Who is called, who may call, what is refused, and who is put through, over real SIP."""

import asyncio
import datetime as dt
import ipaddress
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from telephony.events import Ended, Held, Played, Transferred
from telephony.sip import registration
from telephony.sip.engine import Accept, Asking, Decline, NotConnected, sip_engine
from telephony.sip.settings import Account, SipError, SipSettings
from tests.sip_ear import answered, bot, free_ports, likeness, listening
from tests.sip_peer import refusing, registrar, sip_peer, willing
from tests.softphone import BARESIP, MISSING, softphone
from voice.bench.phone_sip import description, header, reply
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


async def test_it_calls_out_and_says_who_asked(
    settings: SipSettings, tmp_path: Path, words: Path
) -> None:
    port = free_ports()
    async with (
        sip_engine(settings) as engine,
        softphone(tmp_path / "phone", port, words, account="answermode=auto") as phone,
    ):
        line = await engine.dial(f"sip:caller@127.0.0.1:{port}", headers={"X-Campaign": "7"})
        async with listening(line) as ear:
            assert line.about.called == f"sip:caller@127.0.0.1:{port}"
            await ear.hears_sound(0.3)
            phone.tell("hangup")
            await ear.hears(Ended("hung up", "Connection reset by peer [104]"))


@pytest.mark.parametrize(
    ("status", "reason"),
    [("486 Busy Here", "busy"), ("603 Decline", "declined"), ("404 Not Found", "not reachable")],
)
async def test_why_nobody_answered(settings: SipSettings, status: str, reason: str) -> None:
    async with sip_engine(settings) as engine, sip_peer(refusing(status)) as peer:
        with pytest.raises(NotConnected, match=reason) as refused:
            await engine.dial(f"sip:ann@127.0.0.1:{peer.port}", headers={"X-Campaign": "7"})
        assert refused.value.detail == status
        assert "X-Campaign: 7" in peer.got[0]


async def test_a_notice_before_the_answer_does_no_harm(settings: SipSettings) -> None:
    def notice(request: str) -> list[str]:
        if not request.startswith("INVITE"):
            return willing(request)
        body = description(9)
        return [
            reply(request, "183 Session Progress", body=body),
            reply(request, "200 OK", f"Contact: <sip:ann@127.0.0.1:{peer.port}>", body=body),
        ]

    async with sip_engine(settings) as engine, sip_peer(notice) as peer:
        line = await engine.dial(f"sip:ann@127.0.0.1:{peer.port}")
        async with listening(line) as ear:
            await line.play(murmur(0.2, 8000, 2).tobytes())
            await line.mark("said")
            await ear.hears(Played("said"))


async def test_nobody_picks_up(settings: SipSettings) -> None:
    async with sip_engine(settings) as engine, sip_peer() as peer:
        with pytest.raises(NotConnected, match="no answer"):
            await engine.dial(f"sip:ann@127.0.0.1:{peer.port}", seconds=0.3)


async def test_a_wrong_password_is_one_line_and_nothing_starts(settings: SipSettings) -> None:
    async with sip_peer(registrar({"bot": "right"})) as peer:
        account = Account("bot", f"127.0.0.1:{peer.port}", "wrong", register=True)
        with pytest.raises(SipError, match=r"bot@.* refused .*401.*password_env"):
            async with sip_engine(replace(settings, accounts=(account,))):
                pass
        right = replace(account, password="right")
        async with sip_engine(replace(settings, accounts=(right,))) as engine:
            assert engine.problems == {}


async def test_a_registrar_that_is_away_is_waited_for(settings: SipSettings) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        domain = f"127.0.0.1:{nobody.getsockname()[1]}"
        account = Account("bot", domain, "x", register=True)
        async with sip_engine(replace(settings, accounts=(account,)), answer_seconds=0.3) as engine:
            assert engine.problems == {account.uri: f"{domain} does not answer"}


async def test_an_account_comes_back_when_its_registrar_does(
    settings: SipSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "_FIRST_RETRY", 0.1)
    there = registrar({"bot": "right"})
    away = asyncio.Event()
    away.set()
    async with sip_peer(lambda request: [] if away.is_set() else there(request)) as peer:
        account = Account("bot", f"127.0.0.1:{peer.port}", "right", register=True)
        wanted = replace(settings, accounts=(account,))
        async with sip_engine(wanted, answer_seconds=0.3) as engine:
            assert engine.problems
            away.clear()
            async with asyncio.timeout(30):
                while engine.problems:
                    await asyncio.sleep(0.05)


async def test_a_port_that_is_taken_is_one_line(settings: SipSettings) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", settings.port))
        with pytest.raises(SipError, match=rf"127.0.0.1:{settings.port} is taken"):
            async with sip_engine(settings):
                pass


async def test_who_may_call_is_asked_first(settings: SipSettings) -> None:
    asked: list[Asking] = []

    async def decide(asking: Asking) -> Accept | Decline:
        asked.append(asking)
        return Decline("not today")

    async with sip_engine(settings, decide) as engine, sip_peer() as peer:
        scanner = peer.caller(settings.port, agent="friendly-scanner")
        peer.send(scanner.invite(peer.sound()), settings.port)
        await peer.gets("SIP/2.0 486")
        assert asked == []  # a scanner does not get that far
        peer.send(peer.caller(settings.port).invite(peer.sound()), settings.port)
        await peer.gets("SIP/2.0 180", "call")
        async with asyncio.timeout(20):
            while len([m for m in peer.got if m.startswith("SIP/2.0 486")]) < 2:
                await asyncio.sleep(0.05)
        assert asked[0].caller == f"sip:peer@127.0.0.1:{peer.port}"
        assert engine.calls == 0


async def test_strangers_get_no_answer_at_all(settings: SipSettings) -> None:
    allowed = (ipaddress.ip_network("127.0.0.2"),)
    async with sip_engine(replace(settings, allowed=allowed)), sip_peer() as stranger:
        stranger.send(stranger.caller(settings.port).invite(stranger.sound()), settings.port)
        stranger.send("OPTIONS sip:bot@127.0.0.1 SIP/2.0\r\n\r\n", settings.port)
        await asyncio.sleep(0.3)
        assert stranger.got == []
        async with sip_peer(host="127.0.0.2") as friend:
            friend.send(friend.caller(settings.port, "nobody").invite(""), settings.port)
            await friend.gets("SIP/2.0 ")


async def test_garbage_and_a_caller_that_never_acknowledges(settings: SipSettings) -> None:
    async with sip_engine(replace(settings, max_calls=64)) as engine, sip_peer() as peer:
        caller = peer.caller(settings.port)
        rng = np.random.default_rng(7)
        for size in range(0, 1400, 50):
            peer.send(rng.bytes(size), settings.port)
            peer.send(caller.invite(peer.sound())[:size], settings.port)
        peer.send(peer.caller(settings.port).invite(peer.sound()), settings.port)
        await peer.gets("SIP/2.0 200")
        assert engine.calls == 0  # no ACK: no agent
        good = caller.invite(peer.sound())
        peer.send(good, settings.port)
        ok = await peer.gets("SIP/2.0 200", header(good, "Call-ID"))
        peer.send(caller.ack(ok), settings.port)
        async with listening(await answered(engine)) as ear:
            refresh = caller.invite(peer.sound(), within=ok)  # a session timer's
            peer.send(refresh, settings.port)
            again = await peer.gets("SIP/2.0 200", f"CSeq: {header(refresh, 'CSeq')}")
            peer.send(caller.ack(again), settings.port)
            held = caller.invite(peer.sound("sendonly"), within=ok)
            peer.send(held, settings.port)
            await peer.gets("SIP/2.0 200", f"CSeq: {header(held, 'CSeq')}")
            await ear.hears(Held(True))
            peer.send(caller.bye(ok), settings.port)
            await ear.hears(Ended("hung up", "Connection reset by peer [104]"))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody signed, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path / "phone.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


async def test_nobody_on_the_way_can_listen(
    settings: SipSettings, tmp_path: Path, words: Path, certificate: Path
) -> None:
    secure = replace(settings.accounts[0], transport="tls", encryption="srtp-mandatory")
    wanted = replace(settings, accounts=(secure,), certificate=str(certificate))
    async with (
        sip_engine(wanted) as engine,
        softphone(
            tmp_path / "phone",
            free_ports(),
            words,
            transport="tls",
            account="mediaenc=srtp-mand",
            config=f"sip_certificate {certificate}\n",
        ) as phone,
    ):
        assert engine.settings.address.endswith(f"{settings.port + 1};transport=tls")
        await phone.dial(engine.settings.address)
        async with listening(await answered(engine)) as ear:
            await ear.line.play(murmur(1, 8000, 2).tobytes())
            await ear.line.mark("all")
            await ear.hears(Played("all"))
            await ear.hears_sound(1)
    heard, rate = phone.heard()
    assert likeness(murmur(1, 8000, 2), (heard * 32767).astype(np.int16), rate) >= 0.98


async def test_who_will_not_encrypt_is_not_answered(
    settings: SipSettings, certificate: Path
) -> None:
    secret = replace(settings.accounts[0], encryption="srtp-mandatory")
    async with (
        sip_engine(replace(settings, accounts=(secret,))) as engine,
        sip_peer() as peer,
    ):
        peer.send(peer.caller(settings.port).invite(peer.sound()), settings.port)
        await peer.gets("SIP/2.0 488")
        assert engine.calls == 0


async def test_two_callers_are_put_through_to_each_other(
    settings: SipSettings, tmp_path: Path, words: Path
) -> None:
    person = free_ports()
    async with (
        sip_engine(settings) as engine,
        softphone(tmp_path / "person", person, words, account="answermode=auto"),
        sip_peer(willing) as peer,
    ):
        caller = peer.caller(settings.port)
        invite = caller.invite(peer.sound(), extra=("Supported: replaces",))
        peer.send(invite, settings.port)
        ok = await peer.gets("SIP/2.0 200")
        peer.send(caller.ack(ok), settings.port)
        async with listening(await answered(engine)) as ear:
            consulted = await engine.dial(f"sip:caller@127.0.0.1:{person}")
            async with listening(consulted) as second:
                await second.hears_sound(0.3)
                await ear.line.connect(consulted)
                refer = await peer.gets("REFER")
                assert f"127.0.0.1:{person}" in header(refer, "Refer-To")
                assert "Replaces=" in header(refer, "Refer-To")
                peer.send(caller.notify(ok, "200 OK"), settings.port)
                await ear.hears(Ended("replaced", "Call transfered"))


async def test_who_cannot_be_put_through_stays(
    settings: SipSettings, tmp_path: Path, words: Path
) -> None:
    person = free_ports()
    async with (
        sip_engine(settings) as engine,
        softphone(tmp_path / "phone", free_ports(), words) as phone,
        softphone(tmp_path / "person", person, words, account="answermode=auto"),
    ):
        await phone.dial(engine.settings.address)
        async with listening(await answered(engine)) as ear:
            consulted = await engine.dial(f"sip:caller@127.0.0.1:{person}")
            async with listening(consulted):
                await ear.line.connect(consulted)  # Debian's baresip 1.0 knows no Replaces
                why = "peer does not support the Replaces header"
                await ear.hears(Transferred(False, why))
                assert not ear.line.ended
                await ear.line.hold(False)
                await ear.hears_sound(0.3)
