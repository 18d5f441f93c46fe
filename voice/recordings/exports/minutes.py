"""Markdown minutes: the facts of a call, what was not understood, and who said what when."""

import json
import re
from collections.abc import Iterator, Mapping

from voice.recordings.exports.speakers import names, runs
from voice.recordings.exports.whisperx_json import coverage
from voice.recordings.transcript import Meaning, Transcript


def minutes(transcript: Transcript) -> str:
    return "\n".join(_lines(transcript)) + "\n"


def clock(seconds: float) -> str:
    """0:05, 12:34, 1:02:03."""
    whole = int(seconds)
    hours, left = divmod(whole, 3600)
    return f"{hours}:{left // 60:02}:{left % 60:02}" if hours else f"{left // 60}:{left % 60:02}"


def _lines(transcript: Transcript) -> Iterator[str]:
    called = names(transcript)
    yield f"# {_plain(transcript.file)}"
    yield ""
    yield f"- Length: {clock(transcript.seconds)}"
    speakers = list(dict.fromkeys(part.speaker for part in transcript.segments if part.speaker))
    if speakers:
        yield f"- Speakers: {', '.join(_plain(called[speaker]) for speaker in speakers)}"
    for speaker, name, evidence in transcript.names:
        yield f"- {_plain(speaker)} is {_plain(name)}" + (
            f": {_plain(evidence)}" if evidence else ""
        )
    if transcript.language:
        yield f"- Language: {transcript.language}"
    if transcript.model:
        yield f"- Model: {_plain(transcript.model)} {_plain(transcript.quality)}".rstrip()
    became = {what: s for what, s in coverage(transcript.accounts).items() if s}
    if became:
        listed = ", ".join(f"{seconds:.1f} s {what}" for what, seconds in became.items())
        yield f"- Every second of speech: {listed}"
    if transcript.meaning is not None:
        yield from _meaning(transcript.meaning, called)
    missing = [one for one in transcript.accounts if one.outcome == "unintelligible"]
    if missing:
        yield ""
        yield "## Not understood"
        yield ""
        for one in missing:
            yield f"- {clock(one.start)}, {one.end - one.start:.1f} s: {_plain(one.detail)}".rstrip(
                ": "
            )
    yield ""
    yield "## What was said"
    for speaker, parts in runs(transcript):
        yield ""
        who = f"**{_plain(called[speaker])}** " if speaker else ""
        yield f"{who}({clock(parts[0].start)}) {_plain(' '.join(part.text for part in parts))}"


def _meaning(meaning: Meaning, called: Mapping[str, str]) -> Iterator[str]:
    for title, statements in (
        ("Summary", meaning.summary),
        ("Topics", meaning.topics),
        ("To do", meaning.actions),
    ):
        if not statements:
            continue
        yield from ("", f"## {title}", "")
        for one in statements:
            who = f"**{_plain(called.get(one.owner, one.owner))}**: " if one.owner else ""
            yield f"- {who}{_plain(one.text)} ({', '.join(clock(at) for at, _ in one.times)})"
    if meaning.answers:
        yield from ("", "## Questions", "")
        for question, answer in meaning.answers:
            said = f"{_plain(answer.text)} ({clock(answer.times[0][0])})" if answer else "not said"
            yield f"- {_plain(question)} {said}"
    if meaning.fields is not None:
        yield from ("", "## Form", "", "~~~json")
        yield json.dumps(meaning.fields, ensure_ascii=False, indent=2)
        yield "~~~"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", " ".join(text.split()))
