"""What a call's own TurnTaker does in labelled pauses, its signs as late as on two busy cores."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from voice.bench.turns_data import RATE, LabelledTurn, Pause
from voice.bench.turns_learn import Known
from voice.listen.endpoint import EndOfTurn
from voice.listen.turns import Ended, Judge, TurnSettings, TurnTaker
from voice.listen.vad import WINDOW, SpeechDetector

WORDS_LATE = 0.35  # s from the last sound until its words are known: noticed, then read by tiny.en
VERDICT_LATE = 0.06  # s from the question to smart-turn's answer
_SECONDS = WINDOW / RATE
_NOTICED = 0.1  # s of silence after which the turn-taker takes it for a pause


@dataclass(frozen=True, slots=True)
class Lived:
    """What became of one pause."""

    pause: Pause
    waited: float | None  # s from the last sound to the end of the turn; None: none before it ended

    @property
    def cut_off(self) -> bool:
        return self.pause.label == "hold" and self.waited is not None


@dataclass(frozen=True, slots=True)
class LiveOutcome:
    """Over the holds of 0.2 s or more, and the ends."""

    cutoff_rate: float
    mean_wait: float  # s
    median_wait: float
    wait_p90: float
    lost: int  # turns that never ended


class Rehearsal:
    """Plays labelled turns to a TurnTaker."""

    def __init__(self, detector: SpeechDetector, model: EndOfTurn, settings: TurnSettings) -> None:
        self._detector = detector
        self._model = model
        self._settings = settings
        self._speech: dict[str, list[float]] = {}
        self._verdicts: dict[tuple[str, int], float] = {}

    def play(self, known: Known) -> Lived:
        """One pause. What was said before it is taken for speech: each pause is judged alone.

        Of an earlier pause only the beginning is heard: the caller has paused before.
        """
        turn, pause, signs = known.turn, known.pause, known.signs
        turns = TurnTaker(self._settings)
        turns.agent_said(turn.context)
        began = pause.start - 0.5
        earlier = [other.start for other in turn.pauses if other.end < pause.start]
        due: list[tuple[float, float, float]] = []  # when, the verdict, when it was asked for
        words_due: float | None = pause.start + WORDS_LATE
        for i, speech in enumerate(self._probabilities(turn)):
            now = (i + 1) * _SECONDS
            if now < began:
                speech = 0.0 if any(0 <= now - at < _NOTICED for at in earlier) else 1.0
            events = list(turns.step(speech, _SECONDS))
            while due and due[0][0] <= now:
                _, verdict, asked = due.pop(0)
                events += turns.judged(verdict, asked)
            if words_due is not None and now >= words_due:
                words_due = None
                events += turns.said(signs.words or "", signs.closing)
            for event in events if now > pause.start else ():
                if isinstance(event, Judge):
                    due.append((now + VERDICT_LATE, self._verdict(turn, now), event.at))
                elif isinstance(event, Ended):
                    over = pause.label == "hold" and now >= pause.end
                    return Lived(pause, None if over else now - pause.start)
            if now >= pause.end:
                break
        return Lived(pause, None)

    def _probabilities(self, turn: LabelledTurn) -> list[float]:
        if turn.id not in self._speech:
            stream, audio = self._detector.stream(), turn.audio
            windows = range(0, len(audio) - WINDOW + 1, WINDOW)
            self._speech[turn.id] = [stream.step(audio[at : at + WINDOW]) for at in windows]
        return self._speech[turn.id]

    def _verdict(self, turn: LabelledTurn, now: float) -> float:
        key = turn.id, round(now * RATE)
        if key not in self._verdicts:
            self._verdicts[key] = self._model.probability(turn.audio[: key[1]])
        return self._verdicts[key]


def outcome(lived: Sequence[Lived]) -> LiveOutcome:
    holds = [one for one in lived if one.pause.label == "hold"]
    ends = [one for one in lived if one.pause.label == "eot"]
    waits = sorted(_known_waits(ends))
    return LiveOutcome(
        cutoff_rate=sum(one.cut_off for one in holds) / len(holds),
        mean_wait=sum(waits) / len(waits),
        median_wait=waits[len(waits) // 2],
        wait_p90=waits[int(0.9 * (len(waits) - 1))],
        lost=len(ends) - len(waits),
    )


def _known_waits(ends: Iterable[Lived]) -> Iterable[float]:
    return (one.waited for one in ends if one.waited is not None)
