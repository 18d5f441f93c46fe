"""Words into segments: one speaker, one language, no long pause, about a sentence."""

from collections import Counter
from collections.abc import Iterable, Sequence

from voice.recordings.transcript import Segment, Word

_PAUSE = 1.0  # s; a segment never holds a longer one
_BREATH = 0.25  # s; enough after a sentence's end
_LONGEST = 20.0  # s
_ENDS = ".?!。？！؟।"


def segments(
    words: Sequence[Word], *, channel: int | None = None, languages: Sequence[str]
) -> list[Segment]:
    """`words` of one track by start, and the language of each."""
    made: list[Segment] = []
    begin = 0
    for i in range(1, len(words) + 1):
        if i < len(words) and not _parts(words, languages, begin, i):
            continue
        part = tuple(words[begin:i])
        if part:
            made.append(Segment(part, part[0].speaker, channel, languages[begin]))
        begin = i
    return made


def _parts(words: Sequence[Word], languages: Sequence[str], begin: int, i: int) -> bool:
    """Whether a segment ends before word `i`."""
    before, after = words[i - 1], words[i]
    pause = after.start - before.end
    return (
        pause > _PAUSE
        or before.speaker != after.speaker
        or languages[i - 1] != languages[i]
        or (pause > _BREATH and before.text[-1] in _ENDS)
        or after.end - words[begin].start > _LONGEST
    )


def main_language(found: Iterable[Segment]) -> str:
    """Of most words; "" where there are none."""
    counts = Counter[str]()
    for one in found:
        counts[one.language] += len(one.words)
    return min(counts, key=lambda language: (-counts[language], language), default="")
