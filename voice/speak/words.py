"""Where the words of a clause lie in its sound, from the lengths of its phonemes."""

import math
from collections.abc import Sequence

_MARKS = frozenset(".,;:!?…—–-\"'()[]¡¿^$_ ")
# Written and spoken words of a group: "of the" is one, the digits of a telephone number are ten
_GROUPS = ((1, 1), (2, 1), (3, 1), *((1, spoken) for spoken in range(2, 13)))


def spoken_words(
    phonemes: Sequence[tuple[str, int]], rate: int, cut: float, samples: int
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Where each word ends, s, and how many phonemes it has; nothing where nothing is known.

    `phonemes` with their lengths in samples at `rate`, words parted by " "; `cut` seconds of the
    sound were cut from its beginning and `samples` are left.
    """
    ends: list[float] = []
    sizes: list[int] = []
    place, end, size = 0, 0, 0
    for phoneme, length in [*phonemes, (" ", 0)]:
        place += length
        if phoneme == " " and size:
            ends.append(min(max(0.0, end / rate - cut), samples / rate))
            sizes.append(size)
            size = 0
        elif phoneme not in _MARKS:
            size += 1
            end = place
    return tuple(ends), tuple(sizes)


def word_ends(
    weights: Sequence[int], ends: Sequence[float], sizes: Sequence[int]
) -> tuple[float, ...]:
    """Where each word of a text ends, s, from where its spoken words do.

    `weights`: the letters of each word as it is spoken. Written and spoken words are not the same:
    "of the" is spoken as one, "1042" as four. Each group of them that is one on one side is matched
    so that its share of the letters is nearest to its share of the phonemes, by dynamic
    programming. () where nothing is known.
    """
    if not ends or not sum(weights):
        return ()
    if len(ends) == len(weights):
        return tuple(ends)
    letters, phonemes = [w / sum(weights) for w in weights], [s / sum(sizes) for s in sizes]
    costs = {(0, 0): 0.0}
    steps: dict[tuple[int, int], tuple[int, int]] = {}
    for i in range(len(letters) + 1):
        for j in range(len(phonemes) + 1):
            for down, across in _GROUPS:
                before = costs.get((i - down, j - across))
                if before is None:
                    continue
                share = sum(letters[i - down : i]) - sum(phonemes[j - across : j])
                cost = before + share * share
                if cost < costs.get((i, j), math.inf):
                    costs[i, j], steps[i, j] = cost, (down, across)
    at = len(letters), len(phonemes)
    if at not in steps:
        return ()
    found: list[float] = []
    while at != (0, 0):
        (i, j), (down, across) = at, steps[at]
        start, end = ends[j - across - 1] if j > across else 0.0, ends[j - 1]
        part, whole = 0, sum(weights[i - down : i]) or 1
        inside: list[float] = []
        for weight in weights[i - down : i]:
            part += weight
            inside.append(start + (end - start) * part / whole)
        found = inside + found
        at = i - down, j - across
    return tuple(found)
