"""Reports on calls that are over, made while no call needs the models.

reports/pending/NAME.json   a call that has no report yet; survives a restart
reports/AGENT/NAME.json     the reports
reports/AGENT/outbox, dead  on their way to a webhook: agents.after.delivery
"""

import asyncio
import contextlib
import datetime as dt
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loguru import logger

from agents.after.delivery import Outbox, Webhook
from agents.after.extraction import Extraction
from agents.after.form import Form, FormError
from agents.after.record import Act, CallRecord, Line
from agents.after.report import Report, outcome_of, report, summary
from agents.conversation import Agent
from agents.definition import AfterCall, AgentDefinition, DefinitionError
from agents.llm.engine import EngineError
from voice.config import ConfigError
from voice.engines import Engines
from voice.journal.files import make_private, write_private
from voice.models import ModelError

_PATIENCE = 10.0  # s that a request waits for live calls to end; a busy line must not stop reports
_LOOK = 0.25  # s between two looks at them


def form_of(after: AfterCall, beside: Path) -> Form | None:
    """Raises DefinitionError."""
    if not after.form:
        return None
    try:
        return Form.read(beside / after.form)
    except FormError as exc:
        raise DefinitionError(f"after.form: {exc}") from exc


def webhook_of(after: AfterCall) -> Webhook | None:
    """Raises DefinitionError when its secret is not set."""
    if not after.webhook:
        return None
    secret = os.environ.get(after.secret_env, "") if after.secret_env else ""
    if after.secret_env and not secret:
        raise DefinitionError(
            f"after.secret_env: the variable {after.secret_env} is not set; export it first"
        )
    return Webhook(after.webhook, secret)


class Reports:
    """Owned by the server: `run` in a task of its own; one report at a time."""

    def __init__(self, folder: Path, engines: Engines, live_calls: Callable[[], int]) -> None:
        self._folder = folder
        self._engines = engines
        self._live_calls = live_calls
        self._more = asyncio.Event()
        self._outboxes: dict[str, tuple[Outbox, asyncio.Task[None]]] = {}

    def keep(self, record: CallRecord) -> None:
        """A call is over: remember it, on disk. Raises OSError."""
        ended = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S%f")
        pending = self._folder / "pending"
        make_private(pending)
        write_private(pending / f".{ended}", json.dumps(asdict(record), default=str))
        (pending / f".{ended}").replace(pending / f"{ended}-{record.call}.json")
        self._more.set()

    async def run(self) -> None:
        """Make and send reports until cancelled."""
        try:
            await self._resume()
            while True:
                self._more.clear()
                for file in sorted((self._folder / "pending").glob("*.json")):
                    await self._report(file)
                await self._more.wait()
        finally:
            senders = [task for _, task in self._outboxes.values()]
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)

    async def _report(self, file: Path) -> None:
        record = _read(await asyncio.to_thread(file.read_text, encoding="utf-8"))
        try:
            agent = await self._engines.agent(record.agent, "")
            made = (await self._made(agent, record)).as_json()
            folder = self._folder / record.agent
            make_private(folder)
            write_private(folder / file.name, json.dumps(made, ensure_ascii=False, indent=1))
            if agent.definition.after and (hook := webhook_of(agent.definition.after)):
                self._outbox(record.agent, hook).put(file.stem, made)
        except (ConfigError, DefinitionError, EngineError, ModelError, OSError) as exc:
            logger.error(f"call {record.call} has no report, {file} is kept: {exc}")
            with contextlib.suppress(OSError):
                await asyncio.to_thread(file.replace, file.with_suffix(".failed"))
            return
        await asyncio.to_thread(file.unlink)

    async def _made(self, agent: Agent, record: CallRecord) -> Report:
        after = agent.definition.after or AfterCall()
        beside = self._engines.agent_path(record.agent).parent
        form = form_of(after, beside)
        extraction = Extraction(agent.engine, agent.language, agent.today(), self._quiet)
        try:
            return await report(record, extraction, form)
        except EngineError as exc:
            logger.error(f"call {record.call}: the report has no form ({exc})")
            outcome = outcome_of(record)
            return Report(record, outcome, summary(record, outcome, None), None, (), None)

    async def _resume(self) -> None:
        """What the last server had not sent."""
        for waiting in sorted(self._folder.glob("*/outbox")):
            try:
                definition = AgentDefinition.read(self._engines.agent_path(waiting.parent.name))
                if definition.after and (hook := webhook_of(definition.after)):
                    self._outbox(waiting.parent.name, hook)
            except (ConfigError, DefinitionError) as exc:
                logger.error(f"{waiting}: these reports are not sent: {exc}")

    def _outbox(self, agent: str, hook: Webhook) -> Outbox:
        if agent not in self._outboxes:
            box = Outbox(self._folder / agent, hook)
            sender = asyncio.create_task(box.send(), name=f"reports of {agent}")
            self._outboxes[agent] = box, sender
        return self._outboxes[agent][0]

    async def _quiet(self) -> None:
        waited = 0.0
        while self._live_calls() and waited < _PATIENCE:
            await asyncio.sleep(_LOOK)
            waited += _LOOK


def _read(text: str) -> CallRecord:
    data: dict[str, Any] = json.loads(text)
    spoken = tuple(Line(**line) for line in data.pop("lines"))
    acts = tuple(Act(**act) for act in data.pop("acts"))
    return CallRecord(**data, lines=spoken, acts=acts)
