"""What the caller heard of one answer, word by word."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Clause:
    text: str
    start: float  # s, from the answer's first sample
    seconds: float


class Heard:
    """The clauses of one answer and where their sound lies in it.

    Words have no times of their own: inside a clause they are spread in proportion to their
    letters, which is right to about a word for Piper's and Kokoro's even pace.
    """

    def __init__(self) -> None:
        self._clauses: list[_Clause] = []
        self._end = 0.0

    @property
    def seconds(self) -> float:
        """Length of the answer's audio so far, pauses included."""
        return self._end

    @property
    def said(self) -> str:
        return " ".join(clause.text for clause in self._clauses)

    def add(self, text: str, seconds: float, pause: float = 0.0) -> float:
        """Append a clause and the silence after it; returns where it starts, in seconds."""
        start = self._end
        self._clauses.append(_Clause(text.strip(), start, seconds))
        self._end += seconds + pause
        return start

    def until(self, played: float) -> str:
        """The words played to their end after `played` seconds: a prefix of `said`."""
        words: list[str] = []
        for clause in self._clauses:
            # 50 ms: a clause's fade-out, which carries no speech.
            if played >= clause.start + clause.seconds - 0.05:
                words.append(clause.text)
                continue
            words += _spoken(clause, played - clause.start)
            break
        return " ".join(word for word in words if word)


def _spoken(clause: _Clause, played: float) -> list[str]:
    words = clause.text.split()
    letters = sum(len(word) + 1 for word in words)
    spoken: list[str] = []
    position = 0
    for word in words:
        position += len(word) + 1
        if played < clause.seconds * position / letters:
            break
        spoken.append(word)
    return spoken
