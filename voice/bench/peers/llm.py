"""The peers' LLM: llama.cpp behind its own OpenAI-compatible server, in a process of its own.

`python -m voice.bench.peers.llm MODEL.gguf [--tuned]`; the build and the weights are Openline's.
The options are those of `llama-server --model MODEL.gguf --ctx-size 4096 --parallel 1`; tuned, all
cores write too, and batches are as small as in agents/llm/embedded.py.
"""

import os
import socket
import sys
import time

import xllamacpp

CONTEXT = 4096  # tokens


def main(model: str, *, tuned: bool) -> None:
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames = ["127.0.0.1"]
    params.port = _free_port()
    params.n_ctx = CONTEXT
    # One slot: with two, a peer's second request may miss the cached prompt and reads it again.
    params.n_parallel = 1
    params.ui = False
    params.verbosity = 0
    if tuned:
        params.n_batch = params.n_ubatch = 64  # a cancelled request ends sooner
        cores = len(os.sched_getaffinity(0))
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = cores
    server = xllamacpp.Server(params)
    print(f"ready {server.listening_address}/v1", flush=True)
    while True:
        time.sleep(3600)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main(sys.argv[1], tuned="--tuned" in sys.argv)
