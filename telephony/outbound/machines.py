"""Who picked up: a person, an answering machine, or a service that screens calls.

Decided from the first words, how long they last and whether a tone follows. Pure: what is heard
in, a verdict out; time is audio time. What it errs is measured by `openline bench machines`.
"""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Answerer = Literal["person", "machine", "screening", "nobody"]

PAUSE = 0.7  # s of silence that ends what somebody says when they pick up
SHORT = 2.5  # s of speech; people who pick up rarely say more before they listen
LONG = 6.0  # s of speech; nobody waits so long to be answered
NOBODY = 5.0  # s of silence from the start

_SCREENING = re.compile(
    r"screening|state your name|say your name|record your name|reason (for|you)[a-z' ]* call|"
    r"who('s| is) calling|see if (this person|they|he|she)('s| is| are) available|"
    r"press (one|1) to (be )?connect|connected,? (please )?press|"
    r"filtr|diga su nombre|motivo de (su|la) llamada",
    re.IGNORECASE,
)
_MACHINE = re.compile(
    r"leave (me |us )?(a|your|the|any) .{0,20}message|leave .{0,30}(name|number)|"
    r"(after|at|wait for|hear) the (tone|beep|signal)|voice ?mail|mail ?box|answering machine|"
    r"(can't|cannot|can not|unable to|not able to) (come|get|answer|take)|"
    r"(not|n't|un) ?(available|reachable)|not in service|record (your|a) message|"
    r"(call|get back to|return|reach) you( back)? (as soon|when|later|shortly)|"
    r"(you have|you've|you) reached|(has|have) been forwarded|i'll (call|get back)|"
    r"missed (your|the) call|we are (currently )?closed|(office|business|opening) hours|"
    r"deje (su|un|tu) mensaje|despu[eé]s (del|de la) (tono|señal)|buz[oó]n|contestador|"
    r"no (est[aá]|se encuentra) disponible|no (puedo|podemos) (atender|contestar)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?\s*$|speaking[.!]?\s*$|how (can|may) i (help|assist)|what can i do|"
    r"\b(hello|hi|hey|yes|yeah|yep|d[ií]game?|s[ií]|bueno|hola|al[oó])[,.!?]*\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Heard:
    """All that was heard since the call was answered, up to a pause or to now."""

    text: str  # "": nothing that was understood
    speech: float  # s of speech
    silence: float  # s of silence since
    tone: bool = False  # a beep was heard


def who(heard: Heard) -> Answerer | None:
    """None: listen on."""
    if _SCREENING.search(heard.text):
        return "screening"
    if heard.tone or _MACHINE.search(heard.text):
        return "machine"
    if not heard.speech:
        return "nobody" if heard.silence >= NOBODY else None
    if heard.silence >= PAUSE and (heard.speech <= SHORT or _ASKS.search(heard.text.strip())):
        return "person"
    if heard.silence >= 2 * PAUSE:
        return "person" if heard.speech < LONG else "machine"
    return "machine" if heard.speech >= LONG else None


class Beep:
    """Finds the tone after a greeting: one steady pitch, for 0.2 s, where speech has many."""

    def __init__(self, rate: int) -> None:
        """`rate` in Hz, 8000 or more."""
        self._rate = rate
        self._size = rate // 50  # 20 ms: 50 Hz between two bins
        self._rest: NDArray[np.float32] = np.zeros(0, np.float32)
        self._window = np.hanning(self._size).astype(np.float32)
        self._pitch = 0.0  # Hz, where the present one began
        self._steady = 0

    def step(self, samples: NDArray[np.float32]) -> bool:
        """Whether a beep has been heard in full length; samples are -1 to 1."""
        audio = np.concatenate([self._rest, samples.astype(np.float32, copy=False)])
        whole = len(audio) // self._size * self._size
        self._rest = audio[whole:]
        found = False
        for frame in audio[:whole].reshape(-1, self._size):
            pitch = self._pure(frame)
            if pitch and abs(pitch - self._pitch) <= self._rate / self._size:
                self._steady += 1
            else:
                self._pitch, self._steady = pitch, int(pitch > 0)
            found = found or self._steady >= 10
        return found

    def _pure(self, frame: NDArray[np.float32]) -> float:
        """Hz of the only pitch in there; 0.0 where there are none or several."""
        if float(np.sqrt(np.mean(frame**2))) < 0.01:  # -40 dBFS
            return 0.0
        power = np.abs(np.fft.rfft(frame * self._window)) ** 2
        top = int(power.argmax())
        hertz = top * self._rate / self._size
        # a window of Hann spreads one pitch over three bins
        share = float(power[max(0, top - 2) : top + 3].sum() / power.sum())
        return hertz if share > 0.97 and 350 <= hertz <= 2500 else 0.0
