"""A call as lines of a score, ten seconds each: the caller above, the agent below, in SVG.

Between them: what was thought (kept or in vain) and each silence, cut into its parts.
"""

from collections.abc import Iterator, Sequence
from html import escape

from voice.journal.record import Answer, Recorded, Turn
from voice.journal.show import PARTS, clock
from voice.journal.waves import BIN_SECONDS, Levels

ROW_SECONDS = 10.0
WIDTH, HEIGHT = 1000, 168
SECOND = WIDTH / ROW_SECONDS  # px; a spoken second has about 15 letters, of 6.6 px each
LETTER = 6.6
CALLER, AGENT = 52, 122  # the middle of each wave
AMPLITUDE = 20
SILENCE, THINKING = 80, 93  # the two bars between them


def score(call: Recorded, caller: Levels, agent: Levels) -> Iterator[str]:
    """One <svg> a line."""
    seconds = max(call.seconds, len(caller) * BIN_SECONDS, 0.1)
    rows = int(seconds // ROW_SECONDS) + 1
    words = _caller_words(call), _agent_words(call)
    for row in range(rows):
        start = row * ROW_SECONDS
        parts = [
            *_grid(start, seconds),
            *(_turn(turn, start) for turn in call.turns if not turn.typed),
            _wave(caller, start, CALLER, "caller"),
            _wave(agent, start, AGENT, "agent"),
            *_between(call, start),
            *_words(words[0], start, 22, "caller"),
            *_words(words[1], start, 160, "agent"),
        ]
        label = f"{clock(start)} to {clock(min(seconds, start + ROW_SECONDS))}"
        yield (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
            + "".join(parts)
            + "</svg>"
        )


def rounded(parts: dict[str, float]) -> dict[str, int]:
    """Whole ms that still sum to the whole: the largest part takes what rounding left."""
    made = {key: round(value) for key, value in parts.items()}
    if made:
        largest = max(made, key=lambda key: made[key])
        made[largest] += round(sum(parts.values())) - sum(made.values())
    return made


def _x(at: float, start: float) -> float:
    return round((at - start) * SECOND, 1)


def _seen(begin: float, end: float, start: float) -> bool:
    return end >= start and begin <= start + ROW_SECONDS


def _rect(begin: float, end: float, y: float, height: float, kind: str, title: str = "") -> str:
    width = max(1.0, end - begin)
    inner = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect class="{kind}" x="{begin}" y="{y}" width="{width:.1f}" height="{height}">'
        f"{inner}</rect>"
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _grid(start: float, seconds: float) -> Iterator[str]:
    for second in range(int(ROW_SECONDS)):
        at = start + second
        if at > seconds:
            return
        x = _x(at, start)
        yield f'<path class="grid" d="M{x} 4V{HEIGHT}"/>'
        if second % 5 == 0:
            yield _text(x + 3, 9, clock(at).removesuffix(".0"), "time")


def _turn(turn: Turn, start: float) -> str:
    if not _seen(turn.began, turn.committed, start):
        return ""
    title = f"turn {turn.number}: over {turn.committed - turn.ended:.2f} s after its last sound"
    begin, end = _x(turn.began, start), _x(turn.ended, start)
    title = f"{title}, {turn.reason}"
    over = _x(turn.committed, start)
    return (
        _rect(begin, end, CALLER - AMPLITUDE - 4, 2 * AMPLITUDE + 8, "turn", title)
        + f'<path class="over" d="M{over} {CALLER - AMPLITUDE - 4}V{CALLER + AMPLITUDE + 4}">'
        + f"<title>{escape(title)}</title></path>"
    )


def _wave(levels: Levels, start: float, middle: float, kind: str) -> str:
    first = round(start / BIN_SECONDS)
    part = levels[first : first + round(ROW_SECONDS / BIN_SECONDS)]
    loudest = float(levels.max()) if len(levels) else 0.0
    steps: list[str] = []
    for i, level in enumerate(part):
        # the square root shows soft speech beside loud; below 1% of full scale is quiet
        height = AMPLITUDE * (float(level) / loudest) ** 0.5 if level > 0.01 else 0.5
        x = round((i + 0.5) * BIN_SECONDS * SECOND, 1)
        steps.append(f"M{x} {middle - height:.1f}V{middle + height:.1f}")
    return f'<path class="wave {kind}" d="{"".join(steps)}"/>' if steps else ""


def _between(call: Recorded, start: float) -> Iterator[str]:
    for turn in call.turns:
        if turn.answer is not None:
            yield from _silence(turn, turn.answer, start)
    for answer in call.answers.values():
        yield from _thinking(answer, start)
        if answer.interrupted is not None and _seen(answer.interrupted, answer.interrupted, start):
            x = _x(answer.interrupted, start)
            yield f'<path class="cut" d="M{x} {AGENT - AMPLITUDE - 6}V{AGENT + AMPLITUDE + 4}"/>'
            yield _text(x + 4, AGENT - AMPLITUDE + 3, "interrupted", "cut")
        for tool in answer.tools:
            if answer.dropped is None and _seen(tool.at, tool.at, start):
                yield _text(_x(tool.at, start), AGENT - 8, f"◆ {tool.name}", "tool")
    for line in call.of("error"):
        if _seen(line.at, line.at, start):
            yield _text(_x(line.at, start), CALLER + 26, "error", "cut")


def _silence(turn: Turn, answer: Answer, start: float) -> Iterator[str]:
    if answer.sent is None or answer.silence_ms is None:
        return
    at = answer.sent - answer.silence_ms / 1000
    if not _seen(at, answer.sent, start):
        return
    exact = dict(answer.parts)
    shown = rounded(exact)
    title = " + ".join(f"{shown[k]} {PARTS.get(k, k)}" for k in exact)
    title = f"{round(sum(exact.values()))} ms = {title}"
    for key, ms in exact.items():
        begin, at = at, at + ms / 1000
        if ms:
            yield _rect(_x(begin, start), _x(at, start), SILENCE, 8, f"part {key}", title)
    yield _text(_x(answer.sent, start) + 5, SILENCE + 8, f"{answer.silence_ms:.0f} ms", "silence")


def _thinking(answer: Answer, start: float) -> Iterator[str]:
    end = answer.dropped or answer.sent or answer.committed
    if end is None or not _seen(answer.started, end, start):
        return
    kept = answer.dropped is None
    what = "kept" if kept else "in vain: the caller went on"
    title = f"answer {answer.number} to “{answer.text}”, {what}"
    begin = _x(answer.started, start)
    yield _rect(begin, _x(end, start), THINKING, 4, "kept" if kept else "wasted", title)


Word = tuple[float, str]


def _caller_words(call: Recorded) -> list[Word]:
    spread: list[Word] = []
    for turn in call.turns:
        shown = f"⌨ {turn.text}" if turn.typed else turn.text
        spread += _spread(shown, turn.began, max(0.0, turn.ended - turn.began))
    return sorted(spread)


def _agent_words(call: Recorded) -> list[Word]:
    spread: list[Word] = []
    for answer in call.answers.values():
        if answer.sent is None or answer.dropped is not None:
            continue
        words: list[Word] = []
        for clause in answer.clauses:
            words += _spread(clause.text, clause.at, clause.seconds)
        heard = len(answer.heard.split()) if answer.reported else len(words)
        spread += words[:heard]
    return sorted(spread)


def _spread(text: str, start: float, seconds: float) -> list[Word]:
    """Words over their time, in proportion to their letters."""
    words = text.split()
    letters = sum(len(word) + 1 for word in words)
    made: list[Word] = []
    place = 0
    for word in words:
        made.append((start + seconds * place / letters, word))
        place += len(word) + 1
    return made


def _words(words: Sequence[Word], start: float, y: float, kind: str) -> Iterator[str]:
    """Each at its time; a word that would lie on the one before moves right."""
    free = 0.0
    for at, word in words:
        if not start <= at < start + ROW_SECONDS:
            continue
        x = max(_x(at, start), free)
        free = x + (len(word) + 0.8) * LETTER
        yield _text(x, y, word, f"word {kind}")
