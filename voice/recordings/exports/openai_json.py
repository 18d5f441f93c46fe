"""OpenAI's transcription responses: verbose_json and diarized_json, as the openai package types
them."""

import json
import math
import zlib
from collections.abc import Mapping
from typing import Any

from voice.recordings.transcript import Segment, Transcript


def verbose_json(transcript: Transcript) -> str:
    """TranscriptionVerbose. The language is its ISO 639-1 code. Of a decoder's own figures there
    is the log probability, of the words' confidences; what we do not have is empty or 0."""
    return _written(
        {
            "task": "transcribe",
            "language": transcript.language,
            "duration": transcript.seconds,
            "text": _text(transcript),
            "segments": [
                {
                    "id": number,
                    "seek": 0,
                    "start": segment.start,
                    "end": segment.end,
                    "text": segment.text,
                    "tokens": [],
                    "temperature": 0.0,
                    "avg_logprob": _log_probability(segment),
                    "compression_ratio": _compression(segment.text),
                    "no_speech_prob": 0.0,
                }
                for number, segment in enumerate(transcript.segments)
            ],
            "words": [
                {"word": word.text, "start": word.start, "end": word.end}
                for segment in transcript.segments
                for word in segment.words
            ],
            "usage": _usage(transcript),
        }
    )


def diarized_json(transcript: Transcript) -> str:
    """TranscriptionDiarized. A speaker whose name is known has it; the others are A, B, ..., in
    the order in which they speak."""
    labels = _labels(transcript)
    return _written(
        {
            "task": "transcribe",
            "duration": transcript.seconds,
            "text": _text(transcript),
            "segments": [
                {
                    "type": "transcript.text.segment",
                    "id": f"seg_{number:03d}",
                    "start": segment.start,
                    "end": segment.end,
                    "text": segment.text,
                    "speaker": labels[segment.speaker],
                }
                for number, segment in enumerate(transcript.segments)
            ],
            "usage": _usage(transcript),
        }
    )


def _labels(transcript: Transcript) -> dict[str, str]:
    order = dict.fromkeys(segment.speaker for segment in transcript.segments)
    named = {speaker: name for speaker, name, _ in transcript.names}
    return {who: named.get(who, _letters(number)) for number, who in enumerate(order)}


def _letters(number: int) -> str:
    """A to Z, then AA, AB, ..."""
    return (_letters(number // 26 - 1) if number >= 26 else "") + chr(ord("A") + number % 26)


def _text(transcript: Transcript) -> str:
    return " ".join(segment.text for segment in transcript.segments)


def _log_probability(segment: Segment) -> float:
    likely = [math.log(max(word.confidence, 0.001)) for word in segment.words]
    return round(sum(likely) / len(likely), 3)


def _compression(text: str) -> float:
    """Whisper's measure of a loop: how much shorter zlib makes it."""
    raw = text.encode("utf-8", "backslashreplace")
    return round(len(raw) / len(zlib.compress(raw)), 3)


def _usage(transcript: Transcript) -> Mapping[str, Any]:
    return {"type": "duration", "seconds": transcript.seconds}


def _written(made: Mapping[str, Any]) -> str:
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"
