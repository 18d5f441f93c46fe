"""Who spoke when in a recording of one channel, on onnxruntime: no torch, no hub."""

from voice.recordings.diarize.assign import assign, attributed
from voice.recordings.diarize.diarizer import MODEL, Diarization, Diarizer, Settings

__all__ = ["MODEL", "Diarization", "Diarizer", "Settings", "assign", "attributed"]
