"""Every protocol by its name, as configs and addresses say it."""

from collections.abc import Callable

from telephony import chan_websocket, freeswitch, jambonz
from telephony.audiohook import AudioHook
from telephony.audiosocket import AudioSocket
from telephony.chan_websocket import ChanWebSocket
from telephony.exotel import Exotel
from telephony.freeswitch import FreeSwitch
from telephony.jambonz import Jambonz
from telephony.line import WireProtocol
from telephony.plivo import Plivo
from telephony.telnyx import Telnyx
from telephony.twilio import Twilio
from telephony.vonage import Vonage

# of the websockets that ask for one
SUBPROTOCOLS = (chan_websocket.SUBPROTOCOL, freeswitch.SUBPROTOCOL, jambonz.SUBPROTOCOL)
WIRES: dict[str, Callable[[], WireProtocol]] = {
    AudioHook.name: AudioHook,
    AudioSocket.name: AudioSocket,
    ChanWebSocket.name: ChanWebSocket,
    Exotel.name: Exotel,
    FreeSwitch.name: FreeSwitch,
    Jambonz.name: Jambonz,
    Plivo.name: Plivo,
    Telnyx.name: Telnyx,
    Twilio.name: Twilio,
    Vonage.name: Vonage,
}
