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
    from voice.recordings.exports import FORMATS, read, write

    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    if wanted == ["all"]:
        wanted = list(FORMATS)
    for file in files:
        transcript = read(file)
        sound = recordings / transcript.file if recordings and recordings.is_dir() else recordings
        for path in write(transcript, out or file.parent, wanted, sound):
            typer.echo(str(path))


@app.command(epilog="Example:  openline transcripts index out/")
def index(
    folder: Annotated[Path, typer.Argument(help="What `openline transcribe --out` wrote to.")],
) -> None:
    """Write FOLDER/index.html: all its calls in one page, and a search over what was said."""
    from voice.recordings.page.index import INDEX, write_index

    count = write_index(folder)
    typer.echo(f"{folder / INDEX}: {count} {'call' if count == 1 else 'calls'}")
