"""`phone.sip` of a config: what it becomes, and what is refused before anything listens."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.conftest import DEMO
from voice.cli import app
from voice.config import ConfigError, load_config
from voice.phone.sip import sip_settings

PHONE = DEMO.parent / "phone.yaml"
TRUNK = {"user": "4930123", "domain": "sip.trunk.example", "password_env": "TRUNK_PASSWORD"}


def settings(**overrides: Any):
    return sip_settings(load_config(PHONE, {f"phone.sip.{k}": v for k, v in overrides.items()}))


def test_make_phone_can_be_dialled_from_this_machine() -> None:
    found = settings()
    assert found.address == "sip:openline@127.0.0.1:5060"
    assert not found.public
    assert found.max_calls == 8  # four, each of which may be passed on


def test_an_account_at_a_trunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNK_PASSWORD", "secret")
    found = settings(accounts=[{**TRUNK, "registers": True}], host="0.0.0.0")
    assert found.accounts[0].password == "secret"
    assert found.accounts[0].uri == "sip:4930123@sip.trunk.example"
    assert "secret" not in repr(found)


def test_a_password_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUNK_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match=r"4930123: \$TRUNK_PASSWORD is not set"):
        settings(accounts=[TRUNK])


def test_everybody_may_call_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINE__PHONE__SIP__HOST", "0.0.0.0")
    refused = CliRunner().invoke(app, ["serve", "--check", "--config", str(PHONE)])
    assert isinstance(refused.exception, ConfigError)
    assert "set phone.sip.allowed" in str(refused.exception)
    monkeypatch.setenv("OPENLINE__PHONE__SIP__ALLOWED", "[10.0.0.0/8]")
    assert settings().public


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("codecs", ["gsm"], "gsm"),
        ("transport", "sctp", "transport"),
        ("passwort_env", "X", "password_env"),
    ],
)
def test_a_slip_in_an_account_is_one_line(tmp_path: Path, key: str, value: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        settings(accounts=[{"user": "a", key: value}])
    assert "\n" not in str(refused.value)
