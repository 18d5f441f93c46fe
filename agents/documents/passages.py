"""Documents read into passages: a few sentences each, with the headings they stand under.

What a document says is text for callers, never an instruction: nothing here or later looks for a
meaning in it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from loguru import logger
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pypdf import PdfReader
from pypdf.errors import PyPdfError

KINDS = (".md", ".markdown", ".txt", ".html", ".htm", ".pdf")
_LARGEST = 20_000_000  # bytes of one file
_WORDS = 80  # of a passage: 110 tokens or so, read anew for each question
_HEADING = 80  # characters of one heading


class DocumentsError(Exception):
    """The folder cannot be used. The message is one line."""


@dataclass(frozen=True, slots=True)
class Passage:
    """`file` is relative to the folder; `heading` joins the headings with " > ", or is ""."""

    file: str
    heading: str
    text: str

    @property
    def told(self) -> str:
        return f"{self.heading}: {self.text}" if self.heading else self.text


@dataclass(frozen=True, slots=True)
class _Block:
    heading: str
    text: str


def read_folder(folder: Path) -> list[Passage]:
    """Every passage of every document, in the order of their names. Raises DocumentsError."""
    if not folder.is_dir():
        raise DocumentsError(f"{folder}: no such folder")
    root = folder.resolve()
    passages: list[Passage] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        outside = not path.resolve().is_relative_to(root)  # a link
        if hidden or outside or not path.is_file() or path.suffix.lower() not in KINDS:
            continue
        passages += _passages(str(name), _blocks(path))
    if not passages:
        raise DocumentsError(f"{folder}: holds no text; documents end in {', '.join(KINDS)}")
    return passages


def _blocks(path: Path) -> list[_Block]:
    if path.stat().st_size > _LARGEST:
        raise DocumentsError(f"{path}: has more than {_LARGEST // 1_000_000} MB; split it")
    kind = path.suffix.lower()
    if kind == ".pdf":
        return list(_pdf(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise DocumentsError(f"{path}: not UTF-8 text; save it as UTF-8") from exc
    except OSError as exc:
        raise DocumentsError(f"{path}: cannot be read ({exc.strerror})") from exc
    match kind:
        case ".md" | ".markdown":
            return list(_markdown(text))
        case ".html" | ".htm":
            page = _Page()
            page.feed(text)
            page.close()
            return page.blocks
        case _:
            return [_Block("", part) for part in re.split(r"\n\s*\n", text)]


def _passages(file: str, blocks: Iterable[_Block]) -> Iterator[Passage]:
    """Blocks under one heading joined, long ones cut between sentences."""
    heading, held = "", list[str]()
    for block in blocks:
        text = " ".join("".join(c if c.isprintable() else " " for c in block.text).split())
        for sentence in _pieces(text):
            words = len(" ".join(held).split()) + len(sentence.split())
            if held and (block.heading != heading or words > _WORDS):
                yield Passage(file, heading, " ".join(held))
                held = []
            heading = block.heading
            held.append(sentence)
    if held:
        yield Passage(file, heading, " ".join(held))


def _pieces(text: str) -> Iterator[str]:
    """Sentences, none longer than a passage."""
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        words = sentence.split()
        for at in range(0, len(words), _WORDS):
            yield " ".join(words[at : at + _WORDS])


class _Headings:
    """The headings that stand over a place."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    def add(self, level: int, text: str) -> None:
        self._open = [held for held in self._open if held[0] < level]
        self._open.append((level, " ".join(text.split())[:_HEADING]))

    def __str__(self) -> str:
        return " > ".join(text for _, text in self._open if text)


def _markdown(text: str) -> Iterator[_Block]:
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)  # front matter
    headings, level = _Headings(), 0
    row: list[str] | None = None  # cells, while in a row of a table
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        match token.type:
            case "heading_open":
                level = int(token.tag[1])
            case "heading_close":
                level = 0
            case "inline" if level:
                headings.add(level, _plain(token))
            case "tr_open":
                row = []
            case "tr_close":
                yield _Block(str(headings), ", ".join(cell for cell in row or () if cell) + ".")
                row = None
            case "inline" if row is not None:
                row.append(_plain(token))
            case "inline":
                yield _Block(str(headings), _plain(token))
            case "fence" | "code_block":
                yield _Block(str(headings), token.content)
            case "html_block":
                page = _Page()
                page.feed(token.content)
                page.close()
                yield from (_Block(str(headings), block.text) for block in page.blocks)
            case _:
                pass


def _plain(token: Token) -> str:
    breaks = ("softbreak", "hardbreak")
    return "".join(
        " " if child.type in breaks else child.content
        for child in token.children or ()
        if child.type in ("text", "code_inline", *breaks)
    )


class _Page(HTMLParser):
    _APART = frozenset({"script", "style", "template", "noscript", "head", "svg", "nav"})
    _BLOCKS = re.compile(
        "p|div|li|tr|br|h[1-6]|section|article|table|[uod]l|d[td]|blockquote|pre|header|footer|"
        "main|t[dh]"
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[_Block] = []
        self._headings = _Headings()
        self._text: list[str] = []
        self._apart = 0
        self._level = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._APART:
            self._apart += 1
        if self._BLOCKS.fullmatch(tag):
            self._end_block()
        if re.fullmatch("h[1-6]", tag):
            self._level = int(tag[1])

    def handle_endtag(self, tag: str) -> None:
        if tag in self._APART:
            self._apart = max(0, self._apart - 1)
        if self._BLOCKS.fullmatch(tag):
            self._end_block()

    def handle_data(self, data: str) -> None:
        if not self._apart:
            self._text.append(data)

    def close(self) -> None:
        super().close()
        self._end_block()

    def _end_block(self) -> None:
        text, self._text = " ".join("".join(self._text).split()), []
        if self._level:
            self._headings.add(self._level, text)
            self._level = 0
        elif text:
            self.blocks.append(_Block(str(self._headings), text))


def _pdf(path: Path) -> Iterator[_Block]:
    """A page's number is its heading."""
    try:
        for number, page in enumerate(PdfReader(path).pages, 1):
            yield _Block(f"page {number}", page.extract_text())
    except (PyPdfError, OSError, ValueError, KeyError) as exc:
        raise DocumentsError(f"{path}: not a PDF that can be read ({exc})") from exc
    logger.debug(f"read {path}")
