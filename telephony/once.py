"""What must come only once: signatures that were seen, tokens that were handed in."""

import hashlib
from collections import OrderedDict


class Once:
    """Remembers words for a while. The oldest are given up where there are too many, so that a
    flood costs memory of a fixed size: about 200 bytes a word.

    Only what was authenticated may be put in: a stranger must not be able to push others out.
    """

    def __init__(self, seconds: float, most: int = 100_000) -> None:
        self._seconds = seconds
        self._most = most
        self._until: OrderedDict[bytes, float] = OrderedDict()  # oldest first

    def __len__(self) -> int:
        return len(self._until)

    def first(self, word: str, now: float) -> bool:
        """Whether `word` was not given within the last `seconds`; it counts as given from now."""
        while self._until:
            oldest, until = next(iter(self._until.items()))
            if until > now and len(self._until) < self._most:
                break
            del self._until[oldest]
        digest = hashlib.sha256(word.encode("utf-8", "backslashreplace")).digest()
        if digest in self._until:
            return False
        self._until[digest] = now + self._seconds
        return True
