"""Which voice prints are of one speaker: average linkage on cosine distance, in numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class _Merge:
    one: int  # a print of one cluster
    other: int  # and of the one it was joined to
    distance: float


def clusters(
    prints: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    threshold: float,
    count: int | None = None,
) -> NDArray[np.int64]:
    """A cluster's number, from 0, for each of (n, d) prints of length 1.

    Two clusters are one while the mean distance of their prints, counted by `weights`, is at most
    `threshold`; with `count`, until so many are left. Memory grows as n, time as n squared.
    """
    merges = sorted(_chain(prints, weights), key=lambda merge: merge.distance)
    kept = (
        [merge for merge in merges if merge.distance <= threshold]
        if count is None
        else merges[: max(0, len(prints) - count)]
    )
    parent = list(range(len(prints)))

    def root(of: int) -> int:
        while parent[of] != of:
            parent[of] = parent[parent[of]]
            of = parent[of]
        return of

    for merge in kept:
        parent[root(merge.one)] = root(merge.other)
    return np.unique([root(i) for i in range(len(prints))], return_inverse=True)[1]


def _chain(prints: NDArray[np.float32], weights: NDArray[np.float32]) -> list[_Merge]:
    """All merges, by chains of nearest neighbours. The mean distance of two clusters is what their
    mean vectors' product lacks to 1, so no table of all pairs is kept."""
    means, mass = prints.astype(np.float32), weights.astype(np.float64)
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
    return merges
