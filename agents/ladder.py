"""Several minds in the place of one: the first thinks, the next ones help out and take over.

An engine that dies hands its turn on, in mid-sentence if need be: the next one is shown what was
passed on already and goes on from there, and what it says again is left out. By the agent's own
rules (`goes_up`) some lines are for the last mind, the largest, from the start.
"""

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from loguru import logger

from agents.definition import GoesUp
from agents.llm.engine import EngineError
from agents.mind import CHAT, QUESTION, Mind, Speech, View, Want
from agents.spoken import Language
from agents.tools import Tool

_REST_SECONDS = 20.0  # an engine that failed comes last for so long: a server's reload takes it


@dataclass(slots=True, eq=False)
class _Rung:
    name: str
    mind: Mind
    rests_until: float = 0.0


class Ladder:
    """See agents.mind.Mind. `minds` by the names of their engines, the smallest first.

    EngineError is raised when the last one that could take over failed too.
    """

    def __init__(
        self,
        minds: Sequence[tuple[str, Mind]],
        rules: GoesUp,
        facts: Sequence[str],
        language: Language,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rungs = [_Rung(name, mind) for name, mind in minds]
        self._rules = rules
        self._known = language.content(" ".join(facts))
        self._language = language
        self._clock = clock

    async def warm_up(self) -> None:
        """One engine that works is enough to take calls."""
        problems: list[EngineError] = []
        for rung in self._rungs:
            try:
                await rung.mind.warm_up()
            except EngineError as exc:
                self._failed(rung, exc)
                problems.append(exc)
        if len(problems) == len(self._rungs):
            raise problems[0]

    async def prepare(self, view: View, line: str, chosen: str) -> None:
        await self._order()[0].mind.prepare(view, line, chosen)

    async def wants(self, view: View, line: str) -> list[Want]:
        rungs = self._order()
        for rung in rungs:
            try:
                wants = await rung.mind.wants(view, line)
            except EngineError as exc:
                self._failed(rung, exc)
                if rung is rungs[-1]:
                    raise
                continue
            kept = [await self._carried(want, rung, view) for want in wants]
            if rung is not rungs[-1] and any(self._unsure(want) for want in kept):
                for want in kept:
                    await _dropped(want)
                continue
            return kept
        raise AssertionError("unreachable: the last rung returns or raises")

    def answer(self, view: View, line: str, chat: bool) -> Speech:
        rungs = self._order(up=not chat and self._goes_up(view, line))
        return self._speech(rungs, view, lambda mind, seen: mind.answer(seen, line, chat))

    def tell(self, view: View, line: str, tool: Tool, arguments: Mapping[str, str]) -> Speech:
        return self._speech(
            self._order(), view, lambda mind, seen: mind.tell(seen, line, tool, arguments)
        )

    # -- who thinks ----------------------------------------------------------------------------

    def _order(self, up: bool = False) -> list[_Rung]:
        """Those that rest come last; `up` puts the largest first."""
        rungs = [self._rungs[-1], *self._rungs[:-1]] if up else self._rungs
        now = self._clock()
        return sorted(rungs, key=lambda rung: rung.rests_until > now)

    def _goes_up(self, view: View, line: str) -> bool:
        said = " ".join(self._language.words(line))
        if any(phrase.lower() in said for phrase in self._rules.asked):
            return True
        told = [view.state.findings, *(passage.text for passage in view.passages)]
        known = self._known | self._language.content(" ".join(told))
        return self._rules.unknown and not self._language.content(line) & known

    def _unsure(self, want: Want) -> bool:
        return 0 < want.probability < self._rules.unsure

    def _failed(self, rung: _Rung, exc: EngineError) -> None:
        logger.warning(f"the LLM {rung.name} failed: {exc}")
        rung.rests_until = self._clock() + _REST_SECONDS

    # -- words that go on ----------------------------------------------------------------------

    async def _carried(self, want: Want, rung: _Rung, view: View) -> Want:
        """The want with the answer that its mind has begun carried on by the other minds."""
        begun, line, chat = want.speech, want.line, want.name == CHAT
        if begun is None:
            return want
        if want.name == QUESTION and self._goes_up(view, line) and rung is not self._rungs[-1]:
            return await _dropped(want)  # the turn asks for the answer, which goes up
        rungs = [rung, *(other for other in self._order() if other is not rung)]

        def ask(mind: Mind, seen: View) -> Speech:
            return begun if mind is rung.mind else mind.answer(seen, line, chat)

        return replace(want, speech=self._speech(rungs, view, ask))

    def _speech(
        self, rungs: Sequence[_Rung], view: View, ask: Callable[[Mind, View], Speech]
    ) -> Speech:
        first = now = ask(rungs[0].mind, view)

        async def words() -> AsyncGenerator[str, None]:
            nonlocal now
            said = ""
            for rung in rungs:
                now = first if rung is rungs[0] else ask(rung.mind, replace(view, said=said))
                try:
                    async with aclosing(now.words), aclosing(unsaid(said, now.words)) as left:
                        async for word in left:
                            said += word
                            yield word
                except EngineError as exc:
                    self._failed(rung, exc)
                    if rung is rungs[-1]:
                        raise
                else:
                    return

        return Speech(words(), lambda: now.then(), trusted=first.trusted)


async def _dropped(want: Want) -> Want:
    if want.speech:
        await want.speech.words.aclose()
    return replace(want, speech=None)


async def unsaid(said: str, pieces: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """Whole words of a text that goes on after `said`, without those that say its end again."""
    before = [_plain(word) for word in said.split()]
    held: list[str] = []
    repeats = bool(before)
    async for word in _words(pieces):
        if not repeats:
            yield word
            continue
        held.append(word)
        again = [_plain(word) for word in held]
        starts = [at for at in range(len(before)) if before[at : at + len(again)] == again]
        if any(at + len(again) == len(before) for at in starts):
            repeats, held = False, []
        elif not starts:
            repeats = False
            for word in held:
                yield word
            held = []
    for word in held:
        yield word


async def _words(pieces: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """Words with the blank that ends them; what stops in mid-word comes without one."""
    rest = ""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(" ")
        for word in whole:
            if word:
                yield word + " "
    if rest:
        yield rest


def _plain(word: str) -> str:
    return word.strip(" .,;:!?\"'").lower()
