"""What a replay changed, turn by turn."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from voice.journal.record import Recorded, Turn
from voice.journal.show import clock

SOONER = 0.1  # s by which the end of a turn may move before that is called a change


@dataclass(frozen=True, slots=True)
class Change:
    what: str  # "words", "over", "answer", "tools", "heard"
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Pair:
    """The same stretch of the caller's speech, then and now; None where there was no turn."""

    before: Turn | None
    after: Turn | None

    @property
    def at(self) -> float:
        turns = [turn.began for turn in (self.before, self.after) if turn is not None]
        return min(turns)

    def changes(self) -> list[Change]:
        before, after = self.before, self.after
        if before is None or after is None:
            return [Change("turn", _said(before), _said(after))]
        rows = [
            ("words", before.text, after.text, plain(before.text) != plain(after.text)),
            ("over", _over(before), _over(after), abs(before.committed - after.committed) > SOONER),
            ("answer", _answer(before), _answer(after), _differ(_answer(before), _answer(after))),
            ("heard", _heard(before), _heard(after), _cut(before) != _cut(after)),
            ("tools", _tools(before), _tools(after), _tools(before) != _tools(after)),
        ]
        return [Change(what, old, new) for what, old, new, changed in rows if changed]


def pairs(before: Sequence[Turn], after: Sequence[Turn]) -> list[Pair]:
    """Turns that overlap in time belong together; a turn cut in two has one half alone."""
    made: list[Pair] = []
    i = j = 0
    while i < len(before) or j < len(after):
        old = before[i] if i < len(before) else None
        new = after[j] if j < len(after) else None
        if old is not None and new is not None and _overlap(old, new):
            made.append(Pair(old, new))
            i, j = i + 1, j + 1
        elif new is None or (old is not None and old.began <= new.began):
            made.append(Pair(old, None))
            i += 1
        else:
            made.append(Pair(None, new))
            j += 1
    return made


def report(before: Recorded, after: Recorded) -> Iterator[Text]:
    """Lines for a console."""
    same = 0
    for pair in pairs(before.turns, after.turns):
        changes = pair.changes()
        turn = pair.before or pair.after
        assert turn is not None
        same += not changes
        line = Text("~ " if changes else "= ", "yellow" if changes else "green")
        yield line.append(f"{clock(pair.at):>7}  ", "dim").append(turn.text)
        for change in changes:
            detail = Text(f"            {change.what:<7}", "yellow")
            yield (
                detail.append(change.before or "nothing", "dim")
                .append(" → ")
                .append(change.after or "nothing")
            )
    for line in after.of("error") + after.of("memory"):
        yield Text(f"! {clock(line.at):>7}  ", "red").append(str(line.data["text"]))
    changed = len(pairs(before.turns, after.turns)) - same
    total = f"{same} turns as they were, {changed} changed; {len(before.wasted)} answers begun in "
    total += f"vain then, {len(after.wasted)} now"
    yield Text(f"{total}; median silence {_median(before)} then, {_median(after)} now", "bold")


def plain(text: str) -> str:
    """Words only: Whisper's commas come and go."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def _differ(before: str, after: str) -> bool:
    return plain(before) != plain(after)


def _overlap(a: Turn, b: Turn) -> bool:
    if a.typed or b.typed:
        return a.typed and b.typed and plain(a.text) == plain(b.text)
    return min(a.ended, b.ended) > max(a.began, b.began) or abs(a.ended - b.ended) < 0.3


def _over(turn: Turn) -> str:
    return f"at {turn.committed:.2f} s, {turn.committed - turn.ended:.2f} s after: {turn.reason}"


def _said(turn: Turn | None) -> str:
    return "" if turn is None else turn.text


def _answer(turn: Turn) -> str:
    return turn.answer.said if turn.answer else ""


def _heard(turn: Turn) -> str:
    return turn.answer.heard if turn.answer else ""


def _cut(turn: Turn) -> bool:
    return bool(turn.answer and turn.answer.cut)


def _tools(turn: Turn) -> str:
    called = turn.answer.tools if turn.answer else []
    return ", ".join(f"{tool.name}({dict(tool.arguments)})" for tool in called)


def _median(call: Recorded) -> str:
    silences = [a.silence_ms for a in call.answers.values() if a.silence_ms is not None]
    return f"{statistics.median(silences):.0f} ms" if silences else "none"
