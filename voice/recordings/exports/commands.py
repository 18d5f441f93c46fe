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
) -> None:
    """Write transcripts in other formats; the recordings are not needed."""
    from voice.recordings.exports import FORMATS, read, write

    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    if wanted == ["all"]:
        wanted = list(FORMATS)
    for file in files:
        for path in write(read(file), out or file.parent, wanted):
            typer.echo(str(path))
