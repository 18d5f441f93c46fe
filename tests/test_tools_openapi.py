"""An HTTP API as tools: a real one, described by its own OpenAPI file."""

import asyncio
import datetime as dt
import json
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi import Path as PathValue
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import HTTPBearer
from loguru import logger
from pydantic import BaseModel, Field

from agents.conversation import Agent
from agents.definition import AgentDefinition, DefinitionError
from agents.events import ToolEnded, ToolStarted
from agents.tools import CallContext, Tool, ToolError, ToolFailed, ToolTimeout
from tests.fakes import FakeEngine
from tests.serving import serving

CONTEXT = CallContext("c1", {})
SECRET = "s3cret-t0ken"
GOOD = "title: Clinic\npersona: You are the desk of a clinic.\n"


class Patient(BaseModel):
    name: str
    phone: str | None = None


class Booking(BaseModel):
    patient: Patient
    start: dt.datetime
    reminder: bool = False
    notes: list[str] = []
    seats: Annotated[int, Field(ge=1, le=4)] = 1


class Booked(BaseModel):
    reference: str
    start: dt.datetime


class Clinic:
    """The API, and what reached it."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.booked: list[Booking] = []
        self.cancelled: list[str] = []
        self.app = FastAPI(title="Clinic")
        self._operations(self.app)

    def _operations(self, app: FastAPI) -> None:
        secured = Depends(HTTPBearer())

        @app.get("/slots", operation_id="listSlots", summary="List the free times of a day.")
        def list_slots(
            day: Annotated[dt.date, Query(description="Day of the visit")],
            doctor: Literal["Lee", "Ortiz"] | None = None,
        ) -> list[str]:
            self.asked["listSlots"] += 1
            return [f"{hour}:00" for hour in range(8, 20)] if day.weekday() < 6 else []

        @app.post("/bookings", operation_id="book", summary="Book a visit", status_code=201)
        def book(booking: Booking, token: Annotated[Any, secured]) -> Booked:
            if token.credentials != SECRET:
                raise HTTPException(403)
            if booking.start.hour == 12:
                raise HTTPException(409, f"That time is taken; your token is {SECRET}.")
            self.booked.append(booking)
            return Booked(reference="K7", start=booking.start)

        @app.delete("/bookings/{reference}", operation_id="cancel", status_code=204)
        def cancel(reference: Annotated[str, PathValue(pattern=r"^[A-Z]\d$")]) -> None:
            self.cancelled.append(reference)

        @app.get("/price", operation_id="price")
        def price(service: Annotated[str, Query(min_length=3)]) -> dict[str, float]:
            raise HTTPException(404, "There is no such service.")

        @app.get("/busy", operation_id="busy")
        def busy(times: int) -> dict[str, int]:
            self.asked["busy"] += 1
            if self.asked["busy"] <= times:
                raise HTTPException(503)
            return {"asked": self.asked["busy"]}

        @app.post("/flaky", operation_id="flaky")
        def flaky() -> dict[str, int]:
            self.asked["flaky"] += 1
            raise HTTPException(503)

        @app.get("/wrong", operation_id="wrong", response_model=dict[str, int])
        def wrong(how: Literal["type", "json", "huge", "away", "echo"], request: Request) -> Any:
            match how:
                case "type":
                    return JSONResponse({"open": "always"})
                case "json":
                    return PlainTextResponse('{"open": ', media_type="application/json")
                case "huge":
                    return PlainTextResponse("x" * 10_000_000)
                case "away":
                    return PlainTextResponse("", 302, {"location": "http://example.invalid/"})
                case "echo":
                    return PlainTextResponse(str(dict(request.headers)))

        @app.get("/slow", operation_id="slow")
        async def slow() -> str:
            self.asked["slow"] += 1
            await asyncio.sleep(60)
            return ""


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


@pytest.fixture
def address(clinic: Clinic) -> Generator[str]:
    with serving(clinic.app) as address:
        yield address


def agent(folder: Path, tools: str, *script: Any) -> Agent:
    path = folder / "clinic.yaml"
    path.write_text(GOOD + "tools:\n" + tools)
    return Agent.load(path, FakeEngine(*script))


@pytest.fixture
async def tools(
    clinic: Clinic, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[dict[str, Tool]]:
    """Every operation, read from a file beside the agent's."""
    monkeypatch.setenv("CLINIC_TOKEN", SECRET)
    (tmp_path / "clinic-api.json").write_text(json.dumps(clinic.app.openapi()))
    source = (
        f"  - openapi: clinic-api.json\n    base: {address}\n"
        "    auth: {env: CLINIC_TOKEN, scheme: Bearer}\n"
        "    tools: {slow: {timeout: 0.2}}\n"
    )
    loaded = agent(tmp_path, source)
    yield loaded.tools
    await loaded.close()


async def run(tool: Tool, **arguments: Any) -> Any:
    return (await tool.run(arguments, CONTEXT, 10)).data


# -- what the file becomes -------------------------------------------------------------------


def test_parameters_and_bodies_become_slots(tools: dict[str, Tool]):
    slots = tools["listSlots"].slots
    assert (slots["day"].kind, slots["day"].label) == ("date", "day of the visit")
    assert (slots["doctor"].options, slots["doctor"].required) == (("Lee", "Ortiz"), False)
    book = tools["book"].slots
    kinds = {name: (slot.kind, slot.required) for name, slot in book.items()}
    assert kinds == {
        "patient_name": ("name", True),
        "patient_phone": ("phone", False),
        "start_date": ("date", True),
        "start_time": ("time", True),
        "reminder": ("enum", False),
        "seats": ("int", False),  # a list of notes is nothing that one says
    }
    assert tools["cancel"].slots["reference"].pattern == r"[A-Z]\d"


def test_only_what_reads_runs_without_consent(tools: dict[str, Tool]):
    policies = {name: tool.policy for name, tool in tools.items()}
    assert policies["listSlots"].read_only
    assert policies["listSlots"].wants == "list the free times of a day"
    assert not policies["listSlots"].needs_consent
    assert (policies["book"].read_only, policies["book"].needs_consent) == (False, True)
    assert policies["cancel"].irreversible


async def test_the_file_may_be_an_address(address: str, tmp_path: Path):
    source = f"  - {{openapi: '{address}/openapi.json', base: '{address}', only: [listSlots]}}\n"
    loaded = agent(tmp_path, source)
    assert await run(loaded.tools["listSlots"], day="2026-11-29") == {"result": []}
    await loaded.close()


def test_the_old_dialect_is_understood(tmp_path: Path):
    (tmp_path / "old.yaml").write_text(
        """
openapi: 3.0.3
info: {title: Shop, version: "1"}
servers: [{url: https://shop.example/api/}]
paths:
  /orders/{orderId}:
    parameters: [{$ref: '#/components/parameters/Order'}]
    post:
      summary: Change an order. It is long.
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Change'}}}}
components:
  parameters:
    Order: {name: orderId, in: path, required: true, schema: {type: integer, minimum: 0,
      exclusiveMinimum: true}}
  schemas:
    Base: {type: object, required: [gift], properties: {gift: {type: string, enum: [yes, no]}}}
    Change:
      allOf:
        - $ref: '#/components/schemas/Base'
        - type: object
          properties:
            mail: {type: string, format: email, nullable: true}
            parent: {$ref: '#/components/schemas/Change'}
"""
    )
    tools = agent(tmp_path, "  - {openapi: old.yaml}\n").tools
    (change,) = tools.values()
    assert change.name == "post_orders_orderId"
    assert change.policy.wants == "change an order"
    kinds = {name: (slot.kind, slot.options) for name, slot in change.slots.items()}
    assert kinds["order_id"] == ("int", ())
    assert kinds["gift"] == ("enum", ("yes", "no"))
    assert kinds["mail"] == ("email", ())


def test_the_owner_has_the_last_word(tmp_path: Path, clinic: Clinic):
    (tmp_path / "api.json").write_text(json.dumps(clinic.app.openapi()))
    source = """  - openapi: api.json
    base: https://clinic.example
    only: [listSlots, book]
    tools:
      book:
        wants: see a doctor
        asks: [I need a doctor]
        done: Booked under {reference}.
        slots:
          start_date: {label: day, ask: "Which day suits you?"}
          patient_name: {kind: text}
      listSlots: {needs_consent: true}
"""
    tools = agent(tmp_path, source).tools
    assert list(tools) == ["listSlots", "book"]
    book = tools["book"]
    assert (book.policy.wants, book.policy.asks) == ("see a doctor", ("I need a doctor",))
    assert book.slots["start_date"].ask == "Which day suits you?"
    assert book.slots["start_date"].kind == "date"
    assert book.slots["patient_name"].kind == "text"
    assert tools["listSlots"].policy.needs_consent


def test_what_no_caller_says_comes_from_the_look_up_that_the_owner_names(tmp_path: Path):
    (tmp_path / "gym.yaml").write_text(
        """
openapi: 3.1.0
servers: [{url: https://gym.example}]
paths:
  /classes:
    get: {operationId: classes}
  /bookings:
    post:
      operationId: join
      parameters:
        - {name: class_id, in: query, required: true, schema: {type: string, format: uuid}}
"""
    )
    source = "  - openapi: gym.yaml\n    tools: {classes: {returns: [class_id]}}\n"
    tools = agent(tmp_path, source).tools
    assert tools["join"].slots["class_id"].hidden
    assert tools["join"].providers["class_id"].name == "classes"


# -- asking it -------------------------------------------------------------------------------


async def test_a_look_up_is_cut_down_to_what_can_be_heard(tools: dict[str, Tool]):
    found = await run(tools["listSlots"], day="2026-11-27", doctor="Lee")
    assert found["result"][:2] == ["8:00", "9:00"]
    assert found["result"][-1] == "4 more"


async def test_what_was_said_is_sent_as_the_api_wants_it(clinic: Clinic, tools: dict[str, Tool]):
    said = {"patient_name": "Ann Lee", "start_date": "2026-11-27", "start_time": "10:30"}
    found = await run(tools["book"], **said, reminder="true", seats=2)
    assert found["reference"] == "K7"
    (booking,) = clinic.booked
    assert (booking.patient.name, booking.reminder, booking.seats) == ("Ann Lee", True, 2)
    assert booking.start.astimezone().strftime("%F %R") == "2026-11-27 10:30"
    assert booking.start.tzinfo is not None
    assert await run(tools["cancel"], reference="K7") == {}
    assert clinic.cancelled == ["K7"]


async def test_a_refusal_is_said_in_the_servers_words(tools: dict[str, Tool]):
    with pytest.raises(ToolError, match=r"^there is no such service$"):
        await run(tools["price"], service="a massage")
    said = {"patient_name": "Ann Lee", "start_date": "2026-11-27", "start_time": "12:00"}
    with pytest.raises(ToolError, match=r"that time is taken; your token is \*\*\*$"):
        await run(tools["book"], **said)


async def test_a_value_that_is_not_taken_is_asked_again(clinic: Clinic, tools: dict[str, Tool]):
    said = {"patient_name": "Ann Lee", "start_date": "2026-11-27", "start_time": "10:30"}
    with pytest.raises(ToolError, match="the seats can be 4 at most") as refused:
        await run(tools["book"], **said, seats=9)
    assert refused.value.slot == "seats"
    assert clinic.booked == []
    with pytest.raises(ToolError, match="cannot use that as the service") as refused:
        await run(tools["price"], service="x")
    assert refused.value.slot == "service"


async def test_only_look_ups_are_tried_again(clinic: Clinic, tools: dict[str, Tool]):
    assert await run(tools["busy"], times=2) == {"asked": 3}
    with pytest.raises(ToolFailed, match="answered 503"):
        await run(tools["flaky"])
    assert clinic.asked["flaky"] == 1


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("type", "what its file forbids"),
        ("json", "broken JSON"),
        ("huge", "more than 1000000 bytes"),
        ("away", "answered 302"),
    ],
)
async def test_a_server_out_of_its_mind(tools: dict[str, Tool], how: str, problem: str):
    with pytest.raises(ToolFailed, match=problem):
        await run(tools["wrong"], how=how)


async def test_a_dead_server_is_told_from_a_slow_one(
    clinic: Clinic, tools: dict[str, Tool], tmp_path: Path
):
    with pytest.raises(ToolTimeout):
        await run(tools["slow"])
    source = "  - {openapi: clinic-api.json, base: 'http://127.0.0.1:1', only: [price]}\n"
    loaded = agent(tmp_path, source)
    with pytest.raises(ToolFailed, match="price: ConnectError"):
        await run(loaded.tools["price"], service="a massage")
    await loaded.close()


async def test_a_look_up_that_nobody_waits_for_is_cancelled(clinic: Clinic, tools: dict[str, Tool]):
    task = asyncio.create_task(tools["slow"].run({}, CONTEXT, 30))
    while not clinic.asked["slow"]:
        await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_the_secret_reaches_the_server_alone(tools: dict[str, Tool]):
    lines: list[str] = []
    sink = logger.add(lines.append, level="TRACE", diagnose=True, backtrace=True)
    try:
        found = await run(tools["wrong"], how="echo")
        assert "authorization" in str(found).lower()
        with pytest.raises(ToolFailed) as failed:
            await run(tools["wrong"], how="type")
        logger.opt(exception=failed.value).error("failed")
    finally:
        logger.remove(sink)
    assert SECRET not in str(found) + "".join(lines)
    assert SECRET not in json.dumps([tool.schema() for tool in tools.values()])


async def test_a_spoken_booking_through_the_api(
    clinic: Clinic, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CLINIC_TOKEN", SECRET)
    source = f"""  - openapi: {address}/openapi.json
    base: {address}
    only: [book]
    auth: {{env: CLINIC_TOKEN, scheme: Bearer}}
    tools:
      book: {{asks: [book a visit], done: "You are booked, {{reference}}."}}
"""
    loaded = agent(tmp_path, source)
    conversation = loaded.conversation()
    committed = asyncio.Event()
    committed.set()
    events: list[Any] = []
    for line in ("Book a visit", "My name is Ann Lee", "November 27th", "half past ten", "Yes."):
        events = [event async for event in conversation.turn(line, committed)]
        assert clinic.booked == [] or line == "Yes."
    assert [type(event) for event in events[:2]] == [ToolStarted, ToolEnded]
    assert events[2].text.startswith("You are booked, K7.")
    assert clinic.booked[0].patient.name == "ann lee"
    await loaded.close()


# -- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{openapi: none.yaml}", r"clinic.yaml:4: tools: none.yaml: cannot be read \(No such"),
        ("{openapi: clinic.yaml}", "clinic.yaml:4: tools: clinic.yaml: not an OpenAPI 3.0 or 3.1"),
        ("{openapi: bad.json}", "bad.json: not valid JSON"),
        ("{openapi: api.json}", "names no server with an address; add `base: https://…`"),
        ("{openapi: api.json, base: 'https://x', only: [lost]}", "no operation 'lost'; it has: .*"),
        ("{openapi: api.json, base: ftp://x}", "tools.0.base: not an http address"),
        (
            "{openapi: api.json, bass: 'https://x'}",
            "key 'tools.0.bass'; did you mean 'base'",
        ),
        (
            "{openapi: api.json, base: 'https://x', tools: {book: {slots: {who: {kind: name}}}}}",
            "book has no slot 'who'; it has: patient_name",
        ),
        ("{openapi: api.json, base: 'https://x', auth: {env: NOWHERE}}", "variable NOWHERE is not"),
        ("{openapi: uuid.json}", "get_x: no tool returns the hidden slot 'id'; mark a read-only"),
        ("{openapi: away.json}", "is in another file"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, clinic: Clinic, source: str, problem: str):
    (tmp_path / "api.json").write_text(json.dumps(clinic.app.openapi()))
    (tmp_path / "bad.json").write_text("{")
    given: dict[str, Any] = {"name": "id", "in": "query", "required": True}
    for name, schema in (
        ("uuid", {"type": "string", "format": "uuid"}),
        ("away", {"$ref": "other.json#/x"}),
    ):
        operation = {"parameters": [{**given, "schema": schema}]}
        servers = [{"url": "https://x"}]
        paths = {"/x": {"get": operation}}
        document: dict[str, Any] = {"openapi": "3.1.0", "servers": servers, "paths": paths}
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    with pytest.raises(DefinitionError, match=problem) as raised:
        agent(tmp_path, f"  - {source}\n")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "auth",
    [
        f"'Bearer {SECRET}'",
        f"{{header: X-Key, value: {SECRET}}}",
        f"{{header: X-Key, token: {SECRET}}}",
        f"{{env: {SECRET}}}",
    ],
)
def test_a_secret_in_the_yaml_is_refused_and_not_repeated(tmp_path: Path, auth: str):
    path = tmp_path / "clinic.yaml"
    path.write_text(f"{GOOD}tools:\n  - openapi: api.json\n    auth: {auth}\n")
    with pytest.raises(DefinitionError, match="a secret does not belong into YAML") as raised:
        AgentDefinition.read(path)
    assert str(path) + ":5" in str(raised.value)
    assert SECRET not in str(raised.value)
