"""Any server with OpenAI's chat API: vLLM, llama-server, Ollama, LM Studio, a paid one."""

import asyncio
import ipaddress
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx

from agents.llm.answer import Answer, json_object, message_in, one_line
from agents.llm.engine import Delta, EngineError, Request, chat
from agents.llm.sse import Events

_CONNECT_SECONDS = 5.0
_STALL_SECONDS = 30.0
_WARM_UP_SECONDS = 180.0  # Ollama and LM Studio load the weights with the first request
_USAGE_SECONDS = 2.0  # for the counts after the last word; some servers never close the stream
_DRAIN_SECONDS = 0.1  # after [DONE]; a stream read to its end leaves a connection to use again


class OpenAICompatible:
    """One model of one server.

    Tool calls are proposals. One whose arguments are not a JSON object (cut off by `max_tokens`,
    or badly written) comes out with no arguments and is logged: the action then asks the caller
    for every value, which is also what it does when a model made its values up.
    """

    grammars = False
    native_tools = True

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key: str = "",
        extra_body: Mapping[str, Any] | None = None,
        stall_seconds: float = _STALL_SECONDS,
    ) -> None:
        """Asks the server nothing yet. An address without a path means its /v1.

        `model` "default" is the first that the server lists. `extra_body` goes into every request
        over our own fields, and null takes a field out ({"temperature": null}). `stall_seconds` is
        the longest wait for the next event; a proxy's keep-alive comments do not extend it.

        Raises EngineError: `url` is not an address, `api_key` cannot be a key.
        """
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as exc:
            raise EngineError(f"{url}: not an address ({exc})") from exc
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise EngineError(f"{url}: not an address; it looks like http://127.0.0.1:8000/v1")
        path = parsed.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
        self._url = parsed.copy_with(path=path, query=None, fragment=None)
        self._shown = str(self._url.copy_with(username=None, password=None))
        self._loopback = _is_loopback(parsed.host)
        self.name = model
        self._model = "" if model == "default" else model
        key = api_key.strip()
        if not (key.isascii() and key.isprintable()):
            # h11 would refuse it too, and print it
            raise EngineError(f"{self._shown}: the API key has characters that no key has")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._extra = dict(extra_body or {})
        self._stall = stall_seconds
        self._counts = True  # False once the server refused stream_options
        self._http: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Generate; see Engine. Closing the iterator closes the connection, which ends the work
        of every server known to us. `grammar`, `prefill` and `probabilities` are not sent."""
        async with aclosing(self._stream(request, self._stall)) as deltas:
            async for delta in deltas:
                yield delta

    async def prepare(self, request: Request, *, whole: bool = False) -> None:
        """Nothing: it would be a paid request for every half second of speech."""

    async def warm_up(self, request: Request) -> None:
        """Have the server load the model and read the prompt: one token, up to 180 s.

        Raises EngineError.
        """
        once = replace(request, max_tokens=1)
        async with aclosing(self._stream(once, max(self._stall, _WARM_UP_SECONDS))) as deltas:
            async for _ in deltas:
                pass

    async def close(self) -> None:
        """Close the connections. Later requests raise EngineError."""
        self._closed = True
        http, self._http = self._http, None
        if http is not None and self._loop is asyncio.get_running_loop():
            await http.aclose()

    async def _stream(self, request: Request, stall: float) -> AsyncGenerator[Delta, None]:
        answer = Answer(self.name)
        timeout = httpx.Timeout(stall, connect=_CONNECT_SECONDS)
        try:
            await self._choose_model()
            while True:
                counts = self._counts
                post = self._client().stream(
                    "POST", self._at("chat/completions"), json=self._body(request), timeout=timeout
                )
                async with post as response:
                    if response.status_code == 200:
                        async with aclosing(self._deltas(response, answer, stall)) as deltas:
                            async for delta in deltas:
                                yield delta
                        return
                    await response.aread()
                if counts and response.status_code in (400, 422) and _refuses_counts(response):
                    self._counts = False
                    continue
                raise EngineError(self._refusal(response))
        except httpx.HTTPError as exc:
            if not answer.finish:
                raise EngineError(self._broken(exc, stall)) from exc
            for delta in answer.end():
                yield delta

    async def _deltas(
        self, response: httpx.Response, answer: "Answer", stall: float
    ) -> AsyncGenerator[Delta, None]:
        async with aclosing(_payloads(response)) as payloads:
            while True:
                seconds = stall
                if answer.finish:
                    seconds = min(stall, _DRAIN_SECONDS if answer.done else _USAGE_SECONDS)
                try:
                    async with asyncio.timeout(seconds):
                        payload = await anext(payloads, None)
                except TimeoutError:
                    if not answer.finish:
                        raise EngineError(self._stalled(stall)) from None
                    break
                if payload is None:
                    break
                for delta in answer.read(payload):
                    yield delta
        for delta in answer.end():
            yield delta

    async def _choose_model(self) -> None:
        if self._model:
            return
        response = await self._client().get(self._at("models"))
        if response.status_code != 200:
            raise EngineError(self._refusal(response))
        try:
            self._model = str(response.json()["data"][0]["id"])
        except (ValueError, KeyError, TypeError, IndexError) as exc:
            raise EngineError(f"{self._shown} lists no model; name one in llm.model") from exc
        self.name = self._model

    def _body(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [chat(message) for message in request.messages],
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "stream": True,
        }
        if request.stop:
            body["stop"] = list(request.stop)
        if request.tools:
            body["tools"] = list(request.tools)
            if request.tool_required:
                body["tool_choice"] = "required"
        if self._counts:
            body["stream_options"] = {"include_usage": True}
        return {key: value for key, value in (body | self._extra).items() if value is not None}

    def _at(self, path: str) -> httpx.URL:
        return self._url.copy_with(path=f"{self._url.path}/{path}")

    def _client(self) -> httpx.AsyncClient:
        if self._closed:
            raise EngineError(f"{self.name} is closed")
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            self._loop = loop
            self._http = httpx.AsyncClient(
                headers=self._headers,
                timeout=httpx.Timeout(self._stall, connect=_CONNECT_SECONDS),
                trust_env=not self._loopback,  # a proxy cannot reach our own machine for us
                # a TLS handshake costs two round trips of a caller's silence; loopback costs none
                limits=httpx.Limits(max_keepalive_connections=0 if self._loopback else 8),
            )
        return self._http

    # -- what went wrong, in one line ----------------------------------------------------------

    def _refusal(self, response: httpx.Response) -> str:
        status, said = response.status_code, _message_of(response)
        hint = ""
        if status in (401, 403):
            hint = "; check the key (llm.api_key_env)"
        elif status == 404:
            hint = f"; is {self._model or 'the path'} the right name and the address complete?"
        elif response.is_redirect:
            hint = f"; use {response.headers.get('location', 'where it points')} instead"
        return one_line(f"{self._shown} refused with {status}: {said}{hint}")

    def _broken(self, exc: httpx.HTTPError, stall: float) -> str:
        if isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol):
            why = str(exc) or f"no answer in {_CONNECT_SECONDS:.0f} s"
            return one_line(
                f"{self._shown}: cannot connect ({why}); start the server or fix llm.url"
            )
        if isinstance(exc, httpx.PoolTimeout):
            return f"{self.name}: too many requests wait for {self._shown}; try again later"
        if isinstance(exc, httpx.TimeoutException):
            return self._stalled(stall)
        return one_line(f"{self.name}: {self._shown} broke off ({exc!r})")

    def _stalled(self, stall: float) -> str:
        return f"{self.name}: no word from {self._shown} for {stall:g} s"


async def _payloads(response: httpx.Response) -> AsyncGenerator[str, None]:
    """The JSON of each event; of a server that does not stream, its one answer."""
    if "text/event-stream" not in response.headers.get("content-type", "text/event-stream"):
        body = (await response.aread()).decode(errors="replace")
        if '"choices"' not in body and '"error"' not in body:
            raise EngineError(
                one_line(f"{response.url}: not OpenAI's API but {body[:80]!r}; fix llm.url")
            )
        for payload in (body, "[DONE]"):
            yield payload
        return
    events = Events()
    async for chunk in response.aiter_bytes():
        for event in events.read(chunk):
            yield event
    for event in events.end():
        yield event


def _refuses_counts(response: httpx.Response) -> bool:
    return any(word in response.text for word in ("stream_options", "include_usage"))


def _message_of(response: httpx.Response) -> str:
    body = json_object(response.text)
    if body is not None:
        return message_in(body)
    plain = response.text and "html" not in response.headers.get("content-type", "")
    return response.text if plain else response.reason_phrase


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
