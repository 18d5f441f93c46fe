"""Reports on their way to the owner: kept on disk first, in order, signed, tried again.

    outbox/NAME.json   waiting, in the order of their names
    dead/NAME.json     given up; NAME.why says why

A webhook gets the report as its body, and the headers `Openline-Delivery` (the report's name, the
same at every try) and, with a secret, `Openline-Signature: t=SECONDS,v1=HEX`: HMAC-SHA256 over
"SECONDS.BODY", as Stripe's webhooks are signed.
"""

import asyncio
import hashlib
import hmac
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from loguru import logger

_SECONDS = 10.0  # for one try
_FIRST_WAIT, _LONGEST_WAIT = 2.0, 600.0  # s between tries; doubled each time
_TRIES = 12  # an hour and a half in all
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Webhook:
    """`secret` signs; it never appears in a log."""

    url: str
    secret: str = ""


def signature(secret: str, body: bytes, seconds: int) -> str:
    signed = hmac.new(secret.encode(), b"%d.%s" % (seconds, body), hashlib.sha256)
    return f"t={seconds},v1={signed.hexdigest()}"


def verified(secret: str, body: bytes, header: str, now: float, tolerance: float = 300.0) -> bool:
    """Whether a signature is ours and fresh: what a receiver has to check."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    if not parts.get("t", "").isdigit() or abs(now - int(parts["t"])) > tolerance:
        return False
    return hmac.compare_digest(header, signature(secret, body, int(parts["t"])))


class Outbox:
    """The reports of one destination. One sender at a time; a restart goes on where it stopped."""

    def __init__(
        self,
        folder: Path,
        webhook: Webhook,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._waiting = folder / "outbox"
        self._dead = folder / "dead"
        self._webhook = webhook
        self._clock = clock
        self._sleep = sleep
        self._more = asyncio.Event()

    def put(self, name: str, report: Mapping[str, Any]) -> None:
        """Keep a report for sending. Names sort in the order of the calls' ends."""
        self._waiting.mkdir(parents=True, exist_ok=True)
        written = self._waiting / f".{name}"
        with written.open("w", encoding="utf-8") as file:
            json.dump(report, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._waiting / f"{name}.json")
        self._more.set()

    async def send(self) -> None:
        """Send whatever waits and what comes, until cancelled."""
        async with httpx.AsyncClient(timeout=_SECONDS) as client:
            while True:
                self._more.clear()
                for file in sorted(self._waiting.glob("*.json")):
                    await self._deliver(client, file)
                await self._more.wait()

    async def _deliver(self, client: httpx.AsyncClient, file: Path) -> None:
        body, wait, problem = await asyncio.to_thread(file.read_bytes), _FIRST_WAIT, ""
        for attempt in range(1, _TRIES + 1):
            problem, again = await self._try(client, file.stem, body)
            if not problem:
                await asyncio.to_thread(file.unlink)
                return
            logger.warning(f"report {file.stem}: {problem} (try {attempt} of {_TRIES})")
            if not again:
                break
            if attempt < _TRIES:
                await self._sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
        await asyncio.to_thread(self._give_up, file, problem)

    def _give_up(self, file: Path, problem: str) -> None:
        self._dead.mkdir(exist_ok=True)
        (self._dead / f"{file.stem}.why").write_text(f"{problem}\n", encoding="utf-8")
        file.replace(self._dead / file.name)
        logger.error(f"report {file.stem} was given up: {problem}; it lies in {self._dead}")

    async def _try(self, client: httpx.AsyncClient, name: str, body: bytes) -> tuple[str, bool]:
        """What went wrong, "" for nothing, and whether another try may help."""
        headers = {"Content-Type": "application/json", "Openline-Delivery": name}
        if self._webhook.secret:
            sign = signature(self._webhook.secret, body, int(self._clock()))
            headers["Openline-Signature"] = sign
        try:
            answer = await client.post(self._webhook.url, content=body, headers=headers)
        except httpx.InvalidURL as exc:
            return f"not an address ({exc})", False
        except httpx.HTTPError as exc:
            return f"not reached ({type(exc).__name__})", True
        if answer.is_success:
            return "", False
        return f"refused with {answer.status_code}", answer.status_code in _AGAIN
