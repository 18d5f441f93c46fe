"""The other side of SIP, by hand: a registrar, a phone that refuses, a caller that misbehaves."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from voice.bench.phone_sip import Caller, description, header, reply


class SipPeer(asyncio.DatagramProtocol):
    """One UDP socket. What it got is in `got`; `answer` gives what is sent back to a request."""

    def __init__(self, answer: Callable[[str], list[str]] = lambda _: []) -> None:
        self.got: list[str] = []
        self.port = 0
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = data.decode(errors="replace")
        self.got.append(message)
        self._news.set()
        if not message.startswith("SIP/2.0"):
            for response in self._answer(message):
                self.send(response, addr[1])

    def send(self, message: str | bytes, port: int) -> None:
        assert self._transport
        raw = message.encode() if isinstance(message, str) else message
        self._transport.sendto(raw, ("127.0.0.1", port))

    async def gets(self, start: str, about: str = "") -> str:
        """The first message that begins so and mentions `about`, past or to come."""
        async with asyncio.timeout(20):
            while True:
                for message in self.got:
                    if message.startswith(start) and about in message:
                        return message
                self._news.clear()
                await self._news.wait()

    def caller(self, port: int, user: str = "bot", agent: str = "peer") -> Caller:
        """What this peer says when it calls user at that port."""
        return Caller("peer", self.port, user, port, agent)

    def sound(self, direction: str = "sendrecv") -> str:
        return description(self.port + 2, direction)


@asynccontextmanager
async def sip_peer(
    answer: Callable[[str], list[str]] = lambda _: [], host: str = "127.0.0.1"
) -> AsyncGenerator[SipPeer]:
    loop = asyncio.get_running_loop()
    transport, peer = await loop.create_datagram_endpoint(
        lambda: SipPeer(answer), local_addr=(host, 0)
    )
    try:
        yield peer
    finally:
        transport.close()


def registrar(passwords: dict[str, str]) -> Callable[[str], list[str]]:
    """Digest by RFC 2617 (MD5, no qop); a password that is missing is answered 404."""

    def answer(request: str) -> list[str]:
        if not request.startswith("REGISTER"):
            return []
        found = re.search(r"sip:([^@>;]+)@", header(request, "To"))
        user = found[1] if found else ""
        if user not in passwords:
            return [reply(request, "404 Not Found")]
        given = dict(re.findall(r'(\w+)="([^"]*)"', header(request, "Authorization")))
        first = f"{user}:here:{passwords[user]}"
        second = f"REGISTER:{given.get('uri', '')}"
        digests = [hashlib.md5(text.encode()).hexdigest() for text in (first, second)]
        right = hashlib.md5(f"{digests[0]}:once:{digests[1]}".encode()).hexdigest()
        if given.get("response") != right:
            challenge = 'WWW-Authenticate: Digest realm="here", nonce="once", algorithm=MD5'
            return [reply(request, "401 Unauthorized", challenge)]
        return [reply(request, "200 OK", f"Contact: {header(request, 'Contact')};expires=300")]

    return answer


def willing(request: str) -> list[str]:
    """Takes every change of its call, and a REFER."""
    match request.split(" ", 1)[0]:
        case "INVITE":
            return [reply(request, "200 OK", body=description(9))]
        case "REFER":
            return [reply(request, "202 Accepted")]
        case "BYE":
            return [reply(request, "200 OK")]
        case _:
            return []


def refusing(status: str) -> Callable[[str], list[str]]:
    return lambda request: [reply(request, status)] if request.startswith("INVITE") else []
