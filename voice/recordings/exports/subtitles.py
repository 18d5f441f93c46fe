"""SubRip and WebVTT.

pysubs2 is not used to write them: it takes "{...}" in a word for a style and leaves it out, and
knows no voices.
"""

from html import escape

from voice.recordings.exports.cues import Cue, cues
from voice.recordings.exports.speakers import names
from voice.recordings.transcript import Transcript


def srt(transcript: Transcript) -> str:
    """SubRip has no speakers: where another one begins, `Name:` stands before the words."""
    called = names(transcript)
    several = len({part.speaker for part in transcript.segments}) > 1
    labels = {speaker: f"{_one_line(name)}:" for speaker, name in called.items() if name}
    parts = [
        f"{number}\n{_times(cue, ',')}\n" + "".join(f"{line}\n" for line in cue.lines)
        for number, cue in enumerate(cues(transcript, labels if several else None), 1)
    ]
    return "\n".join(parts)


def vtt(transcript: Transcript) -> str:
    called = names(transcript)
    parts = ["WEBVTT\n"]
    for cue in cues(transcript):
        said = "\n".join(escape(line, quote=False) for line in cue.lines)
        name = escape(_one_line(called[cue.speaker]), quote=False)
        parts.append(f"{_times(cue, '.')}\n" + (f"<v {name}>{said}</v>\n" if name else f"{said}\n"))
    return "\n".join(parts)


def _times(cue: Cue, point: str) -> str:
    return f"{_clock(cue.start, point)} --> {_clock(cue.end, point)}"


def _clock(at: float, point: str) -> str:
    seconds, ms = divmod(round(1000 * at), 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{point}{ms:03}"


def _one_line(name: str) -> str:
    return " ".join(name.split())
