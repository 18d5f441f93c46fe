"""Calls and evaluations as data that a model is tuned on: chats with tools, and preferences.

A chat is {"messages": [...], "tools": [...]} as OpenAI's API and TRL's SFTTrainer take it; its
arguments are objects, as chat templates want them. A preference is {"prompt", "chosen",
"rejected", "tools"}, each a list of messages, as DPOTrainer takes it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.definition import AgentDefinition
from agents.tools.opened import WrongSource, opened
from voice.journal.files import JournalError, open_private
from voice.journal.record import Answer, Recorded

_CORRECTIONS = "corrections.json"


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around every chat of an agent."""

    system: str
    tools: Sequence[Mapping[str, Any]]

    def chat(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {"messages": [self._told(), *messages], "tools": list(self.tools)}

    def preference(
        self, before: Sequence[Mapping[str, Any]], chosen: str, rejected: str
    ) -> dict[str, Any]:
        return {
            "prompt": [self._told(), *before],
            "chosen": [_said(chosen)],
            "rejected": [_said(rejected)],
            "tools": list(self.tools),
        }

    def _told(self) -> dict[str, str]:
        return {"role": "system", "content": self.system}


def frame_of(agent: Path) -> Frame:
    """Of a definition: its persona and facts, and the tools that a model may call.

    Raises DefinitionError, JournalError: a tool's source cannot be opened.
    """
    definition = AgentDefinition.read(agent)
    try:
        sources, tools = opened(definition.tools, agent.parent)
    except WrongSource as exc:
        raise JournalError(f"{agent}: tools: {exc.why}") from exc
    schemas = [tool.schema() for tool in tools if not tool.policy.internal]
    for source in sources:
        source.close()
    facts = [f"- {fact}" for fact in definition.facts]
    return Frame("\n".join([definition.persona, *facts]), schemas)


def correct(folder: Path, call: Recorded, turn: int, better: str) -> None:
    """Keep beside the call what the agent should have said to this turn (1 is the first).

    Raises JournalError: no such turn, or nobody answered it.
    """
    if not 1 <= turn <= len(call.turns):
        raise JournalError(f"call {call.call} has turns 1 to {len(call.turns)}, no {turn}")
    answer = call.turns[turn - 1].answer
    if answer is None or not answer.said:
        raise JournalError(f"turn {turn} of call {call.call} was not answered; nothing to correct")
    kept = {**corrections(folder), turn: better}
    text = json.dumps({str(number): kept[number] for number in sorted(kept)}, ensure_ascii=False)
    with open(open_private(folder / _CORRECTIONS), "w", encoding="utf-8") as out:
        out.write(text + "\n")


def corrections(folder: Path) -> dict[int, str]:
    """By turn. Raises JournalError."""
    path = folder / _CORRECTIONS
    if not path.exists():
        return {}
    try:
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return {int(turn): better for turn, better in kept.items()}
    except (OSError, ValueError, AttributeError) as exc:
        raise JournalError(f"{path}: cannot be read ({exc}); remove it") from exc


def chat_of(call: Recorded, frame: Frame, better: Mapping[int, str]) -> dict[str, Any]:
    """A call as a chat of what was heard; corrected turns say what they should have said."""
    return frame.chat(_messages(call, better))


def preferences_of(call: Recorded, frame: Frame, better: Mapping[int, str]) -> list[dict[str, Any]]:
    """One for each corrected turn; what comes before it is as it should have been."""
    found: list[dict[str, Any]] = []
    for turn, chosen in sorted(better.items()):
        answer = call.turns[turn - 1].answer if turn <= len(call.turns) else None
        if answer is not None:
            before = _messages(call, better, until=turn)
            found.append(frame.preference(before, chosen, answer.said))
    return found


def chats_of_evaluation(path: Path, frame: Frame) -> list[dict[str, Any]]:
    """The runs of an eval.json that went right; the others are no example. Raises JournalError."""
    try:
        models: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["models"]
        runs = [run for model in models for run in model["runs"] if run["right"]]
        return [frame.chat(list(_of_run(run))) for run in runs]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise JournalError(f"{path}: not the JSON of openline eval ({exc!r})") from exc


def write(path: Path, lines: Iterable[Mapping[str, Any]]) -> int:
    """JSONL that only its owner can read; how many lines. Raises OSError."""
    count = 0
    with open(open_private(path), "w", encoding="utf-8") as out:
        for line in lines:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            count += 1
    return count


def _messages(
    call: Recorded, better: Mapping[int, str], until: int | None = None
) -> list[dict[str, Any]]:
    """The chat before the answer to turn `until`, or all of it."""
    made: list[dict[str, Any]] = []
    for turn in call.turns:
        made.append({"role": "user", "content": turn.text})
        if turn.answer is not None:
            made += _used(turn.answer, f"{turn.number}")
        if turn.number == until:
            break
        heard = turn.answer.heard if turn.answer is not None else ""
        if said := better.get(turn.number, heard):
            made.append(_said(said))
    return made


def _used(answer: Answer, turn: str) -> Iterable[dict[str, Any]]:
    for index, tool in enumerate(answer.tools):
        result = {"error": tool.error} if tool.error else tool.result
        yield from _call(f"call_{turn}_{index}", tool.name, tool.arguments, result)


def _of_run(run: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for turn, exchange in enumerate(run["exchanges"], 1):
        yield {"role": "user", "content": exchange["heard"]}
        for index, tool in enumerate(exchange["calls"]):
            result = {"error": tool["error"]} if tool["error"] else tool["result"]
            yield from _call(f"call_{turn}_{index}", tool["tool"], tool["arguments"], result)
        if exchange["agent"]:
            yield _said(exchange["agent"])


def _call(
    call_id: str, name: str, arguments: Mapping[str, Any], result: Any
) -> Iterable[dict[str, Any]]:
    function = {"name": name, "arguments": dict(arguments)}
    used = {"id": call_id, "type": "function", "function": function}
    yield {"role": "assistant", "content": "", "tool_calls": [used]}
    content = json.dumps(result, ensure_ascii=False, default=str)
    yield {"role": "tool", "tool_call_id": call_id, "name": name, "content": content}


def _said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}
