"""One round: the same questions to each system in turn, by one client and one measure."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voice.bench.latency import NOISE, ask
from voice.bench.peers.compare import Asked, System, judged
from voice.bench.questions import Question
from voice.client import Client, ClientError, calling

_PEER_RATE = 22050  # Piper joe's own: the peers resample nothing
_QUIET = 1.0  # s without a sound before the next question: a late second answer is not its own
_AT_MOST = 30.0  # s that a system may go on talking after its answer

Said = tuple[int, Question, NDArray[np.int16]]  # the question's number, words and sound


def order(systems: Sequence[System], round: int) -> list[System]:
    """Who is asked first moves on by one each round: nobody always follows the same neighbour."""
    first = round % len(systems) if systems else 0
    return [*systems[first:], *systems[:first]]


async def ask_all(
    addresses: Mapping[System, str],
    round: int,
    warm_up: tuple[Question, NDArray[np.int16]],
    questions: Sequence[Said],
    *,
    each: Callable[[], None],
    failed: Callable[[System, ClientError], None],
) -> list[Asked]:
    """A call to each system. One whose call breaks is reported and left out of this round."""
    found: list[Asked] = []
    for system in order(list(addresses), round):
        try:
            found += await _call(system, addresses[system], round, warm_up, questions, each)
        except ClientError as exc:
            failed(system, exc)
    return found


async def _call(
    system: System,
    address: str,
    round: int,
    warm_up: tuple[Question, NDArray[np.int16]],
    questions: Sequence[Said],
    each: Callable[[], None],
) -> list[Asked]:
    found: list[Asked] = []
    options = {} if system == "ours" else {"out_rate": _PEER_RATE, "acknowledges": False}
    async with calling(address, noise=NOISE, **options) as client:
        await ask(client, round, *warm_up)
        await _quiet(client)
        for number, question, sound in questions:
            known, heard = set(client.answers), len(client.messages)
            turn = await ask(client, round, question, sound)
            sounded = [
                answer.first_sample
                for number, answer in client.answers.items()
                if number not in known and answer.first_sample
            ]
            found.append(
                judged(
                    system,
                    round,
                    number,
                    turn,
                    answered_at=min(sounded, default=None),
                    understood_at=[
                        m.at
                        for m in client.messages[heard:]
                        if m.type == "user-transcription" and m.data.get("final")
                    ],
                )
            )
            each()
            await _quiet(client)
    return found


async def _quiet(client: Client) -> None:
    """Until nothing has been playing for a while and no answer is open."""
    deadline = time.monotonic() + _AT_MOST
    quiet = time.monotonic()
    while time.monotonic() < deadline:
        client.check()
        now = time.monotonic()
        if now < client.speaker.busy_until or not all(a.final for a in client.answers.values()):
            quiet = now
        if now - quiet > _QUIET:
            return
        await asyncio.sleep(0.02)
