"""One call as text: who said what when, how long the silence was, and what was cut."""

from rich.text import Text

from voice.journal.record import Answer, Recorded, ToolCall, Turn

PARTS = {
    "endpoint_ms": "end of turn",
    "transcribe_ms": "recognition",
    "think_ms": "thinking",
    "speak_ms": "synthesis",
}


def conversation(call: Recorded) -> list[Text]:
    """Lines for a console."""
    header = call.header
    head = Text(f"{call.began:%Y-%m-%d %H:%M}  call {call.call}", style="bold")
    about = f"{header['agent']} on {header['llm']}, {header['transcriber']}, {header['voice']}"
    lines = [head, Text(f"{about}; {call.seconds:.1f} s, {len(call.turns)} turns", style="dim")]
    if not call.complete:
        lines.append(Text("this recording has no end: the server stopped in mid-call", "yellow"))
    lines.append(Text())
    spoken = [(aside.sent or aside.started, _answer(aside)) for aside in call.asides]
    for turn in call.turns:
        spoken.append((turn.began, _turn(turn)))
        if turn.answer is not None:
            spoken.append((turn.answer.sent or turn.answer.started, _answer(turn.answer)))
    spoken += [
        (line.at, [_stamped(line.at, "error", "red").append(line.data["text"])])
        for line in call.of("error") + call.of("memory")
    ]
    for answer in call.wasted:
        text = f"thought of an answer to “{answer.text}” in vain: the caller went on"
        spoken.append((answer.started, [_stamped(answer.started, "", "dim").append(text, "dim")]))
    for _, made in sorted(spoken, key=lambda item: item[0]):
        lines += made
    for line in call.of("hang_up"):
        lines.append(_stamped(line.at, "end", "dim").append(line.data["reason"], "dim"))
    return lines


def clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def _stamped(at: float, who: str, style: str) -> Text:
    return Text(f"{clock(max(0.0, at)):>7}  ").append(f"{who:<7}", style)


def _turn(turn: Turn) -> list[Text]:
    line = _stamped(turn.began, "caller", "cyan").append(turn.text)
    if turn.typed:
        return [line.append("  typed", "dim")]
    waited = turn.committed - turn.ended
    return [line.append(f"  over after {waited:.2f} s: {turn.reason}", "dim")]


def _answer(answer: Answer) -> list[Text]:
    at = answer.sent if answer.sent is not None else answer.started
    lines = [_tool(tool) for tool in answer.tools]
    line = _stamped(at, "agent", "green").append(answer.heard if answer.reported else answer.said)
    if answer.cut:
        line.append(f" {answer.cut}", "strike dim")
        why = "interrupted" if answer.interrupted is not None else "not heard"
        line.append(f"  {why}", "yellow")
    elif not answer.reported:
        line.append("  the call ended before it was reported as heard", "yellow")
    for source in answer.sources:
        line.append(f"  source: {source}", "dim")
    if answer.silence_ms is not None:
        parts = ", ".join(f"{PARTS.get(k, k)} {v:.0f}" for k, v in answer.parts.items() if v)
        line.append(f"  silence {answer.silence_ms:.0f} ms: {parts}", "dim")
    return [*lines, line]


def _tool(tool: ToolCall) -> Text:
    arguments = ", ".join(f"{key}={value!r}" for key, value in tool.arguments.items())
    took = "did not end" if tool.seconds is None else f"{tool.seconds:.2f} s"
    outcome = f"error: {tool.error}" if tool.error else str(tool.result)
    line = _stamped(tool.at, "tool", "magenta").append(f"{tool.name}({arguments})")
    return line.append(f" {outcome}, {took}", "dim")
