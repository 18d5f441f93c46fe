"""What SIP needs and no wire: endings, who is heard, and sound on its way out."""

import asyncio
import ipaddress
import socket

import pytest

from telephony.sip.addresses import addresses_of, hear_only
from telephony.sip.endings import ending
from telephony.sip.outgoing import Outgoing
from telephony.sip.settings import Account, SipError, SipSettings, check

HERE = Account("openline", "127.0.0.1")
TRUNK = Account("4930123", "sip.trunk.example:5060", "secret", register=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("486 Busy Here", "busy"),
        ("600 Busy Everywhere", "busy"),
        ("603 Decline", "declined"),
        ("480 Temporarily Unavailable", "no answer"),
        ("487 Request Terminated", "no answer"),
        ("404 Not Found", "not reachable"),
        ("503 Service Unavailable", "not reachable"),
        ("Connection reset by peer [104]", "hung up"),  # a BYE
        ("Rejected by user", "hung up"),
        ("Call transfered", "replaced"),
        ("Software caused connection abort [103]", "lost"),
    ],
)
def test_the_stacks_words_become_a_reason(text: str, reason: str) -> None:
    assert ending(text) == reason


class Stack:
    """The stack's buffer on paper: takes what fits, sends a packet when told."""

    def __init__(self, size: int = 10_000) -> None:
        self.size = size
        self.buffer = b""
        self.wire = b""

    def tick(self, outgoing: Outgoing) -> list[str]:
        marks = list(outgoing.sent(len(self.buffer)))
        taken = outgoing.due()[: self.size - len(self.buffer)]
        self.buffer += taken
        outgoing.written(len(taken))
        return marks

    def send(self, count: int = 4) -> None:
        self.wire += self.buffer[:count]
        self.buffer = self.buffer[count:]

    def renegotiate(self, outgoing: Outgoing) -> None:
        self.buffer = b""
        outgoing.restarted()


def test_a_renegotiation_loses_nothing() -> None:
    stack, outgoing = Stack(), Outgoing(ahead=16, first=4)
    said = bytes(range(64))
    outgoing.add(said)
    outgoing.mark("end")
    marks: list[str] = []
    for step in range(40):
        marks += stack.tick(outgoing)
        if step in (0, 3, 4, 9):  # once before anything was sent
            stack.renegotiate(outgoing)
        else:
            stack.send()
    assert stack.wire == said
    assert marks == ["end"]


def test_what_the_stack_did_not_take_is_offered_again() -> None:
    stack, outgoing = Stack(size=6), Outgoing(ahead=16, first=4)
    outgoing.add(bytes(range(40)))
    for _ in range(20):
        stack.tick(outgoing)
        stack.send(2)
    assert stack.wire == bytes(range(40))


def test_a_mark_is_told_when_its_sound_has_left() -> None:
    stack, outgoing = Stack(), Outgoing(ahead=100, first=4)
    outgoing.add(bytes(8))
    outgoing.mark("hello")
    outgoing.add(bytes(8))
    outgoing.mark("world")
    assert stack.tick(outgoing) == []
    stack.send(6)
    assert stack.tick(outgoing) == []
    stack.send(2)
    assert stack.tick(outgoing) == ["hello"]
    assert outgoing.clear() == ["world"]
    assert outgoing.waiting == 0


def test_a_sentence_begins_with_enough_to_go_on() -> None:
    outgoing = Outgoing(ahead=100, first=8)
    outgoing.add(bytes(4))
    assert outgoing.due() == b""
    outgoing.add(bytes(4))
    assert len(outgoing.due()) == 8
    short = Outgoing(ahead=100, first=8)
    short.add(bytes(2))
    assert [len(short.due()) for _ in range(3)] == [0, 0, 2]  # and a short one goes in the end


async def test_only_the_listed_addresses_are_heard_at_all() -> None:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tcp = socket.socket()
    with udp, tcp:
        udp.bind(("127.0.0.1", 0))
        port = udp.getsockname()[1]
        tcp.bind(("127.0.0.1", port))
        tcp.listen()
        tcp.setblocking(False)
        listed = [ipaddress.ip_network(n) for n in ("::1/128", "10.0.0.0/8", "127.0.0.2/31")]
        hear_only(listed, [port])
        for source in ("127.0.0.1", "127.0.0.3", "127.0.0.4", "127.0.0.2"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((source, 0))
                sender.sendto(source.encode(), ("127.0.0.1", port))
        udp.setblocking(False)
        assert [udp.recv(100) for _ in range(2)] == [b"127.0.0.3", b"127.0.0.2"]
        with pytest.raises(BlockingIOError):
            udp.recv(100)
        loop = asyncio.get_running_loop()
        with socket.socket() as stranger, socket.socket() as friend:
            for caller, source in ((stranger, "127.0.0.1"), (friend, "127.0.0.2")):
                caller.bind((source, 0))
                caller.setblocking(False)
            await asyncio.wait_for(loop.sock_connect(friend, ("127.0.0.1", port)), 5)
            with pytest.raises(TimeoutError):  # not even refused
                await asyncio.wait_for(loop.sock_connect(stranger, ("127.0.0.1", port)), 0.3)


def test_networks_of_six_are_told_apart() -> None:
    if not socket.has_ipv6 or not addresses_of("::1"):
        pytest.skip("no IPv6 here")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        try:
            udp.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
        port = udp.getsockname()[1]
        udp.setblocking(False)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
            hear_only([ipaddress.ip_network("2001:db8::/32")], [port])
            sender.sendto(b"stranger", ("::1", port))
            hear_only([ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1")], [port])
            sender.sendto(b"friend", ("::1", port))
        assert udp.recv(100) == b"friend"


def test_a_filter_needs_something_to_protect() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        free = udp.getsockname()[1]
    with pytest.raises(SipError, match="no socket on port"):
        hear_only([ipaddress.ip_network("127.0.0.1")], [free])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (SipSettings((HERE,), host="0.0.0.0"), "anybody could call: set phone.sip.allowed"),
        (SipSettings((HERE,), host="localhost"), "is no address"),
        (SipSettings(()), "accounts is empty"),
        (SipSettings((Account("a", "b", register=True),)), "without a password"),
        (SipSettings((Account("a", "b", transport="tls"),)), "without a certificate"),
    ],
)
def test_what_cannot_work_is_said_before_anything_listens(settings: SipSettings, says: str) -> None:
    with pytest.raises(SipError, match=says):
        check(settings)


def test_a_public_address_is_fine_behind_a_list_or_a_registrar() -> None:
    check(SipSettings((HERE,), host="0.0.0.0", allowed=(ipaddress.ip_network("10.0.0.0/8"),)))
    check(SipSettings((TRUNK,), host="0.0.0.0"))


def test_a_password_is_shown_nowhere() -> None:
    assert "secret" not in repr(SipSettings((TRUNK,)))
