"""What a caller wants, asked of a small model: the prompt, the grammar, and its answer read.

The scheme and its figures are those of "a pending-action frame" (51 development conversations,
32 held back: 26 right where plain tool calling finished 2 of 17). The prompt is constant, so that
only the caller's line is new to the engine: 20 to 25 tokens in, 4 or 5 out. A detail can only be
a span of the caller's own words: the grammar admits nothing else, so arguments are not invented.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.definition import AgentDefinition
from agents.llm.engine import Message
from agents.llm.gbnf import quoted, runs
from agents.mind import CHAT, QUESTION, REPLY, STOP
from agents.spoken import Prompts
from agents.tools import FREE, Tool

# Cut after the colon: with the space or the quote in it, nearly every line went to one tool.
PREFILL = '{"want":'
_HEADINGS = 12  # of the documents that are named: each costs 5 tokens of the constant prompt
_ASKS = 2  # of a tool's `asks` that are shown: each costs 30 tokens of the constant prompt


@dataclass(frozen=True, slots=True)
class Choice:
    """What the model chose, and the words it quoted for each slot."""

    want: str
    quotes: Mapping[str, str]
    probability: float  # 0 where the engine does not tell


def prefix(
    definition: AgentDefinition,
    tools: Sequence[Tool],
    prompts: Prompts,
    headings: Sequence[str] = (),
) -> list[Message]:
    """The constant part of the prompt; `caller()` completes it. `headings`: of the documents."""
    offered = [tool for tool in tools if not tool.policy.internal]
    about = [*definition.facts, *headings[:_HEADINGS]]
    topics = "; ".join(re.split(r"[:.]", fact)[0].lower()[:28] for fact in about)
    lines = [
        'You note what a caller wants. Write JSON: {"want": ...} with the details that the caller '
        "said, in the caller's words.",
        "want is one of:",
        *(f"- {tool.name}: {tool.policy.wants}" for tool in offered),
        f"- {QUESTION}: a general question, not about the caller's own case ({topics})",
        f"- {REPLY}: answers the agent's question or corrects a detail",
        f"- {STOP}: the caller changed their mind about the task",
        f"- {CHAT}: greeting, thanks, goodbye",
    ]
    free = {n: s.label for tool in tools for n, s in tool.said.items() if s.kind in FREE}
    if free:
        lines.append("details: " + ", ".join(f"{name} ({label})" for name, label in free.items()))
    shown = [Message("system", "\n".join(lines))]
    for asked, said, noted in _examples(offered, prompts):
        shown += [caller(asked, said), Message("assistant", json.dumps(noted))]
    return shown


def _examples(tools: Sequence[Tool], prompts: Prompts) -> list[tuple[str, str, dict[str, str]]]:
    shown: list[tuple[str, str, dict[str, str]]] = []
    for index, tool in enumerate(tools):
        opening = prompts.asks if tool.policy.read_only else prompts.requests
        plain = opening + tool.policy.wants + (prompts.please if index % 2 else "")
        asks = tool.policy.asks[:_ASKS] or (plain,)
        shown += [(prompts.open_question, said, {"want": tool.name}) for said in asks]
    asked, answer, name = prompts.name
    shown += [
        (prompts.open_question, prompts.question, {"want": QUESTION}),
        (asked, answer, {"want": REPLY, "name": name}),
        (*prompts.instead, {"want": QUESTION}),
    ]
    actions = [tool for tool in tools if not tool.policy.read_only]
    if actions:
        asked, opening = prompts.other
        shown.append((asked, opening + actions[0].policy.wants, {"want": actions[0].name}))
    shown += [
        (*prompts.stop, {"want": STOP}),
        (prompts.open_question, prompts.chat, {"want": CHAT}),
    ]
    return shown


def caller(question: str, line: str) -> Message:
    """A line of the caller, after what the agent asked."""
    return Message("user", f"Agent: {question}\nCaller: {line}")


def grammar(
    wants: Mapping[str, Mapping[str, Sequence[str] | None]],
    words: Sequence[str],
    closed: Sequence[bool],
    fillers: frozenset[str],
    *,
    must_quote: bool = False,
) -> str:
    """GBNF for the rest of the JSON object after PREFILL.

    `wants` maps each choice to its keys; a key's value is one of the given phrases, or (None) a
    span of `words` that starts at a content word and runs over no `closed` one. `must_quote`: a
    reply has to bring a value (the agent waits for a yes or no, and this is neither).
    """
    starts = [i for i, word in enumerate(words) if not closed[i] and word not in fillers]
    rules: list[str] = []
    choices: list[str] = []
    for index, (want, keys) in enumerate(wants.items()):
        parts: list[str] = []
        for key, phrases in keys.items():
            if phrases is None and not starts:
                continue
            value = " | ".join(quoted(phrase) for phrase in phrases or ()) or "span"
            key_part, closing = quoted(f', "{key}": "'), quoted('"')
            parts.append(f"{key_part} ({value}) {closing}")
        head = quoted(f' "{want}"')
        if want == REPLY and must_quote and parts:
            body = f"{head} ({' | '.join(parts)})"
        else:
            body = head + "".join(f" ({part})?" for part in parts)
        rules.append(f"w{index} ::= {body}")
        choices.append(f"w{index}")
    root = f'root ::= ({" | ".join(choices)}) "}}"'
    if starts:
        rules.append("span ::= " + " | ".join(f"s{i}" for i in starts))
        rules += runs(words, closed)
    return "\n".join([root, *rules])


def parse(text: str, probabilities: Mapping[str, float], wants: Sequence[str]) -> Choice | None:
    """Read the model's continuation of PREFILL; None when it is no such object."""
    try:
        noted: object = json.loads(PREFILL + text.rstrip().removesuffix("}") + "}")
    except ValueError:
        return None
    if not isinstance(noted, dict):
        return None
    fields = {str(key): str(value) for key, value in noted.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    want = fields.pop("want", "")
    if want not in wants:
        return None
    return Choice(want, fields, by_choice(probabilities, wants).get(want, 0.0))


def foregone(text: str, wants: Mapping[str, Mapping[str, Sequence[str] | None]]) -> str:
    """What the grammar forces after `text`, once only one choice is left that can bring no details.

    Every token that is not waited for is 26 ms of the 0.5B on one core, 48 ms of the 1.5B.
    """
    heads = {want: f' "{want}"' for want in wants}
    left = [w for w, head in heads.items() if head.startswith(text) or text.startswith(head)]
    if len(left) != 1 or wants[left[0]]:
        return ""
    return (heads[left[0]] + "}").removeprefix(text)


def by_choice(probabilities: Mapping[str, float], wants: Sequence[str]) -> dict[str, float]:
    """The probability of each choice, from those of the token that begins its name."""
    found: dict[str, float] = {}
    for token, probability in probabilities.items():
        start = token.strip().lstrip('"').strip()
        if not start:
            continue
        for want in wants:
            if want.startswith(start) or start.startswith(want):
                found[want] = max(found.get(want, 0.0), probability)
    return found
