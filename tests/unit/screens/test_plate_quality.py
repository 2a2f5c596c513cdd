"""Z' and SSMD by hand, and a row for every plate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_screen import wells_table

from platewise.screens.plate_quality import PLATE_COLUMNS, plate_quality, ssmd, z_prime

POSITIVE, NEGATIVE = np.array([18.0, 20.0, 22.0]), np.array([4.0, 5.0, 6.0])


def test_by_hand() -> None:
    # Means 20 and 5, standard deviations 2 and 1.
    assert z_prime(POSITIVE, NEGATIVE) == pytest.approx(1 - 3 * (2 + 1) / 15)
    assert ssmd(POSITIVE, NEGATIVE) == pytest.approx(15 / np.sqrt(5))
    assert z_prime(NEGATIVE, POSITIVE) == pytest.approx(z_prime(POSITIVE, NEGATIVE))
    assert ssmd(NEGATIVE, POSITIVE) == pytest.approx(-15 / np.sqrt(5))


def test_robust_by_hand() -> None:
    # Medians 20 and 5, median absolute deviations 2 and 1; a broken well counts as one.
    positive, negative = np.array([18.0, 20.0, 22.0, 20.0, 900.0, 16.0]), np.array([4.0, 5.0, 6.0])
    assert z_prime(positive, negative, robust=True) == pytest.approx(1 - 3 * 1.4826 * (2 + 1) / 15, rel=1e-4)
    assert ssmd(positive, negative, robust=True) == pytest.approx(15 / (1.4826 * np.sqrt(5)), rel=1e-4)
    assert z_prime(positive, negative) < 0


def test_what_has_no_spread_or_difference_is_not_a_number() -> None:
    assert np.isnan([z_prime(POSITIVE[:1], NEGATIVE), ssmd(POSITIVE, NEGATIVE[:1])]).all()
    assert np.isnan([z_prime(POSITIVE, POSITIVE), ssmd(np.ones(3), np.zeros(3))]).all()


def plates() -> pd.DataFrame:
    """P1 with a positive control, P2 with two (one of them a single well), P3 with none."""
    given, names, distances, counts = [], [], [], []

    def add(plate: str, name: str, kind: str, values: np.ndarray) -> None:
        for value in values:
            given.append((name, 10.0 if kind == "poscon" else np.nan, kind))
            names.append(plate)
            distances.append(value)
            counts.append(10 * value)

    for plate in ("P1", "P2", "P3"):
        add(plate, "DMSO", "negcon", NEGATIVE)
    for plate in ("P1", "P2"):
        add(plate, "killer", "poscon", POSITIVE)
    add("P2", "rare", "poscon", np.array([30.0]))
    add("P3", "drug", "", POSITIVE)
    table = wells_table(given, np.zeros((len(given), 1)), names)
    return table.assign(Distance=distances, Metadata_CellCount=counts)


def test_every_plate_readout_and_positive_control_has_a_row() -> None:
    table = plate_quality(plates())
    assert list(table) == PLATE_COLUMNS
    assert len(table) == 2 * (1 + 2 + 1)
    found = table.set_index(["Metadata_Plate", "Readout", "Metadata_Perturbation"])
    for readout, factor in (("distance", 1), ("cell count", 10)):
        row = found.loc[("P1", readout, "killer")]
        assert (row["Positives"], row["Negatives"], row["Metadata_Dose"]) == (3, 3, 10.0)
        assert row["ZPrime"] == pytest.approx(0.4)
        assert row["SSMD"] == pytest.approx(15 * factor / (factor * np.sqrt(5)))
        assert row["Note"] == ""
        assert found.loc[("P2", readout, "rare"), "Note"] == "one positive control: it has no spread"
        assert found.loc[("P3", readout, ""), "Note"] == "no positive controls"
    assert table.loc[table["Note"] != "", ["ZPrime", "SSMD", "RobustZPrime", "RobustSSMD"]].isna().all(axis=None)


def test_missing_readouts_and_controls_are_said() -> None:
    wells = plates()
    none = (
        plate_quality(wells.assign(Distance=np.nan, Metadata_CellCount=np.nan), "too few controls")
        .query("Metadata_Plate == 'P1'")
        .set_index("Readout")
    )
    assert none.loc["distance", "Note"] == "too few controls"
    assert none.loc["cell count", "Note"] == "not known of every control"
    without = wells[(wells["Metadata_ControlType"] != "negcon") | (wells["Metadata_Plate"] != "P1")]
    notes = plate_quality(without).query("Metadata_Plate == 'P1'")["Note"]
    assert notes.tolist() == ["no negative controls"] * 2
    same = plate_quality(wells.assign(Distance=5.0))
    assert same.query("Metadata_Plate == 'P1' and Readout == 'distance'")["Note"].tolist() == [
        "controls do not vary, or do not differ"
    ]
