"""One recording to its transcript: who may be speaking, what was said, what became of the rest."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voice.listen.vad import SAMPLE_RATE, WINDOW
from voice.recordings.activity import Activity, held, listen, padded, spans
from voice.recordings.diarize import (
    Diarization,
    Diarized,
    Diarizer,
    KnownVoices,
    assign,
    names_of,
)
from voice.recordings.pieces import Piece, cut
from voice.recordings.reading import Sound
from voice.recordings.recognizer import Recognizer
from voice.recordings.segments import main_language, segments
from voice.recordings.transcript import Segment, Transcript, Word
from voice.recordings.words import Timed, in_order

Quality = Literal["fast", "balanced", "best"]
_BLOCK = 600 * SAMPLE_RATE // WINDOW * WINDOW / SAMPLE_RATE  # s that are listened to at once
_LISTENED = 60.0  # s heard for who speaks, before it is asked whether to stop: 3 s of processor
_TOGETHER = 64  # pieces read at once: sorted by length, they fill batches


class Stopped(Exception):
    """The run is being ended; nothing was written."""


@dataclass(frozen=True, slots=True)
class Scribe:
    """Shared by all recordings, and by threads."""

    recognizer: Recognizer
    quality: Quality = "balanced"
    diarizer: Diarizer | None = None
    speakers: int | None = None  # None: not known
    known: KnownVoices | None = None  # with a diarizer only

    def write(
        self,
        sound: Sound,
        name: str,
        parties: Sequence[str] = (),
        *,
        told: Callable[[float], None] = lambda part: None,
        stop: threading.Event | None = None,
    ) -> Transcript:
        """`told` what part of it is done, now and then. Raises Stopped soon after `stop` is set."""
        found: list[Segment] = []
        for track in range(sound.tracks):
            channel = track if sound.tracks > 1 else None
            activity = listen(sound.blocks(track, _BLOCK))

            def reached(at: float, before: int = track) -> None:
                if stop and stop.is_set():
                    raise Stopped
                told((before + at / sound.seconds) / sound.tracks)

            found += self._track(sound, track, activity, _party(parties, channel), reached)
        found.sort(key=lambda one: (one.start, one.channel or 0))
        heard = self._heard(sound, parties, stop)
        found = assign(found, heard.turns)
        return Transcript(
            file=name,
            seconds=sound.seconds,
            channels=sound.channels,
            rate=sound.rate,
            sha256=sound.sha256,
            language=main_language(found),
            segments=tuple(found),
            turns=tuple(heard.turns),
            names=tuple(names_of(found, heard.voices, self.known)),
            model=self.recognizer.weights.name,
            quality=self.quality,
        )

    def _heard(
        self, sound: Sound, parties: Sequence[str], stop: threading.Event | None
    ) -> Diarized:
        """Turns where speakers share a channel. Where each has one without a name only what they
        sound like, if there are known voices."""
        if self.diarizer and sound.tracks == 1 and len(parties) != 1:
            return self._listened(sound, 0, self.speakers or len(parties) or None, stop)
        voices: dict[str, NDArray[np.float32]] = {}
        for track in range(sound.tracks if self.known and not parties else 0):
            for voice in self._listened(sound, track, 1, stop).voices.values():
                voices[_party(parties, track)] = voice
        return Diarized([], voices)

    def _listened(
        self, sound: Sound, track: int, speakers: int | None, stop: threading.Event | None
    ) -> Diarized:
        assert self.diarizer
        diarization = Diarization(self.diarizer)
        for block in sound.blocks(track, _LISTENED):
            if stop and stop.is_set():
                raise Stopped
            diarization.add(block)
        return diarization.done(speakers)

    def _track(
        self,
        sound: Sound,
        track: int,
        activity: Activity,
        speaker: str,
        reached: Callable[[float], None],
    ) -> list[Segment]:
        speech = spans(held(activity.speech, 0.3, 0.15), bridge=0.3)
        pieces = cut(list(padded(speech, sound.seconds)), activity, track)
        words: list[Timed] = []
        languages: list[str] = []
        for begin in range(0, len(pieces), _TOGETHER):
            part = pieces[begin : begin + _TOGETHER]
            reached(part[0].start)
            readings = self.recognizer.read([_audio(sound, piece) for piece in part])
            for piece, reading in zip(part, readings, strict=True):
                words += [word.moved(piece.start, sound.seconds) for word in reading.words]
                languages += [reading.language] * len(reading.words)
        channel = track if sound.tracks > 1 else None
        said = [Word(w.text, w.start, w.end, w.confidence, speaker) for w in in_order(words)]
        return segments(said, channel=channel, languages=languages)


def _audio(sound: Sound, piece: Piece) -> NDArray[np.float32]:
    start, stop = round(piece.start * SAMPLE_RATE), round(piece.end * SAMPLE_RATE)
    return sound.read(piece.track, start, stop)


def _party(parties: Sequence[str], channel: int | None) -> str:
    if channel is None:
        return parties[0] if len(parties) == 1 else ""
    return parties[channel] if channel < len(parties) else f"channel {channel + 1}"
