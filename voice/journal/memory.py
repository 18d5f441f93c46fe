"""The check of heard memory: heard is a prefix of said, and no history holds what was not heard."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class Totals:
    """Of this process, for its metrics."""

    answers: int = 0  # answers whose hearing was checked
    errors: int = 0  # answers of those that broke the invariant


TOTALS = Totals()


class HeardMemory:
    """One call's check. `errors` counts the answers after which the record was not true."""

    def __init__(self) -> None:
        self.answers = 0
        self.errors = 0
        self._heard: list[str] = []
        # confirmed, not reported: one plays, one settles after an interruption
        self._pending: deque[int] = deque(maxlen=8)

    def committed(self, answer: int) -> None:
        if answer not in self._pending:
            self._pending.append(answer)

    def reported(
        self, answer: int, said: str, heard: str, history: Iterable[str] | None
    ) -> list[str]:
        """What is wrong, in words, after an answer was reported as heard this far.

        `history` is what the agent's memory holds of its own lines; None where it has none to show.
        """
        self.answers += 1
        TOTALS.answers += 1
        if answer in self._pending:
            self._pending.remove(answer)
        self._heard.append(_plain(heard))
        wrong: list[str] = []
        if not said.startswith(heard):
            wrong.append(f"heard is not a prefix of said: {heard!r} / {said!r}")
        if history is not None:
            unheard = self._unheard([_plain(line) for line in history])
            wrong += [f"the agent remembers what nobody heard: {line!r}" for line in unheard]
        if wrong:
            self.errors += 1
            TOTALS.errors += 1
        return wrong

    def _unheard(self, history: Sequence[str]) -> list[str]:
        heard = list(self._heard)
        wrong: list[str] = []
        for line in history:
            if line in heard:
                heard.remove(line)
            elif line:
                wrong.append(line)
        # the last lines may be of answers that are being played now
        return wrong[: max(0, len(wrong) - len(self._pending))]


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
