"""What a recorded call means: summary, topics, what is to be done, answers, a form, moods.

A long call is read in stretches that fit the model's context; of the stretches' sentences the model
then chooses those that matter, so that a summary never says what no stretch said.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agents.after.extraction import Extraction, Found, Values
from agents.after.form import Form
from agents.after.record import Line
from agents.after.statements import Claim, Reader, most_important
from agents.llm.engine import Engine
from agents.spoken import Language, language
from voice.recordings.exports.speakers import names, runs
from voice.recordings.transcript import Meaning, Mood, Segment, Statement, Transcript

_LINE = 160  # letters; a short segment is joined with the next of its speaker up to so many
# Letters a token: 4.3 in English speech for Qwen's tokenizer, fewer in other languages.
_LETTERS = 3.0
_BESIDE = 1000  # tokens of a request that are not the transcript: the examples, and the answer
_SENTENCES, _TOPICS, _ACTIONS = 6, 10, 10


@dataclass(frozen=True, slots=True)
class _Placed:
    """A line and where it is said, s."""

    line: Line
    speaker: str
    start: float
    end: float


async def understand(
    transcript: Transcript,
    engine: Engine,
    *,
    context: int,
    questions: Sequence[str] = (),
    form: Form | None = None,
    today: dt.date,
) -> Meaning:
    """`context` in tokens of the model; `today` is what "tomorrow" is counted from.

    Raises EngineError.
    """
    placed = list(_lines(transcript))
    if not placed:
        return Meaning(model=engine.name)
    reading = _Reading(transcript, engine, _pack(transcript.language), today, placed)
    claims, topics, actions = list[Claim](), list[Claim](), list[Claim]()
    moods: list[Mood] = []
    answers: dict[str, Claim] = {}
    filled: Values = {}
    for stretch in _stretches([one.line for one in placed], context):
        reader = Reader(engine, stretch)
        claims += await reader.summary()
        topics += await reader.topics()
        actions += await reader.actions()
        moods += [reading.mood(line, value) for line, value in await reader.moods()]
        for question in questions:
            if question not in answers and (found := await reader.answer(question)):
                answers[question] = found
        if form is not None:
            await reading.fill(form, stretch, filled)
    chosen = await most_important(engine, claims, _SENTENCES)
    return Meaning(
        summary=tuple(map(reading.statement, chosen)),
        topics=tuple(map(reading.statement, _distinct(topics)[:_TOPICS])),
        actions=tuple(map(reading.statement, _distinct(actions)[:_ACTIONS])),
        answers=tuple(
            (question, reading.statement(answers[question]) if question in answers else None)
            for question in questions
        ),
        fields=reading.nested(filled) if form is not None else None,
        moods=tuple(moods),
        model=engine.name,
    )


class _Reading:
    """One transcript's lines, and the way back from them to its times and speakers."""

    def __init__(
        self,
        transcript: Transcript,
        engine: Engine,
        pack: Language,
        today: dt.date,
        placed: Sequence[_Placed],
    ) -> None:
        self._placed = {one.line.number: one for one in placed}
        self._speakers = {name: speaker for speaker, name in names(transcript).items()}
        self._extraction = Extraction(engine, pack, today, _at_once)

    def statement(self, claim: Claim) -> Statement:
        times = tuple(self._time(line.number) for line in claim.lines)
        return Statement(claim.text, times, self._speakers.get(claim.owner, claim.owner))

    def mood(self, line: Line, value: float) -> Mood:
        place = self._placed[line.number]
        return Mood(place.start, place.end, place.speaker, value)

    async def fill(self, form: Form, stretch: Sequence[Line], filled: Values) -> None:
        """What an earlier stretch said stays; lists grow."""
        left = tuple(f for f in form.fields if f.several or not filled.get(f.path))
        found = await self._extraction.fill(Form(form.title, left), stretch)
        for path, value in found.items():
            before = filled.get(path)
            if isinstance(before, list) and isinstance(value, list):
                filled[path] = before + value
            else:
                filled[path] = value

    def nested(self, values: Values) -> dict[str, Any]:
        """As the schema nests them."""
        form: dict[str, Any] = {}
        for path, found in values.items():
            at = form
            for name in path[:-1]:
                at = cast("dict[str, Any]", at.setdefault(name, {}))
            match found:
                case None:
                    at[path[-1]] = None
                case Found():
                    at[path[-1]] = self._value(found)
                case list():
                    at[path[-1]] = [self._value(one) for one in found]
        return form

    def _value(self, found: Found) -> dict[str, Any]:
        times = [list(self._time(found.line))]
        return {"value": found.value, "quote": found.quote, "times": times}

    def _time(self, line: int) -> tuple[float, float]:
        return self._placed[line].start, self._placed[line].end


async def _at_once() -> None:
    """No live call is waited for."""


def _pack(code: str) -> Language:
    """The language's own, else English, which knows figures at least."""
    try:
        return language(code)
    except LookupError:
        return language("en")


def _lines(transcript: Transcript) -> Iterator[_Placed]:
    called = names(transcript)
    number = 0
    for speaker, segments in runs(transcript):
        for part in _joined(segments):
            number += 1
            text = " ".join(segment.text for segment in part)
            line = Line(number, called[speaker] or "Speaker", text)
            yield _Placed(line, speaker, part[0].start, part[-1].end)


def _joined(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    part: list[Segment] = []
    for segment in segments:
        if part and sum(len(one.text) + 1 for one in part) + len(segment.text) > _LINE:
            yield part
            part = []
        part.append(segment)
    yield part


def _stretches(lines: Sequence[Line], context: int) -> Iterator[list[Line]]:
    """Lines that fit the context together."""
    room = max(600.0, _LETTERS * (context - _BESIDE))
    stretch: list[Line] = []
    letters = 0
    for line in lines:
        size = len(line.text) + len(line.who) + 8
        if stretch and letters + size > room:
            yield stretch
            stretch, letters = [], 0
        stretch.append(line)
        letters += size
    yield stretch


def _distinct(claims: Sequence[Claim]) -> list[Claim]:
    return list({claim.text.casefold(): claim for claim in reversed(claims)}.values())[::-1]
