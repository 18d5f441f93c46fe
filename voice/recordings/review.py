"""`openline transcripts review`: pages of calls for a browser on this machine, which saves what is
corrected in them."""

from pathlib import Path

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from voice.recordings.exports import FORMATS, ExportError, file_name, read, write
from voice.recordings.exports.files import ending, in_milliseconds, replace_file
from voice.recordings.exports.whisperx_json import from_json
from voice.recordings.page.index import INDEX, write_index
from voice.recordings.page.page import call_page, sound_of_page
from voice.server.here import is_from_here

_LARGEST = 64 * 1024 * 1024  # bytes of a transcript; three hours of words are 5 MB
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def run(folder: Path, recordings: Path | None, port: int) -> None:
    """Serve until interrupted. Raises OSError."""
    count = write_index(folder)
    print(f"{count} {'call' if count == 1 else 'calls'} at http://localhost:{port}/")
    uvicorn.run(reviewing(folder, recordings), host="127.0.0.1", port=port, log_level="warning")


def reviewing(folder: Path, recordings: Path | None) -> FastAPI:
    """GET reads files of `folder`, and sound by its name from `recordings`; POST of a transcript's
    JSON writes it and the formats that lie beside it."""
    app = FastAPI(openapi_url=None, docs_url=None, dependencies=[Depends(_local)])
    root = folder.resolve()

    @app.get("/{path:path}")
    def _(path: str) -> Response:  # a plain function: FastAPI runs it on a thread
        found = _inside(root, path or INDEX)
        if not found.is_file() and recordings is not None:
            found = _inside(recordings.resolve(), Path(path).name)
        if not found.is_file():
            raise HTTPException(404, f"no {path!r} here")
        return FileResponse(found, headers=_HEADERS)

    @app.post("/{path:path}", status_code=204)
    async def _(path: str, request: Request) -> None:
        if request.headers.get("origin") != f"{request.url.scheme}://{request.url.netloc}":
            raise HTTPException(403, "corrections come from this server's own pages only")
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > _LARGEST:
                raise HTTPException(413, "larger than any transcript")
        try:
            await run_in_threadpool(save, _inside(root, path), bytes(body))
            await run_in_threadpool(write_index, folder)
        except ExportError as exc:
            raise HTTPException(400, str(exc)) from exc

    return app


def save(file: Path, body: bytes) -> None:
    """Put a corrected transcript in the place of `file`, and make what lies beside it again.

    Raises ExportError, OSError.
    """
    before = read(file)
    made = from_json(body, before.file)
    if made.file != before.file or file.name != f"{file_name(made.file)}.json":
        raise ExportError(f"{file.name} is not a transcript of {made.file!r}")
    original = file.with_name(f"{file.name}.orig")
    if not original.exists():
        replace_file(original, file.read_bytes())
    stem = file_name(made.file)
    beside = {name: file.with_name(stem + ending(name)) for name in FORMATS}
    there = [name for name, path in beside.items() if path.exists()]
    write(made, file.parent, [name for name in there if name != "html"])
    if "html" in there:  # with the sound that it has
        sound = sound_of_page(beside["html"].read_text(encoding="utf-8"))
        page = call_page(in_milliseconds(made), sound, file.name)
        replace_file(beside["html"], page.encode("utf-8", "backslashreplace"))


def _inside(root: Path, path: str) -> Path:
    found = (root / path).resolve()
    if not found.is_relative_to(root):
        raise HTTPException(404, f"no {path!r} here")
    return found


def _local(request: Request) -> None:
    """What callers said is nobody else's."""
    if not is_from_here(request):
        raise HTTPException(403, "recordings are shown on this machine only")
