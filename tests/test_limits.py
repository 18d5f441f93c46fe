"""Who may, how often, and from where."""

import base64

import pytest

from telephony.addresses import AddressError, among, caller_address, networks
from telephony.limits import AtOnce, LockOut, Rate
from telephony.passwords import Login, check_basic
from telephony.signatures import Refused


def test_a_caller_is_let_in_so_often_in_a_while() -> None:
    rate = Rate(3, seconds=60.0)
    assert [rate.allow("+1", now=t) for t in (0.0, 10.0, 20.0, 30.0)] == [True, True, True, False]
    assert rate.allow("+2", now=30.0)
    assert rate.allow("+1", now=60.0)  # the first is a minute ago
    assert not rate.allow("+1", now=69.0)
    assert rate.allow("+1", now=70.0)


def test_callers_who_are_refused_do_not_make_it_worse() -> None:
    rate = Rate(1, seconds=60.0)
    assert rate.allow("+1", now=0.0)
    assert not any(rate.allow("+1", now=float(t)) for t in range(1, 60))
    assert rate.allow("+1", now=60.0)


def test_a_flood_of_callers_takes_no_more_memory() -> None:
    rate, lock_out = Rate(3, 60.0, most=100), LockOut(most=100)
    for n in range(5000):
        rate.allow(f"+{n}", now=0.0)
        lock_out.wrong(f"192.0.2.{n}", now=0.0)
    assert len(rate) == len(lock_out) == 100


def test_calls_at_once_are_capped_for_each_and_for_all() -> None:
    live = AtOnce(each=2, all_=3)
    assert live.enter("+1")
    assert live.enter("+1")
    assert not live.enter("+1")
    assert live.enter("+2")
    assert not live.enter("+3")
    live.leave("+1")
    assert live.enter("+3")
    assert len(live) == 3


def test_unknown_callers_are_not_one_caller() -> None:
    live = AtOnce(each=1, all_=3)
    assert [live.enter("") for _ in range(4)] == [True, True, True, False]
    live.leave("")
    assert live.enter("+1")


LOGIN = Login("asterisk", "correct horse")


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_the_right_password_is_let_in() -> None:
    check_basic(basic("asterisk", "correct horse"), LOGIN, "192.0.2.1", LockOut(), now=0.0)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Basic",
        "Basic ????",
        "Basic \udcff",
        "Bearer abc",
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        basic("asterisk", "correct hors"),
        basic("asterisk", ""),
        basic("", "correct horse"),
        basic("Asterisk", "correct horse"),
    ],
)
def test_a_wrong_password_is_not(given: str) -> None:
    with pytest.raises(Refused, match="wrong user or password"):
        check_basic(given, LOGIN, "192.0.2.1", LockOut(), now=0.0)


def test_guessing_locks_an_address_out_even_for_the_right_password() -> None:
    lock_out = LockOut(tries=5, seconds=300.0)
    for n in range(5):
        with pytest.raises(Refused, match="wrong"):
            check_basic(basic("asterisk", f"{n}"), LOGIN, "192.0.2.1", lock_out, now=float(n))
    right = basic("asterisk", "correct horse")
    with pytest.raises(Refused, match="too many"):
        check_basic(right, LOGIN, "192.0.2.1", lock_out, now=303.0)
    check_basic(right, LOGIN, "192.0.2.2", lock_out, now=10.0)  # others are not locked out
    check_basic(right, LOGIN, "192.0.2.1", lock_out, now=304.0)


def test_a_password_is_not_printed() -> None:
    assert "correct horse" not in repr(LOGIN)


PROXY = networks(["127.0.0.1", "10.0.0.0/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "sender"),
    [
        ("192.0.2.9", [], "192.0.2.9"),
        ("192.0.2.9", ["198.51.100.1"], "192.0.2.9"),  # no proxy of ours: it may write anything
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.5, 198.51.100.1"], "198.51.100.1"),  # the left one is made up
        ("127.0.0.1", ["203.0.113.5", "198.51.100.1, 10.2.3.4"], "198.51.100.1"),
        ("::ffff:127.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("127.0.0.1", ["nonsense"], None),
        ("127.0.0.1", ["198.51.100.1, unknown"], None),
        ("", [], None),
    ],
)
def test_who_sent_a_request(peer: str, forwarded: list[str], sender: str | None) -> None:
    address = caller_address(peer, forwarded, PROXY)
    assert (str(address) if address else None) == sender


def test_an_allow_list_lets_in_whom_it_names() -> None:
    allowed = networks(["198.51.100.0/24", "2001:db8::/32", "203.0.113.7"])
    inside = ["198.51.100.1", "2001:db8::1", "203.0.113.7", "::ffff:203.0.113.7"]
    assert all(among(caller_address(one, [], ()), allowed) for one in inside)
    outside = ["198.51.101.1", "2001:db9::1", "203.0.113.8", "nobody"]
    assert not any(among(caller_address(one, [], ()), allowed) for one in outside)


def test_a_network_that_is_none_is_said() -> None:
    with pytest.raises(AddressError, match=r"write an address or a network like 192\.0\.2\.0/24"):
        networks(["198.51.100.0/33"])
