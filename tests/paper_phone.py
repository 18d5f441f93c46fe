"""A telephone line on paper: a carrier in a virtual clock, and the real switchboard behind it.

phone = PaperPhone({"where is it": ["It is on its way."]})
phone.says("where is it", at=2.0)
phone.call(8)
assert phone.heard == [...]
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.definition import Words
from telephony.events import Audio, Dtmf, Ended, Event, Played, Started, Transferred
from telephony.line import Ability, NotOnThisWire
from tests.paper import PaperConversation, PaperLane, Utterance, VirtualLoop
from tests.paper_server import DEMO, PaperEngines, Talk
from voice.calls import Calls
from voice.config import load_config
from voice.phone.switchboard import Switchboard

RATE = 8000
FRAME = RATE // 50
CARRIER: frozenset[Ability] = frozenset({"clear", "marks", "hang up", "dtmf", "transfer", "hold"})


@dataclass
class Sent:
    """Sound that the carrier got, and when it plays it."""

    start: float
    samples: NDArray[np.int16]

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / RATE


class PaperTrunk:
    """A telephony.line.Line: plays what comes one after another, `late` s after it came, and
    gives marks back as late again. Nothing but the clock is waited for."""

    name = "paper"

    def __init__(self, phone: "PaperPhone", abilities: frozenset[Ability], late: float) -> None:
        self.about = Started("CA1", "+4930111", phone.called, RATE, RATE)
        self.abilities = abilities
        self._phone = phone
        self._late = late
        self._happens: asyncio.Queue[Event] = asyncio.Queue()
        self._marks: dict[str, asyncio.TimerHandle] = {}
        self.played: list[Sent] = []
        self.frames: list[tuple[float, int]] = []  # when, and how many samples came
        self.cleared: list[float] = []
        self.done: list[tuple[float, str]] = []  # other commands

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def events(self) -> AsyncGenerator[Event]:
        loop, number = asyncio.get_running_loop(), 0
        for at, event in self._phone.happens:
            loop.call_at(at, self._happens.put_nowait, event)
        while True:
            due = 0.02 * (number + 1)
            try:
                async with asyncio.timeout_at(due):
                    event = await self._happens.get()
                yield event
                if isinstance(event, Ended):
                    return
            except TimeoutError:
                if not self._phone.lost(due - 0.02):
                    yield Audio(self._phone.sound(due - 0.02), due - 0.02, number + 1)
                number += 1

    @property
    def _ends(self) -> float:
        return self.played[-1].end if self.played else 0.0

    async def play(self, samples: bytes) -> None:
        now, pcm = self._now(), np.frombuffer(samples, "<i2")
        self.frames.append((now, len(pcm)))
        self.played.append(Sent(max(self._ends, now + self._late), pcm))

    async def flush(self) -> None:
        """Sound of any length is played at once."""

    async def mark(self, name: str) -> None:
        if "marks" not in self.abilities:
            raise NotOnThisWire("no marks")
        at = max(self._ends, self._now()) + self._late
        loop = asyncio.get_running_loop()
        self._marks[name] = loop.call_at(at, self._played, name)

    def _played(self, name: str) -> None:
        self._marks.pop(name).cancel()
        self._happens.put_nowait(Played(name))

    async def clear(self) -> None:
        if "clear" not in self.abilities:
            raise NotOnThisWire("no clear")
        at = self._now() + self._late
        self.cleared.append(self._now())
        kept = [sent for sent in self.played if sent.start < at]
        if kept and kept[-1].end > at:
            last = kept[-1]
            kept[-1] = Sent(last.start, last.samples[: round((at - last.start) * RATE)])
        self.played = kept
        for name in list(self._marks):  # as Twilio does
            self._played(name)

    async def send_dtmf(self, digits: str) -> None:
        self.done.append((self._now(), f"keys {digits}"))

    async def transfer(self, to: str) -> None:
        self.done.append((self._now(), f"transfer {to}"))
        self._happens.put_nowait(
            Ended("replaced") if self._phone.transfers else Transferred(False, "486 Busy Here")
        )

    async def hold(self, on: bool) -> None:
        self.done.append((self._now(), f"hold {on}"))

    async def hang_up(self) -> None:
        self.done.append((self._now(), "hang up"))


class PaperPhone:
    """Say what happens, hold the call, and look at what the caller heard."""

    CARRIER = CARRIER

    def __init__(
        self,
        answers: dict[str, list[str]] | None = None,
        *,
        abilities: frozenset[Ability] = CARRIER,
        late: float = 0.0,
        custom: Any = None,
        **settings: Any,
    ) -> None:
        """`settings` are of the config's `phone:`."""
        self.talk = Talk()
        self.talk.utterances = []
        self.talk.answers = answers or {}
        self.talk.custom = custom
        self.happens: list[tuple[float, Event]] = []
        self._noise = np.random.default_rng(0)
        self._lost: list[tuple[float, float]] = []
        self._abilities, self._late = abilities, late
        overrides = {f"phone.{key}": value for key, value in settings.items()}
        self.config = load_config(DEMO, {"journal.enabled": False, **overrides})
        self.left: list[asyncio.Task[Any]] = []  # tasks that outlived the call
        self.lasted = 0.0
        self.transfers = True
        self.called = "+4930222"
        self.now = dt.datetime(2026, 11, 24, 9, tzinfo=dt.UTC)
        self.words: dict[str, Words] = {}  # of the agent
        self.busy = 0  # other calls that go on

    def says(self, text: str, at: float, seconds: float = 1.0, finished: float = 0.95) -> Utterance:
        utterance = Utterance(text, at, seconds, finished)
        self.talk.utterances.append(utterance)
        return utterance

    def presses(self, keys: str, at: float, every: float = 0.3) -> None:
        self.happens += [(at + i * every, Dtmf(key)) for i, key in enumerate(keys)]

    def hangs_up(self, at: float) -> None:
        self.happens.append((at, Ended("hung up")))

    def loses(self, begin: float, end: float) -> None:
        """Packets of the caller's sound."""
        self._lost.append((begin, end))

    def lost(self, at: float) -> bool:
        return any(begin <= at < end for begin, end in self._lost)

    def sound(self, start: float) -> bytes:
        """The caller's next 20 ms. It jumps about, for what stands still passes for an echo."""
        times = start + np.arange(FRAME) / RATE
        audio = np.zeros(FRAME, np.float32)
        for i, utterance in enumerate(self.talk.utterances):
            inside = (times >= utterance.start) & (times < utterance.end)
            audio[inside] = self.engines.paper.level(i)
        audio *= self._noise.choice((-1, 1))
        return (audio * 32767).astype("<i2").tobytes()

    def call(self, seconds: float, then: Callable[[], Any] | None = None) -> "PaperPhone":
        """`seconds` from the answer to the caller's hang-up, if nobody else ended it earlier."""
        self.hangs_up(seconds)
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(self._call())
            self.left = [task for task in asyncio.all_tasks(runner.get_loop()) if not task.done()]
        return self

    async def _call(self) -> None:
        takes = {"hear": 0.1, "judge": 0.02, "speak": 0.05}
        self.engines = PaperEngines(
            self.config, lane=lambda name: PaperLane(takes[name]), talk=self.talk
        )
        self.engines.words = self.words
        self.calls = Calls(3)
        self.line = PaperTrunk(self, self._abilities, self._late)
        engines: Any = self.engines
        began = asyncio.get_running_loop().time()
        with contextlib.ExitStack() as others:
            switchboard = Switchboard(self.config, engines, self.calls, lambda: self.now)
            for _ in range(self.busy):
                others.enter_context(switchboard.place())
            await switchboard.answer(self.line)
        self.lasted = asyncio.get_running_loop().time() - began

    @property
    def conversation(self) -> PaperConversation:
        return self.engines.conversations[0]

    @property
    def remembered(self) -> list[str]:
        """What the agent believes that the caller heard, after the greeting."""
        return self.conversation.heard_lines[1:]

    def silence(self, after: float) -> float:
        """Seconds from `after` to the first sound of the agent."""
        loud = (sent for sent in self.line.played if np.abs(sent.samples).max(initial=0) > 1000)
        return next(sent.start for sent in loud if sent.start >= after) - after

    def spoken(self, begin: float, end: float) -> float:
        """Seconds of the agent's sound that the caller heard between these times."""
        sound = np.zeros(round((end - begin) * RATE), np.int16)
        for sent in self.line.played:
            at = round((sent.start - begin) * RATE)
            low, high = max(0, at), min(len(sound), at + len(sent.samples))
            if low < high:
                sound[low:high] = sent.samples[low - at : high - at]
        blocks = sound[: len(sound) // 40 * 40].reshape(-1, 40)  # 5 ms, more than half a wave
        return float((np.abs(blocks).max(axis=1) > 1000).mean() * len(blocks) * 40 / RATE)
