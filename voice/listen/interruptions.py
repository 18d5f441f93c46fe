"""Sound over the agent's talk: hold the agent at once, then give way or let it go on.

Nobody can know within 100 ms whether a sound is meant for the agent, so the agent is held (its
sound stops where it is, nothing is lost) as soon as the sound is like speech, and the words decide.
Counts audio time only; what it decides, others do.
"""

import math
import re
from dataclasses import dataclass

from agents.spoken.language import Language
from voice.listen.doubt import plain


@dataclass(frozen=True, slots=True)
class InterruptionSettings:
    """Seconds of audio."""

    # A first word is readable after 0.45 s, of which 0.1 s passed before speech was noticed
    read_seconds: tuple[float, ...] = (0.35, 0.7, 1.1, 1.5)
    knock_seconds: float = 0.13  # a shorter sound before silence is no word: "no" takes 0.35 s
    quiet_seconds: float = 0.16  # silence after which a knock is let go
    wordless_seconds: float = 1.7  # sound without words is let go: music, a crowd, a machine
    late_seconds: float = 4.0  # the same while a transcript is still being made
    long_seconds: float = 1.0  # a sound so long that was let go holds the agent no second time…
    apart_seconds: float = 0.3  # …before it was quiet for this long
    told_seconds: float = 1.4  # words are believed that were read of so much sound
    holds: int = 3  # false alarms in one answer, after which only words stop it


@dataclass(frozen=True, slots=True)
class Read:
    """Transcribe the sound so far now, and tell `read`."""


@dataclass(frozen=True, slots=True)
class GiveWay:
    """The caller takes the turn."""

    reason: str


@dataclass(frozen=True, slots=True)
class GoOn:
    """It was not meant for the agent: it speaks on, and the sound is forgotten."""

    reason: str


Decision = Read | GiveWay | GoOn

_LIKELY = -0.6  # mean log probability of words that are read right before they have ended
# What Whisper only describes: "(coughing)", "[music]", "*sighs*"
_DESCRIBED = re.compile(r"\([^)]*\)?|\[[^]]*\]?|\*[^*]*\*?")


def echoes(text: str, said: str) -> bool:
    """Whether these words, two or more, are the agent's own, one after the other."""
    words, own = plain(text), plain(said)
    if len(words) < 2:
        return False
    return any(own[i : i + len(words)] == words for i in range(len(own) - len(words) + 1))


class Interruptions:
    """One caller's sounds over the agent's answers.

    `begin` when sound that is like speech starts while the agent speaks, then `step` with every VAD
    window and `read` with every transcript, until one of them says GiveWay or GoOn.
    """

    def __init__(self, language: Language, settings: InterruptionSettings | None = None) -> None:
        self.language = language
        self._settings = settings or InterruptionSettings()
        self._false = 0  # alarms in this answer
        self._quiet = math.inf  # s since the last speech
        self._let_go = False  # and nothing was quiet since
        self.active = False
        self._reset()

    def _reset(self) -> None:
        self._spoken = self._silence = self._length = 0.0
        self._reads = 0
        self._reading = 0  # transcripts under way

    def answer_begins(self) -> None:
        self._false = 0

    def begin(self) -> bool:
        """A sound begins; whether the agent should be held at once."""
        self._reset()
        self.active = True
        return self._false < self._settings.holds and not self._let_go

    def step(self, speech: bool, seconds: float) -> list[Decision]:
        """One VAD window, of the sound or not."""
        settings = self._settings
        self._quiet = 0.0 if speech else self._quiet + seconds
        if self._quiet >= settings.apart_seconds:
            self._let_go = False
        if not self.active:
            return []
        self._length += seconds
        self._spoken += seconds * speech
        self._silence = 0.0 if speech else self._silence + seconds
        if self._spoken < settings.knock_seconds and self._silence >= settings.quiet_seconds:
            return [self._go_on("too short for a word")]
        most = settings.late_seconds if self._reading else settings.wordless_seconds
        if speech and self._length >= most:  # in silence it is being read
            return [self._go_on("no words")]
        due = settings.read_seconds
        if self._reads < len(due) and self._length >= due[self._reads] - 1e-6:
            self._reads += 1
            if speech and not self._reading:
                self._reading += 1
                return [Read()]
        return []

    def read(
        self,
        text: str,
        probability: float = 0.0,
        *,
        paused: bool,
        asked: bool = False,
        answers: bool = False,
        said: str = "",
    ) -> GiveWay | GoOn | None:
        """What the sound says so far; None: wait for more.

        `probability` is the transcript's mean log probability; `paused`: the caller has fallen
        silent; `asked`: the agent has just asked something, so that "yes" is an answer; `answers`:
        it asks for something, so that any word may be one; `said` is what the agent said lately.
        """
        self._reading -= not paused
        if not self.active:
            return None
        if paused and self._spoken < self._settings.knock_seconds:
            return None  # the first consonant, perhaps; `step` lets a knock go
        words = plain(_DESCRIBED.sub(" ", text))
        if not words:
            return self._go_on("no words") if paused else None
        if echoes(text, said):
            return self._go_on("the agent's own words")
        if self.language.listens(words):
            if not paused:
                return None
            return self._give_way("an answer") if asked else self._go_on(f"“{text}”")
        if not paused and not self._certain(words, probability):
            return None  # half a word reads as another; the agent is silent meanwhile
        if paused and self._misread(words, probability, answers):
            return self._go_on(f"hardly “{text}”")
        return self._give_way(f"“{text}”")

    def give_way(self, reason: str) -> GiveWay:
        """Decided elsewhere, as when the agent has finished meanwhile."""
        return self._give_way(reason)

    def _give_way(self, reason: str) -> GiveWay:
        self.active = False
        return GiveWay(reason)

    def _go_on(self, reason: str) -> GoOn:
        self.active = False
        self._false += 1
        unbroken = self._quiet < self._settings.apart_seconds
        self._let_go = unbroken and self._length >= self._settings.long_seconds
        return GoOn(reason)

    def _certain(self, words: list[str], probability: float) -> bool:
        """Whether words are taken for what they are before the sound has ended.

        Of 330 sounds of listening in 11 voices ("uh-huh", "hmm, okay"), tiny.en read 60 as two or
        three words after 0.4 s ("A type.", "God is"); an "I made it." was the likeliest of them.
        """
        if self._length >= self._settings.told_seconds:
            return True
        many = len(words) >= 3 or self.language.calls(words)
        return many and probability > _LIKELY

    def _misread(self, words: list[str], probability: float, answers: bool) -> bool:
        """A hum or a cough read as words.

        At the end of the sound "uh-huh" is read "I'll try." at -0.7, "yeah" "Yafin" at -1.1. Words
        that make a speaker stop are believed above -1.35 alone ("Wait…" came at -1.3) and above
        -0.9 beside others ("uh" was "Oh, no." at -0.94). The limits were set on 330 sounds of
        listening and 330 short calls ("Stop", "How much?", "Who?") in the same voices: 34% of the
        first stopped the agent before and 5% do now, 7% of the others were let go before and now,
        most of them "Two", "Who" and "Monday".
        """
        if self.language.calls(words) or any(word.isdigit() for word in words):
            return probability <= (-1.35 if len(words) == 1 else -0.9)
        if answers:  # "Monday" while the agent still asks for the day
            return len(words) <= 2 and self._spoken < 0.6 and probability < -0.85
        return len(words) <= 3 and self._spoken < 1.0 and probability < -0.5
