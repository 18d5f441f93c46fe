"""Words and turns on paper: who is written beside which word."""

from hypothesis import given
from hypothesis import strategies as st

from voice.recordings.diarize import assign
from voice.recordings.transcript import Segment, SpeakerTurn, Word

ANN, BOB = "SPEAKER_00", "SPEAKER_01"


def words(line: str, *, at: float = 0.0, each: float = 0.3) -> tuple[Word, ...]:
    """One word after another; `_` is a pause of the same length."""
    starts = [(n, text) for n, text in enumerate(line.split()) if text != "_"]
    return tuple(Word(text, at + n * each, at + (n + 1) * each, 0.9) for n, text in starts)


def turn(speaker: str, start: float, end: float) -> SpeakerTurn:
    return SpeakerTurn(start, end, speaker)


def said(segments: list[Segment]) -> list[tuple[str, str]]:
    assert all(word.speaker == one.speaker for one in segments for word in one.words)
    return [(one.speaker, one.text) for one in segments]


def test_a_segment_is_cut_where_the_speaker_changes() -> None:
    heard = [Segment(words("How are you? Fine thanks."))]
    turns = [turn(ANN, 0, 0.9), turn(BOB, 0.9, 1.5)]
    assert said(assign(heard, turns)) == [(ANN, "How are you?"), (BOB, "Fine thanks.")]


def test_a_turn_that_begins_within_a_word_is_moved_to_its_edge() -> None:
    heard = [Segment(words("How are you? Fine thanks."))]
    late = [turn(ANN, 0, 1.1), turn(BOB, 1.1, 1.5)]
    early = [turn(ANN, 0, 0.7), turn(BOB, 0.7, 1.5)]
    expected = [(ANN, "How are you?"), (BOB, "Fine thanks.")]
    assert said(assign(heard, late)) == said(assign(heard, early)) == expected


def test_a_flicker_inside_a_sentence_changes_nobody() -> None:
    heard = [Segment(words("I would like to change my address please."))]
    turns = [turn(ANN, 0, 2.4), turn(BOB, 0.95, 1.1)]
    assert [speaker for speaker, _ in said(assign(heard, turns))] == [ANN]


def test_words_under_two_voices_go_on_with_the_sentence() -> None:
    heard = [Segment(words("so the number is seven four two. Right, thank you."))]
    turns = [turn(ANN, 0, 2.1), turn(BOB, 1.5, 3.0)]
    assert said(assign(heard, turns)) == [
        (ANN, "so the number is seven four two."),
        (BOB, "Right, thank you."),
    ]


def test_an_interjection_is_the_others() -> None:
    heard = [Segment(words("we moved in March _ yes _ and the letters went there"))]
    turns = [turn(ANN, 0, 1.2), turn(BOB, 1.5, 1.8), turn(ANN, 2.1, 3.6)]
    assert [speaker for speaker, _ in said(assign(heard, turns))] == [ANN, BOB, ANN]


def test_a_word_outside_all_turns_is_the_nearest_speakers() -> None:
    heard = [Segment(words("Hello?", at=4.0)), Segment(words("Yes.", at=9.0))]
    turns = [turn(BOB, 0, 1), turn(ANN, 4.5, 6), turn(BOB, 7, 8)]
    assert said(assign(heard, turns)) == [(ANN, "Hello?"), (BOB, "Yes.")]


def test_without_turns_nothing_changes() -> None:
    heard = [Segment(words("Hello?"), speaker="channel 1")]
    assert assign(heard, []) == heard
    assert assign([], [turn(ANN, 0, 1)]) == []


@given(
    st.lists(st.lists(st.floats(0.05, 1.0), min_size=1, max_size=6), max_size=8),
    st.lists(st.tuples(st.floats(0, 30), st.floats(0.1, 9), st.sampled_from("abc")), max_size=12),
)
def test_no_word_is_ever_lost_or_moved(
    lengths: list[list[float]], spans: list[tuple[float, float, str]]
) -> None:
    at, heard = 0.0, list[Segment]()
    for segment in lengths:
        made: list[Word] = []
        for length in segment:
            made.append(Word(f"w{at:.3f}", at, at + length, 0.5))
            at += length
        heard.append(Segment(tuple(made), language="en"))
    turns = [turn(who, start, start + length) for start, length, who in sorted(spans)]
    after = assign(heard, turns)
    flat = [(w.text, w.start, w.end, w.confidence) for one in after for w in one.words]
    assert flat == [(w.text, w.start, w.end, w.confidence) for one in heard for w in one.words]
    assert all(one.language == "en" for one in after)
    if turns:
        assert all(w.speaker for one in after for w in one.words)
