"""Sound on its way to the wire: kept until the stack has sent it.

The stack's buffer is emptied without notice when a call is renegotiated (its re-INVITE right
after answering, a hold), so what is in there is also kept here, and written again.
"""

from collections import deque
from collections.abc import Sequence


class Outgoing:
    """PCM16LE mono, in bytes; counts what the stack holds of it and what it has sent.

    A tick is: sent() with what the stack still holds, then due(), write it, written().
    """

    def __init__(self, ahead: int, first: int) -> None:
        """`ahead`: bytes that the stack may hold at once; `first`: it starts to send when so many
        are there, so that a sentence's first frames do not run dry between two writes."""
        self._ahead = ahead
        self._first = first
        self._waiting = bytearray()  # not sent; its first `_held` bytes are in the stack's buffer
        self._held = 0
        self._added = 0  # bytes, ever
        self._gone = 0  # bytes, ever: sent or cleared
        self._marks: deque[tuple[int, str]] = deque()  # where it stands in `_added`, name
        self._patience = 0

    @property
    def held(self) -> int:
        """Bytes that the stack holds."""
        return self._held

    @property
    def waiting(self) -> int:
        """Bytes that are not sent yet."""
        return len(self._waiting)

    def add(self, samples: bytes) -> None:
        self._waiting += samples
        self._added += len(samples)

    def mark(self, name: str) -> None:
        self._marks.append((self._added, name))

    def clear(self) -> Sequence[str]:
        """Drop what is not sent; the marks that stood in it."""
        self._gone += len(self._waiting)
        self._waiting.clear()
        self._held = 0
        return self._passed()

    def sent(self, still_held: int) -> Sequence[str]:
        """The stack now holds so many bytes; the marks that have been played since."""
        done = max(self._held - still_held, 0)
        del self._waiting[:done]
        self._held -= done
        self._gone += done
        return self._passed()

    def due(self) -> bytes:
        """What the stack may be given now. Writing may take less: see `written`."""
        fresh = len(self._waiting) - self._held
        if not self._held and 0 < fresh < self._first and self._patience < 2:
            self._patience += 1  # two ticks, for a last word shorter than `first`
            return b""
        self._patience = 0
        return bytes(self._waiting[self._held : self._ahead])

    def written(self, count: int) -> None:
        self._held += count

    def restarted(self) -> None:
        """The stack's buffer was lost."""
        self._held = 0

    def _passed(self) -> Sequence[str]:
        passed: list[str] = []
        while self._marks and self._marks[0][0] <= self._gone:
            passed.append(self._marks.popleft()[1])
        return passed
