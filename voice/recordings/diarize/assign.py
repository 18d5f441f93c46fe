"""Words get speakers: turns are heard by frames, and end where words end."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from voice.recordings.transcript import Segment, SpeakerTurn, Word

# What a change of speaker must win, in words that are wholly inside the other's turn: a turn that
# begins a little early or late costs the word beside it 0.1 to 0.4.
_WITHIN, _AT_A_PAUSE = 0.45, 0.05
_PAUSE = 0.3  # s
_ENDS = (".", "?", "!", "。", "？", "！", "؟", "।")


def assign(segments: Iterable[Segment], turns: Sequence[SpeakerTurn]) -> list[Segment]:
    """The segments with speakers, cut where the speaker changes; every word is kept, in order.

    Without turns they come back as they are.
    """
    segments = list(segments)
    words = iter(attributed([word for one in segments for word in one.words], turns))
    made: list[Segment] = []
    for one in segments:
        own = [next(words) for _ in one.words]
        for speaker, part in groupby(own, key=lambda word: word.speaker):
            made.append(replace(one, words=tuple(part), speaker=speaker or one.speaker))
    return made


def attributed(words: Sequence[Word], turns: Sequence[SpeakerTurn]) -> list[Word]:
    """Each word with the speaker whose turns fit it and its neighbours best.

    `words` and `turns` by start. A word that two speakers talk over is the one's whose sentence it
    goes on with; a word outside all turns goes to the nearest. Without turns nothing changes.
    """
    speakers = sorted({turn.speaker for turn in turns})
    if not speakers or not words:
        return list(words)
    best = [0.0] * len(speakers)
    cames: list[list[int]] = []  # for each word, whose word was before it, if it is this speaker's
    for i, fits in enumerate(_fits(words, turns, speakers)):
        price = _price(words[i - 1], words[i]) if i else 0.0
        top = max(range(len(speakers)), key=best.__getitem__)
        came = [n if best[n] >= best[top] - price else top for n in range(len(speakers))]
        best = [
            best[before] - (price if before != n else 0.0) + fits[n]
            for n, before in enumerate(came)
        ]
        cames.append(came)
    at = max(range(len(speakers)), key=best.__getitem__)
    chosen: list[int] = []
    for came in reversed(cames):
        chosen.append(at)
        at = came[at]
    return [
        replace(word, speaker=speakers[n]) for word, n in zip(words, reversed(chosen), strict=True)
    ]


def _price(before: Word, after: Word) -> float:
    free = after.start - before.end >= _PAUSE or before.text.endswith(_ENDS)
    return _AT_A_PAUSE if free else _WITHIN


def _fits(
    words: Sequence[Word], turns: Sequence[SpeakerTurn], speakers: Sequence[str]
) -> Iterable[list[float]]:
    """For each word and speaker, the part of the word inside the speaker's turns; where there is
    none for anybody, how near the nearest of their turns is."""
    number = {speaker: n for n, speaker in enumerate(speakers)}
    past = [float("-inf")] * len(speakers)  # the latest end of turns that are over
    running: list[SpeakerTurn] = []
    upcoming = 0
    for word in words:
        while upcoming < len(turns) and turns[upcoming].start < word.end:
            running.append(turns[upcoming])
            upcoming += 1
        for turn in [turn for turn in running if turn.end <= word.start]:
            past[number[turn.speaker]] = max(past[number[turn.speaker]], turn.end)
            running.remove(turn)
        fits = [0.0] * len(speakers)
        for turn in running:
            inside = min(turn.end, word.end) - max(turn.start, word.start)
            fits[number[turn.speaker]] += max(0.0, inside) / max(word.end - word.start, 1e-3)
        if not any(fits):
            away = [word.start - end for end in past]
            if upcoming < len(turns):
                n = number[turns[upcoming].speaker]
                away[n] = min(away[n], turns[upcoming].start - word.end)
            fits = [0.5 / (1.0 + max(0.0, gap)) for gap in away]
        yield fits
