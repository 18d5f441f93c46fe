"""The two sides' levels over a call's time, for its picture."""

import numpy as np
from numpy.typing import NDArray

from voice.audiofile import peaks
from voice.journal.record import Recorded
from voice.journal.sound import read_track

BIN_SECONDS = 0.02

Levels = NDArray[np.float32]


def levels(call: Recorded) -> tuple[Levels, Levels]:
    """Caller and agent: a peak level (0 to 1) for every BIN_SECONDS of the call.

    Raises JournalError.
    """
    if call.folder is None:
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    caller, in_rate = read_track(call.folder, "caller")
    agent, out_rate = read_track(call.folder, "agent")
    arrivals = call.arrivals
    size = round(in_rate * BIN_SECONDS)
    said = peaks(caller, size)
    places = [round(arrivals.at(size * (i + 1)) / BIN_SECONDS) - 1 for i in range(len(said))]
    heard = np.zeros(max(places, default=-1) + 1, np.float32)
    for place, peak in zip(places, said, strict=True):
        heard[max(0, place)] = max(heard[max(0, place)], peak)
    return heard, peaks(agent, round(out_rate * BIN_SECONDS))
