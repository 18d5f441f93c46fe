"""Keeping one account registered: the first time, and again whenever the registrar loses it."""

import asyncio
import logging

from baresip import BaresipError, Event, RegistrationError, StackEvent, UserAgent

from telephony.sip.settings import Account, SipError

log = logging.getLogger(__name__)

_FIRST_RETRY, _LAST_RETRY = 2.0, 120.0  # s; doubled between the two
_REFUSED = (401, 403, 404, 407)


class Registration:
    """The stack refreshes a registration that stands; this brings back one that fell."""

    def __init__(self, account: Account, agent: UserAgent, answer_seconds: float) -> None:
        self._account = account
        self._agent = agent
        self._answer_seconds = answer_seconds
        self._fell = asyncio.Event()
        self.problem = "not registered yet"  # "" while it is registered
        agent.on(self._on_event)

    async def first(self) -> None:
        """Try once. SipError where the registrar refuses this account; a registrar that is not
        there is for run() to wait for."""
        refused = await self._try()
        if refused:
            raise SipError(
                f"{self._account.uri} is refused by its registrar ({self.problem}): "
                "check user, login and the password in password_env"
            )

    async def run(self) -> None:
        """For as long as the account is wanted."""
        while True:
            wait = _FIRST_RETRY
            while self.problem:
                log.warning(
                    "%s is not registered (%s); again in %.0f s",
                    self._account.uri,
                    self.problem,
                    wait,
                )
                await asyncio.sleep(wait)
                # a registrar that refuses may lock who asks often
                wait = _LAST_RETRY if await self._try() else min(2 * wait, _LAST_RETRY)
            log.info("%s is registered", self._account.uri)
            self._fell.clear()
            await self._fell.wait()

    async def _try(self) -> bool:
        """Whether the registrar refused; `problem` says how it went."""
        try:
            await self._agent.register(timeout=self._answer_seconds)
        except RegistrationError as problem:
            self.problem = (
                f"{problem.status} {problem.reason}"
                if problem.status
                else f"{self._account.domain} does not answer"
            )
            return problem.status in _REFUSED
        except BaresipError as problem:
            self.problem = str(problem)
            return False
        self.problem = ""
        return False

    def _on_event(self, event: StackEvent) -> None:
        if event.event is Event.REGISTER_FAIL and not self.problem:
            self.problem = event.text or "lost"
            self._fell.set()
