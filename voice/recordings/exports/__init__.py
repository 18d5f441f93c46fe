"""A transcript in the formats that other programs read, and back from JSON."""

from voice.recordings.exports.files import FORMATS, ExportError, file_name, read, write

__all__ = ["FORMATS", "ExportError", "file_name", "read", "write"]
