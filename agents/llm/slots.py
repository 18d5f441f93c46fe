"""Which of llama.cpp's slots a request takes: a free one whose cache holds most of its prompt."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager


class Slots:
    """`each` slots for every kind of prompt; requests of one kind run beside each other.

    llama.cpp reads and writes for all busy slots in one step: weights are read from memory once.
    """

    def __init__(self, kinds: Sequence[str], each: int) -> None:
        """Kinds that are not named share the slots of the last one."""
        self._kinds = tuple(kinds)
        self._each = each
        self._prompts = [""] * len(self)
        self._busy = [0] * len(self)

    def __len__(self) -> int:
        return len(self._kinds) * self._each

    def of(self, kind: str) -> range:
        """The numbers of a kind's slots."""
        at = self._kinds.index(kind) if kind in self._kinds else len(self._kinds) - 1
        return range(at * self._each, (at + 1) * self._each)

    @contextmanager
    def taken(self, kind: str, prompt: str) -> Generator[int]:
        """A slot's number, its own until the end; where all are taken, one that has to be waited
        for."""

        def fit(slot: int) -> tuple[int, int]:
            return -self._busy[slot], _shared(self._prompts[slot], prompt)

        slot = max(self.of(kind), key=fit)
        self._busy[slot] += 1
        self._prompts[slot] = prompt
        try:
            yield slot
        finally:
            self._busy[slot] -= 1


def _shared(one: str, other: str) -> int:
    """How many characters they begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
