"""Which of llama.cpp's slots a request takes: a free one whose cache holds most of its prompt."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager


class Slots:
    """Some slots for every kind of prompt; requests of one kind run beside each other.

    llama.cpp reads and writes for all busy slots in one step: weights are read from memory once.
    """

    def __init__(self, kinds: Mapping[str, int]) -> None:
        """How many slots each kind has. Kinds that are not named share those of the last one."""
        self._of: dict[str, range] = {}
        for kind, count in kinds.items():
            first = max((slots.stop for slots in self._of.values()), default=0)
            self._of[kind] = range(first, first + count)
        self._rest = list(self._of.values())[-1]
        self._prompts = [""] * len(self)
        self._busy = [0] * len(self)
        self._held: dict[int, str] = {}  # the constant prompt of a slot; what was warmed last, last

    def __len__(self) -> int:
        return self._rest.stop

    def of(self, kind: str) -> range:
        """The numbers of a kind's slots."""
        return self._of.get(kind, self._rest)

    def warmed(self, kind: str, prompt: str) -> list[int]:
        """The slots that a constant prompt is read into: all of its kind, or, where those hold
        others (of another language), one: of the prompt that has most, else the one held longest.
        """
        own = [slot for slot in self._held if slot in self.of(kind)]
        chosen = [slot for slot in own if self._held[slot] == prompt]
        if not own:
            chosen = list(self.of(kind))
        elif not chosen:
            prompts = [self._held[slot] for slot in own]
            chosen = [max(own, key=lambda slot: prompts.count(self._held[slot]))]
        for slot in chosen:
            self._held.pop(slot, None)
            self._held[slot] = self._prompts[slot] = prompt
        return chosen

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
