"""Pieces of GBNF, llama.cpp's grammars."""

from collections.abc import Sequence


def quoted(text: str) -> str:
    """The rule that admits just this text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def runs(words: Sequence[str], closed: Sequence[bool] = ()) -> list[str]:
    """Rules s0, s1, …: the run of words that starts at each, up to the next `closed` one."""
    rules: list[str] = []
    for at, word in enumerate(words):
        ends = at + 1 == len(words) or (bool(closed) and closed[at + 1])
        more = "" if ends else f' (" " s{at + 1})?'
        rules.append(f"s{at} ::= {quoted(word)}{more}")
    return rules
