"""`openline agents chat`: an agent by typing."""

from pathlib import Path

import pytest

from tests.fakes import FakeEngine
from tests.test_cli import openline

ROOT = Path(__file__).parent.parent


def test_chat_streams_answers_and_shows_what_tools_did(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = FakeEngine({"want": "question"}, "Dogs are welcome in the shop.")
    typed = iter(["", "where is my order 1042", "may i bring my dog?", "bye"])
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("OPENLINE__LLM__URL", "http://nowhere/v1")
    monkeypatch.setattr("voice.chat.open_llm", lambda wanted: engine)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr("rich.console.Console.input", lambda *_: next(typed))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert openline(monkeypatch, "agents", "chat", "shop") == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "agent  Hi, this is Robin at Fernway Outdoor. How can I help you?"
    assert lines[1] == "order_status(order_id=1042)"
    assert lines[2].startswith('→ {"status": "shipped"')
    assert lines[3].startswith("agent  Order 1042 has shipped with UPS")
    assert "agent  Dogs are welcome in the shop." in lines
    assert lines[-1] == "agent  You're welcome. Goodbye!"
    assert engine.left == 0


def test_chat_ends_where_the_input_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(*_: object) -> str:
        raise EOFError

    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("OPENLINE__LLM__URL", "http://nowhere/v1")
    monkeypatch.setattr("voice.chat.open_llm", lambda wanted: FakeEngine())  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr("rich.console.Console.input", ended)
    assert openline(monkeypatch, "agents", "chat") == 0
    assert "How can I help you?" in capsys.readouterr().out
