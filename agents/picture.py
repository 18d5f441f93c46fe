"""An agent as a state machine, in SVG: what it can be asked for, and the way to each act."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from agents.conversation import Agent
from agents.sentences import question
from agents.tools import Tool

_LETTER = 6.6  # px of a 12 px sans-serif letter, about
_ROW, _HEIGHT, _GAP = 46, 26, 20
_TOP, _LEFT = 84, 20
_STYLE = """
svg { font: 12px system-ui, sans-serif; background: #fdfdfb; }
text { fill: #1e272e; } .dim { fill: #57606f; } .title { font-size: 16px; font-weight: 600; }
rect { fill: #eef1f4; stroke: #c9d1d9; } .start { fill: #1e272e; } .start + text { fill: #fdfdfb; }
.looks { fill: #d8efe3; stroke: #58b28a; } .acts { fill: #fdeccd; stroke: #e0a100; }
.final { fill: #f8d7d3; stroke: #c0392b; } .model { fill: #dfe6fb; stroke: #7ea2ff; }
.consent { fill: #fff; stroke: #e0a100; stroke-dasharray: 4 2; }
path { stroke: #9aa5b1; fill: none; marker-end: url(#tip); } marker path { fill: #9aa5b1; }
"""


@dataclass(frozen=True, slots=True)
class _Box:
    text: str
    kind: str = ""
    note: str = ""  # shown when pointed at

    @property
    def width(self) -> float:
        return len(self.text) * _LETTER + 20


def picture(agent: Agent) -> str:
    """One row for each tool, from left to right; a note appears where the pointer rests."""
    tools = [tool for tool in agent.tools.values() if not tool.policy.internal]
    rows = [_way(tool, agent) for tool in tools]
    rows.append([_Box("a question", note="; ".join(agent.definition.facts)), _TELL])
    start = _Box("listens", "start", "every line of the caller comes here first")
    lane = _LEFT + start.width + 2 * _GAP
    parts = [part for number, row in enumerate(rows) for part in _row(row, lane, number)]
    width = lane + max(sum(box.width + _GAP for box in row) for row in rows) + _LEFT
    height = _TOP + _ROW * len(rows) + 20
    middle = _TOP + _ROW * (len(rows) - 1) / 2
    lines = [
        _arrow(_LEFT + start.width, middle + _HEIGHT / 2, lane, _TOP + _ROW * number + _HEIGHT / 2)
        for number in range(len(rows))
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}"><style>{_STYLE}</style>'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
        f'<text class="title" x="{_LEFT}" y="30">{escape(agent.definition.title)}</text>'
        f"{_legend()}{''.join(lines)}{''.join(_box(start, _LEFT, middle))}{''.join(parts)}</svg>\n"
    )


_TELL = _Box("the model tells it", "model", "checked against the facts, word by word")


def _way(tool: Tool, agent: Agent) -> list[_Box]:
    """What has to happen before the tool runs, and after."""
    policy = tool.policy
    way = [_Box(policy.wants, note=" / ".join(policy.asks))]
    if policy.says:
        return [*way, _Box("refused", "final", policy.says)]
    guard = tool.guard
    if guard is not None:
        way.append(_Box(guard.policy.wants, "consent", "who calls is proved first"))
    for slot in tool.said.values():
        note = question(slot, agent.language)
        note = note if slot.required else f"{note} (only where it is said)"
        way.append(_Box(f"{slot.label}?" if slot.required else f"({slot.label})", note=note))
    hidden = [tool.providers[name] for name, slot in tool.slots.items() if slot.hidden]
    names = dict.fromkeys(each.name for each in hidden if each is not guard)
    way += [_Box(name, "looks", "what no caller says comes from here") for name in names]
    if tool.check is not None:
        way.append(_Box("check", note="the tool refuses here what could not work"))
    if policy.needs_consent:
        note = policy.confirm or agent.language.phrase("shall i", {"wants": policy.wants})
        way.append(_Box("read back, yes?", "consent", note))
    kind = "looks" if policy.read_only else "final" if policy.irreversible else "acts"
    way.append(_Box(tool.name, kind, tool.description))
    told = bool(policy.done) or not policy.read_only
    way.append(_Box("code tells it", note=policy.done) if told else _TELL)
    return way


def _row(row: list[_Box], left: float, number: int) -> Iterator[str]:
    x, y = left, float(_TOP + _ROW * number)
    for at, box in enumerate(row):
        if at:
            yield _arrow(x - _GAP, y + _HEIGHT / 2, x, y + _HEIGHT / 2)
        yield from _box(box, x, y)
        x += box.width + _GAP


def _box(box: _Box, x: float, y: float) -> Iterator[str]:
    yield f"<g><title>{escape(box.note)}</title>" if box.note else "<g>"
    yield (
        f'<rect class="{box.kind}" x="{x:.0f}" y="{y:.0f}" width="{box.width:.0f}" '
        f'height="{_HEIGHT}" rx="6"/>'
        f'<text x="{x + box.width / 2:.0f}" y="{y + 17:.0f}" text-anchor="middle">'
        f"{escape(box.text)}</text></g>"
    )


def _arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    bend = (x + to_x) / 2
    curve = f"{bend:.0f} {y:.0f} {bend:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
    return f'<path d="M{x:.0f} {y:.0f}C{curve}"/>'


def _legend() -> str:
    kinds = (("looks up", "looks"), ("acts", "acts"), ("cannot be taken back", "final"))
    made: list[str] = []
    x = float(_LEFT)
    for text, kind in kinds:
        box = _Box(text, kind)
        made += _box(box, x, 42)
        x += box.width + 8
    return "".join(made)
