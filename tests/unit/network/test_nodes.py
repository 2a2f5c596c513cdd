"""Treatments to perturbations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from platewise.columns import split_annotation
from platewise.config.network import NetworkConfig
from platewise.network.nodes import build_nodes
from platewise.profiles.frame import split_profiles


def consensus() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Perturbation": ["DMSO", "b", "b", "b", "a"],
            "Metadata_Dose": [np.nan, 1.0, 3.0, 10.0, np.nan],
            "Metadata_MOA": ["", "y", "y|x", "y", "x"],
            "Metadata_ControlType": ["negcon", "", "", "", "poscon"],
            "Metadata_Replicates": 3,
            "Metadata_Batch": "B",
            "Metadata_CellCount": [500.0, 100.0, 200.0, 600.0, 50.0],
            "Cells_A": [0.0, 1.0, 9.0, 5.0, 7.0],
            "Cells_B": [0.0, 0.0, 0.0, 0.0, 1.0],
        }
    )


@pytest.mark.parametrize(
    ("doses", "profile", "cells"),
    [("mean", 5.0, 300.0), ("median", 5.0, 300.0), ("highest", 5.0, 600.0), ("strongest", 9.0, 200.0)],
)
def test_doses_become_one_node(doses: str, profile: float, cells: float) -> None:
    nodes = build_nodes(*split_profiles(consensus()), NetworkConfig(doses=doses))
    assert nodes.metadata["Metadata_Perturbation"].tolist() == ["a", "b"]
    assert nodes.values.tolist() == [[7.0, 1.0], [profile, 0.0]]
    assert nodes.metadata["Metadata_CellCount"].tolist() == [50.0, cells]


def test_the_strongest_dose_is_far_from_the_controls_wherever_they_are() -> None:
    table = consensus()
    table["Cells_A"] -= np.float64(20.0)
    # From 0 it would be the lowest dose.
    assert build_nodes(*split_profiles(table), NetworkConfig(doses="strongest")).values[1].tolist() == [-11.0, 0.0]


def test_all_annotations_of_a_perturbation_are_kept_once() -> None:
    assert build_nodes(*split_profiles(consensus()), NetworkConfig()).metadata["Metadata_MOA"].tolist() == ["x", "x|y"]
    assert split_annotation(" a| b||") == ["a", "b"]


def test_controls_are_a_node_on_request_only() -> None:
    nodes = build_nodes(*split_profiles(consensus()), NetworkConfig(include_negcon=True))
    assert nodes.metadata["Metadata_Perturbation"].tolist() == ["DMSO", "a", "b"]
    assert nodes.members.tolist() == [0, 2, 2, 2, 1]
