"""Recorded calls as tests: whoever meets a bad turn adds its call to tests/calls.

openline replay CALL --as-test tests/calls/NAME     then correct its expected.json
"""

from pathlib import Path

import pytest

from tests.conftest import DEMO, RealServer, Says
from voice.client import calling
from voice.config import load_config
from voice.journal.again import EXPECTED, differences, run_again
from voice.journal.files import journal_folder
from voice.journal.record import read
from voice.journal.shelf import folders
from voice.journal.sound import read_track

pytestmark = pytest.mark.models

CASES = sorted(path.parent for path in Path(__file__).parent.glob(f"calls/*/{EXPECTED}"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_call_goes_as_expected(case: Path):
    again = run_again(read(case), load_config(DEMO), DEMO.parent, cost="none")
    assert differences(case, again) == []


async def ask(server: RealServer, says: Says) -> None:
    async with calling(server.ws) as client:
        spoken = await client.say(says.pcm("Where is my order ten forty-two?"))
        await client.answer(since=spoken.started)


def test_a_call_on_the_real_server_is_recorded_and_replayed(server: RealServer, says: Says):
    import asyncio

    shelf = journal_folder()
    before = set(folders(shelf))
    asyncio.run(ask(server, says))
    (folder,) = set(folders(shelf)) - before
    call = read(folder)
    (turn,) = call.turns
    assert turn.answer is not None
    assert turn.answer.tools[0].name == "order_status"
    assert len(read_track(folder, "agent")[0]) > 24000

    again = run_again(call, load_config(DEMO), DEMO.parent, cost="none")
    (same,) = again.turns
    assert same.text == turn.text
    assert same.ended == pytest.approx(turn.ended, abs=0.1)
    assert same.answer is not None
    assert same.answer.tools[0].arguments == turn.answer.tools[0].arguments
    assert same.answer.said == turn.answer.said
