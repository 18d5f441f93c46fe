"""A campaign that is killed at random moments: its own process, a carrier that outlives it.

Run by test_campaign.py: `python -m tests.killed_campaign FOLDER KILLS SEED` writes the numbers
that the carrier placed, one a line, and says how often the campaign was killed alive. Children
are forked, since starting Python fifty times would take half a minute.
"""

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
import time
from pathlib import Path

from telephony.numbers import Number
from telephony.outbound.campaign import Called, Campaign, Rules
from telephony.outbound.ledger import Ledger
from telephony.outbound.people import Person, Window
from telephony.outbound.policy import Policy

NOON = 1_790_161_200.0  # a Wednesday, 13:00 in Berlin
PEOPLE = [
    Person(Number(f"+4930{n:07}", "DE", ("Europe/Berlin",))) for n in range(1_000_000, 1_000_300)
]
RULES = Rules(window=Window(), attempts=1, at_once=4, calls_a_minute=1e9)


class Carrier:
    """Asked by datagrams, which keep their order: what a dead process sent comes before what
    its successor asks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._here = str(folder / f"campaign-{os.getpid()}")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(self._here)
        self._answers: dict[str, asyncio.Future[str]] = {}
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def _read(self) -> None:
        answer, word = self._socket.recv(1000).decode().split()
        self._answers.pop(word).set_result(answer)

    async def _ask(self, verb: str, attempt: str, number: str) -> str:
        word = f"{verb}-{attempt}"
        self._answers[word] = asyncio.get_running_loop().create_future()
        asked = f"{verb} {attempt} {number} {word} {self._here}".encode()
        await asyncio.get_running_loop().sock_sendto(
            self._socket, asked, str(self._folder / "carrier")
        )
        return await self._answers[word]

    async def call(self, attempt: str, person: Person) -> Called:
        await self._ask("place", attempt, person.number.e164)
        return Called("reached", 30.0)

    async def placed(self, attempt: str, number: str, began: float) -> bool | None:
        return await self._ask("placed", attempt, number) == "yes"


def carrier(folder: Path) -> None:
    """Places what it is asked to, and tells what it has placed."""
    here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    here.bind(str(folder / "carrier"))
    (folder / "ready").touch()
    placed: set[str] = set()
    with (folder / "placed").open("w") as log:
        while True:
            verb, attempt, number, word, back = here.recv(1000).decode().split()
            if verb == "place":
                placed.add(attempt)
                log.write(f"{number}\n")
                log.flush()
            answer = "yes" if attempt in placed else "no"
            with contextlib.suppress(OSError):  # the campaign is dead
                here.sendto(f"{answer} {word}".encode(), back)


async def campaign(folder: Path) -> None:
    ledger = Ledger(folder / "ledger.sqlite")
    work = Campaign(
        "test",
        PEOPLE,
        ledger,
        Carrier(folder),
        Policy(prefixes=["+4930"]),
        RULES,
        clock=lambda: NOON + time.monotonic() % 3600,
        settle=0.0,
    )
    await work.run()


def forked(work: object) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        work()  # type: ignore[operator]
    finally:
        os._exit(0)


def main(folder: Path, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    peer = forked(lambda: carrier(folder))
    try:
        while not (folder / "ready").exists():
            time.sleep(0.01)
        alive = 0
        for _ in range(kills):
            child = forked(lambda: asyncio.run(campaign(folder)))
            time.sleep(dice.uniform(0.0, 0.06))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            alive += os.WIFSIGNALED(status)
        child = forked(lambda: asyncio.run(campaign(folder)))
        os.waitpid(child, 0)
        print(alive)
    finally:
        os.kill(peer, signal.SIGKILL)
        os.waitpid(peer, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
