"""Tokens of media sockets, and what must come only once."""

from telephony.once import Once
from telephony.tokens import CallTokens, Ticket

CALL = Ticket("twilio", "CA1", "+14155550100", "+14155550123")


def test_a_token_lets_one_socket_in_once() -> None:
    tokens = CallTokens()
    token = tokens.issue(CALL, now=0.0)
    assert tokens.redeem(token, "twilio", now=299.0) == CALL
    assert tokens.redeem(token, "twilio", now=299.0) is None


def test_a_token_is_void_after_300_seconds() -> None:
    tokens = CallTokens()
    token = tokens.issue(CALL, now=0.0)
    assert tokens.redeem(token, "twilio", now=300.0) is None


def test_a_token_is_void_at_another_carriers_socket_and_then_altogether() -> None:
    tokens = CallTokens()
    token = tokens.issue(CALL, now=0.0)
    assert tokens.redeem(token, "plivo", now=1.0) is None
    assert tokens.redeem(token, "twilio", now=1.0) is None


def test_strange_tokens_are_void() -> None:
    tokens = CallTokens()
    token = tokens.issue(CALL, now=0.0)
    for strange in ("", token[:-1], token + "A", token.swapcase(), "\udcff", "é" * 1000):
        assert tokens.redeem(strange, "twilio", now=1.0) is None
    assert tokens.redeem(token, "twilio", now=1.0) == CALL


def test_a_flood_of_calls_takes_no_more_memory() -> None:
    tokens = CallTokens(most=10)
    given = [tokens.issue(CALL, now=0.0) for _ in range(1000)]
    assert len(tokens) == 10
    assert len(set(given)) == 1000
    assert tokens.redeem(given[-1], "twilio", now=1.0) == CALL
    assert tokens.redeem(given[0], "twilio", now=1.0) is None


def test_tokens_do_not_show_in_what_is_printed() -> None:
    tokens = CallTokens()
    token = tokens.issue(CALL, now=0.0)
    assert token not in repr(vars(tokens))


def test_a_word_counts_as_new_again_after_its_time() -> None:
    once = Once(seconds=300.0)
    assert once.first("a", now=0.0)
    assert not once.first("a", now=299.0)
    assert once.first("a", now=300.0)
    assert not once.first("a", now=301.0)


def test_once_forgets_the_oldest_where_there_are_too_many() -> None:
    once = Once(seconds=300.0, most=10)
    assert all(once.first(str(n), now=0.0) for n in range(100))
    assert len(once) == 10
    assert not once.first("99", now=1.0)
    assert once.first("0", now=1.0)
