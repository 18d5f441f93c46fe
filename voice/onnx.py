"""Small models on the CPU by onnxruntime."""

from pathlib import Path
from typing import Any

import onnxruntime as ort


def open_session(file: Path, threads: int = 1, *, also: str = "") -> Any:
    """A session that computes on `threads` threads, so that it does not fight the other models.

    `also`: a value inside the graph that is given as a further output.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    model = file.read_bytes() + _output(also) if also else str(file)
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _output(name: str) -> bytes:
    """ModelProto{graph{output{name}}}: what follows a protobuf message is merged into it, so that
    no library of a further 20 MB is needed to add an output."""
    value = _field(1, name.encode())
    return _field(7, _field(12, value))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content
