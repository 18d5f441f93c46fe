"""What only tools know: asked of them, and taken, chosen, or asked back of the caller."""

import datetime as dt

from agents import records
from agents.acting import Outcome
from agents.actions import Actions
from agents.frame import Frame, Offer, Val
from agents.planning import LookUp
from agents.sentences import spoken_values
from agents.tools import Tool, ToolError


async def look_up(actions: Actions, frame: Frame, step: LookUp, today: dt.date) -> bool:
    """Run the tool of a step; what it tells goes into the action, or is asked of the caller.

    False when the caller has failed to prove who they are as often as they may. Raises OutOfBudget.
    """
    tool, state = step.tool, actions.state
    outcome = await actions.look_up(frame, tool)
    if outcome.result is None:
        if tool.policy.grants and outcome.refusal is not None:
            tried = state.attempts.get(tool.policy.grants, 0) + 1
            state.attempts[tool.policy.grants] = tried
            if tried >= tool.policy.attempts:
                actions.forget(frame)
                return False
        _refused(actions, frame, tool, outcome)
        return True
    if tool.policy.grants:
        proved = {name: frame.values[name] for name in tool.slots if name in frame.values}
        for name in tool.policy.returns:
            known = records.found(outcome.result.data, name)
            if len(known) == 1:
                proved[name] = actions.val_of(frame, name, known[0], "result")
        state.granted[tool.policy.grants] = proved
        take_granted(frame, proved, actions.hidden)
    if step.slot and step.slot not in frame.values:
        _take(actions, frame, step, records.found(outcome.result.data, step.slot), today)
    return True


def take_granted(frame: Frame, proved: dict[str, Val], hidden: frozenset[str]) -> None:
    """What is known of the caller for good, where the action needs it."""
    frame.values.update({name: val for name, val in proved.items() if name in hidden})


def _take(
    actions: Actions,
    frame: Frame,
    step: LookUp,
    found: tuple[records.Record, ...],
    today: dt.date,
) -> None:
    slot, language = step.slot, actions.language
    if not found:
        label = {**step.tool.said, **frame.tool.slots}[slot].label
        why = language.phrase("no records", {"label": label})
        asked = list(step.tool.said)
        refusal = ToolError(why, asked[-1] if asked else "")
        _refused(actions, frame, step.tool, Outcome(refusal=refusal))
        return
    since = actions.state.lines[frame.since :]
    named = records.chosen(found, since, language, today)
    if named is not None:
        frame.values[slot] = actions.val_of(frame, slot, named, "record")
    elif len(found) == 1:
        bare = not records.told(found[0], actions.hidden, language)
        frame.values[slot] = actions.val_of(frame, slot, found[0], "result" if bare else "only")
    frame.offers[slot] = Offer(found)
    if slot in frame.values:
        actions.take_fields(frame, frame.values[slot].record)


def _refused(actions: Actions, frame: Frame, tool: Tool, outcome: Outcome) -> None:
    """Say so with what was heard, and ask again. What was said stays: the other one of two values
    may be the wrong one."""
    said = spoken_values(frame, actions.language)
    given = {name: frame.values[name] for name in tool.said if name in frame.values}
    made = frame.made(tool)
    heard = ", ".join(said[name] for name in given if said[name])
    refusal = outcome.refusal
    if refusal and said.get(refusal.slot, "") in str(refusal):  # the tool has said it
        heard = ""
    actions.explain(frame, outcome, heard)
    asked = frame.asked
    if asked not in given:
        return
    others = [name for name in given if name != asked]
    frame.failed[made] = others[0] if others else asked
    if asked not in frame.values:
        frame.values[asked] = given[asked]
