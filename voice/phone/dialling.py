"""Calls that we make: dialled, listened to, and given to an agent when a person is there."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from telephony.line import Line
from telephony.numbers import masked
from telephony.outbound.campaign import Called, Rules
from telephony.outbound.ledger import Ledger, Outcome
from telephony.outbound.people import Person, Window
from telephony.outbound.policy import Policy
from voice.calls import Calls
from voice.config import Config, ConfigError
from voice.engines import Engines
from voice.journal.files import journal_folder
from voice.phone.gate import Gate
from voice.phone.picked_up import picked_up
from voice.phone.settings import OutboundConfig
from voice.phone.sip import sip
from voice.phone.switchboard import Switchboard

if TYPE_CHECKING:
    from telephony.sip.engine import SipEngine


class SipDialler:
    """A telephony.outbound.campaign.Dialler over SIP."""

    def __init__(
        self,
        engine: "SipEngine",
        switchboard: Switchboard,
        engines: Engines,
        outbound: OutboundConfig,
        agent: str,
    ) -> None:
        self._engine = engine
        self._switchboard = switchboard
        self._engines = engines
        self._outbound = outbound
        self._agent = agent

    async def call(self, attempt: str, person: Person) -> Called:
        from telephony.sip.engine import NotConnected

        shown = masked(person.number.e164)
        if not self._switchboard.free:
            logger.warning(f"{shown}: not called, as all lines are busy")
            return Called("failed")
        try:
            line = await self._engine.dial(
                person.number.e164,
                headers={"X-Openline-Attempt": attempt},
                seconds=self._outbound.ring_seconds,
            )
        except NotConnected as exc:
            logger.info(f"{shown}: {exc}")
            match exc.reason:
                case "busy" | "no answer":
                    return Called(exc.reason)
                case _:
                    return Called("failed")
        began = time.monotonic()
        return Called(await self._talk(line), time.monotonic() - began)

    async def _talk(self, line: Line) -> Outcome:
        """Until the call ends, or lasts too long."""
        try:
            async with asyncio.timeout(60 * self._outbound.minutes):
                answer, line = await picked_up(line, self._engines.ears)
                logger.info(f"{answer.who} after {answer.seconds:.1f} s")
                match answer.who:
                    case "person" | "screening":  # a screening hears the disclosure and why
                        opening = self._outbound.disclosure
                        await self._switchboard.answer(line, agent=self._agent, opening=opening)
                        return "reached"
                    case "machine":
                        return "machine"
                    case "nobody":
                        return "no answer"
        except TimeoutError:
            return "reached"
        finally:
            await line.hang_up()

    async def placed(self, attempt: str, number: str, began: float) -> bool | None:
        """No other process knows what ours sent before it died."""
        return None


@contextlib.asynccontextmanager
async def dialler(config: Config, folder: Path, agent: str) -> AsyncGenerator[SipDialler]:
    """The telephone of this process, with warm models. Raises ConfigError and the engines'."""
    if config.phone.sip is None:
        raise ConfigError("calling out needs SIP: set phone.sip, as configs/phone.yaml does")
    engines = Engines(config, folder)
    calls = Calls(config.server.max_calls)
    switchboard = Switchboard(config, engines, calls)
    try:
        await engines.load()
        await engines.agent(agent, "")  # what is wrong with it is said before anybody is called
        async with (
            calls.kept(config, engines),
            sip(config, switchboard, Gate(config)) as engine,
        ):
            try:
                yield SipDialler(engine, switchboard, engines, config.phone.outbound, agent)
            finally:
                await calls.hang_up("the caller stops")
    finally:
        await engines.close()


def policy_of(outbound: OutboundConfig) -> Policy:
    return Policy(
        outbound.prefixes,
        outbound.prices,
        outbound.most_cost,
        outbound.most_calls,
        outbound.countries,
        outbound.minutes,
    )


def rules_of(outbound: OutboundConfig) -> Rules:
    return Rules(
        Window(outbound.opens, outbound.closes, frozenset(outbound.days)),
        outbound.attempts,
        outbound.hours_between * 3600.0,
        outbound.at_once,
        outbound.calls_a_minute,
    )


def ledger_of(config: Config) -> Ledger:
    """Of all calls that this user makes."""
    return Ledger(journal_folder(config).parent / "outbound.sqlite")
