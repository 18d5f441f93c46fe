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
        sound = _recording(recordings, transcript.file) if recordings else None
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
            source = _recording(recordings, made.transcript.file)
            sound = out / (file_name(made.transcript.file) + ".flac")
            out.mkdir(parents=True, exist_ok=True)
            try:
                write_beeped(source, made.silenced, sound)
            except ReadingError as exc:
                raise ExportError(f"{source}: {exc}") from exc
        paths = write(made.transcript, out, _wanted(formats), sound)
        for path in (*paths, *([sound] if sound else [])):
            typer.echo(str(path))


@app.command(epilog="Example:  openline transcripts index out/")
def index(
    folder: Annotated[Path, typer.Argument(help="What `openline transcribe --out` wrote to.")],
) -> None:
    """Write FOLDER/index.html: all its calls in one page, and a search over what was said."""
    from voice.recordings.page.index import INDEX, write_index

    count = write_index(folder)
    typer.echo(f"{folder / INDEX}: {count} {'call' if count == 1 else 'calls'}")


def _wanted(formats: str) -> list[str]:
    from voice.recordings.exports import FORMATS

    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    return list(FORMATS) if wanted == ["all"] else wanted


def _recording(recordings: Path, name: str) -> Path:
    return recordings / name if recordings.is_dir() else recordings
