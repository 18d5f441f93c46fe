"""Toll fraud and bills: what may be dialled at all, and until when.

Nothing is dialled without a list of prefixes. Every call is charged to the caps before it is
placed, at its longest, so that calls at the same time cannot pass a cap together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from telephony.numbers import Number, masked


class NotAllowed(Exception):
    """This number must not be called, or not now. One line: why, and what would change it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`prices` are of a minute, in whatever money `most_cost` is counted, by prefix."""

    prefixes: Sequence[str] = ()  # "+4930"; none: nobody is called
    prices: Mapping[str, float] = field(default_factory=dict[str, float])
    most_cost: float | None = None  # of 24 hours, all numbers together
    most_calls: int = 1000  # of 24 hours
    countries: Mapping[str, int] = field(default_factory=dict[str, int])  # calls of 24 hours
    minutes: float = 10.0  # the longest that a call may last


@dataclass(frozen=True, slots=True)
class Spent:
    """Of the last 24 hours, calls that go on counted at their longest."""

    cost: float = 0.0
    calls: int = 0
    of_country: int = 0  # calls to the number's country


def check(number: Number, policy: Policy, spent: Spent) -> float:
    """What the call costs at its longest. Raises NotAllowed."""
    shown = masked(number.e164)
    if not policy.prefixes:
        raise NotAllowed("nobody may be called: set phone.outbound.prefixes, like ['+4930']")
    if not any(number.e164.startswith(prefix) for prefix in policy.prefixes):
        raise NotAllowed(f"{shown}: not under phone.outbound.prefixes")
    if number.dear:
        raise NotAllowed(f"{shown}: {number.dear}")
    if spent.calls >= policy.most_calls:
        raise NotAllowed(f"{spent.calls} calls in 24 hours: phone.outbound.most_calls is reached")
    most = policy.countries.get(number.country)
    if most is not None and spent.of_country >= most:
        raise NotAllowed(f"{number.country}: phone.outbound.countries is reached ({most} calls)")
    cost = policy.minutes * _price(number, policy)
    if policy.most_cost is not None and spent.cost + cost > policy.most_cost:
        raise NotAllowed(
            f"{shown}: with {cost:.2f} more, phone.outbound.most_cost ({policy.most_cost:.2f} in "
            "24 hours) could be passed"
        )
    return cost


def charged(number: Number, policy: Policy, seconds: float) -> float:
    """What a call that lasted so long cost; a started minute counts whole."""
    return _price(number, policy) * -(-seconds // 60)


def _price(number: Number, policy: Policy) -> float:
    """Of a minute. Raises NotAllowed for a number without a price where money is capped."""
    known = [prefix for prefix in policy.prices if number.e164.startswith(prefix)]
    if known:
        return policy.prices[max(known, key=len)]
    if policy.most_cost is None:
        return 0.0
    raise NotAllowed(f"{masked(number.e164)}: phone.outbound.prices has no price for it")
