"""Turn-taking: when the caller starts, pauses, goes on and has finished.

Counts audio time only, so that a test needs no clock: `turns.step(speech=0.9, seconds=0.032)`.
"""

import re
from collections import deque
from dataclasses import dataclass
from typing import Literal

from voice.listen.ending import READ_AT, Signs, log_odds, needed_silence, probability

Hint = Literal["", "yes_no", "digits", "name", "open"]


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Seconds of audio, and probabilities.

    `certainty` was chosen on 119 pauses and 88 ends of real calls (docs/turns.md): 0.58 cuts off
    18% of the pauses at a mean wait of 0.51 s, 0.60 14% at 0.52 s, 0.67 10% at 0.57 s.
    """

    speech: float = 0.5  # VAD probability that begins speech
    silence: float = 0.35  # VAD probability below which speech pauses
    start_seconds: float = 0.096  # speech that begins a turn: a click is shorter
    # While the agent speaks, two windows that may be speech begin one, and its words decide if it
    # is a turn (listen/interruptions.py): noticed 70 ms after the onset, p95 117 ms (33 questions
    # in 7 voices); at 0.5, 75 and 168. A cough, a door or a keyboard rarely reaches 0.3.
    interrupt_seconds: float = 0.064
    interrupt_speech: float = 0.3
    pause_seconds: float = 0.064  # silence after which the words so far are worth reading
    judge_seconds: tuple[float, ...] = (0.064, 0.288, 0.576, 0.96)  # when to ask smart-turn
    certainty: float = 0.6  # that the turn has ended, before it is ended
    shortest_seconds: float = 0.16  # of silence, however sure; the detector noticed it 0.09 late
    unread_seconds: float = 0.96  # of silence to wait for the words: no answer comes before them
    longest_seconds: float = 1.6  # silence that ends a turn against the signs
    hesitant_seconds: float = 2.0  # the same after "and", "um", "my number is"
    volunteered_seconds: float = 0.8  # after "my order number is 1042" that nobody asked for
    short_answer_seconds: float = 0.256  # after a word or three to a yes-or-no question


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    at: float  # s of audio since the call began
    began: float  # when the speech itself began


@dataclass(frozen=True, slots=True)
class Paused:
    """Silence has begun: read the words now, they may be all."""

    at: float


@dataclass(frozen=True, slots=True)
class Judge:
    """Ask the end-of-turn model now and tell `judged`."""

    at: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The caller goes on: what was begun on the pause is stale."""

    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    at: float
    silence: float  # s waited
    reason: str


TurnEvent = SpeechStarted | Paused | Judge | Resumed | Ended

# Words after which nobody has finished. English; other languages rely on the voice alone.
_HESITANT = re.compile(
    r"\b(?:and|but|or|so|because|um|uh|erm|hmm|the|a|an|my|your|to|for|of|with|from|at|well"
    r"|(?:number|name|address) (?:is|was)|i'd like|i want|can you|could you)$",
    re.IGNORECASE,
)

# Who tells a number unasked goes on to say what about it.
_TELLS_A_NUMBER = re.compile(
    r"\b(?:number|code) (?:is|was)\b[^.?!]*"
    r"(?:\d|\b(?:zero|one|two|three|four|five|six|seven|eight|nine))\W*$",
    re.IGNORECASE,
)
_ASKS_A_NUMBER = re.compile(r"\b(?:number|code)\b", re.IGNORECASE)


class TurnTaker:
    """One caller's turns. Feed it every VAD window; it never ends a turn twice and loses none."""

    def __init__(self, settings: TurnSettings) -> None:
        self._settings = settings
        self._clock = 0.0
        self._agent_speaking = False
        self._hint: Hint = ""
        self._agent_said = ""
        self._recent: deque[tuple[float, bool]] = deque()  # windows before a turn
        self._active = False
        self._resumed = False  # the caller has paused and gone on in this turn
        self._reset()

    def _reset(self) -> None:
        self._silence = 0.0
        self._paused = False
        self._judged = 0  # questions asked in this silence
        self._verdict: float | None = None
        self._words = ""
        self._closing: float | None = None
        self._english = True
        self._read = False  # the words as far as this pause are known
        self._onset = 0.0  # speech heard in this pause, not yet enough to resume

    @property
    def silence(self) -> float:
        """Seconds since the caller's last speech in this turn."""
        return self._silence

    @property
    def paused(self) -> bool:
        """Whether the caller has the turn and is silent."""
        return self._paused

    @property
    def active(self) -> bool:
        """Whether the caller has the turn."""
        return self._active

    def dismiss(self) -> None:
        """What began was no turn: forget it, and wait for the next."""
        self._active = False
        self._recent.clear()
        self._reset()

    def agent_speaking(self, speaking: bool) -> None:
        """While the agent speaks, less that is like speech begins what may be a turn."""
        self._agent_speaking = speaking

    def asked(self, hint: Hint) -> None:
        """What kind of reply the agent has just asked for."""
        self._hint = hint

    def agent_said(self, text: str) -> None:
        """What the agent said last, as far as it was heard."""
        self._agent_said = text

    def reading(self) -> None:
        """The words as far as this silence are being read: no answer can come before `said`."""
        self._read = False

    def said(
        self,
        text: str,
        closing: float | None = None,
        *,
        language: str = "en",
        partial: bool = False,
    ) -> list[TurnEvent]:
        """The words of this turn so far, and how surely they close a sentence, where known.

        `partial`: read while the caller speaks, so not as far as the silence that follows.
        """
        self._words, self._closing = text.strip(), closing
        self._english = language == "en"
        self._read = not partial
        return self._maybe_end() if self._active and self._paused else []

    def step(self, speech: float, seconds: float = 0.032) -> list[TurnEvent]:
        """One VAD window: its speech probability and its length."""
        self._clock += seconds
        if not self._active:
            return self._wait(speech, seconds)
        if speech >= self._settings.silence:
            return self._speak(speech, seconds)
        return self._pause(seconds)

    def judged(self, verdict: float, asked: float | None = None) -> list[TurnEvent]:
        """The end-of-turn model's verdict on the present silence; too late is ignored.

        `asked` is the `at` of the Judge that it answers: on a busy machine a verdict can come
        when the caller went on and has paused again, and says nothing about that pause.
        """
        if not self._active or not self._paused:
            return []
        if asked is not None and asked < self._clock - self._silence - 1e-6:
            return []
        self._verdict = verdict
        return self._maybe_end()

    def _wait(self, speech: float, seconds: float) -> list[TurnEvent]:
        """Before a turn: enough speech within a short time begins it, one loud window does not."""
        settings = self._settings
        need = settings.interrupt_seconds if self._agent_speaking else settings.start_seconds
        level = settings.interrupt_speech if self._agent_speaking else settings.speech
        self._recent.append((seconds, speech >= level))
        while sum(length for length, _ in self._recent) > need + 0.064 + 1e-6:
            self._recent.popleft()  # two windows of a stop consonant may fall between
        spoken = sum(length for length, loud in self._recent if loud)
        if spoken < need - 1e-6 or speech < level:
            return []
        began = self._clock - sum(length for length, _ in self._recent)
        self._recent.clear()
        self._active = True
        self._resumed = False
        self._reset()
        return [SpeechStarted(self._clock, began)]

    def _speak(self, speech: float, seconds: float) -> list[TurnEvent]:
        if not self._paused:
            self._silence = 0.0
            return []
        # In a pause, one uncertain window is a breath or a line's crackle.
        self._onset += seconds
        if speech < self._settings.speech and self._onset < 0.064 - 1e-6:
            self._silence += seconds
            return []
        words = self._words
        self._reset()
        self._words = words
        self._resumed = True
        return [Resumed(self._clock)]

    def _pause(self, seconds: float) -> list[TurnEvent]:
        settings = self._settings
        self._silence += seconds
        self._onset = 0.0
        events: list[TurnEvent] = []
        if not self._paused and self._silence >= settings.pause_seconds - 1e-6:
            self._paused = True
            events.append(Paused(self._clock))
        due = settings.judge_seconds
        if self._judged < len(due) and self._silence >= due[self._judged] - 1e-6:
            self._judged += 1
            events.append(Judge(self._clock))
        return events + self._maybe_end()

    def _maybe_end(self) -> list[TurnEvent]:
        needed, reason = self._needed()
        if self._silence < needed - 1e-6:
            return []
        silence = self._silence
        self._active = False
        self._reset()
        return [Ended(self._clock, silence, reason)]

    def _needed(self) -> tuple[float, str]:
        """Seconds of silence that end this turn, and why."""
        settings = self._settings
        if self._hesitates():
            return settings.hesitant_seconds, f"silence after “{self._words[-20:]}”"
        if self._hint == "yes_no" and len(self._words.split()) in (1, 2, 3):
            return settings.short_answer_seconds, "a short answer to a yes-or-no question"
        words = self._words if self._english else None  # no other language was learned
        signs = Signs(self._verdict, words or None, self._closing, self._agent_said, self._resumed)
        odds = log_odds(signs)
        needed = needed_silence(odds, settings.certainty)
        if not self._read:
            needed = max(needed, settings.unread_seconds)
        if self._volunteers_a_number():
            needed = max(needed, settings.volunteered_seconds)
        needed = min(max(needed, settings.shortest_seconds), settings.longest_seconds)
        return needed, f"end of turn {probability(odds, READ_AT):.2f}"

    def _volunteers_a_number(self) -> bool:
        asked = self._hint == "digits" or _ASKS_A_NUMBER.search(self._agent_said)
        return not asked and bool(_TELLS_A_NUMBER.search(self._words))

    def _hesitates(self) -> bool:
        words = self._words
        if self._hint == "digits" and sum(c.isdigit() for c in words) in (1, 2):
            return True  # a number cut in two; the shortest we ask for has more digits
        # Whisper closes what was cut off with a full stop, or shows the hesitation itself.
        return words.endswith(("...", "…", ",", "-")) or bool(_HESITANT.search(words.rstrip(" .")))
