"""One recording to its transcript: who may be speaking, what was said, what became of the rest."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voice.listen.vad import SAMPLE_RATE, WINDOW
from voice.recordings.activity import listen
from voice.recordings.crosstalk import echoes
from voice.recordings.diarize import (
    Diarization,
    Diarized,
    Diarizer,
    KnownVoices,
    assign,
    names_of,
)
from voice.recordings.reading import Sound
from voice.recordings.recognizer import Recognizer
from voice.recordings.segments import main_language, segments
from voice.recordings.track import Track
from voice.recordings.transcript import Accounted, Segment, Transcript

Quality = Literal["fast", "balanced", "best"]
_BLOCK = 600 * SAMPLE_RATE // WINDOW * WINDOW / SAMPLE_RATE  # s that are listened to at once
_LISTENED = 60.0  # s heard for who speaks, before it is asked whether to stop: 3 s of processor
_BEAM: dict[Quality, int] = {"fast": 1, "balanced": 1, "best": 5}
_LEAST: dict[Quality, float] = {"fast": -0.8, "balanced": -0.4, "best": -0.6}


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

    @property
    def _effort(self) -> tuple[int, float]:
        return _BEAM[self.quality], _LEAST[self.quality]

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
        accounts: list[Accounted] = []
        tracks: list[Track] = []
        for track in range(sound.tracks):
            activity = listen(sound.blocks(track, _BLOCK))

            def reached(at: float, before: int = track) -> None:
                if stop and stop.is_set():
                    raise Stopped
                told((before + at / sound.seconds) / sound.tracks)

            one = Track(sound, track, self.recognizer, activity, *self._effort)
            one.read(reached)
            tracks.append(one)
        _part(tracks)
        for one in tracks:
            channel = one.number if sound.tracks > 1 else None
            one.account()
            speaker = _party(parties, channel)
            words = [said.word.by(speaker) for said in one.said]
            found += segments(words, channel=channel, languages=[w.language for w in one.said])
            accounts += one.accounts
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
            accounts=tuple(sorted(accounts, key=lambda one: (one.start, one.channel or 0))),
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


def _part(tracks: Sequence[Track]) -> None:
    """Leave every voice on its own channel only, of two."""
    if len(tracks) != 2:
        return
    left, right = ([said.word for said in one.said] for one in tracks)
    heard = [one.activity for one in tracks]
    found = echoes(left, heard[0], right, heard[1]), echoes(right, heard[1], left, heard[0])
    for one, echo in zip(tracks, found, strict=True):
        one.without(echo)


def _party(parties: Sequence[str], channel: int | None) -> str:
    if channel is None:
        return parties[0] if len(parties) == 1 else ""
    return parties[channel] if channel < len(parties) else f"channel {channel + 1}"
