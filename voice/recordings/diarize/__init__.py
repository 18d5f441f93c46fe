"""Who spoke when in a recording of one channel, on onnxruntime: no torch, no hub."""

from voice.recordings.diarize.assign import assign, attributed
from voice.recordings.diarize.diarizer import MODEL, Diarization, Diarized, Diarizer, Settings
from voice.recordings.diarize.names import said_names
from voice.recordings.diarize.voices import KnownVoices, VoicesError, known_voices, names_of

__all__ = [
    "MODEL",
    "Diarization",
    "Diarized",
    "Diarizer",
    "KnownVoices",
    "Settings",
    "VoicesError",
    "assign",
    "attributed",
    "known_voices",
    "names_of",
    "said_names",
]
