"""Which pieces of sound are of one speaker, by their voice prints. In numpy, linear in length.

Pieces that sound alike make groups (average linkage); then groups are joined while they are alike
*measured by how alike each is within itself*: prints of two seconds scatter, and an excited speaker
more than a calm one, so no distance between single prints tells two speakers from one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ALIKE = 0.45  # mean cosine distance of the prints of a group, at most
_BLOCK = 2000  # prints grouped at once, about half an hour
_USUAL = 0.62  # mean likeness of two pieces of one speaker, of 16 voices on the telephone and not
_TRUST = 2.0  # pairs of prints that this is worth
# A group with less than a tenth of all prints is the nearer the smaller it is, up to this: in a
# long recording some pieces of noise and laughter are far from everybody.
_DOUBT, _FEW = 0.3, 0.1
_STRANGE = 0.22  # likeness to every voice, below
_AGAIN = 0.5  # mean likeness within a group of strange prints, at least
_NEW = 0.45  # likeness of such a group to every voice, below
_HEARD = 3  # prints of it; most sound is in two windows
_SAME_SOUND = 1.2  # s; pieces whose middles are closer share sound, and are no evidence


@dataclass(frozen=True, slots=True)
class _Merge:
    one: int
    other: int  # joined to `one`, and gone
    distance: float


def speakers_of(
    prints: NDArray[np.float32],
    middles: NDArray[np.float64],
    seconds: NDArray[np.float64],
    *,
    threshold: float,
    least: float,
    count: int | None = None,
) -> NDArray[np.float32]:
    """(speakers, d): a voice each, of length 1, the most talkative first.

    `prints`: (n, d) of length 1; `middles`: s, where their pieces lie; `seconds`: how long they
    are. Who has fewer than `least` s is no speaker, unless nobody has more. `count`: how many
    there are, if it is known; fewer come back only when there are fewer prints.
    """
    groups = np.zeros(len(prints), np.int64)
    for at in range(0, len(prints), _BLOCK):
        block = _grouped(prints[at : at + _BLOCK], _ALIKE)
        groups[at : at + _BLOCK] = block + (groups[:at].max() + 1 if at else 0)
    merges = _joined(prints, middles, groups)
    mass: NDArray[np.float64] = np.bincount(groups, weights=seconds).astype(np.float64)
    parent = np.arange(len(mass))
    stop = _merges_for(merges, mass, count, least) if count else None
    for n, merge in enumerate(merges):
        if n == stop or (stop is None and merge.distance > threshold):
            break
        parent[parent == merge.other] = merge.one
    owners = parent[groups]
    mass = np.bincount(owners, weights=seconds, minlength=len(parent)).astype(np.float64)
    order = np.argsort(-mass, kind="stable")
    chosen = order[:count] if count else order[mass[order] >= least]
    chosen = [int(n) for n in (chosen if len(chosen) else order[:1]) if mass[n] > 0]
    return np.stack([_voice(prints, owners == n, seconds) for n in chosen])


def with_rare(
    voices: NDArray[np.float32],
    prints: NDArray[np.float32],
    middles: NDArray[np.float64],
    seconds: NDArray[np.float64],
) -> NDArray[np.float32]:
    """`voices` and those of people who only ever say a word or two: prints, short ones too, that
    are like none of the voices, but like each other and heard more than once."""
    strange = np.flatnonzero((prints @ voices.T).max(axis=1) < _STRANGE)
    if len(strange) < _HEARD:
        return voices
    groups = _grouped(prints[strange], 1.0 - _AGAIN)
    for n in range(int(groups.max()) + 1):
        own = np.zeros(len(prints), bool)
        own[strange[groups == n]] = True
        apart = middles[own].max() - middles[own].min() > _SAME_SOUND
        if own.sum() < _HEARD or not apart:
            continue
        voice = _voice(prints, own, seconds)
        if (voices @ voice).max() < _NEW:
            voices = np.vstack([voices, voice])
    return voices


def _voice(
    prints: NDArray[np.float32], own: NDArray[np.bool_], seconds: NDArray[np.float64]
) -> NDArray[np.float32]:
    total = (prints[own] * seconds[own, None]).sum(axis=0)
    return (total / np.linalg.norm(total)).astype(np.float32)


def _grouped(prints: NDArray[np.float32], threshold: float) -> NDArray[np.int64]:
    """A group's number for each print: average linkage by chains of nearest neighbours.

    The mean distance of two groups is what the product of their mean vectors lacks to 1, so no
    table of all pairs is kept.
    """
    means, mass = prints.astype(np.float32), np.ones(len(prints))
    alive = np.ones(len(prints), bool)
    merges: list[_Merge] = []
    chain: list[int] = []
    while len(merges) < len(prints) - 1:
        if not chain:
            chain.append(int(np.flatnonzero(alive)[0]))
        tip = chain[-1]
        near = np.where(alive, means @ means[tip], -np.inf)
        near[tip] = -np.inf
        best = int(near.argmax())
        if len(chain) > 1 and near[chain[-2]] >= near[best]:
            best = chain[-2]
            del chain[-2:]
            merges.append(_Merge(best, tip, 1.0 - float(near[best])))
            total = mass[best] + mass[tip]
            means[best] = (means[best] * mass[best] + means[tip] * mass[tip]) / total
            mass[best], alive[tip] = total, False
        else:
            chain.append(best)
    parent = np.arange(len(prints))
    for merge in sorted(merges, key=lambda merge: merge.distance):
        if merge.distance <= threshold:
            parent[parent == parent[merge.other]] = parent[merge.one]
    return np.unique(parent, return_inverse=True)[1]


def _joined(
    prints: NDArray[np.float32], middles: NDArray[np.float64], groups: NDArray[np.int64]
) -> list[_Merge]:
    """All groups joined to one, the nearest first.

    Their distance: 1 - the mean likeness across, over the geometric mean of that within each,
    less the doubt about a small one.
    """
    count = int(groups.max()) + 1
    sums = np.zeros((count, prints.shape[1]))
    np.add.at(sums, groups, prints)
    sizes = np.bincount(groups).astype(np.float64)
    likeness, pairs = sums @ sums.T, np.outer(sizes, sizes)
    order = np.argsort(middles, kind="stable")
    for i, one in enumerate(order):
        for other in order[i:]:
            if middles[other] - middles[one] > _SAME_SOUND:
                break
            alike = float(prints[one] @ prints[other])
            for a, b in {(groups[one], groups[other]), (groups[other], groups[one])}:
                twice = 2 if a == b and one != other else 1
                likeness[a, b] -= twice * alike
                pairs[a, b] -= twice
    merges: list[_Merge] = []
    alive: NDArray[np.int64] = np.arange(count)
    while len(alive) > 1:
        table, known = likeness[np.ix_(alive, alive)], pairs[np.ix_(alive, alive)]
        within = (np.diag(table) + _TRUST * _USUAL) / (np.diag(known) + _TRUST)
        within = np.sqrt(np.maximum(within, 1e-3))
        distance = 1 - table / np.maximum(known, 0.5) / within / within[:, None]
        distance[known < 0.5] = 2.0  # only ever heard in the same moment: not one speaker
        size = np.minimum(sizes[alive], sizes[alive][:, None])
        distance -= _DOUBT * np.maximum(0, 1 - size / len(prints) / _FEW)
        np.fill_diagonal(distance, np.inf)
        i, j = divmod(int(distance.argmin()), len(alive))
        one, other = int(alive[i]), int(alive[j])
        merges.append(_Merge(one, other, float(distance[i, j])))
        for sums_of in (likeness, pairs):
            sums_of[one] += sums_of[other]
            sums_of[:, one] += sums_of[:, other]
        sizes[one] += sizes[other]
        alive = alive[np.arange(len(alive)) != j]
    return merges


def _merges_for(merges: list[_Merge], mass: NDArray[np.float64], count: int, least: float) -> int:
    """How many merges leave `count` groups of at least `least` s, or, where there are never so
    many, just `count` groups."""
    left = mass.copy()
    most = max(0, len(mass) - count)
    if not most:
        return 0
    states = [int((left >= least).sum())]
    for merge in merges[:most]:
        left[merge.one] += left[merge.other]
        left[merge.other] = 0.0
        states.append(int((left >= least).sum()))
    enough = [n for n, groups in enumerate(states) if groups >= count]
    return enough[-1] if enough else most
