"""A folder of transcripts as one page: every call in a line, and a search over all their words."""

import base64
import gzip
import json
import os
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from voice.document import document
from voice.recordings.exports.files import ExportError, file_name, read, replace_file
from voice.recordings.exports.minutes import clock
from voice.recordings.exports.speakers import names
from voice.recordings.page.page import DOUBTFUL, file_text, paragraphs, speaker_order
from voice.recordings.transcript import Transcript

INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Listed:
    """A transcript and its page, as an address from the index; "" where it has none."""

    transcript: Transcript
    address: str


def write_index(folder: Path) -> int:
    """folder/index.html, of every transcript's JSON in it and below; how many those are.

    JSON that is none of ours is passed over. Raises OSError.
    """
    calls = list(_listed(folder))
    replace_file(folder / INDEX, index_page(calls).encode("utf-8", "backslashreplace"))
    return len(calls)


def index_page(calls: Sequence[Listed]) -> str:
    """Their words are packed, and unpacked when somebody searches: an hour of speech is about
    20 kB of the page."""
    said = [
        [
            [part[0].start, names(call.transcript)[who], " ".join(one.text for one in part)]
            for who, part, _ in paragraphs(call.transcript)
        ]
        for call in calls
    ]
    packed = gzip.compress(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace"), mtime=0)
    hours = sum(call.transcript.seconds for call in calls) / 3600
    body = [
        "<header><div class=title><h1>Recorded calls</h1>",
        f"<p>{len(calls)} · {hours:.1f} hours</p></div>",
        '<label class=find><span class=aloud>Search all calls</span><input id="find" type="search" '
        'placeholder="Search all calls ( / )" autocomplete="off"></label>',
        '<span id="found" role="status"></span></header><main><table id="calls"><thead><tr>',
        "".join(f"<th>{name}</th>" for name in _COLUMNS),
        "</tr></thead>",
        *(_row(call) for call in calls),
        "</table></main>",
    ]
    return document(
        "Recorded calls",
        body,
        file_text("base.css", "index.css"),
        script=file_text("text.js", "index.js"),
        data={
            "said": base64.b64encode(packed).decode(),
            "addresses": [call.address for call in calls],
        },
    )


_COLUMNS = ("Call", "Length", "Speakers", "Language", "Doubtful", "Not understood")


def _row(call: Listed) -> str:
    """A <tbody>, so that what is found in a call can stand under it."""
    transcript = call.transcript
    name = escape(transcript.file)
    called = names(transcript)
    speakers = ", ".join(called[who] for who in speaker_order(transcript) if who)
    words = [word for part in transcript.segments for word in part.words]
    doubtful = sum(word.confidence < DOUBTFUL for word in words)
    lost = sum(one.end - one.start for one in transcript.accounts if one.outcome == _LOST)
    cells = (
        f'<a href="{escape(call.address)}">{name}</a>' if call.address else name,
        clock(transcript.seconds),
        escape(speakers),
        escape(transcript.language),
        f"{doubtful} of {len(words)}" if doubtful else "",
        f"{lost:.1f} s" if lost else "",
    )
    return f"<tbody><tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr></tbody>"


_LOST = "unintelligible"


def _listed(folder: Path) -> Iterator[Listed]:
    for path in sorted(folder.rglob("*.json")):
        if path.name.endswith((".verbose.json", ".diarized.json")):
            continue
        try:
            transcript = read(path)
        except ExportError:
            continue
        page = path.with_name(file_name(transcript.file) + ".html")
        address = urllib.parse.quote(os.fsencode(page.relative_to(folder)))
        yield Listed(transcript, address if page.exists() else "")
