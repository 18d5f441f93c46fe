"""`openline replay`: a recorded call with real engines, and the regression cases made of calls."""

import json
import shutil
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from voice.call import turn_settings
from voice.config import Config, models_of
from voice.journal.cast import casting
from voice.journal.clock import Cost
from voice.journal.compare import SOONER, pairs, plain
from voice.journal.files import EVENTS, HEADER, JournalError, sound_file
from voice.journal.record import Recorded, Turn
from voice.journal.replay import Pages, replay
from voice.models import fetch

EXPECTED = "expected.json"


def run_again(call: Recorded, config: Config, folder: Path, *, cost: Cost) -> Recorded:
    """Replay `call` with what `config` (read in `folder`) names. Fetches what is missing."""
    console = Console(stderr=True)
    fetch(models_of(config), console=console)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} s"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("loading the models", total=call.seconds)

        def on_line(line: dict[str, Any]) -> None:
            bar.update(task, description="replaying", completed=line["at"])

        return replay(
            call,
            lambda: casting(config, folder, call),
            turn_settings(config),
            partial_seconds=config.turns.partial_seconds,
            cost=cost,
            pages=Pages(on_line),
        )


def make_case(call: Recorded, out: Path, config: Config, folder: Path) -> None:
    """A regression case: the caller's sound, the events, and the turns that are expected.

    What is expected is what the present build does when model work costs nothing; whoever makes
    the case corrects the turn that is wrong. Raises JournalError, OSError.
    """
    assert call.folder is not None, "a call on disk"
    if out.exists():
        raise JournalError(f"{out}: there already; give another name or remove it")
    again = run_again(call, config, folder, cost="none")
    out.mkdir(parents=True)
    for path in (call.folder / HEADER, call.folder / EVENTS, sound_file(call.folder, "caller")):
        shutil.copyfile(path, out / path.name)
    expected = {"turns": [_expectation(turn) for turn in again.turns]}
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (out / EXPECTED).write_text(text + "\n", encoding="utf-8")


def _expectation(turn: Turn) -> dict[str, Any]:
    answer = turn.answer
    return {
        "text": turn.text,
        "began": round(turn.began, 2),
        "ended": round(turn.ended, 2),
        "committed": round(turn.committed, 2),
        "answer": answer.said if answer else "",
        "tools": [tool.name for tool in answer.tools] if answer else [],
    }


def differences(case: Path, again: Recorded) -> list[str]:
    """What of the case's expected turns the replay did not do, in words.

    A turn may leave out "answer", "tools" or "committed"; then anything goes.
    """
    wanted = json.loads((case / EXPECTED).read_text(encoding="utf-8"))["turns"]
    turns = [
        Turn(i, w["text"], w["began"], w["ended"], w.get("committed", w["ended"]), "")
        for i, w in enumerate(wanted, 1)
    ]
    wrong: list[str] = []
    for pair in pairs(turns, again.turns):
        if pair.before is None or pair.after is None:
            turn = pair.before or pair.after
            assert turn is not None
            what = "is missing" if pair.after is None else "was not expected"
            wrong.append(f"at {turn.began:.1f} s a turn {what}: {turn.text!r}")
            continue
        want, got = wanted[pair.before.number - 1], _expectation(pair.after)
        where = f"turn {pair.before.number} at {pair.at:.1f} s"
        if plain(want["text"]) != plain(got["text"]):
            wrong.append(f"{where}: heard {got['text']!r}, expected {want['text']!r}")
        if "committed" in want and abs(want["committed"] - got["committed"]) > SOONER:
            over = f"over at {got['committed']} s, expected {want['committed']} s"
            wrong.append(f"{where}: {over}")
        if "answer" in want and plain(want["answer"]) != plain(got["answer"]):
            wrong.append(f"{where}: answered {got['answer']!r}, expected {want['answer']!r}")
        if "tools" in want and want["tools"] != got["tools"]:
            wrong.append(f"{where}: called {got['tools']}, expected {want['tools']}")
    return wrong
