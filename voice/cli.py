"""The command line: serve, talk, dial, campaign, models, calls, agents, doctor, eval, bench.

Exit codes: 0 done, 1 it could not be done (one line on standard error says why and what to do),
2 the command was typed wrongly, 130 interrupted.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from voice.agents_commands import app as agents_app
from voice.evaluation.commands import evaluate
from voice.journal.commands import app as calls_app
from voice.journal.commands import replay
from voice.models.commands import app as models_app
from voice.phone.commands import campaign, dial
from voice.recordings.commands import transcribe
from voice.recordings.exports.commands import app as transcripts_app

HELP = """Talk with open models on your own machine.

First steps:

  openline doctor          what this machine can run, and what to type next

  openline serve           the page at http://localhost:8000

  openline talk            the microphone of this machine

Configs are files like configs/demo.yaml; OPENLINE__SERVER__PORT=9000 sets one key of them.
Models lie in $OPENLINE_CACHE, or in the user's cache folder.
"""

app = typer.Typer(
    name="openline",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(models_app, name="models")
app.add_typer(calls_app, name="calls")
app.add_typer(agents_app, name="agents")
app.add_typer(transcripts_app, name="transcripts")
app.command(
    epilog="Examples:  openline replay last   |   openline replay last --as-test tests/calls/mine"
)(replay)
app.command("eval", epilog="Example:  openline eval single heldout --llm qwen2.5-coder-0.5b")(
    evaluate
)
app.command(epilog="Example:  openline transcribe calls/ --out transcripts/ --formats json,srt")(
    transcribe
)
app.command(epilog="Example:  openline dial sip:bob@127.0.0.1:5070 --agent restaurant")(dial)
app.command(epilog="Example:  openline campaign people.csv --agent survey --dry-run")(campaign)
bench = typer.Typer(no_args_is_help=True, help="Measurements anyone can run again.")
app.add_typer(bench, name="bench")

OURS = ("voice", "agents", "telephony")
DEMO = Path("configs/demo.yaml")
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The YAML file that names models and agent.")
]
OutOption = Annotated[Path, typer.Option(help="Folder of the JSON and of the picture, if any.")]
LLMOption = Annotated[
    str | None, typer.Option(help="Another LLM: a card, a path, a hub id or an address.")
]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"openline {version('openline')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example:  openline serve --llm http://localhost:11434/v1#qwen3:8b --port 9000")
def serve(
    config: ConfigOption = DEMO,
    host: Annotated[
        str | None, typer.Option(help="The address to listen on; 0.0.0.0 is everybody.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.", min=0)] = None,
    llm: LLMOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read the config, say what is wrong, serve nothing.")
    ] = False,
) -> None:
    """Fetch what is missing, load the models, answer the browser page."""
    from voice.server.serve import run

    run(config, host=host, port=port, llm=llm, check=check)


@app.command(epilog="Example:  openline talk --wav question.wav --out answer.wav")
def talk(
    wav: Annotated[
        Path | None, typer.Option(help="Play this file, at its own pace, as the caller.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Record the answer here.")] = None,
    stereo: Annotated[
        bool, typer.Option("--stereo", help="Record both sides, the caller left.")
    ] = False,
    text: Annotated[bool, typer.Option("--text", help="Type instead of speaking.")] = False,
    url: Annotated[
        str | None, typer.Option(help="A running server, e.g. ws://localhost:8000/ws.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Another agent than the config's.")] = None,
    config: ConfigOption = DEMO,
) -> None:
    """Talk from this machine's microphone, from a file, or by typing."""
    from voice.talk import run

    run(wav=wav, out=out, text=text, url=url, agent=agent, config=config, stereo=stereo)


@app.command(epilog="Example:  openline doctor --json")
def doctor(
    config: ConfigOption = DEMO,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Say what this machine has, what is missing, which models fit, and what to type next."""
    from voice.doctor import run

    raise typer.Exit(run(config, as_json=as_json))


@app.command(epilog="Example:  openline score call.stm out/call.wav.json")
def score(
    reference: Annotated[Path, typer.Argument(metavar="REF", help="What was said.")],
    hypothesis: Annotated[Path, typer.Argument(metavar="HYP", help="What was recognized.")],
    language: Annotated[
        str, typer.Option(help="How words are made alike; default: the files', else en.")
    ] = "",
    collar: Annotated[float, typer.Option(help="s beside each turn that DER leaves out.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Measure WER, cpWER, DER and the words' times; of json, txt, rttm, ctm, stm, srt or vtt."""
    from voice.recordings.score import run

    run(reference, hypothesis, language=language, collar=collar, as_json=as_json)


@bench.command(epilog="Example:  openline bench latency --questions 20 --out bench/")
def latency(
    url: Annotated[
        str | None, typer.Option(help="A running server; by default one is started.")
    ] = None,
    questions: Annotated[int, typer.Option(min=1, help="How many questions to ask.")] = 32,
    barge_ins: Annotated[int, typer.Option(min=0, help="How often to interrupt the agent.")] = 5,
    out: OutOption = Path("bench"),
    llm: LLMOption = None,
    config: ConfigOption = DEMO,
) -> None:
    """Measure the silence between a question's last sound and the answer's first."""
    from voice.bench.latency import run

    run(url=url, questions=questions, out=out, config=config, llm=llm, barge_ins=barge_ins)


@bench.command(epilog="Example:  openline bench wires --questions 16 --barge-ins 20")
def wires(
    questions: Annotated[int, typer.Option(min=1, help="How many on each wire.")] = 16,
    barge_ins: Annotated[int, typer.Option(min=0, help="How often to interrupt on Twilio's.")] = 20,
    out: OutOption = Path("bench"),
    llm: LLMOption = None,
    config: ConfigOption = DEMO,
) -> None:
    """Measure the silence on telephone wires against the page's, and the carrier's clear."""
    from voice.bench.wires import run

    run(questions=questions, barge_ins=barge_ins, out=out, config=config, llm=llm)


@bench.command(epilog="Example:  openline bench machines --each 3 --out bench/")
def machines(
    each: Annotated[int, typer.Option(min=1, max=6, help="Voices that speak each text.")] = 2,
    out: OutOption = Path("bench"),
    config: ConfigOption = DEMO,
) -> None:
    """Measure how often a person is taken for an answering machine, and the other way round."""
    from voice.bench.machines import run

    run(config, out, each)


@bench.command(epilog="Example:  openline bench turns ~/turns --out bench/")
def turns(
    data: Annotated[
        Path, typer.Argument(help="A folder with turns.json, or eot-bench's parquet files.")
    ],
    out: OutOption = Path("bench"),
    language: Annotated[str, typer.Option(help="Only turns in it; '' for all.")] = "en",
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Only the calls that nothing was learned from.")
    ] = False,
    learn: Annotated[
        Path | None,
        typer.Option(help="Learn OUT/ending.json, words from this Schema-Guided Dialogue folder."),
    ] = None,
) -> None:
    """Score end-of-turn systems on labelled pauses by eot-bench's rules: cut-offs and waiting."""
    from voice.bench.turns import run

    run(data=data, out=out, language=language, unseen_only=unseen, learn=learn)


@bench.command(epilog="Example:  openline bench peers --llm qwen2.5-coder-0.5b --only ours,pipecat")
def peers(
    only: Annotated[
        str, typer.Option(help="Of ours, pipecat, livekit: those to ask, with commas.")
    ] = "",
    questions: Annotated[int, typer.Option(min=1, help="How many questions to ask each.")] = 32,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many calls of 8 questions to each.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the JSON in --out ends.")
    ] = False,
    tuned: Annotated[
        bool, typer.Option("--tuned", help="Set the peers' threads and their LLM for few cores.")
    ] = False,
    out: OutOption = Path("bench"),
    llm: Annotated[str | None, typer.Option(help="Another LLM: a card or a path.")] = None,
    config: ConfigOption = DEMO,
) -> None:
    """Measure Openline beside pipecat and LiveKit Agents: same models, questions and sound."""
    from voice.bench.peers.run import run

    names = [name.strip() for name in only.split(",") if name.strip()]
    run(
        only=names,
        questions=questions,
        out=out,
        config=config,
        llm=llm,
        rounds=rounds,
        resume=resume,
        tuned=tuned,
    )


@bench.command(epilog="Example:  openline bench interruptions --real 50 --false 60")
def interruptions(
    url: Annotated[
        str | None,
        typer.Option(help="A running server that greets at length; else one is started."),
    ] = None,
    real: Annotated[int, typer.Option(min=0, help="How often to interrupt with words.")] = 60,
    false: Annotated[
        int,
        typer.Option(min=0, help="How many sounds that are no interruption; 0: no echo either."),
    ] = 60,
    out: OutOption = Path("bench"),
    llm: LLMOption = None,
    config: ConfigOption = DEMO,
) -> None:
    """Measure who stops the agent and who does not, how soon, and what it remembers as heard."""
    from voice.bench.interruptions import run

    run(url=url, real=real, false=false, out=out, config=config, llm=llm)


@bench.command(epilog="Example:  openline bench fuzz --inputs 100000 --wires twilio,telnyx")
def fuzz(
    inputs: Annotated[int, typer.Option(min=1, help="How many to each protocol.")] = 100_000,
    wires: Annotated[str, typer.Option(help="Their names, with commas; empty: all.")] = "",
    seed: Annotated[int, typer.Option(help="Another one makes other inputs.")] = 0,
    out: OutOption = Path("bench"),
) -> None:
    """Tell the telephone protocols what nobody should: crashes, hangs, memory, broken rules."""
    from voice.bench.fuzz import run

    run(inputs=inputs, wires=wires, seed=seed, out=out)


@bench.command(epilog="Example:  openline bench diarize ~/recordings --collar 0.25")
def diarize(
    data: Annotated[Path, typer.Argument(help="A folder of sound files with an .rttm each.")],
    known: Annotated[
        bool, typer.Option("--known", help="Tell it how many speakers there are.")
    ] = False,
    collar: Annotated[
        float, typer.Option(min=0.0, help="s around the ends of turns that do not count.")
    ] = 0.0,
    out: OutOption = Path("bench"),
) -> None:
    """Score who spoke when: errors by pyannote.metrics, the count of speakers, the cost."""
    from voice.bench.diarize import run

    run(data=data, out=out, known=known, collar=collar)


@bench.command(epilog="Example:  openline bench batch ~/recordings --rounds 3")
def batch(
    data: Annotated[
        Path,
        typer.Argument(help="A folder of English sound files with a .txt of their words each."),
    ],
    models: Annotated[
        str, typer.Option(help="Cards, with commas.")
    ] = "whisper-tiny.en,whisper-base",
    rounds: Annotated[int, typer.Option(min=1, help="How often each is run.")] = 3,
    out: OutOption = Path("bench"),
) -> None:
    """Measure `openline transcribe` beside faster-whisper: word errors, processor, time."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as transcribe does; both gain by it
    from voice.bench.batch import run

    names = [name.strip() for name in models.split(",") if name.strip()]
    run(data=data, models=names, rounds=rounds, out=out)


@bench.command(epilog="Example:  openline bench load --calls 20,40,80 --callers 0")
def load(
    calls: Annotated[
        str, typer.Option(help="How many calls at once, one after the other; empty: none.")
    ] = "10,20,40,60,80",
    callers: Annotated[
        int, typer.Option(min=0, help="Up to how many callers of the real models; 0: none.")
    ] = 3,
    questions: Annotated[int, typer.Option(min=1, help="How many each of them asks.")] = 10,
    out: OutOption = Path("bench"),
    config: ConfigOption = DEMO,
) -> None:
    """Measure how many calls a core carries, and how callers wait for one another."""
    from voice.bench.load import run

    steps = _numbers(calls, "20,40,80")
    run(calls=steps, callers=callers, questions=questions, out=out, config=config)


@bench.command(epilog="Example:  openline bench phone --calls 12 --seconds 60")
def phone(
    calls: Annotated[str, typer.Option(help="How many SIP calls at once, step by step.")] = (
        "1,12,30"
    ),
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long each lasts.")] = 30,
    late: Annotated[float, typer.Option(min=0, help="ms by which packets may be late.")] = 0,
    lost: Annotated[float, typer.Option(min=0, max=50, help="Percent that never come.")] = 0,
    jitter: Annotated[
        int, typer.Option(min=0, max=500, help="ms that a jitter buffer waits; 0: there is none.")
    ] = 0,
    agents: Annotated[
        int, typer.Option(min=0, help="Calls to agents whose models sleep; 0: none.")
    ] = 30,
    out: OutOption = Path("bench"),
    config: ConfigOption = DEMO,
) -> None:
    """Measure what SIP does to sound, sample by sample, and how many calls a core carries."""
    from voice.bench.phone import Network, run

    steps = _numbers(calls, "12,30")
    network = Network(late / 1000, lost / 100, jitter)
    run(
        calls=steps,
        seconds=seconds,
        network=network,
        agents_at_once=agents,
        out=out,
        config=config,
    )


def _numbers(text: str, example: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as exc:
        raise typer.BadParameter(f"{text!r}: give numbers: --calls {example}") from exc


def main() -> None:
    """The entry point: known errors become one line, a bug keeps its traceback."""
    # pipecat logs every frame, and greets on import: a person wants to see what matters
    os.environ.setdefault("LOGURU_LEVEL", os.environ.get("OPENLINE_LOG", "WARNING").upper())
    sys.path.append(os.getcwd())  # an agent's own tools lie where it is served
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `openline models list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as exc:
        line = explain(exc)
        if line is None:
            raise
        typer.echo(f"openline: {line}", err=True)
        sys.exit(1)


def explain(exc: BaseException) -> str | None:
    """The one line a person needs, or None when the error is a bug of ours."""
    if isinstance(exc, ExceptionGroup):
        group = cast(ExceptionGroup[Exception], exc)
        lines = [explain(inner) for inner in group.exceptions]
        return None if None in lines else "; ".join(line for line in lines if line)
    # every exception class of ours carries a message for people (voice.models.ModelError,
    # voice.config.ConfigError, an engine's); by module, because importing them all costs seconds
    if type(exc).__module__.partition(".")[0] in OURS:
        return " ".join(str(exc).split())
    if isinstance(exc, OSError):
        where = f"{exc.filename}: " if exc.filename else ""
        return f"{where}{exc.strerror or exc}"
    return None


if __name__ == "__main__":
    main()
