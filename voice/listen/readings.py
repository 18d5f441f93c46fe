"""What the shared transcriber makes of one call's sound: who waits most is read first."""

from collections.abc import Callable, Hashable

import numpy as np
from numpy.typing import NDArray

from voice.lane import Busy, Lane, Priority
from voice.listen.languages import Languages
from voice.listen.whisper import Transcriber, Transcript


class Readings:
    """`languages` tells, before each reading, what may be spoken. Audio is 16 kHz float32."""

    def __init__(
        self,
        transcriber: Transcriber,
        lane: Lane,
        call: Hashable,
        languages: Callable[[], Languages],
    ) -> None:
        self._transcriber = transcriber
        self._lane = lane
        self._call = call
        self._languages = languages

    async def partial(self, audio: NDArray[np.float32]) -> Transcript | None:
        """A courtesy; None where others wait for more."""
        return await self._draft(audio, Priority.PARTIAL)

    async def over_talk(self, audio: NDArray[np.float32]) -> Transcript | None:
        """Of sound that the agent is held for; None where the next one may find time."""
        return await self._draft(audio, Priority.EAGER)

    async def _draft(self, audio: NDArray[np.float32], priority: Priority) -> Transcript | None:
        languages = self._languages()
        try:
            return await self._lane.run(
                lambda: self._transcriber.transcribe(audio, draft=True, languages=languages),
                priority,
                call=self._call,
            )
        except Busy:
            return None

    async def eager(self, audio: NDArray[np.float32], since: float) -> Transcript | None:
        """Of a turn that may be over, its caller silent `since` then; None: too many call."""
        try:
            return await self._whole(audio, since, Priority.EAGER)
        except Busy:
            return None

    async def final(self, audio: NDArray[np.float32], since: float) -> Transcript:
        """Of a turn that is over. Raises Busy."""
        return await self._whole(audio, since, Priority.FINAL)

    async def _whole(
        self, audio: NDArray[np.float32], since: float, priority: Priority
    ) -> Transcript:
        languages = self._languages()
        return await self._lane.run(
            lambda: self._transcriber.transcribe(audio, languages=languages),
            priority,
            call=self._call,
            since=since,
        )
