"""A registry of small cards and a file server that can break off, stall, lie and count."""

import hashlib
import http.server
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml


@dataclass
class Registry:
    """Writes cards into the folder that OPENLINE_CARDS names."""

    cards: Path
    cache: Path

    @classmethod
    def at(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> "Registry":
        made = cls(cards=folder / "cards", cache=folder / "cache")
        made.cards.mkdir()
        monkeypatch.setenv("OPENLINE_CACHE", str(made.cache))
        monkeypatch.setenv("OPENLINE_CARDS", str(made.cards))
        monkeypatch.setattr("voice.models.sources.unreachable", {})
        return made

    def add(self, name: str, files: dict[str, bytes], *sources: dict[str, Any]) -> None:
        listed = [
            {"path": path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for path, data in files.items()
        ]
        card = {
            "name": name,
            "kind": "llm",
            "engine": "llama.cpp",
            "title": f"{name} for tests",
            "licence": "MIT",
            "files": listed,
            "sources": list(sources),
        }
        (self.cards / f"{name}.yaml").write_text(yaml.safe_dump(card))

    def file(self, card: str, path: str) -> Path:
        return self.cache / "models" / card / path


@dataclass
class FileServer:
    """What a test may do to a download: `breaks_after` bytes once, `stalls_after` bytes until
    `resume` is set, `ignores_range`, and see what was asked for."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    breaks_after: int | None = None
    stalls_after: int | None = None
    ignores_range: bool = False
    resume: threading.Event = field(default_factory=threading.Event)
    stalled: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    url: str = ""


@contextmanager
def serve_files(files: dict[str, bytes] | None = None) -> Generator[FileServer]:
    state = FileServer(files=dict(files or {}))

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            state.asked.append((self.path, self.headers.get("Range", "")))
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            self.close_connection = True
            data = state.files.get(self.path.partition("?")[0])
            if data is None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = 0
            wanted = self.headers.get("Range", "")
            if wanted and not state.ignores_range:
                start = int(wanted.removeprefix("bytes=").partition("-")[0])
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            for name, value in state.headers.items():
                self.send_header(name, value)
            rest = data[start:]
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if not body:
                return
            if state.breaks_after is not None:
                cut, state.breaks_after = state.breaks_after, None
                self.wfile.write(rest[:cut])
                return
            if state.stalls_after is not None:
                cut, state.stalls_after = state.stalls_after, None
                self.wfile.write(rest[:cut])
                self.wfile.flush()
                state.stalled.set()
                state.resume.wait(30)
                return
            self.wfile.write(rest)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.resume.set()
        server.shutdown()
        server.server_close()
        thread.join()
