"""Whether the nearest neighbour of a treatment has its mechanism: NSC and NSCB (Ljosa et al. 2013)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from platewise.columns import split_annotation
from platewise.evaluation.annotations import annotation_matches
from platewise.evaluation.items import CannotScoreError, Items
from platewise.evaluation.similarity import Similarity

_BLOCK = 512


def nearest_match(similarity: Similarity, matches: np.ndarray, excluded: np.ndarray) -> Items:
    """Return 1 for each treatment whose nearest allowed neighbour shares its annotation, else 0.

    Neighbours at the same similarity share the answer: the value is the share of them that match. A treatment of which
    no allowed neighbour matches, whatever its profile, has no value: it would only count annotations with one member.

    Parameters
    ----------
    similarity
        Between treatments.
    matches
        Whether two share an annotation, bool ``(treatments, treatments)``.
    excluded
        Pairs that are not allowed, bool of the same shape.

    Raises
    ------
    CannotScoreError
        If no treatment has an allowed neighbour that matches.
    """
    values = np.full(similarity.size, np.nan)
    everything = np.arange(similarity.size)
    for start in range(0, similarity.size, _BLOCK):
        rows = everything[start : start + _BLOCK]
        block = np.where(excluded[rows], -np.inf, similarity.block(rows, everything))
        best = block.max(axis=1, keepdims=True)
        nearest = (block == best) & np.isfinite(block)
        counts = nearest.sum(axis=1)
        some = (matches[rows] & ~excluded[rows]).any(axis=1)
        values[rows[some]] = (nearest & matches[rows]).sum(axis=1)[some] / counts[some]
    if not np.isfinite(values).any():
        raise CannotScoreError(
            "no two treatments share an annotation but those of a perturbation or batch that is to be left out"
        )
    return Items(values, everything, share=True)


def same_perturbation(perturbations: Sequence[str]) -> np.ndarray:
    """Return which pairs are of one perturbation, bool ``(treatments, treatments)``; itself included."""
    names = np.asarray(perturbations, dtype=str)
    return names[:, None] == names[None, :]


def shared_batch(batches: Sequence[str]) -> np.ndarray:
    """Return which pairs have a batch in common, bool ``(treatments, treatments)``; ``a|b`` stands for several."""
    return annotation_matches(batches) | np.eye(len(batches), dtype=bool)


def in_several_batches(moas: Sequence[str], batches: Sequence[str]) -> np.ndarray:
    """Return the treatments with an annotation that was seen in two batches or more, bool ``(treatments,)``.

    The others cannot have a matching neighbour outside their batch; NSCB leaves them out altogether.
    """
    seen: dict[str, set[str]] = {}
    for moa, batch in zip(moas, batches, strict=True):
        for label in split_annotation(moa):
            seen.setdefault(label, set()).update(split_annotation(batch))
    return np.array([any(len(seen[label]) > 1 for label in split_annotation(moa)) for moa in moas], dtype=bool)
