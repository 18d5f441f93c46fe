"""`openline transcripts understand`: the config's LLM over transcripts that are there."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from agents.after.form import Form
from voice.config import load_config
from voice.engines import open_llm
from voice.recordings.exports import read, write
from voice.recordings.exports.commands import recording_of
from voice.recordings.meaning import understand


def run(
    files: Sequence[Path],
    *,
    questions: Sequence[str],
    form: Path | None,
    formats: Sequence[str],
    recordings: Path | None,
    llm: str | None,
    config: Path,
) -> None:
    """Add what is understood to each file, one after the other: what is done stays done.

    Raises ConfigError, EngineError, ExportError, FormError, ModelMissing, OSError.
    """
    wanted = load_config(config, {"llm": llm} if llm else {}).llm
    asked = Form.read(form) if form is not None else None
    transcripts = [(file, read(file)) for file in files]

    async def read_all() -> None:
        engine = await asyncio.to_thread(open_llm, wanted)
        try:
            for file, transcript in transcripts:
                meaning = await understand(
                    transcript,
                    engine,
                    context=wanted.context,
                    questions=questions,
                    form=asked,
                    today=dt.date.today(),
                )
                made = replace(transcript, meaning=meaning)
                sound = recording_of(recordings, transcript.file) if recordings else None
                for path in write(made, file.parent, ["json", *formats], sound):
                    typer.echo(str(path))
        finally:
            await engine.close()

    asyncio.run(read_all())
