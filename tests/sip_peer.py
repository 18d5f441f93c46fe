"""The other side of SIP, by hand: a registrar, a phone that refuses, a caller that misbehaves."""

import asyncio
import hashlib
import itertools
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

_count = itertools.count(1)
_SDP = (
    "v=0\r\no=peer {version} {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n"
)


def header(message: str, name: str) -> str:
    found = re.search(rf"^{name}:[ \t]*(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def reply(request: str, status: str, *extra: str, body: str = "") -> str:
    """A response to a request: its Vias and dialog headers, and ours."""
    vias = [line for line in request.split("\r\n") if line.lower().startswith("via:")]
    to = header(request, "To")
    lines = [
        f"SIP/2.0 {status}",
        *vias,
        f"From: {header(request, 'From')}",
        f"To: {to}" if "tag=" in to else f"To: {to};tag=peer",
        f"Call-ID: {header(request, 'Call-ID')}",
        f"CSeq: {header(request, 'CSeq')}",
        *extra,
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body


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

    def invite(
        self,
        port: int,
        *,
        user: str = "bot",
        agent: str = "peer",
        direction: str = "sendrecv",
        within: str = "",
    ) -> str:
        """An INVITE to the phone at that port; `within`: a 200 of the call that it changes."""
        number = next(_count)
        call = header(within, "Call-ID") or f"call{number}@peer"
        to = header(within, "To") or f"<sip:{user}@127.0.0.1:{port}>"
        return self._request("INVITE", port, call, to, number, user, agent, direction)

    def ack(self, port: int, ok: str, user: str = "bot") -> str:
        cseq = int(header(ok, "CSeq").split()[0])
        return self._request("ACK", port, header(ok, "Call-ID"), header(ok, "To"), cseq, user)

    def bye(self, port: int, ok: str, user: str = "bot") -> str:
        return self._request(
            "BYE", port, header(ok, "Call-ID"), header(ok, "To"), next(_count), user
        )

    def _request(
        self,
        method: str,
        port: int,
        call: str,
        to: str,
        number: int,
        user: str,
        agent: str = "peer",
        direction: str = "",
    ) -> str:
        body = _SDP.format(version=number, port=self.port + 2, direction=direction)
        body = body if direction else ""
        lines = [
            f"{method} sip:{user}@127.0.0.1:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{next(_count)};rport",
            f"From: <sip:peer@127.0.0.1:{self.port}>;tag=from{call}",
            f"To: {to}",
            f"Call-ID: {call}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:peer@127.0.0.1:{self.port}>",
            "Max-Forwards: 70",
            f"User-Agent: {agent}",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines) + "\r\n\r\n" + body


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


def refusing(status: str) -> Callable[[str], list[str]]:
    return lambda request: [reply(request, status)] if request.startswith("INVITE") else []
