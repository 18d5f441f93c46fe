"""SIP calls: the accounts of the config, and who answers them."""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from loguru import logger

from telephony.signatures import Refused
from telephony.sip.settings import Account, SipError, SipSettings, check
from voice.config import Config, ConfigError
from voice.phone.gate import Gate
from voice.phone.switchboard import Switchboard

if TYPE_CHECKING:
    from telephony.sip.engine import SipEngine
    from telephony.sip.line import SipLine


def sip_settings(config: Config) -> SipSettings:
    """What `phone.sip` asks for. Raises ConfigError where it cannot work, or would let anybody
    call from anywhere."""
    sip = config.phone.sip
    assert sip
    accounts: list[Account] = []
    for account in sip.accounts:
        password = os.environ.get(account.password_env, "") if account.password_env else ""
        if account.password_env and not password:
            raise ConfigError(
                f"phone.sip.accounts: {account.user}: ${account.password_env} is not set: "
                "put the password there"
            )
        accounts.append(
            Account(
                account.user,
                account.domain or sip.host,
                password,
                account.login,
                account.registers,
                account.transport,
                account.encryption,
                tuple(account.codecs),
            )
        )
    settings = SipSettings(
        tuple(accounts),
        sip.host,
        sip.port,
        tuple(sip.allowed),
        # a call that is being passed on has a second one, to whom it is passed
        2 * (config.phone.max_calls or config.server.max_calls),
        sip.jitter_ms,
        config.phone.media_seconds,
        sip.certificate,
        sip.authorities,
        sip.media_ports,
    )
    try:
        check(settings)
    except SipError as exc:
        raise ConfigError(str(exc)) from exc
    return settings


@contextlib.asynccontextmanager
async def sip(config: Config, switchboard: Switchboard, gate: Gate) -> AsyncGenerator["SipEngine"]:
    """Take SIP calls. Calls that go on when it ends are cut off.

    Raises ConfigError: the port is taken, the registrar refuses the password.
    """
    settings = sip_settings(config)
    try:  # the extra "phone"
        from telephony.sip.engine import Accept, Asking, Decline, sip_engine
    except ImportError as exc:
        raise ConfigError("phone.sip needs pip install openline[phone]") from exc

    wanted = config.phone.sip.accounts if config.phone.sip else []
    agents = {account: one.agent for account, one in zip(settings.accounts, wanted, strict=True)}

    async def decide(asking: Asking) -> Accept | Decline:
        if not switchboard.free:
            return Decline("all lines are busy, or models load")
        return Accept() if gate.may_call(asking.caller) else Decline("calls too often")

    calls: set[asyncio.Task[None]] = set()

    async def answer(line: "SipLine", agent: str) -> None:
        try:
            with gate.place(line.about.caller):
                await switchboard.answer(line, agent=agent)
        except Refused as exc:
            logger.info(f"a call on sip was not taken: {exc}")
            await line.hang_up()

    def begin(line: "SipLine") -> None:
        number = re.sub(r"^sips?:|@.*$", "", line.about.called)
        agent = agents[line.account] or config.phone.numbers.get(number, "")
        call = asyncio.create_task(answer(line, agent), name="sip call")
        calls.add(call)
        call.add_done_callback(calls.discard)

    async def take(engine: "SipEngine") -> None:
        try:
            async for line in engine.lines():
                begin(line)
        except SipError as exc:
            logger.error(str(exc))

    try:
        async with sip_engine(settings, decide) as engine:
            taking = asyncio.create_task(take(engine), name="sip")
            try:
                yield engine
            finally:
                for task in (taking, *calls):
                    task.cancel()
                await asyncio.gather(taking, *calls, return_exceptions=True)
    except SipError as exc:
        raise ConfigError(str(exc)) from exc
