"""`openline bench fuzz`: what the telephone protocols do with input that nobody should send."""

import json
import platform
import random
import resource
import signal
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from telephony.line import Message, WireProtocol
from telephony.wires import WIRES
from voice.bench.fuzz_inputs import CALLS, broken
from voice.bench.fuzz_rules import Broken, WatchedCall

HANG = 1.0  # s for one input
SHORT, LONG = 20, 5000  # inputs of a call at most; long ones show what piles up
RARE = 0.005  # of the calls are long
SHOWN = 5  # failures that are told of


class FuzzError(Exception):
    """The bench cannot be run, or a protocol failed it. The message is one line."""


@dataclass(slots=True)
class Outcome:
    wire: str
    inputs: int = 0
    calls: int = 0
    crashes: int = 0
    hangs: int = 0
    broken_rules: int = 0
    largest_state: int = 0  # bytes that one call kept
    memory_growth: int = 0  # bytes of the process, from after the first calls to its peak
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list[str])

    @property
    def failed(self) -> int:
        return self.crashes + self.hangs + self.broken_rules


class _Hang(Exception):
    pass


def run(*, inputs: int, wires: str, seed: int, out: Path) -> None:
    """`inputs` to each of `wires` (with commas; "": all), OUT/fuzz.json. Raises FuzzError."""
    names = [name.strip() for name in wires.split(",")] if wires else list(WIRES)
    unknown = [name for name in names if name not in WIRES]
    if unknown:
        raise FuzzError(f"unknown wire {unknown[0]!r}; known: {', '.join(WIRES)}")
    out.mkdir(parents=True, exist_ok=True)
    console = Console()
    columns = TextColumn("{task.description:16}"), BarColumn(), MofNCompleteColumn()
    outcomes: list[Outcome] = []
    with Progress(*columns, console=console, transient=True) as progress:
        for name in names:
            task = progress.add_task(name, total=inputs)

            def advance(count: int, task: TaskID = task) -> None:
                progress.update(task, advance=count)

            outcomes.append(fuzz(name, WIRES[name], CALLS[name], inputs, seed, advance))
    _show(console, outcomes)
    result = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "openline": version("openline"),
        "python": platform.python_version(),
        "seed": seed,
        "wires": [asdict(outcome) for outcome in outcomes],
    }
    (out / "fuzz.json").write_text(json.dumps(result, indent=1) + "\n")
    failed = [outcome.wire for outcome in outcomes if outcome.failed]
    if failed:
        raise FuzzError(f"failed: {', '.join(failed)}; {out / 'fuzz.json'} has the inputs")


def fuzz(
    name: str,
    make: Callable[[], WireProtocol],
    call: Sequence[Message],
    inputs: int,
    seed: int = 0,
    advance: Callable[[int], None] = lambda count: None,
) -> Outcome:
    """Calls of `make()`, one after the other, until they had `inputs` made of `call`'s messages."""
    outcome = Outcome(name)
    began, before = time.perf_counter(), 0
    while outcome.inputs < inputs:
        rng = random.Random(f"{seed} {name} {outcome.calls}")
        is_long = rng.random() < RARE
        first = outcome.inputs
        last = min(inputs, first + (LONG if is_long else rng.randint(1, SHORT)))
        message: Message = b""
        try:
            watched = WatchedCall(make())
            while outcome.inputs < last and not watched.ended:
                # most calls begin as they should, or little would come behind the start
                begins = outcome.inputs == first and rng.random() < 0.9
                message = call[0] if begins else broken(call[: -1 if is_long else None], rng)
                outcome.inputs += 1
                with _limited():
                    watched.receive(message)
                    if rng.random() < 0.3:
                        watched.command(rng)
                if outcome.inputs % 10 == 0:
                    outcome.largest_state = max(outcome.largest_state, watched.state())
            watched.close()
        except _Hang:
            outcome.hangs += 1
            _note(outcome, f"more than {HANG:g} s", message)
        except Broken as exc:
            outcome.broken_rules += 1
            _note(outcome, str(exc), message)
        except Exception as exc:  # noqa: BLE001 - whatever a protocol raises is looked for
            outcome.crashes += 1
            _note(outcome, repr(exc), message)
        outcome.calls += 1
        advance(outcome.inputs - first)
        if not before and outcome.inputs > inputs // 10:
            before = _peak_memory()
    outcome.memory_growth = _peak_memory() - before
    outcome.seconds = round(time.perf_counter() - began, 1)
    return outcome


def _note(outcome: Outcome, what: str, message: Message) -> None:
    if len(outcome.failures) < SHOWN:
        outcome.failures.append(f"call {outcome.calls}: {what[:200]} on {message[:500]!r}")


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def _limited() -> Generator[None]:
    def hang(signum: int, frame: FrameType | None) -> None:
        raise _Hang

    previous = signal.signal(signal.SIGALRM, hang)
    timer = signal.setitimer(signal.ITIMER_REAL, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)  # a test's own limit
        signal.signal(signal.SIGALRM, previous)


def _show(console: Console, outcomes: list[Outcome]) -> None:
    table = Table(title="Fuzzed telephone protocols")
    table.add_column("wire", no_wrap=True)
    headings = "inputs", "calls", "crashes", "hangs", "rules", "kB kept", "MB more", "s"
    for heading in headings:
        table.add_column(heading, justify="right")
    for outcome in outcomes:
        table.add_row(
            outcome.wire,
            f"{outcome.inputs:,}",
            f"{outcome.calls:,}",
            str(outcome.crashes),
            str(outcome.hangs),
            str(outcome.broken_rules),
            f"{outcome.largest_state / 1000:.1f}",
            f"{outcome.memory_growth / 1e6:.1f}",
            f"{outcome.seconds:.1f}",
        )
    console.print(table)
    for outcome in outcomes:
        for failure in outcome.failures:
            console.print(f"{outcome.wire}: {failure}", markup=False, highlight=False)
