"""Small models on the CPU by onnxruntime."""

from pathlib import Path
from typing import Any

import onnxruntime as ort

_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"


def open_session(
    file: Path, threads: int = 1, *, also: str = "", weights: Path | None = None
) -> Any:
    """A session that computes on `threads` threads, so that it does not fight the other models.

    `also`: a value inside the graph that is given as a further output. `weights`: the folder of
    the files which a graph without weights of its own points into.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    if weights is not None:
        options.add_session_config_entry(_WEIGHTS_FOLDER, str(weights))
    whole = not also and weights is None
    model = str(file) if whole else file.read_bytes() + (_output(also) if also else b"")
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _output(name: str) -> bytes:
    """ModelProto{graph{output{name}}}: what follows a protobuf message is merged into it, so that
    no library of a further 20 MB is needed to add an output."""
    value = _field(1, name.encode())
    return _field(7, _field(12, value))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content
