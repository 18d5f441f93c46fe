"""Caps on what one caller may take: calls in a while, calls at once, wrong passwords.

No clock of its own: `now` is s of any clock that never goes back. Memory is bounded, see `most`.
"""

from collections import OrderedDict, deque


class Rate:
    """At most `times` in any stretch of `seconds`, for each caller."""

    def __init__(self, times: int, seconds: float, most: int = 10_000) -> None:
        self._times = times
        self._seconds = seconds
        self._most = most  # callers remembered, the longest silent forgotten first
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def allow(self, caller: str, now: float) -> bool:
        """Whether one more is allowed now; it counts if it is."""
        seen = self._seen.setdefault(caller, deque(maxlen=self._times))
        self._seen.move_to_end(caller)
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)
        while seen and seen[0] <= now - self._seconds:
            seen.popleft()
        if len(seen) >= self._times:
            return False
        seen.append(now)
        return True


class AtOnce:
    """At most `each` calls of one caller at the same time, and `all_` of everybody."""

    def __init__(self, each: int, all_: int) -> None:
        self._each = each
        self._all = all_
        self._live: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(self._live.values())

    def enter(self, caller: str) -> bool:
        """Callers of whom nothing is known ("", as of every call by AudioSocket) are not one
        caller: only the cap of all holds for them."""
        if len(self) >= self._all or (caller and self._live.get(caller, 0) >= self._each):
            return False
        self._live[caller] = self._live.get(caller, 0) + 1
        return True

    def leave(self, caller: str) -> None:
        self._live[caller] -= 1
        if not self._live[caller]:
            del self._live[caller]


class LockOut:
    """After `tries` wrong passwords from one address, none is looked at for `seconds`."""

    def __init__(self, tries: int = 5, seconds: float = 300.0, most: int = 10_000) -> None:
        self._tries = tries
        self._seconds = seconds
        self._most = most  # addresses remembered
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how often, last when

    def __len__(self) -> int:
        return len(self._wrong)

    def out(self, address: str, now: float) -> bool:
        times, last = self._wrong.get(address, (0, 0.0))
        return times >= self._tries and now < last + self._seconds

    def wrong(self, address: str, now: float) -> None:
        times, last = self._wrong.pop(address, (0, now))
        self._wrong[address] = (times + 1 if now < last + self._seconds else 1, now)
        while len(self._wrong) > self._most:
            self._wrong.popitem(last=False)

    def right(self, address: str) -> None:
        self._wrong.pop(address, None)
