"""jambonz's `listen` verb: a JSON preamble about the call, then mod_audio_fork's dialect.

The verb needs mixType "mono", passDtmf, and bidirectionalAudio {enabled, streaming, sampleRate}
with the same sampleRate as its own. The subprotocol is audio.jambonz.org. `metadata` of the verb
comes in the preamble. pipecat has no serializer for it.
"""

from collections.abc import Iterable

from pydantic import ConfigDict, TypeAdapter

from telephony.audio_fork import AudioFork, Told
from telephony.encodings import LINEAR
from telephony.events import Bad, Ended, Event, Started
from telephony.line import Ability, Message
from telephony.protocol import Part, parse

SUBPROTOCOL = "audio.jambonz.org"
RATES = (8000, 16000, 24000, 32000, 48000, 64000)  # Hz


class _Preamble(Part):
    model_config = ConfigDict(extra="allow")  # call attributes and the verb's metadata

    callSid: str
    sampleRate: int
    mixType: str = "mono"


_PREAMBLE: TypeAdapter[_Preamble] = TypeAdapter(_Preamble)
_TOLD: TypeAdapter[Told] = TypeAdapter(Told)


class Jambonz(AudioFork):
    """hang_up ends the `listen` verb; the call ends when no other verb follows."""

    name: str = "jambonz"
    abilities: frozenset[Ability] = frozenset({"clear", "marks", "hang up"})

    def _read(self, data: Message) -> Iterable[Event]:
        if isinstance(data, bytes):
            yield from self._heard(data)
        elif self._phase == "new":
            preamble = parse(_PREAMBLE, data)
            if preamble is not None:
                yield preamble if isinstance(preamble, Bad) else self._begin(preamble)
        else:
            match parse(_TOLD, data):
                case None:
                    pass
                case Bad() as bad:
                    yield bad
                case told:
                    yield from self._told(told)

    def _begin(self, preamble: _Preamble) -> Event:
        rate = preamble.sampleRate
        if rate not in RATES or preamble.mixType == "stereo":
            told = f"{preamble.mixType[:10]} sound of {rate} Hz"
            return Ended("protocol", f'{told}: set mixType to "mono" and sampleRate to 8000')
        self._media(rate, LINEAR)
        told = preamble.model_extra or {}
        headers = {key: value for key, value in told.items() if isinstance(value, str)}
        return Started(
            call=preamble.callSid,
            caller=headers.get("from", ""),
            called=headers.get("to", ""),
            in_rate=rate,
            out_rate=rate,
            headers=headers,
        )
