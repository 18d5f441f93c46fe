"""Calls on paper: turns, speculation, interruption and what was heard, in a virtual clock."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from pipecat.frames.frames import (
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMMessagesAppendFrame,
    LLMTextFrame,
    TranscriptionFrame,
)
from pipecat.processors.frameworks.rtvi.frames import RTVIClientMessageFrame

from agents.events import Event, Finished, Quoted, Say, ToolEnded, ToolStarted
from tests.paper import PaperCall, PaperEars
from voice.listen.whisper import Transcript
from voice.speak.synthesizer import Spoken

ANSWERS = {
    "where is my order": ["It left on Monday.", "It should be with you on Thursday at noon."],
    "where is my order forty two": ["That one is lost."],
    "stop please": ["All right."],
}


def test_a_question_is_answered():
    call = PaperCall(ANSWERS)
    question = call.says("where is my order", at=0.5)
    call.run(8)
    assert call.conversation.kept == ["where is my order"]
    assert call.conversation.heard_lines == [" ".join(ANSWERS["where is my order"])]
    assert 0.2 < call.silence(question.end) < 0.8
    finals = [f.text for _, f in call.frames if isinstance(f, TranscriptionFrame)]
    assert finals == ["where is my order"]


def test_the_parts_of_the_silence_sum_to_the_silence_that_was_heard():
    call = PaperCall(ANSWERS)
    question = call.says("where is my order", at=0.5)
    call.run(8)
    (latency,) = call.said("latency")
    assert latency["silence_ms"] == pytest.approx(sum(latency["parts"].values()), abs=0.5)
    # 50 ms: the caller's clock counts samples, ours counts 32 ms windows
    assert latency["silence_ms"] == pytest.approx(1000 * call.silence(question.end), abs=50)


def test_the_caller_is_read_while_speaking():
    call = PaperCall(ANSWERS)
    call.says("where is my order", at=0.5, seconds=2.5)
    call.run(6)
    partials = [f.text for _, f in call.frames if isinstance(f, InterimTranscriptionFrame)]
    assert len(partials) >= 3
    assert all("where is my order".startswith(text) for text in partials)


def test_the_words_so_far_are_read_ahead_until_there_is_a_turn_to_answer():
    call = PaperCall(ANSWERS)
    call.says("where is my order", at=0.5, seconds=2.5)
    call.run(6)
    assert len(call.conversation.prepared) >= 3
    assert call.conversation.begun[-1] == call.conversation.kept[-1] == "where is my order"
    assert call.left == []


def test_the_words_are_read_before_the_detector_is_sure_of_the_pause():
    silences: list[float] = []
    for lag in (0, 3):
        call = PaperCall(ANSWERS, think=0.6)
        call.ears.lag = lag
        question = call.says("where is my order", at=0.5)
        call.run(8)
        assert call.conversation.begun == call.conversation.kept == ["where is my order"]
        silences.append(call.silence(question.end))
    assert silences[0] == pytest.approx(silences[1], abs=0.02)


def test_a_stop_inside_a_word_is_no_pause():
    call = PaperCall(ANSWERS)
    call.ears.lag = 4
    call.says("where is", at=0.5, seconds=0.5)
    call.says("my order", at=1.1, seconds=0.5)  # the detector notices nothing
    call.run(8)
    assert call.conversation.kept == ["where is my order"]
    assert len(call.said("answer")) == 1


def test_thinking_begins_before_the_turn_is_confirmed():
    call = PaperCall(ANSWERS, think=0.5)
    question = call.says("where is my order", at=0.5, finished=0.2)
    call.run(8)
    assert call.conversation.begun == ["where is my order"]
    assert call.mouth.spoken[0] == "It left on Monday."
    (latency,) = call.said("latency")
    assert latency["parts"]["endpoint_ms"] > 300
    assert call.silence(question.end) > 0.9


def test_a_caller_who_goes_on_is_not_answered_halfway():
    call = PaperCall(ANSWERS)
    call.says("where is my order", at=0.5, finished=0.1)
    rest = call.says("forty two", at=1.8)
    call.run(8)
    assert call.conversation.kept == ["where is my order forty two"]
    assert "where is my order" in call.conversation.begun
    assert call.conversation.heard_lines == ["That one is lost."]
    assert min(start for start, _ in call.played) > rest.end
    shown = [f.text for _, f in call.frames if isinstance(f, LLMTextFrame)]
    assert shown == ["That one is lost. "]


def test_a_late_verdict_on_one_pause_does_not_end_the_next():
    """On a busy machine smart-turn's answer may take longer than the pause it was asked about."""
    call = PaperCall(judge=1.0)
    call.says("my number is", at=0.5, finished=0.99)  # its verdict comes at 2.6 s,
    call.says("ten", at=1.75, seconds=0.55, finished=0.1)  # 0.3 s into this pause
    call.says("forty two", at=3.0, finished=0.99)
    call.run(8)
    finals = [f.text for _, f in call.frames if isinstance(f, TranscriptionFrame)]
    assert finals == ["my number is ten forty two"]


def test_an_interruption_silences_the_agent_and_keeps_what_was_heard():
    call = PaperCall(ANSWERS)
    call.says("where is my order", at=0.5)
    cut = call.says("stop please", at=3.2)
    call.run(10)
    first, second = call.conversation.heard_lines
    assert second == "All right."
    assert first.startswith("It left")
    assert first != " ".join(ANSWERS["where is my order"])
    assert " ".join(ANSWERS["where is my order"]).startswith(first)
    (interrupted,) = call.said("interrupted")
    at = next(now for now, data in call.messages if data["t"] == "held")
    assert at - cut.start < 0.15
    assert interrupted["answer"] == call.said("heard")[0]["answer"]
    assert not any(at < a and a < cut.end for a, _ in call.played)


def test_the_clients_word_counts_more_than_the_clock():
    call = PaperCall(ANSWERS)
    call.says("where is my order", at=0.5)
    call.says("stop please", at=3.2)
    played = RTVIClientMessageFrame("1", "played", {"answer": 1, "ms": 400})
    call.run(10, {3.0: lambda: call.worker.queue_frame(played)})
    assert call.conversation.heard_lines[0] == "It"


@pytest.mark.parametrize(
    "data", [{"answer": 1, "ms": 9e9}, {"answer": "x"}, [1], None, {"answer": 1, "ms": -5}]
)
def test_a_client_cannot_claim_to_have_heard_what_was_not_said(data: object):
    call = PaperCall(ANSWERS)
    call.says("where is my order", at=0.5)
    call.says("stop please", at=3.2)
    played = RTVIClientMessageFrame("1", "played", data)
    call.run(6, {3.0: lambda: call.worker.queue_frame(played)})
    said = " ".join(ANSWERS["where is my order"])
    assert said.startswith(call.conversation.heard_lines[0])
    assert call.conversation.heard_lines[0] != said


def test_speech_before_the_first_sound_of_an_answer_joins_a_new_turn():
    call = PaperCall(ANSWERS, think=1.5)
    call.says("where is my order", at=0.5)
    call.says("stop please", at=2.2)
    call.run(8)
    assert call.conversation.heard_lines == ["", "All right."]


def test_the_greeting_is_spoken_and_can_be_interrupted():
    call = PaperCall(ANSWERS, greeting="Hello and welcome to our very long and friendly greeting.")
    call.says("where is my order", at=1.0)
    call.run(8)
    assert "Hello and welcome to".startswith(call.conversation.heard_lines[0])
    assert call.conversation.kept == ["where is my order"]


def test_noise_is_not_a_turn():
    call = PaperCall()
    call.says("", at=0.5, seconds=0.6)
    call.run(4)
    assert call.conversation.begun == []
    assert call.said("dropped")
    assert not call.played


def test_typed_text_is_answered_at_once_and_silences_speech():
    call = PaperCall(ANSWERS)
    call.says("where is my order", at=0.5)

    async def typed() -> None:
        await call.worker.queue_frame(InterruptionFrame())
        message = {"role": "user", "content": "stop please"}
        await call.worker.queue_frame(LLMMessagesAppendFrame([message], run_llm=True))  # type: ignore[list-item]

    call.run(8, {3.0: typed})
    assert call.conversation.kept == ["where is my order", "stop please"]
    assert call.conversation.heard_lines[1] == "All right."


def test_a_turn_ends_even_when_no_more_audio_comes():
    call = PaperCall(ANSWERS)
    call.says("where is my order", at=0.5, seconds=1.0)
    call.run(1.4, muted=6.0)  # the microphone is muted before the question's end
    assert call.conversation.kept == ["where is my order"]
    assert call.conversation.heard_lines


async def looks_up(text: str, committed: asyncio.Event) -> AsyncIterator[Event]:
    yield ToolStarted("1", "order_status", {"number": "1042"})
    await asyncio.sleep(0.1)
    yield ToolEnded("1", "order_status", {"status": "shipped"}, None, 0.1)
    yield Say("It is shipped.", complete=True)
    yield Quoted("shipping.md", "Days", "Orders are shipped in a day.")
    yield Finished()


def test_tools_of_a_dropped_answer_are_not_shown():
    call = PaperCall(custom=looks_up)
    call.says("where is my order", at=0.5, finished=0.1)
    call.says("forty two", at=1.8)
    call.run(6)
    started = [f for _, f in call.frames if isinstance(f, FunctionCallInProgressFrame)]
    ended = [f for _, f in call.frames if isinstance(f, FunctionCallResultFrame)]
    assert len(call.conversation.begun) == 2
    assert len(started) == len(ended) == 1
    assert call.conversation.heard_lines == ["It is shipped."]
    (source,) = (data for _, data in call.messages if data["t"] == "source")
    assert (source["file"], source["heading"]) == ("shipping.md", "Days")


async def breaks(text: str, committed: asyncio.Event) -> AsyncIterator[Event]:
    raise ValueError("a bug in a tool")
    yield Finished()


def test_a_broken_turn_is_apologised_for_and_the_call_lives_on():
    call = PaperCall(custom=breaks)
    call.says("where is my order", at=0.5)
    call.says("stop please", at=6.0)
    call.run(12)
    assert call.conversation.heard_lines == ["<engine>", "<engine>"]


@pytest.mark.parametrize("seconds", [0.2, 1.3, 1.58, 1.7, 1.9, 2.4, 3.3, 3.6, 5.0])
def test_a_hang_up_at_any_moment_leaves_nothing_running(seconds: float):
    call = PaperCall(ANSWERS, think=0.4, hear=0.15)
    call.says("where is my order", at=0.5)
    call.says("stop please", at=3.2)
    call.run(seconds)
    assert call.left == []
    assert call.conversation.closed


def test_a_caller_whose_words_take_long_is_told_to_wait():
    call = PaperCall(ANSWERS, hear=2.5)
    question = call.says("where is my order", at=0.5)
    call.run(12)
    said = [data["text"] for data in call.said("clause")]
    assert said[0] == "<waits>"
    assert " ".join(said[1:]) == " ".join(ANSWERS["where is my order"])
    assert call.silence(question.end) < 3
    assert call.conversation.kept == ["where is my order"]


def test_a_turn_that_cannot_be_recognized_is_asked_for_again():
    call = PaperCall(ANSWERS)
    broken = iter([True, True])

    def transcribe(audio: NDArray[np.float32], **options: object) -> Transcript:
        if next(broken, False):
            raise RuntimeError("out of memory")
        return PaperEars.transcribe(call.ears, audio, **options)

    call.ears.transcribe = transcribe  # type: ignore[method-assign]
    call.says("where is my order", at=0.5, seconds=0.4)
    again = call.says("where is my order", at=5, seconds=0.4)
    call.run(10)
    assert call.said("clause")[0]["text"] == "<missed>"
    assert call.silence(again.end) < 1
    assert call.conversation.kept == ["where is my order"]
    assert call.left == []


def test_a_silent_caller_is_asked_and_then_left():
    call = PaperCall(ANSWERS, greeting="Hello there.")
    call.run(60)
    said = [data["text"] for data in call.said("clause")]
    assert said == ["Hello there.", "<still there>", "<nobody>"]
    assert call.conversation.closed
    assert call.conversation.heard_lines == said
    spoken = [time for time, data in call.messages if data["t"] == "clause"]
    assert 15 < spoken[1] - spoken[0] < 18
    assert 15 < spoken[2] - spoken[1] < 18


def test_a_caller_who_answers_the_check_is_not_left():
    call = PaperCall(ANSWERS, greeting="Hello there.")
    call.says("where is my order", at=18)
    call.run(30)
    said = [data["text"] for data in call.said("clause")]
    assert said[:2] == ["Hello there.", "<still there>"]
    assert "<nobody>" not in said
    assert call.conversation.kept == ["where is my order"]


def test_a_voice_that_fails_is_apologised_for_and_the_history_ends_where_it_failed():
    call = PaperCall(ANSWERS)
    fine, said = call.mouth.speak, ANSWERS["where is my order"]

    def speak(text: str, **options: object) -> Iterator[Spoken]:
        if text.startswith("It should"):
            raise RuntimeError("onnxruntime gave up")
        return fine(text)

    call.mouth.speak = speak  # type: ignore[method-assign]
    call.says("where is my order", at=0.5)
    again = call.says("stop please", at=9)
    call.run(13)
    assert call.conversation.heard_lines == [said[0], "All right."]
    assert call.silence(again.end) < 1
    sorry = 0.3 * 4 + 1.0  # s: what was said, and the apology
    first = [(a, b) for a, b in call.played if b < 9]
    assert sum(b - a for a, b in first) >= sorry
    assert call.left == []


def test_a_voice_that_hangs_is_apologised_for():
    call = PaperCall(ANSWERS, speak=30.0)
    question = call.says("where is my order", at=0.5)
    call.run(12)
    assert call.silence(question.end) < 6
    assert call.conversation.heard_lines == [""]
    assert call.left == []


def test_what_was_spoken_before_is_not_synthesized_again():
    call = PaperCall(ANSWERS)
    call.says("stop please", at=0.5)
    call.says("stop please", at=5)
    call.run(9)
    assert call.conversation.heard_lines == ["All right."] * 2
    assert call.mouth.spoken == ["All right."]


@pytest.mark.parametrize("hear", [0.1, 0.7, 1.5, 3.0])
def test_however_late_the_words_come_a_turn_is_answered_once(hear: float):
    call = PaperCall(ANSWERS, hear=hear)
    call.says("where is my order", at=0.5)
    call.run(12 + hear)
    finals = [f.text for _, f in call.frames if isinstance(f, TranscriptionFrame)]
    assert finals == ["where is my order"]
    answer = " ".join(ANSWERS["where is my order"])
    assert call.conversation.heard_lines.count(answer) == 1  # beside "one moment"


def test_words_that_come_late_end_a_turn_at_once():
    call = PaperCall(ANSWERS, hear=0.6)
    question = call.says("where is my order", at=0.5)
    call.run(8)
    (latency,) = call.said("latency")
    assert latency["parts"]["endpoint_ms"] + latency["parts"]["transcribe_ms"] < 800
    assert call.silence(question.end) < 1.1


def test_a_verdict_before_the_words_does_not_cut_a_caller_off():
    """smart-turn is sure of an end; the words, read later, hesitate."""
    call = PaperCall(hear=0.4, judge=0.01)
    call.says("my number is", at=0.5, finished=0.99)
    call.says("ten", at=2.4, finished=0.99)
    call.run(8)
    finals = [f.text for _, f in call.frames if isinstance(f, TranscriptionFrame)]
    assert finals == ["my number is ten"]


def test_a_caller_of_another_language_is_answered_in_its_voice():
    call = PaperCall({"dónde está": ["Está de camino."]}, greeting="Hello there.")
    call.ears.language = "es"
    call.says("dónde está", at=2.5)
    call.run(8)
    assert call.mouth.spoken == ["Hello there."]
    assert call.spanish.spoken == ["Está de camino."]
    assert call.conversation.heard_lines == ["Hello there.", "Está de camino."]
