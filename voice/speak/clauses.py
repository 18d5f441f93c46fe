"""Streamed text to clauses: the first one short, so that speech starts soon, the next ones full."""

import re

# Words after which a clause without punctuation is cut before a joining word, and anyhow: the
# first, the second, the others (8 s of speech). While three words are spoken (0.9 s), a 1.5B model
# on one core writes 14 more and the voice is ready with eight.
_JOIN_AFTER, _CUT_AFTER = (3, 6, 24), (6, 11, 28)
_COMMA_AFTER = (1, 3, 6)  # words that make a clause which ends at a comma worth the pause
_JOINING_WORDS = """and but or so because which that who when where while if for with from to in on
at by of after before until since about"""
_JOINING = frozenset(_JOINING_WORDS.split())
_SHORT_FORMS = (
    "mr mrs ms dr prof sr jr st no vs etc e.g i.e approx dept est inc ltd co a.m p.m u.s u.k"
)
_ABBREVIATIONS = frozenset(_SHORT_FORMS.split())
# A comma after a letter ends a clause at once. Other punctuation waits for a space, which "3.50",
# "10:42", "1,042" and addresses lack; that of Chinese and Japanese for any other character.
_BREAK = re.compile(
    r"(?<=[^\W\d_])[,;]"
    r"|[.!?…,;:–—]+[\"'”’)\]]*(?=\s)"
    r"|[。！？、，；：]+[”’」』）]*(?=[^。！？、，；：”’」』）])"
    r"|\n+"
)
_SENTENCE = frozenset(".!?…。！？\n")


class ClauseSplitter:
    """Feed it text in pieces of any size: the clauses are the same however the text arrives, and
    joined they are the text again."""

    def __init__(self) -> None:
        self._text = ""
        self._done = 0  # clauses, 2 for more

    def feed(self, piece: str) -> list[str]:
        """The clauses that this piece completes."""
        self._text += piece
        clauses: list[str] = []
        while (end := self._end()) is not None:
            clause, self._text = self._text[:end].strip(), self._text[end:]
            if clause:
                clauses.append(clause)
                self._done = min(2, self._done + 1)
        return clauses

    def flush(self) -> list[str]:
        """What is left, at the end of the answer or of a sentence that is known to be complete."""
        rest, self._text = self._text.strip(), ""
        if rest:
            self._done = min(2, self._done + 1)
        return [rest] if rest else []

    def _end(self) -> int | None:
        ends = [end for end in (self._punctuation(), self._join()) if end is not None]
        return min(ends, default=None)

    def _punctuation(self) -> int | None:
        for found in _BREAK.finditer(self._text):
            before = self._text[: found.end()]
            if not any(c.isalnum() for c in before) or self._goes_on(before, found.end()):
                continue
            sentence = _SENTENCE & set(found.group())
            if sentence or len(before.split()) >= _COMMA_AFTER[self._done]:
                return found.end()
        return None

    def _join(self) -> int | None:
        least, most = _JOIN_AFTER[self._done], _CUT_AFTER[self._done]
        for i, word in enumerate(re.finditer(r"\S+(?=\s)", self._text)):  # complete ones only
            if i >= most or (i >= least and word.group().lower() in _JOINING):
                return word.start()
        return None

    def _goes_on(self, before: str, end: int) -> bool:
        """Whether the full stop that `before` ends with is part of a word or of a list's number."""
        if not before.endswith((".", ".,")):
            return False
        word = before.split()[-1].rstrip(".,").lower().lstrip("(\"'")
        if word == "no":  # "No. 7", but "No. We are closed."
            after = self._text[end:].lstrip()
            return not after or after[0].isdigit()
        if word.isdigit() and len(word) <= 2:  # "1. Tents"
            return before.rpartition("\n")[2].strip() == f"{word}."
        return word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i")
