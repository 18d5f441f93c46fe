"""Every protocol by its name, as configs and addresses say it."""

from collections.abc import Callable

from telephony.audiosocket import AudioSocket
from telephony.exotel import Exotel
from telephony.line import WireProtocol
from telephony.plivo import Plivo
from telephony.telnyx import Telnyx
from telephony.twilio import Twilio

WIRES: dict[str, Callable[[], WireProtocol]] = {
    AudioSocket.name: AudioSocket,
    Exotel.name: Exotel,
    Plivo.name: Plivo,
    Telnyx.name: Telnyx,
    Twilio.name: Twilio,
}
