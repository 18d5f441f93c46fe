"""`openline score`: how a transcript differs from what was said, by the standard measures."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import cast

from rapidfuzz.distance import Levenshtein

from voice.listen.doubt import plain
from voice.recordings.scored import Said, Scored, ScoreError, scored
from voice.recordings.transcript import SpeakerTurn
from voice.recordings.turn_errors import turn_errors

_MOST_SPEAKERS = 12  # every assignment is tried: 2 to the power of it


@dataclass(frozen=True, slots=True)
class Measure:
    """`value` is None where the files do not say enough; `detail` says what it is made of, or
    what is missing."""

    name: str
    value: float | None
    unit: str  # "%" or "ms"
    detail: str


def score(
    reference: Path, hypothesis: Path, *, language: str = "", collar: float = 0.0
) -> list[Measure]:
    """WER, cpWER, DER and word-start error. `collar` in s, on each side of a turn's ends.

    Raises ScoreError.
    """
    truth, found = scored(reference), scored(hypothesis)
    if not truth.words and not truth.turns:
        raise ScoreError(f"{reference}: there are no words and no turns in it")
    normal = _normalizer(language or truth.language or found.language or "en")
    return [
        _word_errors(truth, found, normal),
        _speaker_word_errors(truth, found, normal),
        _diarization_errors(truth.turns, found.turns, collar),
        *_time_errors(truth.words, found.words),
    ]


def run(reference: Path, hypothesis: Path, *, language: str, collar: float, as_json: bool) -> None:
    """Print them. Raises ScoreError."""
    import json

    from rich.console import Console
    from rich.table import Table

    measures = score(reference, hypothesis, language=language, collar=collar)
    if as_json:
        print(json.dumps([asdict(measure) for measure in measures], indent=2))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for justify in ("left", "right", "left"):
        table.add_column(justify=justify)
    for measure in measures:
        value = "-" if measure.value is None else f"{measure.value:.1f} {measure.unit}"
        table.add_row(measure.name, value, measure.detail)
    Console(highlight=False).print(table)


def _normalizer(language: str) -> Callable[[str], str]:
    """OpenAI's of Whisper's paper, in its package."""
    try:
        from whisper_normalizer.basic import BasicTextNormalizer
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as exc:
        raise ScoreError("scores need jiwer and whisper-normalizer: openline[score]") from exc
    made = EnglishTextNormalizer() if language == "en" else BasicTextNormalizer()
    return cast("Callable[[str], str]", made)


def _word_errors(truth: Scored, found: Scored, normal: Callable[[str], str]) -> Measure:
    import jiwer

    said, heard = _joined(truth.words, normal), _joined(found.words, normal)
    if not said:
        return Measure("WER", None, "%", "REF has no words")
    made = jiwer.process_words(said, heard)
    detail = (
        f"{made.substitutions} wrong, {made.deletions} missing, {made.insertions} too many "
        f"of {len(said.split())} words"
    )
    return Measure("WER", 100 * made.wer, "%", detail)


def _speaker_word_errors(truth: Scored, found: Scored, normal: Callable[[str], str]) -> Measure:
    """Each speaker's words joined, under the assignment of speakers that has fewest errors."""
    said, heard = _by_speaker(truth.words, normal), _by_speaker(found.words, normal)
    whole = sum(map(len, said.values()))
    if not whole or "" in said or "" in heard:
        side = "REF" if not whole or "" in said else "HYP"
        return Measure("cpWER", None, "%", f"{side} does not say who speaks")
    if max(len(said), len(heard)) > _MOST_SPEAKERS:
        return Measure("cpWER", None, "%", f"more than {_MOST_SPEAKERS} speakers")
    theirs = list(heard.values())
    costs = [[Levenshtein.distance(mine, other) for other in theirs] for mine in said.values()]
    alone = [len(mine) for mine in said.values()]

    @cache
    def fewest(speaker: int, taken: int) -> int:
        if speaker == len(costs):
            return sum(len(words) for i, words in enumerate(theirs) if not taken >> i & 1)
        least = alone[speaker] + fewest(speaker + 1, taken)
        for i, cost in enumerate(costs[speaker]):
            if not taken >> i & 1:
                least = min(least, cost + fewest(speaker + 1, taken | 1 << i))
        return least

    errors = fewest(0, 0)
    detail = f"{errors} errors of {whole} words; {len(said)} speakers, {len(heard)} found"
    return Measure("cpWER", 100 * errors / whole, "%", detail)


def _diarization_errors(
    truth: Sequence[SpeakerTurn], found: Sequence[SpeakerTurn], collar: float
) -> Measure:
    if not truth or not found:
        return Measure("DER", None, "%", f"{'HYP' if truth else 'REF'} has no turns of speakers")
    try:
        errors = turn_errors(truth, found, collar)
    except ImportError:
        return Measure("DER", None, "%", "pip install pyannote.metrics, then it is measured")
    detail = (
        f"{errors.missed:.1f} missed, {errors.false_alarm:.1f} false alarm, "
        f"{errors.confused:.1f} confused; {errors.speakers} speakers, {errors.found} found"
    )
    return Measure("DER", errors.total, "%", detail)


def _time_errors(truth: Sequence[Said], found: Sequence[Said]) -> list[Measure]:
    """Of the words that are the same on both sides and have times."""
    said, heard = _timed(truth), _timed(found)
    if not said or not heard:
        side = "HYP" if said else "REF"
        return [Measure("word starts", None, "ms", f"{side} has no times of words")]
    errors: list[float] = []
    blocks = Levenshtein.opcodes([word for word, _ in said], [word for word, _ in heard])
    for block in blocks:
        if block.tag == "equal":
            starts = zip(
                said[block.src_start : block.src_end],
                heard[block.dest_start : block.dest_end],
                strict=True,
            )
            errors += [1000 * abs(mine - theirs) for (_, mine), (_, theirs) in starts]
    if not errors:
        return [Measure("word starts", None, "ms", "no word is the same")]
    errors.sort()
    p95 = errors[min(len(errors) - 1, round(0.95 * (len(errors) - 1)))]
    words = f"{len(errors)} of {len(said)} words"
    return [
        Measure("word starts, median", statistics.median(errors), "ms", words),
        Measure("word starts, p95", p95, "ms", words),
    ]


def _timed(words: Sequence[Said]) -> list[tuple[str, float]]:
    """Without the normalizer, which makes one word of several."""
    return [
        (" ".join(plain(word.text)), word.start)
        for word in words
        if word.start is not None and plain(word.text)
    ]


def _joined(words: Sequence[Said], normal: Callable[[str], str]) -> str:
    return normal(" ".join(word.text for word in words)).strip()


def _by_speaker(words: Sequence[Said], normal: Callable[[str], str]) -> dict[str, list[str]]:
    speakers = dict.fromkeys(word.speaker for word in words)
    return {
        who: _joined([word for word in words if word.speaker == who], normal).split()
        for who in speakers
    }
