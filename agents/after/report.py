"""What came of a call, for its owner: as data, with the lines that everything rests on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from agents.after.extraction import Extraction, Found, Values
from agents.after.form import Form
from agents.after.record import Act, CallRecord, Line

# "done": an action was carried out; "told": something was looked up; "failed": an action was tried
# and did not work; "talked": neither; "nothing": the caller said nothing.
Outcome = Literal["done", "failed", "told", "talked", "nothing"]
_MOST_ITEMS = 5


@dataclass(frozen=True, slots=True)
class Report:
    """`reason` is the line in which the caller said what the call is about; `open` are lines that
    somebody still has to act on; `fields` is the owner's form, nested as its schema is."""

    record: CallRecord
    outcome: Outcome
    summary: str
    reason: Line | None
    open: tuple[Line, ...]
    fields: Mapping[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        record = self.record
        return {
            "call": record.call,
            "agent": record.agent,
            "started": record.started,
            "seconds": round(record.seconds, 1),
            "outcome": self.outcome,
            "summary": self.summary,
            "reason": asdict(self.reason) if self.reason else None,
            "open": [asdict(line) for line in self.open],
            "actions": [_act(act) for act in record.acts],
            "fields": self.fields,
            "transcript": [asdict(line) for line in record.lines],
        }


async def report(record: CallRecord, extraction: Extraction, form: Form | None) -> Report:
    """Raises EngineError."""
    said = [line for line in record.lines if line.who == "caller"]
    reason = await extraction.line(
        "what the caller is calling about", said, record.lines, least=0.0
    )
    open_: list[Line] = []
    left = list(record.lines)
    while left and len(open_) < _MOST_ITEMS:
        line = await extraction.line(
            "something that somebody still has to do after the call", left, record.lines
        )
        if line is None:
            break
        open_.append(line)
        left = [other for other in left if other.number > line.number]
    fields = nested(await extraction.fill(form, record.lines)) if form else None
    outcome = outcome_of(record)
    return Report(record, outcome, summary(record, outcome, reason), reason, tuple(open_), fields)


def outcome_of(record: CallRecord) -> Outcome:
    acts = [act for act in record.acts if not act.read_only]
    if any(act.error is None for act in acts):
        return "done"
    if acts:
        return "failed"
    if any(act.error is None for act in record.acts):
        return "told"
    return "talked" if any(line.who == "caller" for line in record.lines) else "nothing"


def summary(record: CallRecord, outcome: Outcome, reason: Line | None) -> str:
    """Sentences by code: what was asked in the caller's own words, and what was really done."""
    parts: list[str] = []
    if outcome == "nothing":
        return "The caller said nothing."
    if reason:
        parts.append(f'The caller: "{reason.text}"')
    for act in record.acts:
        values = ", ".join(f"{name} {value}" for name, value in act.arguments.items())
        what = f"{act.wants} ({values})" if values else act.wants
        if act.error is not None:
            parts.append(f"Tried and failed: {what}: {act.error}.")
        elif act.read_only:
            parts.append(f"Looked up: {what}.")
        else:
            parts.append(f"Done: {what}.")
    if not record.acts:
        parts.append("Nothing was looked up or done.")
    return " ".join(parts)


def nested(values: Values) -> dict[str, Any]:
    """As the schema nests them; every value with its words and its line, or null."""
    form: dict[str, Any] = {}
    for path, found in values.items():
        at = form
        for name in path[:-1]:
            at = at.setdefault(name, {})
        match found:
            case None:
                at[path[-1]] = None
            case Found():
                at[path[-1]] = asdict(found)
            case list():
                at[path[-1]] = [asdict(each) for each in found]
    return form


def _act(act: Act) -> dict[str, Any]:
    return {
        "tool": act.tool,
        "arguments": dict(act.arguments),
        "result": dict(act.result) if act.result is not None else None,
        "error": act.error,
    }
