"""`openline doctor`: what this machine has and lacks, which models fit, what to type next."""

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from voice.config import Config, ConfigError, load_config, models_of
from voice.models import Card, ModelError, cache_root, cards, is_here, missing
from voice.models.fetching import human

Verdict = Literal["good", "note", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `bad` keeps the config from running, `note` is worth knowing."""

    what: str
    verdict: Verdict
    found: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """`memory`, `gpu_memory` and `disk_free` in bytes; `cores` this process may use."""

    cores: int
    memory: int
    gpus: tuple[str, ...]
    gpu_memory: int
    cuda: bool
    disk_free: int


def look() -> Machine:
    """What the machine has; takes a container's limits for the machine's own."""
    names, memory = _nvidia()
    return Machine(
        cores=_cores(),
        memory=_memory(),
        gpus=names,
        gpu_memory=memory,
        cuda=_cuda(),
        disk_free=_disk_free(),
    )


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    cores = cores or os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):
        return cores


def _memory() -> int:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no cgroup, or "max"
        return total


def _cuda() -> bool:
    import ctranslate2

    return int(ctranslate2.get_cuda_device_count()) > 0


def _nvidia() -> tuple[tuple[str, ...], int]:
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return (), 0
    names: list[str] = []
    total = 0
    for line in answer.stdout.splitlines():
        name, _, megabytes = line.rpartition(",")
        if megabytes.strip().isdigit():
            names.append(name.strip())
            total += int(megabytes) << 20
    return tuple(names), total


def _disk_free() -> int:
    folder = cache_root()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def fit(of: Card, machine: Machine) -> str:
    """Whether the card's model runs here: "yes", or what keeps it from that."""
    if of.served:
        if of.memory_bytes <= machine.gpu_memory:
            return "yes"
        return f"needs {human(of.memory_bytes)} of GPU memory" + (
            f", this machine has {human(machine.gpu_memory)}" if machine.gpus else ""
        )
    # a quarter is left to the system, the page's browser and the other models
    if of.memory_bytes > machine.memory * 3 // 4:
        return f"needs {human(of.memory_bytes)} of memory"
    if of.memory_bytes >= 2_400_000_000 and not machine.cuda:
        return "slow without a GPU"
    return "yes"


def examine(config_path: Path, machine: Machine) -> list[Finding]:
    """Everything that decides whether `openline serve --config config_path` can work."""
    python = platform.python_version()
    good = (3, 11) <= sys.version_info < (3, 14)
    needs = "install Python 3.11, 3.12 or 3.13 and remove .venv"
    findings = [
        Finding("Python", "good" if good else "bad", python, "" if good else needs),
        Finding(
            "cores",
            "good" if machine.cores >= 2 else "note",
            str(machine.cores),
            "" if machine.cores >= 2 else "one core answers slowly; a second one halves the wait",
        ),
        Finding("memory", "good", human(machine.memory)),
        _gpu(machine),
        Finding("disk", "good", f"{human(machine.disk_free)} free for models in {cache_root()}"),
        _tool(
            "browser for the page's test",
            ("chromium", "chromium-browser", "google-chrome"),
            "only `make test` needs it: apt-get install -y chromium",
        ),
        _tool("Node.js", ("node",), "only `make test` needs it, and fetches its own without one"),
        _sound(),
    ]
    try:
        config = load_config(config_path)
    except ConfigError as exc:
        return [*findings, Finding("config", "bad", str(exc), "openline serve --config FILE")]
    return [*findings, *_about(config, config_path, machine)]


def _gpu(machine: Machine) -> Finding:
    if not machine.gpus:
        return Finding("GPU", "note", "none", "the demo needs none; large models do")
    names = f"{', '.join(machine.gpus)} ({human(machine.gpu_memory)})"
    if machine.cuda:
        return Finding("GPU", "good", names)
    return Finding("GPU", "note", names, "CUDA 12 libraries are not found: Whisper runs on the CPU")


def _tool(what: str, programs: tuple[str, ...], do: str) -> Finding:
    path = next((found for p in programs if (found := shutil.which(p))), None)
    return Finding(what, "good" if path else "note", path or "none", "" if path else do)


def _sound() -> Finding:
    if find_spec("sounddevice") is None:
        return Finding(
            "microphone",
            "note",
            "sounddevice is not installed",
            "only `openline talk` needs it: pip install 'openline[audio]'",
        )
    try:
        import sounddevice
    except OSError:
        return Finding(
            "microphone",
            "note",
            "PortAudio is not installed",
            "only `openline talk` needs it: apt-get install -y libportaudio2",
        )
    try:
        devices = len(sounddevice.query_devices())
    except sounddevice.PortAudioError as exc:
        return Finding("microphone", "note", str(exc))
    if not devices:
        return Finding("microphone", "note", "no sound device", "the page and --wav need none")
    return Finding("microphone", "good", f"{devices} sound devices")


def _about(config: Config, path: Path, machine: Machine) -> list[Finding]:
    names = models_of(config)
    found = [Finding("config", "good", f"{path}: {', '.join(names)}")]
    engines = {"piper": "piper", "kokoro": "kokoro_onnx", "coqui": "TTS"}
    known = cards()
    for name in names:
        engine = known[name].engine if name in known else ""
        if engine in engines and find_spec(engines[engine]) is None:
            do = f"pip install 'openline[{engine}]'"
            found.append(Finding(f"engine of {name}", "bad", "not installed", do))
    try:
        absent = missing(names)
    except ModelError as exc:
        return [*found, Finding("models", "bad", str(exc))]
    need = sum(c.memory_bytes for n in names if (c := known.get(n)))
    if need > machine.memory:
        have = human(machine.memory)
        found.append(Finding("memory of its models", "bad", f"{human(need)} needed, {have} here"))
    if config.transcriber.device == "cuda" and not machine.cuda:
        found.append(Finding("transcriber", "bad", "device: cuda, but no GPU", "device: auto"))
    if not absent:
        return [*found, Finding("models", "good", "all here")]
    size = sum(c.size_bytes for c in absent)
    listed = ", ".join(c.name for c in absent)
    if size > machine.disk_free:
        return [*found, Finding("models", "bad", f"{human(size)} to fetch: no room for {listed}")]
    return [
        *found,
        Finding(
            "models",
            "note",
            f"{human(size)} to fetch: {listed}",
            "openline serve fetches them first",
        ),
    ]


def next_step(findings: list[Finding], config: Path, machine: Machine) -> str:
    """The command to type now."""
    stop = next((f for f in findings if f.verdict == "bad"), None)
    if stop is not None:
        return f"mend first: {stop.what}" + (f" ({stop.do})" if stop.do else "")
    if machine.cuda and config.name == "demo.yaml" and config.with_name("gpu.yaml").exists():
        return f"openline serve --config {config.with_name('gpu.yaml')}"
    return f"openline serve --config {config}"


def run(config: Path, *, as_json: bool) -> int:
    """Print the report; 1 when the config cannot run here, else 0."""
    machine = look()
    findings = examine(config, machine)
    step = next_step(findings, config, machine)
    fits = {name: fit(c, machine) for name, c in cards().items()}
    if as_json:
        report: dict[str, Any] = {
            "machine": asdict(machine),
            "findings": [asdict(f) for f in findings],
            "models": {n: {"here": is_here(cards()[n]), "fits": fits[n]} for n in fits},
            "next": step,
        }
        print(json.dumps(report, indent=2))
    else:
        _print(findings, fits, step)
    return int(any(f.verdict == "bad" for f in findings))


def _print(findings: list[Finding], fits: dict[str, str], step: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    marks: dict[Verdict, Text] = {
        "good": Text("ok", style="green"),
        "note": Text("--", style="yellow"),
        "bad": Text("!!", style="bold red"),
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for f in findings:
        told = Text(f.found)
        if f.do:
            told.append(f"\n{f.do}", style="dim")
        table.add_row(marks[f.verdict], f.what, told)
    console.print(table)
    here = [name for name in fits if is_here(cards()[name])]
    can = [n for n, verdict in fits.items() if verdict == "yes" and n not in here]
    console.print(f"\nModels here: {', '.join(here) or 'none'}", markup=False)
    console.print(f"Would run here too: {', '.join(can) or 'none'}", markup=False)
    for name, verdict in fits.items():
        if verdict != "yes" and name not in here:
            console.print(f"  {name}: {verdict}", style="dim", markup=False)
    console.print(f"\nNext: {step}", style="bold", markup=False, soft_wrap=True)
