"""Why a call ended: the stack's closing words as one of Ending."""

import re

from telephony.events import Ending

_BY_STATUS: dict[int, Ending] = {
    486: "busy",
    600: "busy",
    603: "declined",
    403: "declined",
    607: "declined",  # Unwanted
    608: "declined",  # Rejected by a service
    408: "no answer",
    480: "no answer",
    487: "no answer",  # we, or a proxy, gave up ringing
}


def ending(text: str) -> Ending:
    """What the stack's closing text means: "486 Busy Here", "Connection reset by peer [104]"."""
    status = re.match(r"(\d{3})\b", text)
    if status:
        return _BY_STATUS.get(int(status[1]), "not reachable")
    if "transfered" in text or "replaced" in text:  # the stack's spelling
        return "replaced"
    # a BYE from the other side is "Connection reset by peer [104]"
    if not text or "reset by peer" in text or "by user" in text:
        return "hung up"
    return "lost"
