"""What a call means: nothing that its lines do not say, and every statement with its times."""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.after.form import Form
from agents.after.record import Line
from agents.after.statements import Reader, holds
from agents.llm.engine import Request
from tests.fakes import FakeEngine
from voice.cli import app
from voice.recordings.exports import read, write
from voice.recordings.meaning import understand
from voice.recordings.transcript import Meaning, Segment, Transcript, Word

TODAY = dt.date(2026, 11, 24)
SAID = (
    ("A", "Northside Power, this is Maria, how can I help you?"),
    ("B", "Hi, my bill for October is 240 dollars, and I am really angry about it."),
    ("A", "I am sorry. The meter was estimated, because nobody was at home."),
    ("A", "I will send a technician to read the meter on Thursday."),
    ("B", "Good, thank you, that is very kind."),
)
NOTHING = ("Why: Nothing at all. [1]", "nothing [1]", "nothing", "neutral")


def call(*said: tuple[str, str]) -> Transcript:
    """Two words a second, and half a second between two segments."""
    segments: list[Segment] = []
    at = 1.0
    for speaker, text in said:
        words = enumerate(text.split())
        made = tuple(Word(w, at + i / 2, at + i / 2 + 0.4, 0.9, speaker) for i, w in words)
        segments.append(Segment(made, speaker, None, "en"))
        at = made[-1].end + 0.5
    names = (("A", "Maria", "this is Maria"),)
    return Transcript("call.wav", at, 1, 8000, "", "en", tuple(segments), names=names)


CALL = call(*SAID)
TIMES = [(part.start, part.end) for part in CALL.segments]
LINES = (
    Line(1, "Maria", SAID[0][1]),
    Line(2, "B", SAID[1][1]),
    Line(3, "Maria", f"{SAID[2][1]} {SAID[3][1]}"),
)


async def understood(
    *script: str, transcript: Transcript = CALL, questions: Sequence[str] = (), context: int = 4096
) -> tuple[Meaning, FakeEngine]:
    engine = FakeEngine(*script)
    made = await understand(transcript, engine, context=context, questions=questions, today=TODAY)
    assert engine.left == 0
    return made, engine


async def test_every_statement_has_the_times_that_it_rests_on():
    made, engine = await understood(
        "Why: The bill for October is 240 dollars. [2]\n"
        "Found: The meter was estimated. [3]\n"
        "Agreed: A technician reads the meter on Thursday. [3]",
        "October bill [2]\nestimated meter [3]",
        "Maria: send a technician on Thursday [3]",
        *("neutral", "negative", "neutral", "positive"),
        "on Thursday [3]",
        "not said",
        questions=("When does the technician come?", "Who is the insurer?"),
    )
    assert [one.text for one in made.summary] == [
        "The bill for October is 240 dollars.",
        "The meter was estimated.",
        "A technician reads the meter on Thursday.",
    ]
    assert made.summary[0].times == (TIMES[1],)
    # two short segments of one speaker are one line
    assert made.summary[1].times == ((TIMES[2][0], TIMES[3][1]),)
    assert [topic.text for topic in made.topics] == ["October bill", "estimated meter"]
    (action,) = made.actions
    assert (action.text, action.owner) == ("send a technician on Thursday", "A")
    (_, when), (_, insurer) = made.answers
    assert when is not None
    assert when.text == "on Thursday"
    assert insurer is None
    assert [mood.value for mood in made.moods] == [0, -1, 0, 1]
    assert '"Maria: " | "B: "' in engine.requests[2].grammar
    assert '"4"' in engine.requests[0].grammar
    assert '"5"' not in engine.requests[0].grammar


async def test_what_no_line_says_is_left_out_and_a_wrong_line_is_found_again():
    engine = FakeEngine(
        "Why: The bill for March is 240 dollars. [2]\n"
        "Found: The customer cancels the contract and moves abroad. [2]\n"
        "Agreed: The technician reads the meter on Thursday. [1]",
    )
    (claim,) = await Reader(engine, LINES).summary()
    assert claim.text == "The technician reads the meter on Thursday."
    assert [line.number for line in claim.lines] == [3]


async def test_nobody_gets_what_the_other_said():
    engine = FakeEngine("Why: Maria has a bill of 240 dollars for October. [2]")
    assert await Reader(engine, LINES).summary() == []
    engine = FakeEngine("Why: There is a bill of 240 dollars for October. [1]")
    (claim,) = await Reader(engine, LINES).summary()
    assert [line.number for line in claim.lines] == [2]


async def test_who_promises_or_is_asked_is_in_the_words():
    said = (
        Line(1, "Maria", "I will send a technician. And please send a photo of the meter."),
        Line(2, "B", "Somebody has to pay the bill."),
    )
    engine = FakeEngine(
        "B: send a technician [1]\nMaria: send a photo of the meter [1]\nB: pay the bill [2]"
    )
    actions = await Reader(engine, said).actions()
    assert [(one.owner, one.text) for one in actions] == [
        ("Maria", "send a technician"),
        ("B", "send a photo of the meter"),
        ("B", "pay the bill"),
    ]


def test_figures_and_names_have_to_be_there():
    assert holds("He pays 240 dollars for October", LINES[1:2]) >= 0.5
    assert holds("He pays 250 dollars for October", LINES[1:2]) == 0
    assert holds("The bill of Tom for October", LINES[1:2]) == 0
    assert holds("Then Maria sends a technician", LINES[2:3]) > 0.5


async def test_an_engine_without_grammars_may_chat_and_nothing_comes_of_it():
    engine = FakeEngine("Sure! Here is what I found about line 2.", grammars=False)
    assert await Reader(engine, LINES).topics() == []


async def test_a_long_call_is_read_in_stretches_and_its_sentences_are_chosen_from():
    long = call(*(("AB"[i % 2], f"Item {i}: we ship {i} boxes in week {i}.") for i in range(1, 61)))
    stretches: list[list[int]] = []

    def answer(request: Request) -> None:
        asked = request.messages[-1].content
        numbers = [int(row.split()[0]) for row in asked.splitlines() if row[:1].isdigit()]
        if "Summary" in asked:
            stretches.append(numbers)
            rows = zip(("Why", "Found", "Agreed"), numbers, strict=False)
            engine.then("\n".join(f"{part}: They ship {n} boxes. [{n}]" for part, n in rows))
        elif "important" in asked:
            engine.then("1, 2, 4, 5, 7, 8")
        else:
            engine.then("boxes [1]" if "Topics" in asked else "nothing")

    engine = FakeEngine(before=answer)
    made = await understand(long, engine, context=1250, today=TODAY)
    assert [number for stretch in stretches for number in stretch] == list(range(1, 61))
    assert len(stretches) > 3
    chosen = [stretch[at] for stretch in stretches[:3] for at in (0, 1)]
    assert [one.text for one in made.summary] == [f"They ship {n} boxes." for n in chosen]
    # the same topic in every stretch is one; a token has three letters at least
    assert len(made.topics) == 1
    assert max(len(one.messages[-1].content) for one in engine.requests) < 3 * 1250


async def test_a_form_is_filled_from_the_first_stretch_that_says_it():
    form = Form.of(
        {
            "properties": {
                "amount": {"type": "integer", "description": "the amount of the bill"},
                "visit": {"properties": {"day": {"type": "string", "format": "date"}}},
            }
        }
    )
    engine = FakeEngine(*NOTHING, *["neutral"] * 3, "2", "3")
    made = await understand(CALL, engine, context=4096, form=form, today=TODAY)
    assert made.fields is not None
    assert made.fields["amount"] == {"value": 240, "quote": "240", "times": [list(TIMES[1])]}
    assert made.fields["visit"]["day"]["value"] == "2026-11-26"


async def test_silence_means_nothing():
    made, engine = await understood(transcript=call())
    assert made == Meaning(model="fake")
    assert engine.requests == []


@pytest.mark.models
def test_the_command_reads_a_call_with_a_real_model(tmp_path: Path):
    """It need not be good; what it says has to be held by the times that it names."""
    (file,) = write(call(*SAID[1:4]), tmp_path, ["json"])
    question = ["--question", "When does the technician come?"]
    arguments = ["--llm", "smollm2-135m", "--formats", "md"]
    ran = CliRunner().invoke(app, ["transcripts", "understand", str(file), *question, *arguments])
    assert ran.exit_code == 0, ran.output
    meaning = read(file).meaning
    assert meaning is not None
    whole = json.loads(file.read_text())
    words = [word for segment in whole["segments"] for word in segment["words"]]
    for statement in (*meaning.summary, *meaning.topics, *meaning.actions):
        said = [
            word["word"]
            for word in words
            for start, end in statement.times
            if start <= word["start"] and word["end"] <= end
        ]
        spoken = (Line(1, "Maria B", " ".join(said)),)
        assert holds(statement.text, spoken) >= 0.5
    assert meaning.moods
    assert "## What was said" in (tmp_path / "call.wav.md").read_text()
