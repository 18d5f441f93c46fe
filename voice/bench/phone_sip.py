"""Just enough of SIP's text for callers made by hand: requests, answers, a description of sound."""

import itertools
import re
from dataclasses import dataclass

_count = itertools.count(1)
_SDP = "application/sdp"


def header(message: str, name: str) -> str:
    """The value of the first such header; "" without one."""
    found = re.search(rf"^{name}:[ \t]*(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def media_port(message: str) -> int:
    """Where the sender of this SDP wants its sound; 0 without one."""
    found = re.search(r"^m=audio (\d+)", message, re.MULTILINE)
    return int(found[1]) if found else 0


def description(port: int, direction: str = "sendrecv") -> str:
    """SDP: G.711 mu-law at this port of the loopback."""
    version = next(_count)
    return (
        f"v=0\r\no=peer {version} {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
        f"t=0 0\r\nm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n"
    )


def reply(request: str, status: str, *extra: str, body: str = "") -> str:
    """A response: the Vias and dialog headers of the request, and ours."""
    vias = [line for line in request.split("\r\n") if line.lower().startswith("via:")]
    to = header(request, "To")
    return _message(
        f"SIP/2.0 {status}",
        *vias,
        f"From: {header(request, 'From')}",
        f"To: {to}" if "tag=" in to else f"To: {to};tag=peer",
        f"Call-ID: {header(request, 'Call-ID')}",
        f"CSeq: {header(request, 'CSeq')}",
        *extra,
        body=body,
    )


@dataclass(frozen=True, slots=True)
class Caller:
    """sip:user@127.0.0.1:port, who calls sip:called@127.0.0.1:called_port. `agent`: its program."""

    user: str
    port: int
    called: str
    called_port: int
    agent: str = "peer"

    def invite(self, body: str, within: str = "", extra: tuple[str, ...] = ()) -> str:
        """`within`: a 200 of the call that this changes; else a new call. `extra`: headers."""
        number = next(_count)
        call = header(within, "Call-ID") or f"call{number}@{self.port}"
        return self._request("INVITE", call, header(within, "To"), number, body, extra)

    def ack(self, ok: str) -> str:
        number = int(header(ok, "CSeq").split()[0])
        return self._request("ACK", header(ok, "Call-ID"), header(ok, "To"), number)

    def bye(self, ok: str) -> str:
        return self._request("BYE", header(ok, "Call-ID"), header(ok, "To"), next(_count))

    def notify(self, ok: str, status: str) -> str:
        """How the transfer goes that we were asked for in the call of this 200."""
        about = ("Event: refer", "Subscription-State: terminated;reason=noresource")
        body = f"SIP/2.0 {status}\r\n"
        call, to = header(ok, "Call-ID"), header(ok, "To")
        return self._request("NOTIFY", call, to, next(_count), body, about, "message/sipfrag")

    def _request(
        self,
        method: str,
        call: str,
        to: str,
        number: int,
        body: str = "",
        extra: tuple[str, ...] = (),
        kind: str = _SDP,
    ) -> str:
        uri = f"sip:{self.called}@127.0.0.1:{self.called_port}"
        return _message(
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{next(_count)};rport",
            f"From: <sip:{self.user}@127.0.0.1:{self.port}>;tag=from{call}",
            f"To: {to or f'<{uri}>'}",
            f"Call-ID: {call}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>",
            "Max-Forwards: 70",
            f"User-Agent: {self.agent}",
            *extra,
            body=body,
            kind=kind,
        )


def _message(*lines: str, body: str, kind: str = _SDP) -> str:
    about = [f"Content-Type: {kind}"] if body else []
    return "\r\n".join([*lines, *about, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body
