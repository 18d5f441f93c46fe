"""Calls that we make: dialled, listened to, and given to an agent when a person is there."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from telephony.carrier_api import ApiError, CarrierApi
from telephony.line import Line
from telephony.numbers import masked
from telephony.outbound.campaign import Called, Dialler, Rules
from telephony.outbound.ledger import Ledger, Outcome
from telephony.outbound.people import Person, Window
from telephony.outbound.policy import Policy
from voice.calls import Calls
from voice.config import Config, ConfigError
from voice.engines import Engines
from voice.journal.files import journal_folder
from voice.phone.gate import Gate
from voice.phone.outgoing import NotAnswered, Outgoing
from voice.phone.picked_up import picked_up
from voice.phone.settings import OutboundConfig
from voice.phone.sip import sip
from voice.phone.switchboard import Switchboard
from voice.server.serve import bind, serving

if TYPE_CHECKING:
    from telephony.sip.engine import SipEngine

CONNECT = 15.0  # s from a carrier's answer to its media socket, and for its request to arrive


class SipDialler:
    """A telephony.outbound.campaign.Dialler over SIP."""

    def __init__(self, engine: "SipEngine", switchboard: Switchboard, talk: "Talk") -> None:
        self._engine = engine
        self._switchboard = switchboard
        self._talk = talk

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
                seconds=self._talk.outbound.ring_seconds,
            )
        except NotConnected as exc:
            logger.info(f"{shown}: {exc}")
            match exc.reason:
                case "busy" | "no answer":
                    return Called(exc.reason)
                case _:
                    return Called("failed")
        return await self._talk.hold(line, self._switchboard)

    async def placed(self, attempt: str, number: str, began: float) -> bool | None:
        """No other process knows what ours sent before it died."""
        return None


class CarrierDialler:
    """A telephony.outbound.campaign.Dialler by a carrier's web API; the carrier then comes to our
    server as for a call that it got."""

    def __init__(self, api: CarrierApi, outgoing: Outgoing, talk: "Talk") -> None:
        self._api = api
        self._outgoing = outgoing
        self._talk = talk

    async def call(self, attempt: str, person: Person) -> Called:
        outbound, number = self._talk.outbound, person.number.e164
        with self._outgoing.expecting(attempt) as waiting:
            try:
                await self._api.call(number, outbound.caller, attempt, outbound.ring_seconds)
                async with asyncio.timeout(outbound.ring_seconds + CONNECT):
                    line, switchboard = await waiting.line
            except ApiError as exc:
                logger.warning(f"{masked(number)}: {exc}")
                return Called("failed")
            except NotAnswered as exc:
                return Called(exc.outcome)
            except TimeoutError:
                return Called("no answer")
            return await self._talk.hold(line, switchboard)

    async def placed(self, attempt: str, number: str, began: float) -> bool | None:
        """By the carrier's list of calls, where it is asked for that."""
        try:
            return await self._api.placed(number, self._talk.outbound.caller, began)
        except ApiError as exc:
            logger.warning(f"{masked(number)}: {exc}")
            return None


@dataclass(frozen=True, slots=True)
class Talk:
    """What is done with a call that was answered."""

    engines: Engines
    outbound: OutboundConfig
    agent: str

    async def hold(self, line: Line, switchboard: Switchboard) -> Called:
        """To the call's end, or until it lasts too long."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(60 * self.outbound.minutes):
                outcome = await self._hold(line, switchboard)
        except TimeoutError:
            outcome = "reached"
        finally:
            await line.hang_up()
        return Called(outcome, time.monotonic() - began)

    async def _hold(self, line: Line, switchboard: Switchboard) -> Outcome:
        answer, line = await picked_up(line, self.engines.ears)
        logger.info(f"{answer.who} after {answer.seconds:.1f} s")
        match answer.who:
            case "person" | "screening":  # a screening hears the disclosure and why
                await switchboard.answer(line, agent=self.agent, opening=self.outbound.disclosure)
                return "reached"
            case "machine":
                return "machine"
            case "nobody":
                return "no answer"


@contextlib.asynccontextmanager
async def dialler(config: Config, folder: Path, agent: str) -> AsyncGenerator[Dialler]:
    """The telephone of this process, with warm models. Raises ConfigError and the engines'."""
    outbound = config.phone.outbound
    engines = Engines(config, folder)
    talk = Talk(engines, outbound, agent)
    if outbound.by != "sip":
        async with _by_carrier(config, folder, talk) as found:
            yield found
        return
    if config.phone.sip is None:
        raise ConfigError("calling out needs SIP: set phone.sip, as configs/phone.yaml does")
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
                yield SipDialler(engine, switchboard, talk)
            finally:
                await calls.hang_up("the caller stops")
    finally:
        await engines.close()


@contextlib.asynccontextmanager
async def _by_carrier(config: Config, folder: Path, talk: Talk) -> AsyncGenerator[CarrierDialler]:
    outbound = talk.outbound
    assert outbound.by != "sip"
    if outbound.by not in config.phone.carriers:
        raise ConfigError(f"phone.outbound.by: add {outbound.by} to phone.carriers")
    if not outbound.caller:
        raise ConfigError("phone.outbound.caller: set your number, which the carrier shows")
    try:
        api = CarrierApi(outbound.by, os.environ, config.phone.public_url)
    except ApiError as exc:
        raise ConfigError(str(exc)) from exc
    outgoing = Outgoing()
    with contextlib.closing(bind(config.server.host, config.server.port)) as listening:
        async with serving(
            config, folder, listening=listening, engines=talk.engines, outgoing=outgoing
        ):
            await talk.engines.agent(talk.agent, "")
            yield CarrierDialler(api, outgoing, talk)


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
