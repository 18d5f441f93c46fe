"""What a Speaker speaks with: the shared synthesizer, and clauses it has spoken before."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import soxr
from numpy.typing import NDArray

from voice.lane import Busy, Lane, Priority
from voice.speak.heard import by_letters
from voice.speak.synthesizer import SpeechError, Synthesizer
from voice.speak.words import word_ends
from voice.speak.written import spoken_text

# s for one clause. Kokoro takes 0.3 s for a second of speech: the first clause has two, the longest
# eight, and other callers' may come before.
FIRST_PATIENCE, PATIENCE = 4.0, 10.0
_REMEMBERED = 128  # clauses of 2 s in the middle: 12 MB at 24 kHz


@dataclass(frozen=True, slots=True)
class Clip:
    """The sound of one clause, and where each of its words ends."""

    audio: NDArray[np.int16]
    ends: tuple[float, ...] = ()  # s from its first sample; of each written word


class SpokenClauses:
    """Sound by text, voice, speed and rate, the last _REMEMBERED used; shared by all calls.

    Greetings, fillers, questions and read-backs are the same words again and again: found here,
    a clause costs nothing.
    """

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._clauses: OrderedDict[Hashable, Clip] = OrderedDict()

    def find(self, key: Hashable) -> Clip | None:
        if key in self._clauses:
            self._clauses.move_to_end(key)
        return self._clauses.get(key)

    def keep(self, key: Hashable, clip: Clip) -> None:
        self._clauses[key] = clip
        self._clauses.move_to_end(key)
        while len(self._clauses) > self._most:
            self._clauses.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Mouth:
    """One call's voice on a synthesizer that many share, on a thread of its own."""

    synthesizer: Synthesizer
    synthesizing: Lane
    voice: str = ""
    speed: float = 1.0
    language: str = "en"
    spoken: SpokenClauses = field(default_factory=SpokenClauses)
    others: "Mapping[str, Mouth]" = field(default_factory=dict[str, "Mouth"])  # by language
    # Sound at the synthesizer's rate for when it fails: made while it still worked
    apology: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))

    def on(self, lane: Lane) -> "Mouth":
        """The same voices on another thread."""
        others = {code: other.on(lane) for code, other in self.others.items()}
        return replace(self, synthesizing=lane, others=others)

    def speaking(self, language: str) -> "Mouth":
        """The one for a language; this one where the call has no other for it."""
        return self.others.get(language, self)

    async def say(
        self,
        text: str,
        rate: int,
        priority: Priority,
        *,
        call: Hashable = None,
        since: float | None = None,
        due: float = math.inf,
    ) -> Clip:
        """The sound of one clause at `rate` Hz; empty where it has nothing to say.

        `call`, `since`, `due`: see Lane.run. Raises SpeechError, also when it takes too long, and
        whatever else the engine raises.
        """
        key = (self.synthesizer.name, self.voice, self.speed, self.language, rate, text)
        known = self.spoken.find(key)
        if known is not None:
            return known
        patience = FIRST_PATIENCE if priority is Priority.FIRST_CLAUSE else PATIENCE
        try:
            async with asyncio.timeout(patience):
                clip = await self.synthesizing.run(
                    lambda: self._sound(text, rate), priority, call=call, since=since, due=due
                )
        except (SpeechError, Busy) as exc:
            raise SpeechError(str(exc)) from exc
        except TimeoutError as exc:
            raise SpeechError(f"no sound within {patience:.0f} s") from exc
        self.spoken.keep(key, clip)
        return clip

    def _sound(self, text: str, rate: int) -> Clip:
        """On the synthesizer's thread."""
        synthesizer, said = self.synthesizer, spoken_text(text, self.language)
        parts: list[NDArray[np.int16]] = []
        ends: list[float] = []
        sizes: list[int] = []
        before = 0.0
        for part in synthesizer.speak(said.text, voice=self.voice, speed=self.speed):
            parts.append(part.audio)
            ends += [before + end for end in part.ends]
            sizes += part.sizes
            before += len(part.audio) / synthesizer.sample_rate
        if not parts:
            return Clip(np.zeros(0, np.int16))
        audio = np.concatenate(parts)
        known = word_ends([len(word) for word in said.words], ends, sizes)
        if not known:
            known = by_letters(said.words, len(audio) / synthesizer.sample_rate)
        return Clip(self._at(audio, rate), said.written_ends(known))

    def apologise(self, rate: int) -> NDArray[np.int16]:
        """Sound that says that the voice has failed, at `rate` Hz; empty where there is none."""
        return self._at(self.apology, rate) if len(self.apology) else self.apology

    def _at(self, audio: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
        own = self.synthesizer.sample_rate
        return audio if own == rate else soxr.resample(audio, own, rate)
