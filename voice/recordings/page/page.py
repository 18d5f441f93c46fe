"""One recorded call as one page: read, hear, search, correct.

The words stand in the page as plain text, so that it reads without a script and three hours of
them are light; call.js makes those near the view into words that can be heard and mended.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape, unescape
from pathlib import Path
from typing import Any

from voice.document import document
from voice.recordings.exports.minutes import clock
from voice.recordings.exports.speakers import names, runs
from voice.recordings.exports.whisperx_json import ExportError, as_json, coverage
from voice.recordings.page.sound import PageSound
from voice.recordings.transcript import Meaning, Segment, Statement, Transcript

_HERE = Path(__file__).parent
_SCRIPTS = ("text.js", "words.js", "wave.js", "save.js", "call.js")
DOUBTFUL = 0.5  # of a word's confidence; words.js draws the same line
_PARAGRAPH = 500  # letters; then the next segment begins a paragraph of its own
_COLOURS = 6
_OUTCOMES = {
    "transcribed": "transcribed",
    "unintelligible": "not understood",
    "not speech": "no speech",
    "echo": "echo of the other side",
    "repeated": "repeated by mistake, removed",
    "invented": "invented, removed",
}


def call_page(transcript: Transcript, sound: PageSound, file: str) -> str:
    """`file` is the name under which the page saves corrections."""
    made = as_json(transcript)
    del made["word_segments"]  # the page makes them again when it saves
    data = {
        "call": made,
        "sound": {
            "file": file,
            "step": sound.step,
            "levels": [base64.b64encode(levels).decode() for levels in sound.levels],
        },
    }
    body = [
        _player(transcript, sound),
        "<main>",
        '<article id="said" lang="' + escape(transcript.language) + '">',
        *_paragraphs(transcript),
        "</article>",
        f"<aside>{''.join(_aside(transcript))}</aside>",
        "</main>",
    ]
    style, script = file_text("base.css", "call.css"), file_text(*_SCRIPTS)
    return document(transcript.file, body, style, script=script, data=data)


def sound_of_page(page: str) -> PageSound:
    """What a page was made with, to make it again. Raises ExportError where it is none of ours."""
    source = re.search(r'<audio id="audio" [^>]*?src="([^"]*)"', page)
    data = re.search(r'<script type="application/json" id="sound">(.*?)</script>', page)
    if data is None:
        raise ExportError("this is no page of a call")
    known: Any = json.loads(data[1])
    levels = tuple(base64.b64decode(one) for one in known["levels"])
    return PageSound(unescape(source[1]) if source else "", known["step"], levels)


def file_text(*names: str) -> str:
    """These files of the folder, one after the other."""
    return "".join((_HERE / name).read_text(encoding="utf-8") for name in names)


def speaker_order(transcript: Transcript) -> list[str]:
    """By their first word."""
    return list(dict.fromkeys(part.speaker for part in transcript.segments))


def _player(transcript: Transcript, sound: PageSound) -> str:
    facts = [clock(transcript.seconds), transcript.language, transcript.model, transcript.quality]
    shown = " · ".join(escape(fact) for fact in facts if fact)
    audio = f'<audio id="audio" preload="auto" src="{escape(sound.source)}"></audio>'
    return (
        f"<header><div class=title><h1>{escape(transcript.file)}</h1><p>{shown}</p></div>"
        "<div class=tools><label class=find><span class=aloud>Search the words</span>"
        '<input id="find" type="search" placeholder="Search ( / )" autocomplete="off">'
        '</label><span id="found" role="status"></span>'
        '<button id="doubt" hidden></button>'
        '<button id="edit" aria-pressed="false">Edit</button>'
        '<button id="save" class="primary" disabled>Save</button></div>'
        f"{audio if sound.source else ''}"
        '<div class="player" id="player">'
        '<button id="play" class="primary" aria-label="Play"></button>'
        '<div class="wave" id="wave"><canvas></canvas><i id="head"></i></div>'
        '<div class="when"><output id="now">0:00</output>'
        '<select id="speed" aria-label="Speed">'
        + "".join(
            f'<option value="{speed}"{" selected" if speed == 1 else ""}>{speed}×</option>'
            for speed in (0.5, 0.75, 1, 1.25, 1.5, 2)
        )
        + '</select><button id="zoom" aria-label="Zoom">whole</button></div></div></header>'
    )


def paragraphs(transcript: Transcript) -> Iterator[tuple[str, list[Segment], bool]]:
    """Speaker, segments, and whether somebody else spoke before."""
    for speaker, segments in runs(transcript):
        for number, part in enumerate(_cut(segments)):
            yield speaker, part, not number


def _paragraphs(transcript: Transcript) -> Iterator[str]:
    called, order = names(transcript), speaker_order(transcript)
    word = 0
    for speaker, part, begins in paragraphs(transcript):
        count = sum(len(segment.words) for segment in part)
        who = f"<b>{escape(called[speaker])}</b>" if speaker and begins else ""
        text = escape(" ".join(segment.text for segment in part), quote=False)
        yield (
            f'<p class="s{order.index(speaker) % _COLOURS}" data-from="{word}" '
            f'data-to="{word + count}" data-speaker="{escape(speaker)}">'
            f"<button class=at>{clock(part[0].start)}</button>{who}<span>{text}</span></p>"
        )
        word += count
    if not word:
        yield "<p><span>Nothing was said.</span></p>"


def _cut(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """One speaker's segments, in paragraphs that are easy to find one's way in."""
    part: list[Segment] = []
    for segment in segments:
        if part and sum(len(one.text) for one in part) + len(segment.text) > _PARAGRAPH:
            yield part
            part = []
        part.append(segment)
    yield part


def _aside(transcript: Transcript) -> Iterator[str]:
    called, order = names(transcript), speaker_order(transcript)
    spoke = {
        who: sum(part.end - part.start for part in transcript.segments if part.speaker == who)
        for who in order
    }
    whole = sum(spoke.values())
    if any(order):
        yield "<section><h2>Speakers</h2><ul id=speakers>"
        evidence = {speaker: why for speaker, _, why in transcript.names}
        for number, who in enumerate(order):
            why = evidence.get(who, "")
            yield (
                f'<li class="s{number % _COLOURS}" data-speaker="{escape(who)}"><i></i>'
                f'<button class=name title="Rename">{escape(called[who])}</button>'
                f"<span>{100 * spoke[who] / max(whole, 0.001):.0f}%</span>"
                + (f"<p>{escape(why)}</p>" if why else "")
                + "</li>"
            )
        yield "</ul></section>"
    if transcript.meaning is not None:
        yield from _meaning(transcript.meaning, called)
    yield from _account(transcript)
    yield (
        "<section class=keys><h2>Keys</h2><dl>"
        + "".join(f"<div><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>" for key, what in _KEYS)
        + "</dl></section>"
    )


def _meaning(meaning: Meaning, called: Mapping[str, str]) -> Iterator[str]:
    yield "<section class=meaning>"
    for title, statements in (
        ("Summary", meaning.summary),
        ("To do", meaning.actions),
        ("Topics", meaning.topics),
    ):
        if statements:
            yield f"<h2>{title}</h2><ol>"
            for one in statements:
                who = f"<b>{escape(called.get(one.owner, one.owner))}</b> " if one.owner else ""
                yield f"<li>{who}{escape(one.text)} {_times(one)}</li>"
            yield "</ol>"
    if meaning.answers:
        yield "<h2>Questions</h2><ol>"
        for question, answer in meaning.answers:
            said = f"{escape(answer.text)} {_times(answer)}" if answer else "<i>not said</i>"
            yield f"<li>{escape(question)} {said}</li>"
        yield "</ol>"
    yield "</section>"


def _times(one: Statement) -> str:
    return " ".join(f'<button class=at data-at="{at}">{clock(at)}</button>' for at, _ in one.times)


def _account(transcript: Transcript) -> Iterator[str]:
    """What became of every second in which somebody may have spoken."""
    became = {what: seconds for what, seconds in coverage(transcript.accounts).items() if seconds}
    if not became:
        return
    yield "<section id=account><h2>Every second of speech</h2><table>"
    for outcome, name in _OUTCOMES.items():
        if seconds := became.get(outcome):
            kind = outcome.replace(" ", "-")
            yield f'<tr class="{kind}"><td><i></i>{name}</td><td>{seconds:.1f} s</td></tr>'
    yield "</table><ol>"
    for one in sorted(transcript.accounts, key=lambda one: one.start):
        if one.outcome != "transcribed":
            kind = one.outcome.replace(" ", "-")
            yield (
                f'<li class="{kind}"><button class=at data-at="{one.start}">{clock(one.start)}'
                f"</button><span>{one.end - one.start:.1f} s {_OUTCOMES[one.outcome]}"
                + (f"<q>{escape(one.detail)}</q>" if one.detail else "")
                + "</span></li>"
            )
    yield "</ol></section>"


_KEYS = (
    ("Space", "play, pause"),
    ("←", "5 s back"),
    ("→", "5 s on"),
    ("↑", "paragraph before"),
    ("↓", "paragraph after"),
    ("/", "search"),
    ("D", "next doubtful word"),
    ("E", "correct the word"),
    ("Z", "zoom"),
    ("Ctrl Z", "undo"),
    ("Ctrl S", "save"),
)
