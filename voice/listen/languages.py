"""Which of the languages that may be spoken on a line an utterance is in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

# Of 60 Spanish replies of 0.4 to 1.3 s in three of Kokoro's voices whisper-base took 35 for
# English, at odds of up to 56; of 80 English ones 61 had more than 80, and none was taken for
# Spanish. Of 49 sentences (1.0 to 3.4 s) none was mistaken.
SHORT = 1.0  # s of sound
STAYS = 80.0  # times likelier than the caller's so far another language has to be in a short reply


@dataclass(frozen=True, slots=True)
class Languages:
    """What is known before an utterance is heard. Codes as Whisper's: "en", "es"."""

    languages: tuple[str, ...] = ()  # of the agent; none: whatever the transcriber admits
    lately: str = ""  # the caller's so far, "" before they have said anything

    def admitted(self, among: Collection[str]) -> list[str]:
        """Those of the agent that the transcriber is set up for; else all of one or the other."""
        own = [code for code in self.languages if not among or code in among]
        return own or list(among)

    def likeliest(
        self, probabilities: Mapping[str, float], among: Collection[str], seconds: float
    ) -> str:
        """The language of an utterance with `seconds` of sound, by the recognizer's own
        `probabilities`; a short reply stays in the caller's so far unless another is much likelier.
        """
        codes = self.admitted(among) or list(probabilities)
        best = max(codes, key=lambda code: probabilities.get(code, 0.0))
        if seconds > SHORT or self.lately not in codes:
            return best
        clearly = probabilities.get(best, 0.0) > STAYS * probabilities.get(self.lately, 0.0)
        return best if clearly else self.lately
