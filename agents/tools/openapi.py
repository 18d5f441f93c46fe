"""Tools that are the operations of an HTTP API, read from its OpenAPI file (3.0 or 3.1)."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urljoin

import httpx
import yaml

from agents.tools.contract import Policy, Slot, Tool, ToolError, ToolFailed
from agents.tools.results import pruned, spoken_refusal
from agents.tools.schema import (
    Part,
    Schema,
    SchemaError,
    arguments_of,
    misfit,
    part_of,
    parts_of,
    resolved,
    slots_of,
)
from agents.tools.sources import OpenAPITools, SourceError, chosen

_METHODS = ("get", "head", "post", "put", "patch", "delete")
_READS = ("get", "head")
_LARGEST_FILE = 10_000_000  # bytes
_LARGEST = 1_000_000  # bytes of an answer; a caller hears a sentence of it
_TRIES = 3  # of a look-up
_WAIT = 0.2  # s before the second try, twice that before the third
_BUSY = (429, 502, 503, 504)  # the same question may be answered a moment later
_CONNECT = 3.0  # s; the whole call has the tool's own limit


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation, ready to be asked."""

    name: str
    method: str
    path: str
    in_path: tuple[Part, ...]
    in_query: tuple[Part, ...]
    in_header: tuple[Part, ...]
    in_body: tuple[Part, ...]
    form: bool  # the body is a form, not JSON
    answers: Mapping[str, Schema]  # status ("200", "2XX", "default") -> what it holds

    @property
    def reads(self) -> bool:
        return self.method in _READS

    @property
    def parts(self) -> tuple[Part, ...]:
        return (*self.in_path, *self.in_query, *self.in_header, *self.in_body)

    def request(self, client: httpx.AsyncClient, said: Mapping[str, Any]) -> httpx.Request:
        """Raises ToolError for a value that the API does not take."""
        path = self.path
        for part in self.in_path:
            value = quote(str(part.value(said)), safe="").replace(".", "%2E")
            path = path.replace("{" + part.path[0] + "}", value)
        body = arguments_of(self.in_body, said)
        return client.build_request(
            self.method.upper(),
            path.lstrip("/"),
            params=_plain(arguments_of(self.in_query, said)),
            headers=_plain(arguments_of(self.in_header, said)),
            json=body if self.in_body and not self.form else None,
            data=_plain(body) if self.in_body and self.form else None,
        )

    def answer(self, status: int) -> Schema | None:
        for key in (str(status), f"{status // 100}XX", f"{status // 100}xx", "default"):
            if key in self.answers:
                return self.answers[key]
        return None


class OpenAPISource:
    """An HTTP API. One connection pool, shared by all calls of an agent."""

    def __init__(self, wanted: OpenAPITools, folder: Path) -> None:
        """Reads the file. Raises SourceError."""
        where = wanted.openapi
        document, found_at = _read(where, folder)
        self._headers = wanted.auth.content() if wanted.auth else {}
        self._secrets = [text.split()[-1] for text in self._headers.values()]
        self._base = (wanted.base or _server(document, found_at, where)).rstrip("/") + "/"
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # that the client belongs to
        offered = dict(_operations(document))
        keep = offered if wanted.only is None else [n for n in wanted.only if n in offered]
        tools: dict[str, Tool] = {}
        for name in keep:
            method, path, about, shared = offered[name]
            try:
                operation = _operation(name, method, path, about, shared, document)
            except SchemaError as exc:
                raise SourceError(f"{where}: {name}: {exc}; leave it out by `only`") from exc
            tools[name] = _tool(operation, about, self._calling(operation))
        missing = [name for name in wanted.only or () if name not in offered]
        if missing or not tools:
            what = f"no operation {missing[0]!r}" if missing else "no operations"
            raise SourceError(f"{where}: {what}; it has: {', '.join(offered) or 'none'}")
        self.tools = chosen(wanted, tools, where)

    def close(self) -> None:
        if self._client is not None and self._loop is not None and self._loop.is_running():
            asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result()

    def _calling(self, operation: _Operation) -> Callable[..., Awaitable[Mapping[str, Any]]]:
        async def call(**said: Any) -> Mapping[str, Any]:
            if self._client is None:
                self._loop = asyncio.get_running_loop()
                self._client = httpx.AsyncClient(
                    base_url=self._base,
                    headers=self._headers,
                    timeout=httpx.Timeout(None, connect=_CONNECT),
                )
            request = operation.request(self._client, said)
            return await self._ask(operation, request, self._client)

        return call

    async def _ask(
        self, operation: _Operation, request: httpx.Request, client: httpx.AsyncClient
    ) -> Mapping[str, Any]:
        """Send it; a look-up that meets a busy or broken line is tried again."""
        for attempt in range(1, _TRIES + 1):
            last = attempt == _TRIES or not operation.reads
            try:
                response = await client.send(request, stream=True)
            except httpx.TransportError as exc:
                if last:
                    raise ToolFailed(f"{operation.name}: {type(exc).__name__}") from None
            else:
                try:
                    if last or response.status_code not in _BUSY:
                        return self._result(operation, response, await self._body(response))
                except httpx.TransportError as exc:
                    if last:
                        raise ToolFailed(f"{operation.name}: {type(exc).__name__}") from None
                finally:
                    await response.aclose()
            await asyncio.sleep(_WAIT * attempt)
        raise AssertionError("the last try returns or raises")

    async def _body(self, response: httpx.Response) -> str:
        """As text, without our secrets, should the server repeat them."""
        held = bytearray()
        async for chunk in response.aiter_bytes():
            held += chunk
            if len(held) > _LARGEST:
                raise ToolFailed(f"the answer has more than {_LARGEST} bytes")
        text = held.decode(response.charset_encoding or "utf-8", errors="replace")
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _result(
        self, operation: _Operation, response: httpx.Response, text: str
    ) -> Mapping[str, Any]:
        name, status = operation.name, response.status_code
        is_json = "json" in response.headers.get("content-type", "")
        try:
            data: Any = json.loads(text) if is_json and text else text
        except ValueError:
            raise ToolFailed(f"{name}: answered {status} with broken JSON") from None
        if status >= 500 or status in (401, 403, 407, 429) or 300 <= status < 400:
            raise ToolFailed(f"{name}: answered {status}")
        if status >= 400:
            raise _refused(operation, status, data)
        schema = operation.answer(status)
        if schema and is_json and (why := misfit(data, schema)):
            raise ToolFailed(f"{name}: answered {status} with what its file forbids: {why}")
        return pruned(data) if data != "" else {}


def _plain(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
    }


def _refused(operation: _Operation, status: int, data: Any) -> ToolError:
    """The server's reason, and the slot that it names, where it says so in a known way."""
    slots = {part.path[-1]: next(iter(part.slots)) for part in operation.parts}
    reason, slot = data if isinstance(data, str) else "", ""
    if isinstance(data, Mapping):
        fields = cast("Mapping[str, Any]", data)
        for key in ("detail", "message", "error", "title"):
            match fields.get(key):
                case str(text) if text:
                    reason = text
                    break
                case {"message": str(text)}:
                    reason = text
                    break
                case [{"loc": [*_, name], **rest}, *_]:  # FastAPI's
                    slot = slots.get(str(name), "")
                    label = operation_label(operation, slot)
                    reason = f"I cannot use that as the {label}" if slot else str(rest.get("msg"))
                    break
                case _:
                    pass
    known = {404: "I cannot find that", 409: "that is not possible any more"}
    said = spoken_refusal(reason) or known.get(status, "that was not accepted")
    return ToolError(said, slot)


def operation_label(operation: _Operation, slot: str) -> str:
    return dict(slots_of(operation.parts))[slot].label if slot else ""


# -- the file ------------------------------------------------------------------------------------


def _read(where: str, folder: Path) -> tuple[Mapping[str, Any], str]:
    """The document, and the address it came from ("" for a file). Raises SourceError."""
    remote = where.startswith(("http://", "https://"))
    try:
        if remote:
            with httpx.stream("GET", where, follow_redirects=True, timeout=10) as response:
                response.raise_for_status()
                held = bytearray()
                for chunk in response.iter_bytes():
                    held += chunk
                    if len(held) > _LARGEST_FILE:
                        raise SourceError(f"{where}: has more than {_LARGEST_FILE} bytes")
                text = held.decode()
        else:
            text = (folder / where).read_text(encoding="utf-8")
    except httpx.HTTPStatusError as exc:
        raise SourceError(f"{where}: answered {exc.response.status_code}") from exc
    except httpx.HTTPError as exc:
        raise SourceError(f"{where}: cannot be fetched ({type(exc).__name__})") from exc
    except OSError as exc:
        raise SourceError(f"{where}: cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise SourceError(f"{where}: not UTF-8 text") from exc
    try:
        document: Any = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except ValueError as exc:
        raise SourceError(f"{where}: not valid JSON ({exc})") from exc
    except yaml.YAMLError as exc:
        line = (
            exc.problem_mark.line + 1
            if isinstance(exc, yaml.MarkedYAMLError) and exc.problem_mark
            else 1
        )
        raise SourceError(f"{where}:{line}: not valid YAML") from exc
    version = str(document.get("openapi", "")) if isinstance(document, dict) else ""
    if not re.match(r"3\.[01]\b", version):
        raise SourceError(f"{where}: not an OpenAPI 3.0 or 3.1 file")
    return cast("Mapping[str, Any]", document), where if remote else ""


def _server(document: Mapping[str, Any], found_at: str, where: str) -> str:
    for server in document.get("servers", ()):
        url = urljoin(found_at, str(server.get("url", "")))
        if url.startswith(("http://", "https://")) and "{" not in url:
            return url
    raise SourceError(f"{where}: names no server with an address; add `base: https://…`")


_Offered = tuple[str, str, Mapping[str, Any], Sequence[Any]]


def _operations(document: Mapping[str, Any]) -> list[tuple[str, _Offered]]:
    found: list[tuple[str, _Offered]] = []
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            about = item.get(method)
            if not isinstance(about, dict):
                continue
            about = cast("Mapping[str, Any]", about)
            plain = re.sub(r"\W+", "_", f"{method}{path}").strip("_")
            name = str(about.get("operationId") or plain)
            name = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:64]
            found.append((name, (method, path, about, item.get("parameters", ()))))
    return found


def _operation(
    name: str,
    method: str,
    path: str,
    about: Mapping[str, Any],
    shared: Sequence[Any],
    document: Mapping[str, Any],
) -> _Operation:
    places: dict[str, dict[str, Part]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
    for given in [*shared, *about.get("parameters", ())]:
        parameter = resolved(given, document)
        required = bool(parameter.get("required"))
        schema = parameter.get("schema")
        place, key = parameter["in"], parameter["name"]
        try:
            if schema is None:
                raise SchemaError(f"{key!r} has no schema")
            if place == "cookie":
                raise SchemaError(f"{key!r} is a cookie")
            description = parameter.get("description", "")
            part = part_of((key,), schema, required=required, about=description)
            places[place][key] = part
        except SchemaError:
            if required:
                raise
    body, form = _body_of(about, document)
    answers: dict[str, Schema] = {}
    for status, response in about.get("responses", {}).items():
        content = resolved(response, document).get("content", {})
        for kind, media in content.items():
            if "json" in kind and media.get("schema"):
                answers[str(status)] = media["schema"]
    operation = _Operation(
        name,
        method,
        path,
        tuple(places["path"].values()),
        tuple(places["query"].values()),
        tuple(places["header"].values()),
        tuple(body),
        form,
        answers,
    )
    names = [slot for slot, _ in slots_of(operation.parts)]
    if twice := {slot for slot in names if names.count(slot) > 1}:
        raise SchemaError(f"two of its values are called {min(twice)!r}")
    return operation


def _body_of(about: Mapping[str, Any], document: Mapping[str, Any]) -> tuple[list[Part], bool]:
    body = resolved(about.get("requestBody", {}), document)
    content = body.get("content", {})
    for kind, media in content.items():
        form = kind == "application/x-www-form-urlencoded"
        if form or "json" in kind:
            schema = media.get("schema", {})
            if "properties" not in schema and body.get("required"):
                raise SchemaError("its body is no object with properties")
            return parts_of(schema, needed=bool(body.get("required", True))), form
    if content and body.get("required"):
        raise SchemaError(f"its body is {next(iter(content))}, not JSON")
    return [], False


def _tool(
    operation: _Operation,
    about: Mapping[str, Any],
    function: Callable[..., Awaitable[Mapping[str, Any]]],
) -> Tool:
    summary = str(about.get("summary") or about.get("description") or operation.name)
    summary = " ".join(re.split(r"[.\n]", summary.strip())[0].split())
    described = str(about.get("description") or summary)
    slots: dict[str, Slot] = dict(slots_of(operation.parts))
    policy = Policy(
        wants=summary[:1].lower() + summary[1:],
        read_only=operation.reads,
        irreversible=operation.method == "delete",
        needs_consent=not operation.reads,
        internal=False,
        asks=(),
        confirm="",
        done="",
        check=None,
        timeout=None,
        filler="",
    )
    return Tool(operation.name, " ".join(described.split())[:300], policy, slots, function)
