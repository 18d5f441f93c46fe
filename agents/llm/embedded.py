"""llama.cpp in this process: GGUF weights, grammars, prefix caches, no other program."""

import asyncio
import hashlib
import json
import math
import os
import secrets
import socket
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, nullcontext
from pathlib import Path
from typing import Any

import httpx
import xllamacpp
from loguru import logger

from agents.llm.engine import Delta, Done, EngineError, Request, Text, chat
from agents.llm.precedence import Precedence
from agents.llm.slots import Slots
from agents.llm.sse import Events

_WAITING = 16  # requests that may wait for a slot; more callers than that would only time out
_PROMPTS = ("understand", "answer")  # the prefixes that stay in caches of their own
_OTHERS = "after"  # whatever else is asked has one slot, so that it drives out none of them
_READ_SECONDS = (
    60.0  # between two tokens, prompt included; a cold 1.5B prompt takes 12 s on 2 cores
)
_STARTING = threading.Lock()  # llama.cpp's start is not made for two threads


class Embedded:
    """One GGUF model. Answers over llama.cpp's own server on a loopback port only we know.

    `grammars` is True: small models are kept on track by GBNF instead of native tool calls.
    """

    grammars = True
    native_tools = False

    def __init__(
        self,
        model: Path,
        *,
        threads: int | None = None,
        context: int = 4096,
        parallel: int = 2,
        cache: Path | None = None,
    ) -> None:
        """Load the weights. Blocking, seconds. `context` is in tokens, for each slot; there are
        `parallel` slots for each kind of prompt, so many calls are answered at once.

        `cache` is a folder where warm prefixes outlive the process: reading 600 tokens costs a
        1.5B model 7 to 14 s on 2 cores, loading them 50 ms.

        Raises EngineError: no such file, not a GGUF file, no memory.
        """
        file = _gguf(model)
        self.name = file.stem
        self._key = secrets.token_hex(16)
        self._cache = cache
        if cache is not None:
            cache.mkdir(parents=True, exist_ok=True)
        stat = file.stat()
        version = getattr(xllamacpp, "__version__", "")
        self._identity = f"{file.name} {stat.st_size} {stat.st_mtime_ns} {context} {version}"
        self._slots = Slots({**dict.fromkeys(_PROMPTS, parallel), _OTHERS: 1})
        self._server: Any = _start(file, self._key, threads, context, len(self._slots), cache)
        self._precedence = Precedence()
        self._waiting = 0
        self._rendered: dict[str, str] = {}
        self._http: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Generate; see Engine. Closing the iterator frees the slot."""
        if self._waiting >= _WAITING:
            raise EngineError(f"{self.name}: {_WAITING} requests wait already; try again later")
        self._waiting += 1
        try:
            body = await self._body(request)
            answers = request.slot in _PROMPTS
            with (
                self._slots.taken(request.slot, body["prompt"]) as slot,
                self._precedence.answering() if answers else nullcontext(),
            ):
                body["id_slot"] = slot
                stream = self._stream if answers else self._stream_when_quiet
                async with aclosing(stream(body, request)) as deltas:
                    async for delta in deltas:
                        yield delta
        finally:
            self._waiting -= 1

    async def _stream_when_quiet(
        self, body: dict[str, Any], request: Request
    ) -> AsyncGenerator[Delta, None]:
        """The same, its prompt read while nobody is answered: begun anew after each answer."""
        while await self._precedence.quiet():
            async with aclosing(self._stream(body, request)) as deltas:
                first = await self._precedence.read(_next(deltas))
                if first is not None:
                    yield first
                    async for delta in deltas:
                        yield delta
                    return
        async with aclosing(self._stream(body, request)) as deltas:
            async for delta in deltas:
                yield delta

    async def _stream(self, body: dict[str, Any], request: Request) -> AsyncGenerator[Delta, None]:
        try:
            async with self._client().stream("POST", "/completion", json=body) as response:
                if response.status_code != 200:
                    await response.aread()
                    raise EngineError(f"{self.name}: {_problem(response)}")
                events, reader = Events(), _Reader(request.probabilities)
                async for chunk in response.aiter_bytes():
                    for event in events.read(chunk):
                        for delta in reader.read(event):
                            yield delta
                if not reader.done:
                    raise EngineError(f"{self.name}: the model stopped in mid-answer")
        except httpx.ReadTimeout as exc:
            raise EngineError(f"{self.name}: no word for {_READ_SECONDS:.0f} s") from exc
        except httpx.HTTPError as exc:
            raise EngineError(f"{self.name}: the model's server is gone ({exc!r})") from exc

    async def warm_up(self, request: Request) -> None:
        """Read the prompt of `request` into its slots' caches, from disk where it is there."""
        body = await self._body(request)
        for slot in self._slots.warmed(request.slot, body["prompt"]):
            await self._warm_up(slot, body)

    async def _warm_up(self, slot: int, body: dict[str, Any]) -> None:
        identity = f"{self._identity} {body['prompt']}".encode()
        name = hashlib.sha256(identity).hexdigest()[:32] + ".prefix"
        if self._cache is not None and (self._cache / name).is_file():
            restored = await self._post(f"/slots/{slot}?action=restore", {"filename": name})
            if restored.status_code == 200:
                (self._cache / name).touch()  # it is in use: others are dropped before it
                return
            (self._cache / name).unlink(missing_ok=True)  # of another build of llama.cpp
        read = body | {"n_predict": 0, "stream": False, "id_slot": slot}
        response = await self._post("/completion", read)
        if response.status_code != 200:
            raise EngineError(f"{self.name}: {_problem(response)}")
        if self._cache is not None:
            # A file that cannot be written (no disk) only costs the next start its seconds.
            await self._post(f"/slots/{slot}?action=save", {"filename": name})
            _keep_newest(self._cache)

    async def prepare(self, request: Request, *, whole: bool = False) -> None:
        """See Engine. The prompt is read up to the end of the last message's text, or whole."""
        if self._precedence.answers or self._server is None:
            return
        try:
            body = await self._body(request)
            prompt, text = body["prompt"], request.messages[-1].content
            if not whole:
                body["prompt"] = prompt[: prompt.rindex(text) + len(text)]
            if not self._precedence.answers:
                with self._slots.taken(request.slot, body["prompt"]) as slot:
                    read = body | {"n_predict": 0, "stream": False, "id_slot": slot}
                    await self._precedence.read(self._client().post("/completion", json=read))
        except (EngineError, httpx.HTTPError) as exc:
            logger.debug(f"{self.name}: nothing was prepared ({exc})")

    async def _post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        try:
            return await self._client().post(path, json=body, timeout=180.0)
        except httpx.HTTPError as exc:
            raise EngineError(f"{self.name}: the model's server is gone ({exc!r})") from exc

    async def close(self) -> None:
        """Free the port, the threads and the memory."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None
        # llama.cpp stops and frees the weights with its last reference: 0.3 s for 1.1 GB
        last, self._server = [self._server], None
        await asyncio.to_thread(last.clear)

    async def _body(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "prompt": await self._prompt(request),
            "n_predict": request.max_tokens,
            "temperature": request.temperature,
            "stop": list(request.stop),
            "stream": True,
            "cache_prompt": True,
        }
        if request.grammar:
            body["grammar"] = request.grammar
        if request.probabilities:
            body["n_probs"] = request.probabilities
        return body

    async def _prompt(self, request: Request) -> str:
        """The messages in the model's own chat template, ending in the assistant's `prefill`."""
        messages = [chat(message) for message in request.messages]
        key = json.dumps(messages)
        if key not in self._rendered:
            # 1 ms, 2 on a busy machine; the same lines are asked again when a guess is confirmed
            response = await self._client().post("/apply-template", json={"messages": messages})
            if response.status_code != 200:
                raise EngineError(f"{self.name}: {_problem(response)}")
            if len(self._rendered) > 64:
                self._rendered.clear()
            self._rendered[key] = response.json()["prompt"]
        return self._rendered[key] + request.prefill

    def _client(self) -> httpx.AsyncClient:
        if self._server is None:
            raise EngineError(f"{self.name} is closed")
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            self._loop = loop
            self._http = httpx.AsyncClient(
                base_url=self._server.listening_address,
                headers={"Authorization": f"Bearer {self._key}"},
                timeout=httpx.Timeout(_READ_SECONDS, connect=5.0),
                trust_env=False,  # a proxy has no business between us and ourselves
                # llama.cpp drops idle connections after 5 s; a new one costs 0.3 ms
                limits=httpx.Limits(max_connections=_WAITING + 4, max_keepalive_connections=0),
            )
        return self._http


async def _next(deltas: AsyncGenerator[Delta, None]) -> Delta:
    return await anext(deltas)


class _Reader:
    """llama.cpp's event stream to deltas."""

    def __init__(self, probabilities: int) -> None:
        self._wanted = probabilities > 0
        self.done = False

    def read(self, data: str) -> list[Delta]:
        event: dict[str, Any] = json.loads(data)
        if "error" in event:
            raise EngineError(str(event["error"].get("message", event["error"])))
        deltas: list[Delta] = []
        alternatives: dict[str, float] = {}
        if self._wanted:
            alternatives = _first_free(event.get("completion_probabilities") or [])
            self._wanted = not alternatives
        if event.get("content"):
            deltas.append(Text(event["content"], alternatives))
        if event.get("stop"):
            self.done = True
            timings: dict[str, Any] = event.get("timings") or {}
            read, cached = timings.get("prompt_n", 0), timings.get("cache_n", 0)
            deltas.append(
                Done(
                    finish="length" if event.get("stop_type") == "limit" else "stop",
                    prompt_tokens=read + cached,
                    cached_tokens=cached,
                    completion_tokens=timings.get("predicted_n", 0),
                )
            )
        return deltas


def _first_free(positions: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Alternatives of the first token that carries a word; quotes and spaces are forced."""
    for position in positions:
        if any(c.isalnum() for c in position.get("token", "")):
            options: list[dict[str, Any]] = position.get("top_logprobs") or []
            return {o["token"]: math.exp(o["logprob"]) for o in options}
    return {}


def _gguf(model: Path) -> Path:
    if model.is_dir():
        files = sorted(model.glob("*.gguf"))
        if len(files) != 1:
            raise EngineError(f"{model}: {len(files)} GGUF files here; name one of them")
        model = files[0]
    try:
        with model.open("rb") as file:
            magic = file.read(4)
    except OSError as exc:
        raise EngineError(f"{model}: cannot be read ({exc.strerror})") from exc
    if magic != b"GGUF":
        raise EngineError(f"{model}: not a GGUF file; llama.cpp needs one")
    return model


def _start(
    file: Path, key: str, threads: int | None, context: int, slots: int, cache: Path | None
) -> Any:
    problem = ""
    for _ in range(5):  # another program may take the port between our look and llama.cpp's
        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.hostnames = ["127.0.0.1"]
        params.port = port = _free_port()
        params.api_keys = [key]  # whoever else listens there does not know it
        params.n_ctx = context * slots
        params.n_parallel = slots
        params.use_jinja = True
        params.warmup = True
        params.cache_prompt = True
        params.cache_ram_mib = 0  # the slots' own caches are enough
        # A caller who leaves waits out the batch in work, after up to 1 s: the next answer came
        # 14-19 s later with llama.cpp's 2048/512 (500 cold tokens, 1.5B), 2-3 s with 64. The CPU
        # time of reading is the same.
        params.n_batch = params.n_ubatch = 64
        params.ui = False
        params.verbosity = 0
        if cache is not None:
            params.slot_save_path = f"{cache}/"
        # All cores read, half of them write. On 2, first token of the 0.5B alone / beside one busy
        # thread (Whisper, a voice, another caller): 240 / 360 ms when one reads, 129 / 330 when two
        # do and wait as agents/llm/__init__.py says, 125 / 620 (once 2,600) as OpenMP does by
        # default. A second thread that writes saves 6 ms of 26 a token alone and costs 60 beside.
        cores = len(os.sched_getaffinity(0))
        params.cpuparams.n_threads = threads or max(1, cores // 2)
        params.cpuparams_batch.n_threads = threads or cores
        try:
            with _STARTING:
                server = xllamacpp.Server(params)
                _wait_for_loop(server, key)
                return server
        except (RuntimeError, ValueError, OSError, httpx.HTTPError) as exc:
            problem = str(exc)
            if _is_free(port):
                break
    raise EngineError(f"{file}: llama.cpp cannot load it ({problem}); broken, or out of memory?")


def _wait_for_loop(server: Any, key: str) -> None:
    """Until the server answers from its own loop, and to our key.

    llama.cpp forgets to stop when it is told so before its loop runs: a close right after the
    start hung for ever, with the GIL, in 3 of 3 runs; after this question in 0 of 139.
    """
    httpx.get(
        f"{server.listening_address}/slots",
        headers={"Authorization": f"Bearer {key}"},
        timeout=30.0,
        trust_env=False,
    ).raise_for_status()


def _keep_newest(cache: Path, most: int = 24) -> None:
    """Two for each agent and language, 5 to 27 MB each of the 1.5B."""
    files = sorted(cache.glob("*.prefix"), key=lambda path: path.stat().st_mtime)
    for path in files[:-most]:
        path.unlink(missing_ok=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # our own, just closed
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _problem(response: httpx.Response) -> str:
    try:
        text = str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        text = response.text[:200]
    if "context" in text and "exceed" in text:
        return f"the prompt is longer than the context ({text}); raise llm.context"
    return f"refused with {response.status_code}: {text}"
