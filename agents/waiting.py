"""What is said while the caller waits: a short phrase when the model or a tool takes long."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import assert_never

from agents.events import Event, Finished, Quoted, Say, ToolEnded, ToolStarted

FIRST_AFTER = 0.7  # s after the turn is confirmed; a shorter silence sounds like thinking
NEXT_AFTER = 2.0  # s after the last words have been spoken: nobody hears 3 s of nothing
_LETTERS = 14.0  # a second, of an unhurried voice


class WaitingPhrases:
    """The phrases of one call, none twice in a row; see `filled`."""

    def __init__(
        self, first: Sequence[str], more: Sequence[str], tools: Mapping[str, str] | None = None
    ) -> None:
        """`first` are short ("One moment."), `more` are for longer waits; `tools` maps a tool's
        name to its own phrase."""
        if min(len(set(first)), len(set(more))) < 2:
            raise ValueError("phrases that take turns are two at least")
        self._first, self._more = itertools.cycle(first), itertools.cycle(more)
        self._tools = tools or {}
        self._last = self._told = ""

    def tell(self, words: str) -> None:
        """What a tool says of its progress: the next phrase. From any thread."""
        self._told = words

    def ended(self) -> None:
        """No tool runs any more: progress that was not spoken is none."""
        self._told = ""

    def next(self, *, tool: str = "", again: bool = False) -> str:
        """The next phrase; `tool` is what runs, `again` says that one was just spoken."""
        if self._told:
            self._last, self._told = self._told, ""
            return self._last
        own = self._tools.get(tool, "")
        phrase = own if own and not again and own != self._last else ""
        phrases = self._more if again else self._first
        while not phrase or phrase == self._last:
            phrase = next(phrases)
        self._last = phrase
        return phrase


async def filled(
    events: AsyncGenerator[Event, None],
    committed: asyncio.Event,
    fillers: WaitingPhrases,
    spoken: Callable[[str], None],
) -> AsyncGenerator[Event, None]:
    """The events, with phrases between them where they are slow once the turn is confirmed.

    A sentence that has begun is never broken by one. `spoken` is told of each phrase. Closing this
    closes `events`.
    """
    loop = asyncio.get_running_loop()
    step: asyncio.Task[Event | None] | None = None
    confirmed = asyncio.create_task(committed.wait(), name="confirmed")
    since = 0.0  # when the turn was confirmed
    until = 0.0  # when what was said will have been spoken, about
    said = again = False
    whole = True  # the last sentence is complete
    running: dict[str, str] = {}
    try:
        while True:
            step = step or asyncio.create_task(_next(events), name="turn's next event")
            if confirmed.done():
                since = since or loop.time()
                due = max(since + FIRST_AFTER, until + NEXT_AFTER if said else 0.0)
                timeout = max(0.0, due - loop.time()) if whole else None
                await asyncio.wait((step,), timeout=timeout)
            else:
                await asyncio.wait((step, confirmed), return_when=asyncio.FIRST_COMPLETED)
                if not step.done():
                    continue
            if not step.done():
                phrase = fillers.next(tool=next(iter(running.values()), ""), again=again)
                said = again = True
                until = loop.time() + len(phrase) / _LETTERS
                spoken(phrase)
                yield Say(phrase, complete=True)
                continue
            event, step = step.result(), None
            match event:
                case None:
                    return
                case Say():
                    said, again = True, False
                    whole = event.complete or event.text.rstrip().endswith((".", "!", "?"))
                    until = max(until, loop.time()) + len(event.text) / _LETTERS
                case ToolStarted():
                    running[event.id] = event.name
                case ToolEnded():
                    running.pop(event.id, None)
                    fillers.ended()
                case Quoted() | Finished():
                    pass
                case _:
                    assert_never(event)
            yield event
    finally:
        waiting = [task for task in (step, confirmed) if task is not None]
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        await events.aclose()


async def _next(events: AsyncGenerator[Event, None]) -> Event | None:
    return await anext(events, None)
