"""The nodes of the network: one profile a perturbation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from platewise.columns import CELL_COUNT, CONTROL_TYPE, DOSE, MOA, NEGCON, PERTURBATION
from platewise.config.network import NetworkConfig
from platewise.profiles.frame import split_profiles


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


def build_nodes(consensus: pd.DataFrame, config: NetworkConfig) -> Nodes:
    """Join the doses of every perturbation.

    Parameters
    ----------
    consensus
        Level 5, a row a treatment.
    config
        ``doses`` and ``include_negcon``.
    """
    metadata, values, features = split_profiles(consensus)
    members = node_members(metadata, values, config)
    names = metadata.loc[members >= 0, PERTURBATION].drop_duplicates().sort_values()
    used = metadata[members >= 0].groupby(PERTURBATION, sort=True)
    table = pd.DataFrame(
        {
            PERTURBATION: names.to_numpy(dtype=object),
            MOA: [join_annotations(moas) for _, moas in used[MOA]],
            CELL_COUNT: used[CELL_COUNT].mean().to_numpy(dtype=np.float64),
        }
    )
    return Nodes(table, pool_doses(values, members, len(table), config.doses), members, features)


def node_members(treatments: pd.DataFrame, values: np.ndarray, config: NetworkConfig) -> np.ndarray:
    """Return the node of each treatment, numbered by name, -1 for none, ``(treatments,)``.

    Parameters
    ----------
    treatments
        ``Metadata_Perturbation``, ``Metadata_Dose``, ``Metadata_ControlType``.
    values
        Their profiles: `strongest` is the dose furthest from the mean of the negative controls (from 0 without any).
    config
        ``doses`` and ``include_negcon``.
    """
    wanted = np.ones(len(treatments), dtype=bool)
    if not config.include_negcon:
        wanted &= (treatments[CONTROL_TYPE] != NEGCON).to_numpy()
    members = np.full(len(treatments), -1)
    names, codes = np.unique(treatments.loc[wanted, PERTURBATION].to_numpy(dtype=str), return_inverse=True)
    members[wanted] = codes
    if config.doses in ("mean", "median"):
        return members
    negcon = values[(treatments[CONTROL_TYPE] == NEGCON).to_numpy()]
    # A correction may have its origin elsewhere.
    size = np.linalg.norm(values - (negcon.mean(axis=0) if len(negcon) else 0), axis=1)
    if config.doses == "highest":
        size = np.nan_to_num(treatments[DOSE].to_numpy(dtype=float), nan=-1.0)
    for node in range(len(names)):
        rows = np.flatnonzero(members == node)
        members[rows] = -1
        members[rows[size[rows].argmax()]] = node
    return members


def pool_doses(values: np.ndarray, members: np.ndarray, nodes: int, doses: str) -> np.ndarray:
    """Return the profile of each node, ``(nodes, features)``, from those of its treatments."""
    if doses == "median":
        rows = [np.median(values[members == node], axis=0) for node in range(nodes)]
        return np.array(rows).reshape(nodes, values.shape[1])
    used = members >= 0
    sums = np.zeros((nodes, values.shape[1]))
    np.add.at(sums, members[used], values[used])
    return sums / np.bincount(members[used], minlength=nodes)[:, None]


def join_annotations(moas: pd.Series) -> str:
    """Return all annotations of one perturbation's rows, each once, sorted and joined by ``|``."""
    return "|".join(sorted({label for moa in moas for label in split_annotation(moa)}))


def split_annotation(moa: str) -> list[str]:
    """Return the labels in ``a|b``; none for an empty annotation."""
    return [label.strip() for label in str(moa).split("|") if label.strip()]


def unit_rows(values: np.ndarray) -> np.ndarray:
    """Return rows of length 1, so that their products are cosines; a row of zeros stays (similar to nothing)."""
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(length > 0, length, 1.0)
