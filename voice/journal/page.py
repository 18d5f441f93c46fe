"""One call as one self-contained page: its score, and every turn with its silence explained."""

import statistics
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from voice.document import document
from voice.journal.picture import rounded, score
from voice.journal.record import Answer, Recorded, Summary, Turn
from voice.journal.show import PARTS, clock
from voice.journal.waves import levels

_STYLE = Path(__file__).parent / "page.css"


def call_page(call: Recorded) -> str:
    """The page of a call; the same on the server and by `calls show --html`.

    Raises JournalError.
    """
    header = call.header
    title = f"Call {call.call}"
    caller, agent = levels(call)
    silences = [a.silence_ms for a in call.answers.values() if a.silence_ms is not None]
    facts = {
        "length": f"{call.seconds:.0f} s",
        "turns": str(len(call.turns)),
        "median silence": f"{statistics.median(silences):.0f} ms" if silences else "none",
        "interruptions": str(len(call.of("interrupted"))),
        "begun in vain": str(len(call.wasted)),
        "memory errors": str(len(call.of("memory"))),
    }
    models = " · ".join(str(header[key]) for key in ("transcriber", "llm", "voice"))
    body = [
        f"<header><h1>{escape(str(header.get('title') or header['agent']))}</h1>",
        f"<p>{call.began:%Y-%m-%d %H:%M} · {escape(models)}</p></header>",
        "" if call.complete else '<p class="warn">The server stopped in mid-call.</p>',
        "<dl>",
        *(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items()),
        "</dl>",
        _legend(),
        '<section class="score">',
        *score(call, caller, agent),
        '</section><section class="turns"><h2>Turn by turn</h2><ol>',
        *_conversation(call),
        "</ol></section>",
    ]
    return _document(title, body)


def calls_page(calls: Sequence[Summary]) -> str:
    """The list of calls, newest first."""
    rows = [
        f'<tr><td><a href="/calls/{escape(call.call)}">{call.began:%Y-%m-%d %H:%M}</a></td>'
        f"<td>{escape(call.agent)}</td><td>{call.seconds:.0f} s</td><td>{call.turns} turns</td>"
        f"<td>{'' if call.median_silence_ms is None else f'{call.median_silence_ms:.0f} ms'}</td>"
        f"<td>{'' if call.complete else 'no end'}</td></tr>"
        for call in calls
    ]
    table = f"<table>{''.join(rows)}</table>" if rows else "<p>No calls are recorded yet.</p>"
    return _document("Calls", ["<header><h1>Calls</h1></header>", table])


def _document(title: str, body: Sequence[str]) -> str:
    style = _STYLE.read_text(encoding="utf-8")
    return document(title, ["<main>", *body, "</main>"], style)


def _legend() -> str:
    parts = "".join(f'<li><i class="{key}"></i>{name}</li>' for key, name in PARTS.items())
    kept = '<li><i class="kept"></i>thought and said</li><li><i class="wasted"></i>in vain</li>'
    return f'<ul class="legend">{parts}{kept}</ul>'


def _conversation(call: Recorded) -> Iterator[str]:
    made = [(a.sent or a.started, "".join(_answer(a))) for a in call.asides]
    for turn in call.turns:
        made.append((turn.began, _turn(turn)))
        if turn.answer is not None:
            made.append((turn.answer.sent or turn.committed, "".join(_answer(turn.answer))))
    errors = call.of("error") + call.of("memory")
    made += [(line.at, f'<p class="warn">{escape(line.data["text"])}</p>') for line in errors]
    for at, item in sorted(made):
        yield f"<li><time>{clock(max(0.0, at))}</time><div>{item}</div></li>"


def _turn(turn: Turn) -> str:
    over = (
        "typed" if turn.typed else f"over after {turn.committed - turn.ended:.2f} s: {turn.reason}"
    )
    return f'<p class="caller">{escape(turn.text)}</p><p class="why">{escape(over)}</p>'


def _answer(answer: Answer) -> Iterator[str]:
    for tool in answer.tools:
        arguments = ", ".join(f"{key}={value}" for key, value in tool.arguments.items())
        took = "did not end" if tool.seconds is None else f"{tool.seconds:.2f} s"
        result = f"error: {tool.error}" if tool.error else str(tool.result)
        line = f"◆ {tool.name}({arguments}) {result}, {took}"
        yield f'<p class="why">{escape(line)}</p>'
    heard = answer.heard if answer.reported else answer.said
    cut = f" <s>{escape(answer.cut)}</s>" if answer.cut else ""
    yield f'<p class="agent">{escape(heard)}{cut}</p>'
    for source in answer.sources:
        yield f'<p class="why">{escape(f"source: {source}")}</p>'
    if answer.silence_ms is None:
        return
    exact = dict(answer.parts)
    parts, total = rounded(exact), max(1.0, sum(exact.values()))
    bar = "".join(
        f'<i class="{key}" style="width:{100 * ms / total:.2f}%"></i>' for key, ms in exact.items()
    )
    text = " + ".join(f"{ms} {PARTS.get(key, key)}" for key, ms in parts.items())
    yield f'<div class="bar" style="width:{min(100.0, total / 20):.1f}%">{bar}</div>'
    yield f'<p class="why">{sum(parts.values())} ms of silence = {text}</p>'
