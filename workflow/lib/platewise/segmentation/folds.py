"""A split of annotated images into folds that shares no group between them."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def grouped_folds(groups: Sequence[str], classes: Sequence[str], folds: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Deal groups of images to folds, so that every fold holds about as many images of each class.

    The groups of a class, the largest first, each go to the fold with the fewest images of that class so far, of
    equals to the one with the fewest images. Groups of one size take turns in an order that their names and the seed
    draw. So the split depends on which images there are, not on the order of the rows.

    Parameters
    ----------
    groups, classes
        Of each image. A group with images of several classes is dealt as one of its most frequent class.
    folds
        How many.
    seed
        Another seed deals otherwise.

    Returns
    -------
    folds
        (n,) the fold of each image, from 0. A fold may be empty where there are fewer groups than folds.
    """
    members: dict[str, Counter[str]] = defaultdict(Counter)
    for group, kind in zip(groups, classes, strict=True):
        members[group][kind] += 1
    kinds = {group: min(counts, key=lambda kind: (-counts[kind], kind)) for group, counts in members.items()}
    dealt: dict[str, int] = {}
    in_fold, of_class = Counter(), Counter()
    for group in sorted(members, key=lambda group: (kinds[group], -members[group].total(), _draw(group, seed))):
        kind = kinds[group]
        chosen = min(range(folds), key=lambda fold: (of_class[kind, fold], in_fold[fold], fold))
        dealt[group] = chosen
        in_fold[chosen] += members[group].total()
        of_class[kind, chosen] += members[group].total()
    return np.array([dealt[group] for group in groups], dtype=np.int64)


def _draw(group: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{group}".encode()).digest()
