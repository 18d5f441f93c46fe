"""The fakes of this test suite: one of each thing."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping

from agents.llm.engine import Delta, Done, EngineError, Request, Text, ToolCall
from agents.understand import PREFILL

# What the model does next: words, a choice of the understanding prompt, tool calls, or a failure.
Scripted = str | Mapping[str, str] | tuple[ToolCall, ...] | EngineError


class FakeEngine:
    """An LLM that answers from a script, one entry a request; `requests` keeps what it was asked.

    A mapping ({"want": "order_status"}) answers a request with a grammar, which must offer it.
    A request beyond the script fails the test.
    """

    name = "fake"

    def __init__(
        self,
        *script: Scripted,
        grammars: bool = True,
        probability: float = 0.95,
        before: Callable[[Request], None] = lambda _: None,
    ) -> None:
        self.grammars = grammars
        self.native_tools = not grammars
        self.requests: list[Request] = []
        self.warmed: list[Request] = []
        self.closed_early = 0
        self._script = list(script)
        self._probability = probability
        self._before = before

    def then(self, *script: Scripted) -> None:
        """Add to the script."""
        self._script += script

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        self.requests.append(request)
        self._before(request)
        assert self._script, f"nothing scripted for: {request.messages[-1].content!r}"
        answer = self._script.pop(0)
        finished = False
        try:
            match answer:
                case EngineError():
                    raise answer
                case str():
                    for word in answer.split(" "):
                        yield Text(word if word == answer.split(" ")[0] else f" {word}")
                    yield Done("stop")
                case tuple():
                    for call in answer:
                        yield call
                    yield Done("tool_calls")
                case _:
                    assert request.prefill == PREFILL
                    want = answer["want"]
                    assert f'\\"{want}\\"' in request.grammar, f"{want} is not offered"
                    text = json.dumps(dict(answer)).removeprefix(PREFILL).removesuffix("}")
                    yield Text(text)
                    yield Done("stop", first_token_probabilities={want: self._probability})
            finished = True
        finally:
            self.closed_early += not finished

    async def warm_up(self, request: Request) -> None:
        self.warmed.append(request)

    async def close(self) -> None:
        pass

    @property
    def left(self) -> int:
        """Entries of the script that nobody asked for."""
        return len(self._script)
