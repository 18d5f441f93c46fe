"""One model, one thread: who waits most goes first, and nobody waits for ever."""

import asyncio
import threading

import pytest

from voice.lane import Busy, Lane, Priority


@pytest.fixture
def lane():
    lane = Lane("test", size=4)
    yield lane
    lane.close()


async def occupy(lane: Lane) -> tuple[threading.Event, "asyncio.Task[None]"]:
    """A job that holds the lane until its event is set."""
    started, release = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        release.wait(5)

    task = asyncio.create_task(lane.run(work))
    await asyncio.to_thread(started.wait, 5)
    return release, task


async def test_the_final_transcript_overtakes_partials(lane: Lane):
    release, first = await occupy(lane)
    order: list[str] = []
    jobs = [
        asyncio.create_task(lane.run(lambda n=name: order.append(n), priority))
        for name, priority in [
            ("partial", Priority.PARTIAL),
            ("eager", Priority.EAGER),
            ("final", Priority.FINAL),
        ]
    ]
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(first, *jobs)
    assert order == ["final", "eager", "partial"]


async def test_cancelled_work_is_skipped(lane: Lane):
    release, first = await occupy(lane)
    done: list[int] = []
    stale = asyncio.create_task(lane.run(lambda: done.append(1)))
    fresh = asyncio.create_task(lane.run(lambda: done.append(2)))
    await asyncio.sleep(0)
    stale.cancel()
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(first, fresh)
    assert done == [2]


async def test_a_full_lane_says_busy_and_forgets_cancelled_work_first(lane: Lane):
    release, first = await occupy(lane)
    waiting = [asyncio.create_task(lane.run(lambda: None)) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await lane.run(lambda: None)
    waiting[0].cancel()
    await asyncio.sleep(0)
    extra = asyncio.create_task(lane.run(lambda: 7))
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(first, *waiting[1:])
    assert await extra == 7


async def test_an_error_reaches_the_waiter(lane: Lane):
    def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await lane.run(work)
    assert await lane.run(lambda: 1) == 1


async def test_close_cancels_what_waits_and_ends_the_thread():
    lane = Lane("closing")
    release, first = await occupy(lane)
    waiting = asyncio.create_task(lane.run(lambda: None))
    await asyncio.sleep(0)
    release.set()
    await asyncio.to_thread(lane.close)
    await first
    await asyncio.gather(waiting, return_exceptions=True)
    assert "closing" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(RuntimeError, match="closed"):
        await lane.run(lambda: None)
