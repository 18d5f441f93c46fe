"""Names from what is said: "this is Maria from billing", "me llamo Juan"."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from voice.recordings.transcript import Segment, Word

# What only somebody's own name follows, in the languages that carry capitals for names
_SURELY = re.compile(
    r"\b(?:my name is|my name['’]s|you(?:['’]re| are) (?:speaking|talking) (?:with|to)|"
    r"me llamo|mi nombre es|le habla|le atiende|je m['’]appelle|mon nom est|mein name ist|"
    r"ich hei(?:ß|ss)e|mi chiamo|il mio nome è|meu nome é|me chamo|chamo-me)\s+",
    re.IGNORECASE,
)
# What a name may follow: it is one when what comes behind it says so
_PERHAPS = re.compile(r"\b(?:this is|i['’]m|i am|it['’]s|hier ist|hier spricht)\s+", re.IGNORECASE)
_BEHIND = re.compile(
    r"\s*,?\s*(?:from|at|with|in|here|speaking|calling|over at|von|aus)\b", re.IGNORECASE
)
_SPEAKING = re.compile(r",?\s+(?:speaking|am apparat)\b", re.IGNORECASE)
_TITLE = re.compile(r"mr|mrs|ms|miss|dr|herr|frau|señora?|monsieur|madame", re.IGNORECASE)
_NO_NAME = re.compile(
    r"i|i['’]m|ok|okay|yes|no|not|just|the|an?|bank|services?|customer|support|billing|sales|"
    r"department|tech|technical|team|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|"
    r"march|july|(?:septem|octo|novem|decem)ber|english|spanish|american",
    re.IGNORECASE,
)
_MOST = 3  # words of a name


def said_names(segments: Sequence[Segment]) -> list[tuple[str, str, str]]:
    """(speaker, name, the sentence and when it is said) for those who say who they are.

    The first name that is said for certain, else the first that may be one; by speaker as they
    come in `segments`.
    """
    found: dict[str, tuple[bool, str, str]] = {}
    for speaker, part in groupby(segments, key=lambda one: one.speaker):
        words = [word for one in part for word in one.words]
        for sentence in _sentences(words):
            text = " ".join(word.text for word in sentence)
            for sure, name in _introductions(text):
                known = found.get(speaker)
                if speaker and (known is None or (sure and not known[0])):
                    found[speaker] = (sure, name, f"“{text}” at {_clock(sentence[0].start)}")
    return [(speaker, name, evidence) for speaker, (_, name, evidence) in found.items()]


def _introductions(sentence: str) -> Iterator[tuple[bool, str]]:
    """(whether it is certain, the name)."""
    for match in _SURELY.finditer(sentence):
        if name := _name(sentence[match.end() :]):
            yield True, name[0]
    for match in _PERHAPS.finditer(sentence):
        name = _name(sentence[match.end() :])
        if name and _BEHIND.match(sentence, match.end() + name[1]):
            yield False, name[0]
    name = _name(sentence)
    if name and _SPEAKING.match(sentence, name[1]):
        yield False, name[0]


def _name(text: str) -> tuple[str, int] | None:
    """The capitalised words that `text` begins with, and where they end."""
    words: list[str] = []
    end = 0
    for match in re.finditer(r"[^\s,.;:!?]+([,.;:!?]*)\s*", text):
        word = match[0].rstrip(" ,.;:!?")
        if not words and _TITLE.fullmatch(word):
            continue
        if not word[0].isupper() or _NO_NAME.fullmatch(word) or len(words) == _MOST:
            break
        words.append(word)
        end = match.start() + len(word)
        if match[1]:
            break
    return (" ".join(words), end) if words else None


def _sentences(words: Iterable[Word]) -> Iterator[list[Word]]:
    sentence: list[Word] = []
    for word in words:
        sentence.append(word)
        if word.text.endswith((".", "?", "!")) and not _TITLE.fullmatch(word.text[:-1]):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
