"""`openline transcripts`: what is made of a transcript after the recording was recognized."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="What `openline transcribe` wrote, in other formats and read again."
)


@app.command(
    epilog="Example:  openline transcripts export out/call.wav.json --formats srt,vtt --out subs/"
)
def export(
    files: Annotated[list[Path], typer.Argument(help="JSON of `openline transcribe`; whisperX's.")],
    formats: Annotated[str, typer.Option(help="Names with commas; `all` for every one.")],
    out: Annotated[Path | None, typer.Option(help="Default: beside each file.")] = None,
    recordings: Annotated[
        Path | None, typer.Option(help="A folder or file with the sound that html plays.")
    ] = None,
) -> None:
    """Write transcripts in other formats; the recordings are needed for the pages' sound only."""
    from voice.recordings.exports import read, write

    for file in files:
        transcript = read(file)
        sound = recording_of(recordings, transcript.file) if recordings else None
        for path in write(transcript, out or file.parent, _wanted(formats), sound):
            typer.echo(str(path))


@app.command(
    epilog="Example:  openline transcripts redact out/*.json --recordings calls/ --out redacted/"
)
def redact(
    files: Annotated[list[Path], typer.Argument(help="JSON of `openline transcribe`.")],
    out: Annotated[Path, typer.Option(help="Another folder than the originals'.")],
    formats: Annotated[str, typer.Option(help="Names with commas; `all` for every one.")] = "json",
    recordings: Annotated[
        Path | None, typer.Option(help="A folder or file with the sound to put tones over.")
    ] = None,
) -> None:
    """Write transcripts, and sound with tones, without e-mail addresses and long numbers."""
    from voice.recordings.exports import ExportError, file_name, read, write
    from voice.recordings.reading import ReadingError
    from voice.recordings.redaction import redacted, write_beeped

    for file in files:
        if out.resolve() == file.parent.resolve():
            raise ExportError(f"--out {out}: {file.name} lies there; name another folder")
        made = redacted(read(file))
        sound = None
        if recordings is not None:
            source = recording_of(recordings, made.transcript.file)
            sound = out / (file_name(made.transcript.file) + ".flac")
            out.mkdir(parents=True, exist_ok=True)
            try:
                write_beeped(source, made.silenced, sound)
            except ReadingError as exc:
                raise ExportError(f"{source}: {exc}") from exc
        paths = write(made.transcript, out, _wanted(formats), sound)
        for path in (*paths, *([sound] if sound else [])):
            typer.echo(str(path))


@app.command(
    epilog='Example:  openline transcripts understand out/*.json --question "What was promised?"'
)
def understand(
    files: Annotated[list[Path], typer.Argument(help="JSON; what is understood is added to it.")],
    question: Annotated[
        list[str] | None, typer.Option(help="What you want to know of each call; again for more.")
    ] = None,
    form: Annotated[
        Path | None, typer.Option(help="A JSON schema to fill from what was said.")
    ] = None,
    formats: Annotated[str, typer.Option(help="Others to write as well: md,html.")] = "",
    recordings: Annotated[
        Path | None, typer.Option(help="A folder or file with the sound that html plays.")
    ] = None,
    llm: Annotated[
        str | None, typer.Option(help="Another LLM: a card, a path, a hub id or an address.")
    ] = None,
    config: Annotated[
        Path, typer.Option("--config", "-c", help="The YAML file that names the LLM.")
    ] = Path("configs/demo.yaml"),
) -> None:
    """Read calls with the LLM: summary, topics, what is to be done, answers, a form, moods."""
    from voice.recordings.understanding import run

    run(
        files,
        questions=question or [],
        form=form,
        formats=_wanted(formats),
        recordings=recordings,
        llm=llm,
        config=config,
    )


@app.command(epilog="Example:  openline transcripts index out/")
def index(
    folder: Annotated[Path, typer.Argument(help="What `openline transcribe --out` wrote to.")],
) -> None:
    """Write FOLDER/index.html: all its calls in one page, and a search over what was said."""
    from voice.recordings.page.index import INDEX, write_index

    count = write_index(folder)
    typer.echo(f"{folder / INDEX}: {count} {'call' if count == 1 else 'calls'}")


@app.command(epilog="Example:  openline transcripts review out/ --recordings calls/")
def review(
    folder: Annotated[Path, typer.Argument(help="Where JSON and pages of calls lie.")],
    recordings: Annotated[
        Path | None, typer.Option(help="The folder of recordings that are not in their pages.")
    ] = None,
    port: Annotated[int, typer.Option(help="The port to listen on.", min=0)] = 8001,
) -> None:
    """Show a folder's calls to a browser on this machine, and save what is corrected there."""
    from voice.recordings.review import run

    run(folder, recordings, port)


def _wanted(formats: str) -> list[str]:
    from voice.recordings.exports import FORMATS

    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    return list(FORMATS) if wanted == ["all"] else wanted


def recording_of(recordings: Path, name: str) -> Path:
    """`recordings` is a file, or the folder that it lies in."""
    return recordings / name if recordings.is_dir() else recordings
