"""Marks that a carrier has not sent back, for those that drop them when they clear."""

from collections import deque

from telephony.events import Played

MOST = 500  # marks; one every 0.2 s of the longest buffer a carrier keeps, about 60 s, are 300


class Marks:
    """After a clear, what waited is told as cleared when the carrier has done it."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque(maxlen=MOST)
        self._doomed: deque[list[str]] = deque(maxlen=MOST)  # per clear that is under way

    def sent(self, name: str) -> None:
        self._waiting.append(name)

    def clear(self) -> None:
        """The carrier was told to; what it plays until it does is played all the same."""
        self._doomed.append(list(self._waiting))
        self._waiting.clear()

    def played(self, name: str) -> list[Played]:
        """The carrier's word. Nothing for a mark that is told already."""
        for names in (*self._doomed, self._waiting):
            if name in names:
                names.remove(name)
                return [Played(name)]
        return []

    def cleared(self) -> list[Played]:
        """The carrier has done what the oldest clear asked for."""
        names = self._doomed.popleft() if self._doomed else []
        return [Played(name, cleared=True) for name in names]
