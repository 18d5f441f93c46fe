"""What jambonz and FreeSWITCH share: jambonz's mod_audio_fork with bidirectional streaming.

PCM16LE in binary messages both ways, commands and marks in JSON. The module marks a place in
its buffer with the sample -1 (0xFFFF), so a real -1 would be taken for a mark: it is sent as 0.
It resamples marks away, so both directions need one rate. A mark enters the buffer with the sound
that follows it, and the first 80 ms at 16 kHz, later 40, wait until they are full: a sentence
ends with silence, or its end would be heard with the next one. It keeps 30 marks at most.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from telephony.events import Dtmf, Event, Played
from telephony.line import Message
from telephony.protocol import Count, Digit, Part, Wire

FIRST, LATER = 1280, 640  # samples that the module waits for, whatever the rate


class Told(Part):
    """Every text after the first."""

    type: str = ""
    event: str = ""
    dtmf: Digit | None = None
    duration: Count = 0  # in samples at 8 kHz, as in RTP
    data: "Mark | None" = None


class Mark(Part):
    name: str = ""
    event: Literal["playout", "cleared"] | None = None


class AudioFork(Wire):
    def __init__(self) -> None:
        super().__init__()
        self._wanted = FIRST
        self._said = False  # anything since the last flush

    def _told(self, told: Told) -> Iterable[Event]:
        if told.type == "mark" and told.data is not None and told.data.event is not None:
            yield Played(told.data.name, cleared=told.data.event == "cleared")
        elif told.event == "dtmf" and told.dtmf is not None:
            yield Dtmf(told.dtmf, told.duration / 8000)

    def flush(self) -> Sequence[Message]:
        rest = super().flush()
        if not self._open or not self._said:
            return rest
        self._said = False
        silence, self._wanted = bytes(2 * self._wanted), LATER
        return [*rest, silence]

    def _sound(self, frame: bytes) -> Message:
        self._said = True
        samples = np.frombuffer(frame, "<i2")
        return np.where(samples == -1, np.int16(0), samples).astype("<i2").tobytes()

    def _mark(self, name: str) -> Message:
        return json.dumps({"type": "mark", "data": {"name": name}})

    def _clear(self) -> Sequence[Message]:
        return [json.dumps({"type": "killAudio"})]

    def _hang_up(self) -> Sequence[Message]:
        return [json.dumps({"type": "disconnect"})]
