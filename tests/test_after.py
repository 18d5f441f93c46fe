"""After the call: a form that holds nothing which was not said, and reports that arrive."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response

from agents.after.delivery import Outbox, Webhook, signature, verified
from agents.after.extraction import Extraction, Found
from agents.after.form import Form, FormError
from agents.after.record import Act, CallRecord, Line, lines
from agents.after.report import report
from agents.llm.embedded import Embedded
from agents.llm.engine import Message
from agents.spoken import language
from tests.fakes import FakeEngine, Scripted
from tests.serving import serving
from voice.models import model_path

TODAY = dt.date(2026, 11, 24)
SAID = lines(
    [
        Message("assistant", "Hi, this is Northside Clinic. How can I help you?"),
        Message("user", "Hello, I need somebody to look at my knee, it is swollen."),
        Message("assistant", "I am sorry to hear that. When did it begin?"),
        Message("user", "On Friday, after I fell down the stairs."),
        Message("assistant", "Are you allergic to anything?"),
        Message("user", "Yes, to penicillin."),
        Message("assistant", "What number can we reach you at?"),
        Message("user", "555 0142 please call before noon."),
        Message("assistant", "Thank you. The nurse will call you back tomorrow."),
    ]
)
NOTE = {
    "title": "Intake",
    "type": "object",
    "properties": {
        "complaint": {"type": "string", "description": "what hurts"},
        "began": {"type": "string", "format": "date", "description": "the day it began"},
        "history": {
            "type": "object",
            "properties": {
                "allergic": {"type": "boolean", "description": "whether the caller is allergic"},
                "insurer": {"type": "string", "description": "the name of the insurance"},
            },
        },
    },
}


async def at_once() -> None:
    """No call is waited for."""


def extraction(*script: Scripted) -> tuple[Extraction, FakeEngine]:
    engine = FakeEngine(*script)
    return Extraction(engine, language("en"), TODAY, at_once), engine


async def test_values_are_made_by_code_of_the_words_that_the_model_points_at():
    filled, engine = extraction("2", "my knee", "4", "6", "yes", "0")
    values = await filled.fill(Form.of(NOTE), SAID)
    began = values.pop(("began",))
    assert values == {
        ("complaint",): Found("my knee", "my knee", 2),
        ("history", "allergic"): Found(True, "Yes, to penicillin.", 6),
        ("history", "insurer"): None,
    }
    assert isinstance(began, Found)
    assert (began.line, dt.date.fromisoformat(str(began.value)).weekday()) == (4, 4)
    assert engine.left == 0


async def test_only_lines_that_can_hold_a_value_are_offered():
    form = Form.of({"properties": {"began": {"type": "string", "format": "date"}}})
    filled, engine = extraction("4")
    await filled.fill(form, SAID)
    assert '"4"' in engine.requests[0].grammar
    assert '"2"' not in engine.requests[0].grammar
    nothing, idle = extraction()
    mail = Form.of({"properties": {"mail": {"type": "string", "format": "email"}}})
    assert await nothing.fill(mail, SAID) == {("mail",): None}
    assert idle.requests == []


async def test_words_that_are_not_in_the_line_stay_out():
    """An engine without grammars may write what it likes."""
    form = Form.of({"properties": {"insurer": {"type": "string"}}})
    filled, _ = extraction("6", "Blue Cross")
    assert await filled.fill(form, SAID) == {("insurer",): None}


async def test_an_answer_that_is_no_option_stays_out():
    form = Form.of({"properties": {"allergic": {"type": "boolean"}}})
    filled, _ = extraction("6", "perhaps")
    assert await filled.fill(form, SAID) == {("allergic",): None}


async def test_a_list_is_asked_for_until_no_line_is_left():
    form = Form.of({"properties": {"asked": {"type": "array", "items": {"type": "string"}}}})
    filled, _ = extraction("2", "look at my knee", "8", "call before noon", "0")
    values = await filled.fill(form, SAID)
    assert values == {
        ("asked",): [
            Found("look at my knee", "look at my knee", 2),
            Found("call before noon", "call before noon", 8),
        ]
    }


async def test_a_report_says_what_was_done_and_not_more():
    done = Act("book", {"day": "Monday"}, {"ok": True}, None, False, "book a visit")
    failed = Act("cancel", {}, None, "it is too late", False, "cancel a visit")
    record = CallRecord("c1", "clinic", "2026-11-24T10:00:00+00:00", 61.24, SAID, (done, failed))
    filled, _ = extraction("2", "9", "2", "my knee", "4", "6", "yes", "0")
    made = (await report(record, filled, Form.of(NOTE))).as_json()
    assert made["outcome"] == "done"
    assert made["summary"] == (
        f'The caller: "{SAID[1].text}" Done: book a visit (day Monday). '
        "Tried and failed: cancel a visit: it is too late."
    )
    assert [line["number"] for line in made["open"]] == [9]
    assert made["fields"]["history"]["allergic"]["line"] == 6
    assert json.loads(json.dumps(made)) == made


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ([], "a JSON schema of an object"),
        ({"properties": {}}, "at least one field"),
        ({"properties": {"photo": {"type": "object"}}}, "photo: a field of type 'object'"),
        ({"type": "string"}, "not an object"),
    ],
)
def test_a_form_that_cannot_be_filled_is_one_line(schema: Any, says: str):
    with pytest.raises(FormError, match=says):
        Form.of(schema)


@pytest.mark.models
async def test_a_real_model_points_at_the_right_lines():
    engine = await asyncio.to_thread(Embedded, model_path("qwen2.5-coder-1.5b"))
    try:
        values = await Extraction(engine, language("en"), TODAY, at_once).fill(Form.of(NOTE), SAID)
    finally:
        await engine.close()
    allergic, began = values[("history", "allergic")], values[("began",)]
    assert isinstance(allergic, Found)
    assert (allergic.line, allergic.value) == (6, True)
    assert isinstance(began, Found)
    assert began.line == 4
    assert values[("history", "insurer")] is None


# -- delivery ------------------------------------------------------------------------------------


class Owner:
    """Answers with these codes, one a try; keeps what it took."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.took: list[tuple[str, Mapping[str, Any], bool]] = []
        self.app = FastAPI()
        self.app.post("/hook")(self.hook)

    async def hook(self, request: Request) -> Response:
        code = self.codes.pop(0) if self.codes else 200
        if code == 200:
            body = await request.body()
            signed = request.headers.get("openline-signature", "")
            good = verified("s3cret", body, signed, time.time())
            self.took.append((request.headers["openline-delivery"], json.loads(body), good))
        return Response(status_code=code)


async def sent(
    folder: Path, owner: Owner, files: Mapping[str, Any], until: Callable[[], bool]
) -> list[float]:
    """Put reports, send until a condition holds; the waits between the tries."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with serving(owner.app) as url:
        box = Outbox(folder, Webhook(f"{url}/hook", "s3cret"), sleep=sleep)
        for name, made in files.items():
            box.put(name, made)
        sender = asyncio.create_task(box.send())
        async with asyncio.timeout(20):
            while not until() or any((folder / "outbox").iterdir()):
                await asyncio.sleep(0.01)
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
    return waits


async def test_reports_arrive_in_order_signed_and_after_a_failure(tmp_path: Path):
    owner = Owner(503, 429, 200)
    files = {"2": {"call": "b"}, "1": {"call": "a"}, "3": {"call": "c"}}
    waits = await sent(tmp_path, owner, files, lambda: len(owner.took) == 3)
    assert [(name, made["call"]) for name, made, _ in owner.took] == [
        ("1", "a"),
        ("2", "b"),
        ("3", "c"),
    ]
    assert all(good for _, _, good in owner.took)
    assert waits == [2.0, 4.0]


async def test_a_refused_report_is_kept_and_does_not_hold_up_the_next(tmp_path: Path):
    owner = Owner(400, 200)
    await sent(tmp_path, owner, {"1": {"n": 1}, "2": {"n": 2}}, lambda: len(owner.took) == 1)
    assert [name for name, _, _ in owner.took] == ["2"]
    assert json.loads((tmp_path / "dead" / "1.json").read_text()) == {"n": 1}
    assert "400" in (tmp_path / "dead" / "1.why").read_text()


async def test_what_was_not_sent_goes_out_after_a_restart(tmp_path: Path):
    Outbox(tmp_path, Webhook("http://127.0.0.1:9/hook")).put("1", {"n": 1})
    owner = Owner()
    await sent(tmp_path, owner, {}, lambda: len(owner.took) == 1)
    assert owner.took[0][1] == {"n": 1}


async def test_an_owner_who_is_away_is_asked_again_and_given_up_in_the_end(tmp_path: Path):
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    box = Outbox(tmp_path, Webhook("http://127.0.0.1:9/hook"), sleep=sleep)
    box.put("1", {"n": 1})
    sender = asyncio.create_task(box.send())
    async with asyncio.timeout(20):
        while not (tmp_path / "dead" / "1.json").exists():
            await asyncio.sleep(0.01)
    sender.cancel()
    await asyncio.gather(sender, return_exceptions=True)
    assert waits[:3] == [2.0, 4.0, 8.0]
    assert max(waits) == 600.0


@pytest.mark.parametrize("change", ["body", "secret", "old", "cut", "none"])
def test_a_signature_is_ours_and_fresh(change: str):
    body = b'{"call": "a"}'
    header = signature("s3cret", body, 1000)
    assert verified("s3cret", body, header, 1100.0)
    secret = "other" if change == "secret" else "s3cret"
    sent_at = 1400.0 if change == "old" else 1100.0
    header = {"cut": header[:-2], "none": ""}.get(change, header)
    assert not verified(secret, body + b" " * (change == "body"), header, sent_at)


def test_lines_count_from_one():
    assert SAID[0] == Line(1, "agent", SAID[0].text)
    assert lines([Message("system", "x"), Message("user", "hi")]) == (Line(1, "caller", "hi"),)
