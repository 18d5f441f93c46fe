"""Streamed text to clauses: the first one short, so that speech starts soon, the next ones full."""

import re

_FIRST_WORDS = 4  # a first clause without punctuation is cut before a joining word after these
_LONGEST_WORDS = 24  # one that never pauses is cut anyhow, about 8 s of speech
_JOINING = frozenset(
    [
        "and",
        "but",
        "or",
        "so",
        "because",
        "which",
        "that",
        "who",
        "when",
        "where",
        "while",
        "if",
        "for",
        "with",
        "from",
        "to",
        "in",
        "on",
        "at",
        "by",
        "of",
        "after",
        "before",
        "until",
        "since",
        "about",
    ]
)
_ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "sr",
        "jr",
        "st",
        "no",
        "vs",
        "etc",
        "e.g",
        "i.e",
        "approx",
        "dept",
        "est",
        "inc",
        "ltd",
        "co",
        "a.m",
        "p.m",
        "u.s",
        "u.k",
    ]
)
# A break is punctuation that a space follows: "3.50", "10:42" and "1,042" hold none.
_BREAK = re.compile(r"[.!?…,;:–—]+[\"'”’)\]]*(?=\s)|[。！？、，；：]+|\n+")
_SENTENCE = frozenset(".!?…。！？\n")


class ClauseSplitter:
    """Feed it text in pieces of any size; joined, the clauses are the text again."""

    def __init__(self, first_words: int = _FIRST_WORDS) -> None:
        self._first_words = first_words
        self._text = ""
        self._first = True

    def feed(self, piece: str) -> list[str]:
        """The clauses that this piece completes."""
        self._text += piece
        clauses: list[str] = []
        while (end := self._end()) is not None:
            clause, self._text = self._text[:end], self._text[end:]
            if clause.strip():
                clauses.append(clause.strip())
                self._first = False
        return clauses

    def flush(self) -> list[str]:
        """What is left, at the end of the answer or of a sentence that is known to be complete."""
        rest, self._text = self._text.strip(), ""
        if rest:
            self._first = False
        return [rest] if rest else []

    def _end(self) -> int | None:
        for found in _BREAK.finditer(self._text):
            before = self._text[: found.end()]
            if not before.strip() or self._is_abbreviation(before):
                continue
            if self._first or _SENTENCE & set(found.group()):
                return found.end()
            # A later clause ends at a comma only when it is long enough to be worth the pause.
            if len(before.split()) >= 6:
                return found.end()
        return self._cut_without_punctuation()

    def _cut_without_punctuation(self) -> int | None:
        words = list(re.finditer(r"\S+(?=\s)", self._text))  # complete ones only
        least = self._first_words if self._first else _LONGEST_WORDS
        for word in words[least:]:
            if word.group().lower() in _JOINING or len(words) > least + 4:
                return word.start()
        return None

    @staticmethod
    def _is_abbreviation(before: str) -> bool:
        if not before.endswith("."):
            return False
        last = before.split()[-1].rstrip(".").lower().lstrip("(\"'")
        return last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha() and last != "i")
