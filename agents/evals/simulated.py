"""A caller played by a second model, from a goal, what they know, and a temperament."""

import hashlib
import random
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

from agents.evals.caller import CONFIRM, Reply, asks_consent
from agents.evals.suite import Case, Temperament
from agents.llm.engine import Engine, EngineError, Message, Request, Text

_HOW: dict[Temperament, str] = {
    "plain": "You speak briefly and to the point.",
    "hesitant": "You hesitate, say uh and um, and correct yourself now and then.",
    "chatty": "You talk more than you have to, and ask about other things in between.",
    "angry": "You are angry and impatient.",
}
_OPENINGS = ("Hi, ", "Hello, ", "Good morning, ", "Yeah hi, ", "")
DONE = "<done>"
_TURNS = 14  # of the caller: then they hang up whatever was reached
_WORDS = 60  # tokens of one line; people say less


@dataclass(slots=True)
class SimulatedCaller:
    """Temperature 0, and a seed that chooses how the caller begins: the same seed and model play
    the same caller. The call ends where the model says that its goal is reached."""

    engine: Engine
    goal: str
    knows: Mapping[str, str] = field(default_factory=dict[str, str])
    temperament: Temperament = "plain"
    seed: int = 0
    _said: list[Message] = field(default_factory=list[Message])

    @classmethod
    def of(cls, case: Case, engine: Engine, seed: int) -> "SimulatedCaller":
        """A caller with a case's goal; without one, its lines say what is wanted."""
        goal = case.goal or " Then: ".join(case.lines)
        knows = {name: said[-1] for name, said in case.says.items() if name != CONFIRM}
        return cls(engine, goal, knows, case.temperament, seed)

    async def reply(self, said: str) -> Reply | None:
        """Raises EngineError."""
        if len(self._said) >= 2 * _TURNS:
            return None
        self._said.append(Message("user", said or "(silence)"))
        line = await self._next()
        self._said.append(Message("assistant", line))
        spoken = line.replace(DONE, "").strip(' "')
        if not spoken or (DONE in line and len(self._said) > 2):
            return None
        return Reply(spoken, CONFIRM if asks_consent(said) else "")

    async def _next(self) -> str:
        opening = ""
        if len(self._said) == 1:
            opening = self._chance().choice(_OPENINGS)
        messages = [self._system(), *self._said]
        request = Request(messages, max_tokens=_WORDS, stop=("\n",), prefill=opening, slot="caller")
        stream = self.engine.stream(request)
        try:
            words = [delta.text async for delta in stream if isinstance(delta, Text)]
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()
        if not "".join(words).strip() and not opening:
            raise EngineError(f"{self.engine.name}: the simulated caller had nothing to say")
        return (opening if self.engine.grammars else "") + "".join(words).strip()

    def _chance(self) -> random.Random:
        text = f"{self.seed} {self.goal}"
        return random.Random(hashlib.sha256(text.encode()).digest())

    def _system(self) -> Message:
        facts = "\n".join(
            f"- {name.replace('_', ' ')}: {said}" for name, said in self.knows.items()
        )
        return Message(
            "system",
            "You are a customer who calls a company by telephone. You are not the assistant: you "
            f"want something, and answer what you are asked.\nWhat you want: {self.goal}\n"
            f"What you know, said only when asked:\n{facts or '- nothing else'}\n"
            f"{_HOW[self.temperament]} One short spoken sentence at a time, no lists. Never invent "
            f"what you do not know. When you have what you want, or cannot get it, write {DONE}.",
        )
