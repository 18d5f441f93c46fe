"""Any model that transformers runs, in this process on torch: GPU or CPU, LoRA, 4 or 8 bits."""

import asyncio
import copy
import threading
from collections import deque
from collections.abc import AsyncGenerator
from collections.abc import Sequence as Seq
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
import transformers
from llguidance.hf import from_tokenizer
from loguru import logger

from agents.llm.engine import Delta, Done, EngineError, Request
from agents.llm.sequence import Kept, Sequence
from agents.llm.weights import Device, load

_WAITING = 16  # requests that may wait; more callers than that would only time out
_KEPT = 2  # prompts of each kind whose keys and values stay: one is asked while another is


@dataclass(slots=True, eq=False)
class _Job:
    """A request, and where its deltas go. Set `dropped` and nothing more comes."""

    request: Request
    loop: asyncio.AbstractEventLoop
    growing: bool = False  # the last message goes on: only what is certain is read
    # Unbounded: an answer has at most max_tokens deltas.
    deltas: "asyncio.Queue[Delta | EngineError]" = field(
        default_factory=asyncio.Queue["Delta | EngineError"]
    )
    dropped: bool = False
    sequence: Sequence | None = None

    def send(self, delta: Delta | EngineError) -> None:
        if not self.dropped and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.deltas.put_nowait, delta)


class Transformers:
    """One model. Answers of several calls take turns, token by token, in one thread.

    `grammars` is True: GBNF is honoured through llguidance.
    """

    grammars = True
    native_tools = False

    def __init__(
        self,
        model: Path,
        *,
        adapter: Path | None = None,
        device: Device = "auto",
        bits: Literal[4, 8] | None = None,
        threads: int | None = None,
    ) -> None:
        """Load the weights; see agents.llm.weights.load. Blocking, seconds. `threads` of torch are
        the process's. Raises EngineError."""
        if threads:
            torch.set_num_threads(threads)
        self._weights = load(model, adapter=adapter, device=device, bits=bits)
        self.name = self._weights.name
        size = self._weights.model.config.get_text_config().vocab_size
        ends = sorted(self._weights.ends)
        self._grammars = from_tokenizer(self._weights.tokenizer, n_vocab=size, eos_token=ends)
        self._kept: dict[str, list[Kept]] = {}
        self._jobs: deque[_Job] = deque()  # at most _WAITING: stream() refuses more
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"llm {self.name}", daemon=True)
        self._thread.start()

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Generate; see Engine. Closing the iterator ends the work after the step it is at."""
        async with aclosing(self._stream(_Job(request, asyncio.get_running_loop()))) as deltas:
            async for delta in deltas:
                yield delta

    async def _stream(self, job: _Job) -> AsyncGenerator[Delta, None]:
        with self._changed:
            if self._closed:
                raise EngineError(f"{self.name} is closed")
            if len(self._jobs) >= _WAITING:
                raise EngineError(f"{self.name}: {_WAITING} requests wait already; try again later")
            self._jobs.append(job)
            self._changed.notify()
        try:
            while True:
                delta = await job.deltas.get()
                if isinstance(delta, EngineError):
                    raise delta
                yield delta
                if isinstance(delta, Done):
                    return
        finally:
            job.dropped = True

    async def warm_up(self, request: Request) -> None:
        """Read the prompt of `request`, and keep it as often as prompts of its kind are kept."""
        async for _ in self.stream(replace(request, max_tokens=0)):
            pass
        with self._changed:
            kept = self._kept[request.slot]
            kept += [copy.deepcopy(kept[-1]) for _ in range(_KEPT - len(kept))]

    async def prepare(self, request: Request, *, whole: bool = False) -> None:
        """See Engine. Reads only while nothing else is asked."""
        if self._jobs:
            return
        read = replace(request, max_tokens=0)
        try:
            async for _ in self._stream(_Job(read, asyncio.get_running_loop(), growing=not whole)):
                pass
        except EngineError as exc:
            logger.debug(f"{self.name}: nothing was prepared ({exc})")

    async def close(self) -> None:
        """End the thread and free the memory."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)
        self._kept.clear()
        if self._weights.device == "cuda":
            torch.cuda.empty_cache()

    # -- in the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._jobs and not self._closed:
                    self._changed.wait()
                if self._closed:
                    for job in self._jobs:
                        job.send(EngineError(f"{self.name} is closed"))
                    return
                job = self._jobs[0]
                self._jobs.rotate(-1)
            deltas = self._step(job)
            if job.dropped or (deltas and isinstance(deltas[-1], Done | EngineError)):
                with self._changed:
                    self._jobs.remove(job)
                if job.sequence is not None:
                    self._keep(job.request.slot, job.sequence.kept)
            for delta in deltas:
                job.send(delta)

    def _step(self, job: _Job) -> Seq[Delta | EngineError]:
        """Do one step of a job: what is new of its answer, ending in Done or an error."""
        if job.dropped:
            return ()
        try:
            if job.sequence is None:
                job.sequence = self._begun(job)
            return job.sequence.step()
        except EngineError as exc:
            return (exc,)
        except (RuntimeError, ValueError, IndexError) as exc:  # torch: out of memory, a bad shape
            job.sequence = None  # what it kept may be half a step
            return (EngineError(f"{self.name}: {' '.join(str(exc).split())[:200]}"),)

    def _begun(self, job: _Job) -> Sequence:
        """A sequence with the kept prompt that has most of its own, or with none."""
        request = job.request
        prompt = self._weights.prompt(request.messages, request.prefill)
        if job.growing:
            said = request.messages[-1].content
            prompt = prompt[: prompt.rindex(said) + len(said)]
        tokens = self._weights.tokens(prompt)
        free = self._kept.setdefault(request.slot, [])
        best = max(free, key=lambda kept: kept.shared(tokens), default=None)
        if best is None:
            best = Kept(transformers.DynamicCache(config=self._weights.model.config))
        else:
            free.remove(best)
        return Sequence(self._weights, self._grammars, request, tokens, best)

    def _keep(self, slot: str, kept: Kept) -> None:
        with self._changed:
            of_kind = self._kept[slot]
            of_kind.append(kept)
            del of_kind[:-_KEPT]
