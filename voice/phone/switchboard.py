"""Calls on lines: which agent answers, for how long, and that nothing is left of them."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Generator

from loguru import logger

from agents.definition import DefinitionError
from agents.llm.engine import EngineError
from telephony.line import Line
from telephony.outbound.people import Window
from voice.call import Call, CallSettings
from voice.calls import Calls, NoLine
from voice.config import Config, ConfigError
from voice.engines import Engines, llm_name
from voice.models import ModelError
from voice.phone.paced import paced
from voice.phone.transport import LineTransport
from voice.speak.synthesizer import SpeechError


class Switchboard:
    """Puts an agent on a line."""

    def __init__(
        self,
        config: Config,
        engines: Engines,
        calls: Calls,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """`clock` tells the time for after-hours."""
        self._config = config
        self._engines = engines
        self._calls = calls
        self._clock = clock
        self._busy = 0

    @property
    def free(self) -> bool:
        """Whether a call could be taken now; a wire that can say "busy" asks before it answers."""
        most = self._config.phone.max_calls
        room = most is None or self._busy < most
        return room and self._engines.ready and len(self._calls) < self._calls.most

    async def answer(self, line: Line, *, agent: str = "", opening: str = "") -> None:
        """Hold the call to its end; `agent`, or the one of the number that was called (after
        hours, the one for that), says `opening` before its greeting.

        Everything that the call owned is freed when this returns or is cancelled, and the line is
        hung up. What keeps a call from beginning is logged, in one line.
        """
        name = agent or self._on_duty(line.about.called)
        try:
            with self.place():
                await self._answer(line, name, opening)
        except NoLine as exc:
            logger.warning(f"a call on {line.name} was not taken: {exc}")
        except (ConfigError, DefinitionError, EngineError, ModelError, SpeechError) as exc:
            logger.error(f"a call on {line.name} was not taken: {exc}")
        finally:
            await line.hang_up()

    def _on_duty(self, called: str) -> str:
        phone, rest = self._config.phone, self._config.phone.after_hours
        if rest is not None:
            window = Window(rest.opens, rest.closes, frozenset(rest.days))
            now = self._clock()
            if window.opens([rest.zone], now) != now:
                return rest.agent
        return phone.numbers.get(called, phone.agent)

    def _language(self, caller: str) -> str:
        """By the longest prefix of the caller's number that the config knows; "": by none."""
        languages = self._config.phone.languages
        fits = [prefix for prefix in languages if caller.startswith(prefix)]
        return languages[max(fits, key=len)] if fits else ""

    @contextlib.contextmanager
    def place(self) -> Generator[None]:
        """Hold a place for a call. Raises NoLine when none is free."""
        most = self._config.phone.max_calls
        if most is not None and self._busy >= most:
            raise NoLine(f"all {most} lines of the telephone are busy")
        if not self._engines.ready:
            raise NoLine(f"the models are loading ({', '.join(self._engines.waiting_for)})")
        with self._calls.place():
            self._busy += 1
            try:
                yield
            finally:
                self._busy -= 1

    async def _answer(self, line: Line, name: str, opening: str) -> None:
        config, engines, calls = self._config, self._engines, self._calls
        agent = await engines.agent(name, "")
        mouth = await engines.mouth_of(agent.definition)
        about = line.about
        settings = CallSettings(
            about.in_rate,
            about.out_rate,
            llm_name(config.llm),
            mouth.voice,
            line,
            opening,
            self._language(about.caller),
        )
        async with paced(line, config.phone.comfort_noise) as line:
            transport = LineTransport(line, digit_seconds=config.phone.digit_seconds)
            call = Call(
                transport,
                engines.ears,
                agent,
                mouth,
                config,
                settings,
                calls.journals,
                calls.reports,
            )
            limits = asyncio.create_task(self._limit(transport, call), name=f"limits {call.id}")
            try:
                with calls.live(call):
                    await call.run()
            finally:
                limits.cancel()
                await asyncio.gather(limits, return_exceptions=True)

    async def _limit(self, transport: LineTransport, call: Call) -> None:
        """End a call whose media stopped, or that lasts too long."""
        phone = self._config.phone
        silent, total, seen = 0.0, 0.0, -1
        while True:
            await asyncio.sleep(1.0)
            total += 1.0
            still = transport.heard == seen and not transport.held
            silent = silent + 1.0 if still else 0.0
            seen = transport.heard
            if silent >= phone.media_seconds:
                await call.hang_up(f"no sound came for {phone.media_seconds:g} s")
                return
            if total >= 60 * phone.call_minutes:
                await call.hang_up(f"calls last {phone.call_minutes:g} minutes at most")
                return
