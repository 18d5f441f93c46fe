"""What the plain model would have cost on the same turns: prompt in, first word out."""

import json
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from agents.conversation import Agent
from agents.evals.talk import Exchange
from agents.llm.engine import Engine, Message, Request, Text


async def beside_plain(
    agent: Agent, exchanges: Sequence[Exchange], engine: Engine
) -> list[Exchange]:
    """The exchanges with `plain_wait`: seconds to the first word of the model alone, which has the
    persona, the facts and the tools in its prompt, and has read the call up to the line before.

    Raises EngineError.
    """
    schemas = [json.dumps(tool.schema()["function"]) for tool in agent.tools.values()]
    facts = "\n".join(f"- {fact}" for fact in agent.definition.facts)
    system = (
        f"{agent.definition.persona}\n{facts}\nTools, called by one JSON object "
        '{"name": ..., "arguments": ...}:\n' + "\n".join(schemas)
    )
    messages = [Message("system", system)]
    found: list[Exchange] = []
    for exchange in exchanges:
        await engine.warm_up(Request(list(messages), slot="answer"))
        messages.append(Message("user", exchange.heard))
        found.append(replace(exchange, plain_wait=await _first_word(engine, messages)))
        messages.append(Message("assistant", exchange.agent))
    return found


async def _first_word(engine: Engine, messages: Sequence[Message]) -> float | None:
    started = time.monotonic()
    stream = engine.stream(Request(list(messages), max_tokens=4, slot="answer"))
    try:
        async for delta in stream:
            if isinstance(delta, Text) and delta.text.strip():
                return time.monotonic() - started
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
    return None
