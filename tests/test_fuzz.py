"""No protocol crashes, hangs or forgets its rules, whatever it is told; the bench would notice."""

import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.events import Audio, Bad, Ended, Event, Started
from telephony.line import Message
from telephony.protocol import Wire
from telephony.wires import WIRES
from voice.bench import fuzz as bench
from voice.bench.fuzz import FuzzError, fuzz, run
from voice.bench.fuzz_inputs import CALLS
from voice.bench.fuzz_rules import Broken, WatchedCall

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@pytest.mark.parametrize("name", WIRES)
@settings(max_examples=60)
@given(
    messages=st.lists(
        st.binary(max_size=700) | st.text(max_size=200) | JSON.map(json.dumps) | st.integers(0, 99)
    ),
    seed=st.integers(0, 2**32),
)
def test_anything_may_be_said_at_any_time(name: str, messages: list[Message | int], seed: int):
    call, watched, rng = CALLS[name], WatchedCall(WIRES[name]()), random.Random(seed)
    for message in messages:
        # a number stands for a message as it should be
        watched.receive(call[message % len(call)] if isinstance(message, int) else message)
        watched.command(rng)
    watched.state()
    watched.close()


@pytest.mark.parametrize("name", WIRES)
def test_broken_messages_of_every_protocol(name: str):
    outcome = fuzz(name, WIRES[name], CALLS[name], 600)
    assert outcome.failures == []
    assert outcome.inputs == 600
    assert outcome.largest_state < 100_000


@pytest.mark.parametrize("name", WIRES)
def test_the_calls_to_start_from_are_calls(name: str):
    wire = WIRES[name]()
    events = [event for message in CALLS[name] for event in wire.receive(message)]
    events += wire.closed()
    kinds = [type(event) for event in events if not isinstance(event, Bad)]
    assert kinds.count(Started) == kinds.count(Ended) == 1
    assert kinds[-1] is Ended
    assert Audio in kinds


class Faulty(Wire):
    """Tells what each test wants of it."""

    name = "faulty"

    def __init__(self, events: Callable[[], Sequence[Event]]) -> None:
        super().__init__()
        self._events = events

    def receive(self, data: Message) -> Sequence[Event]:
        return self._events()

    def closed(self) -> Sequence[Event]:
        return [Ended("lost")]


BEGIN = Started("c", "", "", 8000, 8000)


@pytest.mark.parametrize(
    ("events", "rule"),
    [
        ([BEGIN, BEGIN], "Started twice"),
        ([Audio(b"\x00\x00")], "Audio before Started"),
        ([BEGIN, Ended("lost"), Ended("lost")], "Ended after Ended"),
        ([BEGIN, Audio(b"\x00")], "1 bytes of PCM16"),
        ([BEGIN, Audio(bytes(32_002))], "more sound"),
        ([BEGIN, Audio(bytes(2), time=float("inf"))], "no number"),
        ([Bad("two\nlines")], "one short line"),
    ],
)
def test_a_broken_rule_is_noticed(events: list[Event], rule: str):
    with pytest.raises(Broken, match=rule):
        WatchedCall(Faulty(lambda: events)).receive("")


def test_crashes_are_counted_and_told_with_the_input():
    def crash() -> Sequence[Event]:
        raise KeyError("event")

    outcome = fuzz("faulty", lambda: Faulty(crash), ["hello"], 50)
    assert outcome.crashes == outcome.calls == 50
    assert "KeyError('event') on 'hello'" in outcome.failures[0]


def test_hangs_are_ended_and_counted(monkeypatch: pytest.MonkeyPatch):
    def hang() -> Sequence[Event]:
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(bench, "HANG", 0.05)
    assert fuzz("faulty", lambda: Faulty(hang), ["hello"], 2).hangs == 2


def test_the_bench_writes_what_it_found(tmp_path: Path):
    run(inputs=50, wires="twilio, audiosocket", seed=1, out=tmp_path)
    assert '"wire": "audiosocket"' in (tmp_path / "fuzz.json").read_text()
    with pytest.raises(FuzzError, match="unknown wire 'skype'; known: audiohook"):
        run(inputs=50, wires="skype", seed=1, out=tmp_path)
