"""Which perturbations share an annotation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from platewise.columns import split_annotation
from platewise.evaluation.items import CannotScoreError, Items


def annotation_matches(moas: Sequence[str]) -> np.ndarray:
    """Return whether two items share any label of ``a|b``, bool ``(items, items)``; the diagonal is False.

    Items without an annotation match nothing.
    """
    labels = sorted({label for moa in moas for label in split_annotation(moa)})
    place = {label: index for index, label in enumerate(labels)}
    has = np.zeros((len(moas), len(labels)), dtype=np.float32)
    for row, moa in enumerate(moas):
        for label in split_annotation(moa):
            has[row, place[label]] = 1.0
    matches = has @ has.T > 0
    np.fill_diagonal(matches, False)
    return matches


def by_annotation(items: Items, moas: Sequence[str]) -> Items:
    """Return items with those of one annotation as one cluster.

    Whether a perturbation finds its annotation hangs on where the others of that annotation lie: intervals and tests
    that took each perturbation by itself were too sure. Of several labels an item goes with the one that most items
    have, of equally many with the first in the alphabet.

    Parameters
    ----------
    items
        Of annotated perturbations or treatments.
    moas
        Annotation of each item.
    """
    known = [set(split_annotation(moa)) for moa in moas]
    counts = Counter(label for labels in known for label in labels)
    largest = [min(labels, key=lambda label: (-counts[label], label)) for labels in known]
    return replace(items, clusters=np.unique(largest, return_inverse=True)[1].ravel())


def require_matches(matches: np.ndarray) -> None:
    """Raise `CannotScoreError` unless some share an annotation and some do not."""
    if len(matches) < 2:
        raise CannotScoreError("fewer than two annotated perturbations")
    if not matches.any():
        raise CannotScoreError("no two perturbations share an annotation")
    if matches.sum() == matches.size - len(matches):
        raise CannotScoreError("all perturbations share an annotation")


def permuted_matches(matches: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the matches after the annotations were dealt to the perturbations anew."""
    order = rng.permutation(len(matches))
    return matches[np.ix_(order, order)]
