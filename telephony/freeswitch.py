"""FreeSWITCH with jambonz's fork of mod_audio_fork, started from a dialplan or a script:

    uuid_audio_fork UUID start URL mono 16000 bot {METADATA} true true 16000

The metadata is the first text, if there is one: {"call": "${uuid}", "caller": …, "called": …,
"sampleRate": 16000}, the last where it is not 8000; a text that is not such JSON becomes a header.
Digits come where the script sends them on: uuid_audio_fork UUID send_text bot
{"event":"dtmf","dtmf":"5"}. "disconnect" and "transfer" become events of the module,
mod_audio_fork::disconnect and ::transfer: the script has to do what they say.
drachtio's original plays nothing from a stream, and mod_audio_stream has other commands: neither
is spoken here. pipecat has no serializer for it.
"""

import json
from collections.abc import Iterable, Sequence

from pydantic import TypeAdapter, ValidationError

from telephony.audio_fork import AudioFork, Told
from telephony.encodings import LINEAR
from telephony.events import Bad, Ended, Event, Started
from telephony.line import Ability, Message
from telephony.protocol import LONGEST_TEXT, parse

SUBPROTOCOL = "audio.drachtio.org"  # unless MOD_AUDIO_FORK_SUBPROTOCOL_NAME names another
RATES = range(8000, 64001, 8000)  # Hz
_METADATA: TypeAdapter[dict[str, str | int | None]] = TypeAdapter(dict[str, str | int | None])
_TOLD: TypeAdapter[Told] = TypeAdapter(Told)


class FreeSwitch(AudioFork):
    name: str = "freeswitch"
    abilities: frozenset[Ability] = frozenset({"clear", "marks", "hang up", "transfer"})

    def _read(self, data: Message) -> Iterable[Event]:
        if self._phase == "new":
            yield self._begin(data if isinstance(data, str) else "")
        if isinstance(data, bytes):
            yield from self._heard(data)
        elif self._phase == "live":
            match parse(_TOLD, data):
                case Told() as told:
                    yield from self._told(told)
                case _:
                    pass  # the script may send any text

    def waited(self) -> Sequence[Event]:
        return self._admit([self._begin("")] if self._phase == "new" else [])

    def _begin(self, metadata: str) -> Event:
        if len(metadata) > LONGEST_TEXT:
            return Bad(f"metadata of {len(metadata)} characters; {LONGEST_TEXT} at most")
        try:
            told = _METADATA.validate_json(metadata or "{}")
        except ValidationError:
            told = {"metadata": metadata}
        headers = {key: str(value) for key, value in told.items() if value is not None}
        rate = told.get("sampleRate", 8000)
        if not isinstance(rate, int) or rate not in RATES:
            return Ended("protocol", f"sampleRate {headers['sampleRate'][:10]}; 8000 to 64000 Hz")
        self._media(rate, LINEAR)
        return Started(
            call=headers.get("call", ""),
            caller=headers.get("caller", ""),
            called=headers.get("called", ""),
            in_rate=rate,
            out_rate=rate,
            headers=headers,
        )

    def _transfer(self, to: str) -> Message:
        return json.dumps({"type": "transfer", "data": {"to": to}})
