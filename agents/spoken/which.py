"""Which language a caller's line is in: by its words, and by the recognizer's word where those do
not tell."""

from collections.abc import Sequence

from agents.spoken.language import Language

# Whisper names a language even for a cough; fewer words that are in both, as "ok" or "no", are
# left in the language of the call.
_TELLING_WORDS = 3


def language_of(line: str, known: Sequence[Language], recognized: str = "") -> Language | None:
    """The one of `known` that a line is in, or None where that cannot be told.

    `recognized`: the code that the recognizer gave, "" for none.
    """
    own: list[tuple[int, Language]] = []
    for language in known:
        others = [other for other in known if other is not language]
        words = language.words(line)
        only = [w for w in words if language.has(w) and not any(o.has(w) for o in others)]
        own.append((len(only), language))
    own.sort(key=lambda scored: -scored[0])
    (most, best), (second, _) = own[0], own[1] if len(own) > 1 else (-1, None)
    if most > second:
        return best
    if len(line.split()) >= _TELLING_WORDS:
        return next((each for each in known if each.code == recognized), None)
    return None
