"""Small models on the CPU by onnxruntime."""

from pathlib import Path
from typing import Any

import onnxruntime as ort


def open_session(file: Path, threads: int = 1) -> Any:
    """A session that computes on `threads` threads, so that it does not fight the other models."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
