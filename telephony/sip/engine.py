"""The SIP side of this process: accounts, calls that come in, calls that go out."""

import asyncio
import contextlib
import dataclasses
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from baresip import (
    AudioNotActive,
    BaresipError,
    Call,
    CallFailed,
    CallTimeout,
    Runtime,
    UserAgent,
)

from telephony.events import Ending, Started
from telephony.sip.addresses import addresses_of, hear_only
from telephony.sip.endings import ending
from telephony.sip.line import SipLine
from telephony.sip.placing import place
from telephony.sip.registration import Registration
from telephony.sip.settings import Account, Network, SipError, SipSettings, check
from telephony.sip.stack import stack_account, stack_config

log = logging.getLogger(__name__)

_TICK = 0.01  # s; packets hold 20 ms
_ACK_SECONDS = 5.0  # for the ACK of our 200, which is sent four times until then
_MEDIA_SECONDS = 2.0  # for sound after it
# what attack tools call themselves
_SCANNERS = re.compile(
    r"friendly-scanner|sipvicious|sundayddr|sip-?scan|sipcli|vaxsip|pplsip|sivus|iwar|smap|gulp",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asking:
    """A call that rings."""

    account: Account
    caller: str  # SIP address, as the other side claims
    called: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Accept:
    pass


@dataclass(frozen=True, slots=True)
class Decline:
    """The caller hears busy (486, the one answer the stack has); `why` is for the log."""

    why: str


Decide = Callable[[Asking], Awaitable[Accept | Decline]]
MayRefer = Callable[[SipLine, str], Awaitable[bool]]


class NotConnected(Exception):
    """A call that we made was not answered."""

    def __init__(self, reason: Ending, detail: str) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: Ending = reason
        self.detail = detail


async def accept(_: Asking) -> Accept | Decline:
    return Accept()


async def stay(_: SipLine, to: str) -> bool:
    """Follow no REFER: a stranger would make us call what costs."""
    log.info("not following a transfer to %s", to)
    return False


class SipEngine:
    """Made by sip_engine(), one a process, as the stack is."""

    def __init__(
        self, settings: SipSettings, runtime: Runtime, decide: Decide, may_refer: MayRefer
    ) -> None:
        self.settings = settings
        self._runtime = runtime
        self._decide = decide
        self._may_refer = may_refer
        self._agents: dict[Account, UserAgent] = {}
        self._registrations: dict[Account, Registration] = {}
        self._lines: set[SipLine] = set()
        self._heard: set[Network] = set()  # empty: everybody
        # None: the stack died. The stack itself lets no more than max_calls stand.
        self._answered: asyncio.Queue[SipLine | None] = asyncio.Queue(settings.max_calls + 1)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def calls(self) -> int:
        """Lines that stand now."""
        return sum(not line.ended for line in self._lines)

    @property
    def problems(self) -> Mapping[str, str]:
        """Accounts that should be registered and are not, and why."""
        return {a.uri: r.problem for a, r in self._registrations.items() if r.problem}

    async def open(self, answer_seconds: float) -> None:
        """Create the accounts and register them. SipError."""
        await self._hear_only_allowed()
        for account in self.settings.accounts:
            try:
                agent = await UserAgent.create(self._runtime, stack_account(account))
            except (BaresipError, ValueError) as problem:
                raise SipError(f"{account.uri} cannot be an account: {problem}") from None
            self._agents[account] = agent
            agent.on_incoming(partial(self._ring, account))
            if account.register:
                self._registrations[account] = Registration(account, agent, answer_seconds)
        self._runtime.on_dead = self._die
        self._own(self._tick())
        for registration in self._registrations.values():
            await registration.first()
            self._own(registration.run())

    async def close(self) -> None:
        for line in list(self._lines):
            await line.cut()
        for account, registration in self._registrations.items():
            if not registration.problem:
                with contextlib.suppress(BaresipError):
                    await self._agents[account].unregister(timeout=1)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def lines(self) -> AsyncIterator[SipLine]:
        """Calls that came in and were answered. To be read by one task only. SipError where the
        stack died: only a new process has another."""
        while True:
            line = await self._answered.get()
            if line is None:
                raise SipError("the SIP stack died: start openline again")
            yield line

    async def dial(
        self,
        to: str,
        *,
        user: str = "",
        headers: Mapping[str, str] | None = None,
        seconds: float = 45.0,
    ) -> SipLine:
        """Call a number or a sip: address, from the account of this user or the first one.

        `seconds` is how long it may ring. NotConnected tells why nobody answered; SipError that
        we cannot even call.
        """
        account = next((a for a in self._agents if user in ("", a.user)), None)
        if account is None:
            raise SipError(f"phone.sip.accounts has no user {user!r}")
        uri = to if to.startswith(("sip:", "sips:")) else f"sip:{to}@{account.domain}"
        if "transport=" not in uri:
            uri += account.transport_parameter
        await self._hear_also(_host_of(uri))
        try:
            call = await place(
                self._runtime, partial(self._agents[account].dial, uri, dict(headers or {}))
            )
            await call.wait_established(seconds)
        except CallTimeout as problem:
            raise NotConnected("no answer", str(problem)) from None
        except CallFailed as problem:
            status = f"{problem.status} {problem.reason}" if problem.status else ""
            why: Ending = ending(status) if status else "not reachable"
            raise NotConnected(why, status or problem.reason) from None
        except (BaresipError, ValueError) as problem:
            raise SipError(f"{uri} cannot be called: {problem}") from None
        with contextlib.suppress(AudioNotActive):  # what came before the answer: ringing, a notice
            call.audio.read(65536)
        line = await self._line(call, account, Started("", account.uri, uri, 0, 0))
        if line is None:
            raise NotConnected("lost", "the call broke off as it was answered")
        return line

    # -- calls that come in

    def _ring(self, account: Account, call: Call) -> None:
        self._own(self._take(call, account))

    async def _take(self, call: Call, account: Account) -> None:
        headers: dict[str, str] = call.headers
        asking = Asking(account, call.peer or "", _uri(headers.get("To", "")), headers)
        scanner = _SCANNERS.search(headers.get("User-Agent", ""))
        decision = Decline(f"a scanner: {scanner[0]}") if scanner else await self._decide(asking)
        try:
            match decision:
                case Decline(why):
                    log.info("declined %s: %s", asking.caller, why)
                    await call.reject()
                    return
                case Accept():
                    await call.answer()
                    await call.wait_established(_ACK_SECONDS)
        except BaresipError as problem:  # the caller gave up, or never acknowledged
            log.info("%s did not come through: %s", asking.caller, problem)
            return
        about = Started("", asking.caller, asking.called, 0, 0, headers)
        line = await self._line(call, account, about)
        if line:
            self._answered.put_nowait(line)

    # -- calls that stand

    async def _line(self, call: Call, account: Account, about: Started) -> SipLine | None:
        """The line of a call that stands, once its sound flows; None if it broke off."""
        deadline = asyncio.get_running_loop().time() + _MEDIA_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(AudioNotActive):
                info = call.audio.info()
                if info.tx_ready and info.rx_ready:
                    about = dataclasses.replace(
                        about,
                        call=call.call_id or "",
                        in_rate=info.rx_sample_rate,
                        out_rate=info.tx_sample_rate,
                    )
                    line = SipLine(
                        call,
                        account,
                        about,
                        self._runtime,
                        self.settings.silent_seconds,
                        self._own,
                        self._may_refer,
                    )
                    self._lines.add(line)
                    return line
            await asyncio.sleep(_TICK)
        with contextlib.suppress(BaresipError):
            await call.hangup()
        log.warning("%s: no sound after %g s", about.caller, _MEDIA_SECONDS)
        return None

    async def _tick(self) -> None:
        """One task for all lines: thirty would wake up three thousand times a second."""
        while True:
            for line in list(self._lines):
                try:
                    line.tick()
                except Exception as problem:
                    log.exception("%s", line)
                    line.broke(str(problem))
                    self._own(line.cut())
                if line.ended:
                    self._lines.discard(line)
            await asyncio.sleep(_TICK)

    def _die(self) -> None:
        for line in self._lines:
            line.broke("the SIP stack died")
        self._answered.put_nowait(None)

    def _own(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            log.error("SIP: %r", problem, exc_info=problem)

    # -- who is heard

    async def _hear_only_allowed(self) -> None:
        registrars = [a.host for a in self.settings.accounts if a.register]
        if not self.settings.allowed and not registrars:
            return
        found = await asyncio.gather(
            *(asyncio.to_thread(addresses_of, host) for host in registrars)
        )
        for host, addresses in zip(registrars, found, strict=True):
            if not addresses:
                log.warning("%s has no address, so nothing from there is heard", host)
        self._hear({*self.settings.allowed}.union(*found))

    async def _hear_also(self, host: str) -> None:
        """Whom we call must be able to answer."""
        if self._heard:
            self._hear(self._heard | await asyncio.to_thread(addresses_of, host))

    def _hear(self, networks: set[Network]) -> None:
        if networks != self._heard:
            self._heard = networks
            ports = (self.settings.port, self.settings.port + 1)
            hear_only(sorted(networks, key=str), ports)


@asynccontextmanager
async def sip_engine(
    settings: SipSettings,
    decide: Decide = accept,
    may_refer: MayRefer = stay,
    *,
    answer_seconds: float = 5.0,
) -> AsyncGenerator[SipEngine]:
    """The SIP side while it is wanted. SipError, one line, where it cannot be had.

    `decide` is asked for each call that rings; `may_refer` before a REFER is followed.
    A registrar is given `answer_seconds`; one that is away is tried again and again.
    """
    check(settings)
    runtime = Runtime(native_log_level="error")
    engine = SipEngine(settings, runtime, decide, may_refer)
    try:
        await runtime.start(stack_config(settings))
    except (BaresipError, ValueError) as problem:
        where = f"{settings.host}:{settings.port}"
        if "Address already in use" in str(problem):
            raise SipError(
                f"{where} is taken, by another phone or openline: set phone.sip.port"
            ) from None
        raise SipError(f"SIP cannot start on {where}: {problem}") from None
    try:
        await engine.open(answer_seconds)
        yield engine
    finally:
        await engine.close()
        with contextlib.suppress(BaresipError):  # it died before
            await runtime.close()


def _uri(header: str) -> str:
    """The address in "Ann" <sip:ann@host;transport=udp>;tag=1, without parameters."""
    inside = re.search(r"<([^>]*)>", header)
    return (inside[1] if inside else header).partition(";")[0].strip()


def _host_of(uri: str) -> str:
    """sip:ann@host:5060;transport=tcp -> host"""
    after = uri.partition(":")[2].rpartition("@")[2]
    return re.sub(r"(:\d+)?(;.*)?$", "", after).strip("[]")
