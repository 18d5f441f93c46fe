"""The recorded calls as pages: /calls and /calls/ID, for a browser on this machine only."""

from pathlib import Path

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse

from voice.journal.files import JournalError
from voice.journal.page import call_page, calls_page
from voice.journal.record import read, summary
from voice.journal.shelf import find, folders
from voice.server.here import is_from_here

_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def recordings(shelf: Path) -> APIRouter:
    """Routes over the calls in `shelf`."""
    router = APIRouter(dependencies=[Depends(_local)])

    # plain functions: FastAPI runs them on a thread, so that reading sound holds no call up
    @router.get("/calls")
    def _() -> HTMLResponse:
        return HTMLResponse(calls_page([summary(f) for f in folders(shelf)]), headers=_PRIVATE)

    @router.get("/calls/{call}")
    def _(call: str) -> HTMLResponse:
        if not call.isalnum():  # an id, never a path
            raise HTTPException(404, f"no call {call!r}")
        try:
            return HTMLResponse(call_page(read(find(shelf, call))), headers=_PRIVATE)
        except JournalError as exc:
            raise HTTPException(404, str(exc)) from exc

    return router


def _local(request: Request) -> None:
    """What callers said is nobody else's."""
    if not is_from_here(request):
        raise HTTPException(403, "recordings are shown on the server's own machine only")
