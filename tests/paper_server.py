"""The real server application over paper engines: on sockets, or on a line in a virtual clock."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, MutableMapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from fastapi import FastAPI

from agents.definition import AgentDefinition, Words
from agents.events import Event, Finished, Say, ToolEnded, ToolStarted
from agents.llm.engine import Engine
from agents.notes import Notes
from agents.telephone import Telephone
from tests.fakes import FakeEngine
from tests.paper import PaperConversation, PaperEars, PaperLane, PaperMouth, Utterance
from voice.config import Config, ConfigError, load_config
from voice.engines import llm_name
from voice.lane import Lane
from voice.listen.listener import Ears
from voice.server.app import build_app
from voice.speak.mouth import Mouth

DEMO = Path(__file__).parent.parent / "configs" / "demo.yaml"
READY = json.dumps(
    {"label": "rtvi-ai", "type": "client-ready", "id": "1", "data": {"version": "2.0.0"}}
)
RATE = 16000
FRAME = RATE // 50


class PaperEngines:
    """What the server asks of Engines, over paper; `lane` makes the lanes hear, judge, speak."""

    def __init__(
        self,
        config: Config,
        folder: Path = DEMO.parent,
        *,
        lane: Callable[[str], Any] = Lane,
        talk: "Talk | None" = None,
    ) -> None:
        self.config = config
        self.waiting_for: list[str] = []
        self.ready = True
        self.talk = talk or Talk()
        self.paper = PaperEars(self.talk.utterances)
        self.lanes: list[Any] = [lane("hear"), lane("judge"), lane("speak")]
        hear, judge, _ = self.lanes
        self.ears = Ears(self.paper, hear, self.paper, self.paper, judge)  # type: ignore[arg-type]
        self.conversations: list[PaperConversation] = []
        self.engine: Engine = FakeEngine()  # behind /v1
        self.asked: list[str] = []  # agents, by their names
        self.words: dict[str, Words] = {}  # of the agent

    async def load(self) -> None: ...

    async def agent(self, name: str, llm: str) -> Any:
        self.asked.append(name)
        if name not in ("", "shop"):
            raise ConfigError(f"agent={name}: not offered here; choose one of: shop")
        definition = AgentDefinition(
            name="shop",
            title="Shop",
            greeting="Hello there.",
            persona="You sell lamps.",
            words=self.words,
        )
        return SimpleNamespace(definition=definition, conversation=self._conversation)

    def _conversation(self, notes: Notes, telephone: Telephone) -> PaperConversation:
        self.conversations.append(PaperConversation(self.talk.answers, 0.05, self.talk.custom))
        self.conversations[-1].telephone = telephone
        return self.conversations[-1]

    async def mouth_of(self, definition: AgentDefinition, voice: str = "") -> Mouth:
        return Mouth(PaperMouth(self.talk.word), self.lanes[2], "paper")

    async def llm(self, name: str) -> Engine:
        if name not in ("", llm_name(self.config.llm)):
            raise ConfigError(f"llm={name}: not offered here; choose one of: the demo's")
        return self.engine

    def agent_paths(self) -> dict[str, Path]:
        return {"shop": DEMO.parent / "agents" / "shop.yaml"}

    def llms(self) -> list[Any]:
        return [(self.config.llm, True)]

    def voices(self) -> list[Any]:
        return [(self.config.synthesizer, "paper", PaperMouth().voices)]

    async def close(self) -> None:
        for lane in self.lanes:
            await asyncio.to_thread(lane.close)


class Talk:
    """What the caller says, and how the agent answers."""

    def __init__(self) -> None:
        self.utterances = [Utterance("where is my order", 0, 1.0, 0.95)]
        self.answers = {"where is my order": ["It left on Monday.", "It comes on Thursday."]}
        self.custom: Any = None
        self.word = 0.3  # s of the agent's sound


class BusyTalk(Talk):
    """Eight seconds with everything in it that can be under way when a line drops.

    Greeting until 1.0; a pause at 2.2 that was not the end (an eager transcript and answer that
    are dropped), the end at 3.4, a tool of 0.6 s, an answer of three clauses that the caller
    interrupts at 6.0, and a second answer.
    """

    SECONDS = 9.0

    def __init__(self) -> None:
        super().__init__()
        self.utterances = [
            Utterance("where is", 1.2, 1.0, 0.1),
            Utterance("my order", 2.6, 0.8, 0.95),
            Utterance("stop please", 6.0, 0.8, 0.95),
        ]
        self.custom = self._answer
        self.thinking = self.tools = 0  # open turns, running tools

    async def _answer(self, text: str, committed: asyncio.Event) -> AsyncIterator[Event]:
        self.thinking += 1
        try:
            await asyncio.sleep(0.2)
            if text == "where is my order":
                yield ToolStarted("1", "look", {})
                self.tools += 1
                try:
                    await committed.wait()
                    await asyncio.sleep(0.6)
                finally:
                    self.tools -= 1
                yield ToolEnded("1", "look", "lost", None, 0.6)
                yield Say("I am sorry to say that, ", complete=False)
                await asyncio.sleep(0.1)
                yield Say("after all we know, that one is lost for good. We sent another one.")
            else:
                yield Say("All right, then.")
            yield Finished()
        finally:
            self.thinking -= 1

    def sound(self, ears: PaperEars, start: float) -> bytes:
        """The caller's next 20 ms."""
        times = start + np.arange(FRAME) / RATE
        audio = np.zeros(FRAME, np.float32)
        for i, utterance in enumerate(self.utterances):
            inside = (times >= utterance.start) & (times < utterance.end)
            audio[inside] = ears.level(i)
        return (audio * 32767).astype("<i2").tobytes()


Ending = Literal["hang up", "drop", "stop", "cancel"]


class PaperLine:
    """One caller of the real application, below the socket: what uvicorn hands it, and takes.

    `ending` at `seconds`: the caller hangs up (a close frame), the line drops (nothing can be sent
    any more), the server stops, or the task that serves the call is cancelled.
    """

    def __init__(
        self, engines: PaperEngines, talk: BusyTalk, seconds: float, ending: Ending
    ) -> None:
        self._engines, self._talk = engines, talk
        self._seconds, self.ending = seconds, ending
        self.under_way: set[str] = set()  # when it ended
        self._sent = 0
        self._began = 0.0
        self._over = asyncio.Event()
        self.said: list[dict[str, Any]] = []
        self.audio = 0  # bytes

    async def call(self, app: FastAPI) -> None:
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        scope: dict[str, Any] = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "path": "/ws",
            "raw_path": b"/ws",
            "query_string": b"in_rate=16000&out_rate=16000",
            "headers": [],
            "subprotocols": [],
            "state": {},
        }
        serving = asyncio.create_task(app(scope, self._receive, self._send))
        await asyncio.wait({serving}, timeout=self._seconds)
        self.under_way = self._look()
        if self.ending == "stop":
            await app.state.calls.hang_up("the server stops")
        elif self.ending == "cancel":
            serving.cancel()
        self._over.set()
        await asyncio.gather(serving, return_exceptions=self.ending == "cancel")

    def _look(self) -> set[str]:
        hear, _, speak = (len(lane.schedule) + lane.busy for lane in self._engines.lanes)
        counts = {"tool": self._talk.tools, "thinking": self._talk.thinking}
        counts |= {"hearing": hear, "synthesis": speak, "speaking": self._speaking}
        return {name for name, count in counts.items() if count} or {"nothing"}

    @property
    def _speaking(self) -> bool:
        kinds = [data["t"] for data in self.said if data.get("t") in ("answer", "heard")]
        return kinds[-1:] == ["answer"]

    async def _receive(self) -> dict[str, Any]:
        self._sent += 1
        match self._sent:
            case 1:
                return {"type": "websocket.connect"}
            case 2:
                return {"type": "websocket.receive", "text": READY}
            case n:
                at = 0.02 * (n - 3)
        now = asyncio.get_running_loop().time() - self._began
        try:
            async with asyncio.timeout(max(0.0, at - now)):
                await self._over.wait()
        except TimeoutError:
            pass
        if self._over.is_set():
            return {"type": "websocket.disconnect", "code": 1006}
        return {"type": "websocket.receive", "bytes": self._talk.sound(self._engines.paper, at)}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if self._over.is_set() and self.ending == "drop":
            raise OSError("the line is dead")
        if message.get("text"):
            self.said.append(json.loads(message["text"]).get("data") or {})
        elif message.get("bytes"):
            self.audio += len(message["bytes"])


def paper_app(talk: BusyTalk) -> tuple[FastAPI, PaperEngines]:
    """The application on lanes of virtual time."""
    seconds = {"hear": 0.15, "judge": 0.02, "speak": 0.15}
    config = load_config(DEMO, {"server.max_calls": 3, "journal.enabled": False})
    engines = PaperEngines(config, lane=lambda name: PaperLane(seconds[name]), talk=talk)
    return build_app(config, engines), engines  # type: ignore[arg-type]


def moments(count: int, seconds: float, seed: int) -> list[float]:
    """Random moments of a call, one in each `count`-th of it, so that none is left out."""
    dice = random.Random(seed)
    return [seconds * (i + dice.random()) / count for i in range(count)]
