"""The nodes of the network: one profile a perturbation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from platewise.columns import CELL_COUNT, CONTROL_TYPE, DOSE, MOA, NEGCON, PERTURBATION, split_annotation
from platewise.config.network import NetworkConfig
from platewise.profiles.consensus import combine

# Nodes that are worked on at a time.
_NODES = 1024


@dataclass(frozen=True)
class Nodes:
    """Perturbations with their profiles.

    Attributes
    ----------
    metadata
        ``Metadata_Perturbation``, ``Metadata_MOA``, ``Metadata_CellCount``, sorted by name.
    values
        ``(nodes, features)``.
    members
        Node of every row of the consensus table, -1 for a row that is in none, ``(treatments,)``.
    features
        Names of the columns of ``values``.
    """

    metadata: pd.DataFrame
    values: np.ndarray
    members: np.ndarray
    features: list[str]


def build_nodes(metadata: pd.DataFrame, values: np.ndarray, features: list[str], config: NetworkConfig) -> Nodes:
    """Join the doses of every perturbation.

    Parameters
    ----------
    metadata, values, features
        Level 5, a row a treatment, taken apart (``profiles.frame.split_profiles``).
    config
        ``doses`` and ``include_negcon``.
    """
    nodes, names = number_nodes(metadata, config)
    from_controls = values - controls_centre(metadata, values)
    members = choose_doses(nodes, metadata[DOSE].to_numpy(dtype=float), from_controls, config.doses)
    used = metadata[members >= 0].groupby(members[members >= 0], sort=True)
    table = pd.DataFrame(
        {
            PERTURBATION: names,
            MOA: [join_annotations(moas) for _, moas in used[MOA]],
            CELL_COUNT: used[CELL_COUNT].mean().to_numpy(dtype=np.float64),
        }
    )
    return Nodes(table, pool_doses(values, members, len(table), config.doses), members, features)


def number_nodes(treatments: pd.DataFrame, config: NetworkConfig) -> tuple[np.ndarray, np.ndarray]:
    """Number the perturbations by name.

    Parameters
    ----------
    treatments
        ``Metadata_Perturbation``, ``Metadata_ControlType``.
    config
        ``include_negcon``.

    Returns
    -------
    nodes
        Node of each treatment, -1 for a control that is no node, ``(treatments,)``.
    names
        Of the nodes, sorted.
    """
    wanted = np.ones(len(treatments), dtype=bool)
    if not config.include_negcon:
        wanted &= (treatments[CONTROL_TYPE] != NEGCON).to_numpy()
    nodes = np.full(len(treatments), -1)
    names, codes = np.unique(treatments.loc[wanted, PERTURBATION].to_numpy(dtype=str), return_inverse=True)
    nodes[wanted] = codes.ravel()
    return nodes, names.astype(object)


def controls_centre(metadata: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    """Return the mean of the negative controls' profiles, ``(features,)``; 0 without any.

    After most corrections it is 0; some have their origin elsewhere.
    """
    control = (metadata[CONTROL_TYPE] == NEGCON).to_numpy()
    return values[control].mean(axis=0) if control.any() else np.zeros(values.shape[1])


def choose_doses(nodes: np.ndarray, doses: np.ndarray, values: np.ndarray, choice: str) -> np.ndarray:
    """Return the node of each treatment that its profile is made from, -1 for a treatment that is left out.

    Parameters
    ----------
    nodes
        Node of each treatment, -1 for none, ``(treatments,)``.
    doses
        Their doses, NaN for none.
    values
        Their profiles minus `controls_centre`: `strongest` is the dose with the longest one.
    choice
        The config's ``doses``.
    """
    if choice in ("mean", "median"):
        return nodes
    size = np.nan_to_num(doses, nan=-1.0) if choice == "highest" else np.linalg.norm(values, axis=1)
    order = np.lexsort([np.arange(len(nodes)), -size, nodes])
    # The first of each node in that order is chosen.
    chosen = order[np.concatenate([[True], np.diff(nodes[order]) > 0])] if len(order) else order
    members = np.full(len(nodes), -1)
    members[chosen] = nodes[chosen]
    return members


def pool_doses(values: np.ndarray, members: np.ndarray, nodes: int, doses: str) -> np.ndarray:
    """Return the profile of each node, ``(nodes, features)`` with the type of ``values``, from its treatments'."""
    pooled = np.empty((nodes, values.shape[1]), dtype=values.dtype)
    used = np.flatnonzero(members >= 0)
    used = used[np.argsort(members[used], kind="stable")]
    for start in range(0, nodes, _NODES):
        rows = used[slice(*np.searchsorted(members[used], [start, start + _NODES]))]
        count = min(_NODES, nodes - start)
        method = "median" if doses == "median" else "mean"
        pooled[start : start + count] = combine(values[rows], members[rows] - start, count, method)
    return pooled


def join_annotations(moas: pd.Series) -> str:
    """Return all annotations of one perturbation's rows, each once, sorted and joined by ``|``."""
    return "|".join(sorted({label for moa in moas for label in split_annotation(moa)}))


def unit_rows(values: np.ndarray) -> np.ndarray:
    """Return rows of length 1, so that their products are cosines; a row of zeros stays (similar to nothing)."""
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(length > 0, length, 1.0)
