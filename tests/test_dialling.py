"""`openline dial` over a real wire: Debian's baresip picks up, the models are on paper."""

from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from typer.testing import CliRunner

from telephony.numbers import number
from telephony.outbound.campaign import Dialler
from telephony.outbound.people import Person
from tests.conftest import DEMO
from tests.paper_server import PaperEngines
from tests.sip_peer import refusing, sip_peer
from tests.softphone import BARESIP, MISSING, softphone
from tests.test_sip import free_ports, murmur
from voice.cli import app
from voice.config import ConfigError, load_config
from voice.phone import dialling
from voice.phone.dialling import dialler

PHONE = DEMO.parent / "phone.yaml"
RATE = 8000
on_a_wire = pytest.mark.skipif(BARESIP is None, reason=MISSING)


class Paper(PaperEngines):
    latest: "Paper"

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        Paper.latest = self


@pytest.fixture
async def phone(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Dialler]:
    monkeypatch.setattr(dialling, "Engines", Paper)
    config = load_config(PHONE, {"phone.sip.port": free_ports(), "phone.outbound.minutes": 0.5})
    async with dialler(config, PHONE.parent, "shop") as found:
        yield found


def person(port: int) -> Person:
    return Person(number(f"sip:caller@127.0.0.1:{port}"))


@on_a_wire
async def test_a_person_hears_first_that_it_is_a_machine(phone: Dialler, tmp_path: Path) -> None:
    hello = np.concatenate([np.zeros(RATE * 2), murmur(0.5, RATE, 1), np.zeros(RATE * 6)])
    sf.write(tmp_path / "hello.wav", hello.astype(np.int16), RATE)
    port = free_ports()
    account = "answermode=auto"
    async with softphone(tmp_path / "a", port, tmp_path / "hello.wav", account=account) as other:
        called = await phone.call("attempt", person(port))
        await other.until("CALL_CLOSED")
    assert called.outcome == "reached"
    assert called.seconds > 2
    [conversation] = Paper.latest.conversations
    said = "This is an automated assistant, and this call is recorded. Hello there."
    assert said.startswith(conversation.heard_lines[0])
    heard, _ = other.heard()
    assert np.abs(heard).max() > 0.05


@on_a_wire
async def test_a_machine_is_hung_up_on(phone: Dialler, tmp_path: Path) -> None:
    time = np.arange(RATE) / RATE
    beep = 8000 * np.sin(2 * np.pi * 1000 * time)
    sf.write(
        tmp_path / "beep.wav",
        np.concatenate([np.zeros(RATE * 2), beep, np.zeros(RATE * 20)]).astype(np.int16),
        RATE,
    )
    port = free_ports()
    account = "answermode=auto"
    async with softphone(tmp_path / "a", port, tmp_path / "beep.wav", account=account) as other:
        called = await phone.call("attempt", person(port))
        await other.until("CALL_CLOSED")
    assert called.outcome == "machine"
    assert Paper.latest.conversations == []  # nothing was said to it


@on_a_wire
@pytest.mark.parametrize(
    ("status", "outcome"), [("486 Busy Here", "busy"), ("603 Decline", "failed")]
)
async def test_who_does_not_pick_up(phone: Dialler, status: str, outcome: str) -> None:
    async with sip_peer(refusing(status)) as peer:
        called = await phone.call("attempt", person(peer.port))
    assert (called.outcome, called.seconds) == (outcome, 0.0)


# --- the commands: what is refused before anything is loaded ---


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--config", str(PHONE)])
    assert result.exit_code == 1
    return str(result.exception)


def test_nobody_is_dialled_until_prefixes_are_set() -> None:
    assert "set phone.outbound.prefixes" in refused("dial", "+493012345678")


def test_other_prefixes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINE__PHONE__OUTBOUND__PREFIXES", "['+4930']")
    assert "not under phone.outbound.prefixes" in refused("dial", "+12125550123")
    assert "not a number" in refused("dial", "hello")


def test_a_campaign_says_whom_it_would_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENLINE__PHONE__OUTBOUND__PREFIXES", "['+4930']")
    people = tmp_path / "people.csv"
    people.write_text(
        "number,consent\n+49 30 12345678,yes\n+49 30 12345679,no\n+1 212 555 0123,yes\n"
    )
    result = CliRunner().invoke(app, ["campaign", str(people), "--dry-run", "-c", str(PHONE)])
    assert result.exit_code == 0
    assert "line 3 is not called: …679: no consent" in result.output
    assert "not called: …123: not under phone.outbound.prefixes" in result.output
    assert "+493012345678 from" in result.output
    assert "(Europe/Berlin)" in result.output


def test_a_campaign_of_nobody_is_said(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("number,consent\n+49 30 12345678,yes\n")
    assert "nobody is left to be called" in refused("campaign", str(people))
    assert "cannot be read" in refused("campaign", str(tmp_path / "none.csv"))


async def test_calling_out_needs_sip() -> None:
    config = load_config(DEMO)
    with pytest.raises(ConfigError, match=r"set phone\.sip"):
        async with dialler(config, DEMO.parent, ""):
            pass
