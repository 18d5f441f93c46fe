"""Every protocol by its name, as configs and addresses say it."""

from collections.abc import Callable

from telephony.audiosocket import AudioSocket
from telephony.line import WireProtocol
from telephony.twilio import Twilio

WIRES: dict[str, Callable[[], WireProtocol]] = {
    AudioSocket.name: AudioSocket,
    Twilio.name: Twilio,
}
