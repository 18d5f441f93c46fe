"""What a transcript calls its speakers, and their speech as runs of one speaker."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from voice.recordings.transcript import Segment, Transcript


def names(transcript: Transcript) -> dict[str, str]:
    """Every speaker's name where it is known, else as the transcript calls them."""
    heard = {segment.speaker: segment.speaker for segment in transcript.segments}
    return heard | {speaker: name for speaker, name, _ in transcript.names}


def runs(transcript: Transcript) -> Iterator[tuple[str, Sequence[Segment]]]:
    """Segments after one another with the same speaker."""
    for speaker, segments in groupby(transcript.segments, lambda segment: segment.speaker):
        yield speaker, list(segments)
