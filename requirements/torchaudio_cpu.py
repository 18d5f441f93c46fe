"""The x86-64 torchaudio is built for CUDA; beside a CPU torch its pure Python part works alone.

Without this `import torchaudio` dies, and takes peft and coqui-tts with it.
"""

from importlib.util import find_spec
from pathlib import Path

import torch

spec = find_spec("torchaudio")
if torch.version.cuda is None and spec and spec.origin:
    for library in (Path(spec.origin).parent / "lib").glob("*.so"):
        try:
            torch.ops.load_library(library)
        except OSError:
            library.unlink()
