"""The sounds one caller makes over the agent's talk: whose they are, what becomes of them."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agents.spoken import language as spoken_language
from voice.listen.echo import EchoFinder
from voice.listen.interruptions import Decision, GiveWay, GoOn, Interruptions
from voice.speak.aloud import Aloud

# Of the newest sound's energy. A phone line's echo at -10 to -25 dB reaches 0.94 in 95 of 100
# windows, callers over it or over silence 0.0 in half of them.
ECHO = 0.5
_ENDING = 0.3  # s before the agent's last sound: it was falling silent anyhow


class Overtalk:
    """A turn that begins while the agent speaks is tentative until it is taken or let go.

    `aloud`: what the agent says meanwhile; `language` tells the call's.
    """

    def __init__(self, aloud: Aloud, language: Callable[[], str]) -> None:
        self._aloud = aloud
        self._language = language
        self._echo = EchoFinder()
        self._interruptions = Interruptions(spoken_language(language()))
        self._hint = ""
        self._agent_speaks = False
        self._held = False  # the agent waits for what the sound turns out to be
        self.tentative = False  # the present turn may be none
        self.dismissed = 0  # sounds that were no turn

    def agent_speaks(self) -> None:
        self._agent_speaks = True

    def agent_stops(self) -> Decision | None:
        """A sound that the agent was not held for is a turn once the agent has finished."""
        self._agent_speaks = False
        if self.tentative and not self._held:
            return self._interruptions.give_way("the agent has finished")
        return None

    def asked(self, hint: str) -> None:
        """What kind of reply the agent has asked for."""
        self._hint = hint

    def hear(self, window: NDArray[np.float32]) -> None:
        """The caller's next samples, 16 kHz."""
        self._echo.hear(window)

    def comes_back(self, now: float) -> bool:
        """Whether the newest sound is the agent's own."""
        return self._echo.explained(self._aloud, now) >= ECHO

    def step(self, speech: bool, seconds: float) -> list[Decision]:
        """One VAD window."""
        return self._interruptions.step(speech, seconds)

    def begin(self) -> Literal["turn", "hold", "sound"]:
        """Speech begins: the caller's turn, or a sound that the agent is, or is not, held for."""
        if not self._agent_speaks and not self._held:
            return "turn"
        self.tentative = True
        if self._interruptions.begin() and not self._held:
            self._held = True
            return "hold"
        return "sound"

    def more_follows(self) -> Decision:
        """Before the last sound was read through, the next began."""
        return self._interruptions.give_way("more follows")

    def read(
        self, text: str, probability: float, now: float, *, paused: bool
    ) -> GiveWay | GoOn | None:
        """What the sound says so far, as for Interruptions.read."""
        self._interruptions.language = spoken_language(self._language())
        ending = self._aloud.ends - now < _ENDING
        asked = self._hint == "yes_no" and self._aloud.asking
        return self._interruptions.read(
            text,
            probability,
            paused=paused,
            asked=asked or ending,
            answers=self._aloud.asking or ending,
            said=self._aloud.words,
        )

    def taken(self) -> None:
        """The caller has the turn."""
        self.tentative = self._held = False
        self._interruptions.answer_begins()

    def let_go(self) -> bool:
        """The sound was no turn; returns whether the agent was held for it."""
        held, self._held = self._held, False
        self.tentative = False
        self.dismissed += 1
        return held
